"""Checking: which utterances of a corpus can be used, and what is wrong with the others, told by their files."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import Problem
from unitdisc.corpus.table import UtteranceTable
from unitdisc.corpus.validation.files import Files
from unitdisc.corpus.validation.images import look_at_all
from unitdisc.corpus.validation.known_good import GoodRecordings
from unitdisc.corpus.validation.recordings import MISLISTED, Fault, Listening, listen_to_all
from unitdisc.jobs import WHOLE, Shard

Outcome = tuple[dict[int, list[Fault]], np.ndarray]  # faults of files by number, and the rate of every file [F]


class CheckedTable(NamedTuple):
    """What a check shows of a table of utterances."""

    good: np.ndarray  # [N]   places of the utterances without an error, in order
    rates: np.ndarray  # [U]   the rate of every utterance, be it that of its file; 0 if it is not known
    problems: list[Problem]


def check_recordings(
    utterances: UtteranceTable,
    how: Listening,
    heard_before: GoodRecordings | None = None,
    watch: Callable[[int], Callable[[int], None]] = lambda total: lambda count: None,
    share: Shard = WHOLE,
    exchange: Callable[[Outcome], Outcome] = lambda outcome: outcome,
) -> CheckedTable:
    """Tells the recordings that can be used from those that cannot, so that one bad file spoils nothing.

    Line images are left out. Recordings found good before, whose files have not changed since, are not opened again.
    watch(N) -> advance: told how many files are to be opened, and then again and again of so many more.
    share, exchange: where several processes share the files, those of this one, and how it learns of the others'.
    """
    listed = of_kind(utterances, images=False)
    files = Files(utterances.take(listed.good))
    found = found_of(files, *hear(files, how, heard_before, watch, share, exchange))
    return within(listed, found)


def hear(
    files: Files,
    how: Listening,
    heard_before: GoodRecordings | None = None,
    watch: Callable[[int], Callable[[int], None]] = lambda total: lambda count: None,
    share: Shard = WHOLE,
    exchange: Callable[[Outcome], Outcome] = lambda outcome: outcome,
    usual: int | None = None,
) -> Outcome:
    """The faults of files by number, and the rate of every file, 0 if it cannot be opened; see `check_recordings`.

    usual: the rate of most, where these files are but some.
    """
    heard_before = heard_before or GoodRecordings(None)
    own = share.of(np.arange(len(files)))
    keys = files.keys(own)
    rates = np.zeros(len(files), np.int64)
    rates[own] = heard_before.rates(keys)
    if not how.resample:  # a rate that is not as listed needs to be said again
        rates[files.mislisted(rates)] = 0
    faults: dict[int, list[Fault]] = {}
    places = np.flatnonzero(rates[own] == 0)
    keys, unheard = keys[places], own[places].tolist()
    recordings = (files.recording(number) for number in unheard)
    advance = watch(len(unheard))
    for number, key, heard in zip(unheard, keys, listen_to_all(recordings, how)):
        if heard.info:
            rates[number] = heard.info.rate
        if heard.faults:
            faults[number] = heard.faults
        elif how.thorough:
            heard_before.add(key, heard.info.rate)
        advance(1)
    heard_before.save()
    faults, rates = exchange((faults, rates))
    add_faults_of_rate(faults, rates, how, usual)
    return faults, rates


def add_faults_of_rate(
    faults: dict[int, list[Fault]], rates: np.ndarray, how: Listening, usual: int | None = None
) -> None:
    """Adds to the faults of every file (by number) that its rate is not that of the others."""
    wanted = how.rate or usual or rate_of_most(rates)
    if how.resample or wanted is None:
        return
    most = "must have" if how.rate else "most have"
    for number in np.flatnonzero((rates > 0) & (rates != wanted)).tolist():
        found = faults.setdefault(number, [])
        if not any(fault.cure == MISLISTED for fault in found):
            what = f"has {rates[number]} samples per second, but {most} {wanted}"
            found.append(Fault(None, "error", what, f"resample it to {wanted}, or allow resampling"))


def rate_of_most(rates: np.ndarray) -> int | None:
    counts = Counter(rates[rates > 0].tolist())
    return counts.most_common(1)[0][0] if counts else None


def found_of(files: Files, faults: Mapping[int, list[Fault]], rates: np.ndarray) -> CheckedTable:
    """What the faults of files by number, and their rates [F], say of the utterances in them."""
    good, problems = np.ones(len(files.utterances), bool), []
    for number in sorted(faults):
        places = files.places(number)
        path = files.utterances[places[0]].path
        for fault in faults[number]:
            problems.append(Problem(fault.severity, path, None, what=fault.what, cure=fault.cure))
            if fault.severity == "error":
                hit = [p for p in places if fault.utterance in (None, files.utterances[p].id)]
                good[hit] = False
    listed = files.utterances.column("rate")
    of_file = np.empty(len(good), np.int64)
    of_file[files.order] = np.repeat(rates, np.diff(files.edges))
    return CheckedTable(np.flatnonzero(good), np.where(listed > 0, listed, of_file), problems)


def check_images(utterances: UtteranceTable, workers: int | None = None) -> CheckedTable:
    """Tells the line images that can be used from those that cannot, all looked at whole; recordings are left out."""
    listed = of_kind(utterances, images=True)
    files = Files(utterances.take(listed.good))
    return within(listed, found_of(files, look(files, workers), np.zeros(len(files), np.int64)))


def look(files: Files, workers: int | None = None) -> dict[int, list[Fault]]:
    """The faults of images by number, all of them looked at whole."""
    pictures = {number: files.picture(number) for number in range(len(files))}
    return {number: seen.faults for number, seen in look_at_all(pictures, workers).items()}


def of_kind(utterances: UtteranceTable, images: bool) -> CheckedTable:
    """The line images of a corpus, or the recordings; one problem for all that are of the other kind."""
    is_one = utterances.images() == images
    good, strangers = np.flatnonzero(is_one), np.flatnonzero(~is_one)
    if not len(strangers):
        return CheckedTable(good, utterances.column("rate"), [])
    name, wanted, kind = ("a line image", "recordings", "'columns'")
    if images:
        name, wanted, kind = ("a recording", "line images", "that of recordings, such as 'mfcc'")
    first = utterances[int(strangers[0])]
    what = f"{first.id} is {name} where {wanted} are wanted ({len(strangers)} of {len(utterances)} are)"
    problem = Problem("error", first.path, None, what=what, cure=f"set features.kind to {kind}, or leave them out")
    return CheckedTable(good, utterances.column("rate"), [problem])


def within(listed: CheckedTable, found: CheckedTable) -> CheckedTable:
    """What was found of the good ones among those listed, by their places in the list."""
    rates = listed.rates.copy()
    rates[listed.good] = found.rates
    return CheckedTable(listed.good[found.good], rates, listed.problems + found.problems)
