"""Checking: which utterances of a corpus can be used, and what is wrong with the others, told by their files."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import Problem, Utterance, at_rate
from unitdisc.data.files import Files
from unitdisc.data.heard import GoodRecordings
from unitdisc.data.listening import MISLISTED, Fault, listen_to_all
from unitdisc.data.looking import look_at_all
from unitdisc.data.table import UtteranceTable
from unitdisc.sharding import WHOLE, Shard

Outcome = tuple[dict[int, list[Fault]], np.ndarray]  # faults of files by number, and the rate of every file [F]


class Checked(NamedTuple):
    """What a check shows of a list of utterances."""

    good: list[Utterance]
    problems: list[Problem]


def check_utterances(
    utterances: Iterable[Utterance],
    rate: int | None = None,
    resample: bool = False,
    allow_pipes: bool = False,
    workers: int | None = None,
    thorough: bool = False,
) -> Checked:
    """Tells the recordings that can be used from those that cannot, so that one bad file spoils nothing.

    The good ones are in the order given, and all have a rate: with `resample`, that is `rate`, and their ticks and
    alignments count at it. Without, recordings at another rate than `rate` (default: than most) are bad.
    A check that is not `thorough` opens every file and listens at a few places; see `listening.listen`.
    """
    listed, strangers = of_kind(utterances, images=False)
    table = UtteranceTable.of(listed)
    found = check_recordings(table, rate, resample, allow_pipes, workers, thorough)
    good = [at_rate(listed[place], int(found.rates[place])) for place in found.good.tolist()]
    resampled = [at_rate(utterance, rate) for utterance in good] if resample and rate else good
    return Checked(resampled, strangers + found.problems)


class Found(NamedTuple):
    """What a check shows of a table of utterances."""

    good: np.ndarray  # [N]   places of the utterances without an error, in order
    rates: np.ndarray  # [U]   the rate of every utterance, be it that of its file; 0 if it is not known
    problems: list[Problem]


def check_recordings(
    utterances: UtteranceTable,
    rate: int | None = None,
    resample: bool = False,
    allow_pipes: bool = False,
    workers: int | None = None,
    thorough: bool = False,
    heard_before: GoodRecordings | None = None,
    watch: Callable[[int], Callable[[int], None]] = lambda total: lambda count: None,
    share: Shard = WHOLE,
    exchange: Callable[[Outcome], Outcome] = lambda outcome: outcome,
) -> Found:
    """As `check_utterances`, for many; files that were heard before and are as they were are not opened.

    watch(N) -> advance: told how many files are to be opened, and then again and again of so many more.
    share, exchange: where several processes share the files, those of this one, and how it learns of the others'.
    """
    files = Files(utterances)
    how = (rate, resample, allow_pipes, workers, thorough)
    return found_of(files, *hear(files, *how, heard_before, watch, share, exchange))


def hear(
    files: Files,
    rate: int | None = None,
    resample: bool = False,
    allow_pipes: bool = False,
    workers: int | None = None,
    thorough: bool = True,
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
    if not resample:  # a rate that is not as listed needs to be said again
        rates[files.mislisted(rates)] = 0
    faults: dict[int, list[Fault]] = {}
    places = np.flatnonzero(rates[own] == 0)
    keys, unheard = keys[places], own[places].tolist()
    recordings = (files.recording(number) for number in unheard)
    advance = watch(len(unheard))
    listened = listen_to_all(recordings, thorough, resample, allow_pipes, workers)
    for number, key, heard in zip(unheard, keys, listened):
        if heard.info:
            rates[number] = heard.info.rate
        if heard.faults:
            faults[number] = heard.faults
        elif thorough:
            heard_before.add(key, heard.info.rate)
        advance(1)
    heard_before.save()
    faults, rates = exchange((faults, rates))
    add_faults_of_rate(faults, rates, rate, resample, usual)
    return faults, rates


def add_faults_of_rate(
    faults: dict[int, list[Fault]], rates: np.ndarray, rate: int | None, resample: bool, usual: int | None = None
) -> None:
    """Adds to the faults of every file (by number) that its rate is not that of the others."""
    wanted = rate or usual or rate_of_most(rates)
    if resample or wanted is None:
        return
    most = "must have" if rate else "most have"
    for number in np.flatnonzero((rates > 0) & (rates != wanted)).tolist():
        found = faults.setdefault(number, [])
        if not any(fault.cure == MISLISTED for fault in found):
            what = f"has {rates[number]} samples per second, but {most} {wanted}"
            found.append(Fault(None, "error", what, f"resample it to {wanted}, or allow resampling"))


def rate_of_most(rates: np.ndarray) -> int | None:
    counts = Counter(rates[rates > 0].tolist())
    return counts.most_common(1)[0][0] if counts else None


def found_of(files: Files, faults: Mapping[int, list[Fault]], rates: np.ndarray) -> Found:
    """What the faults of files by number, and their rates [F], say of the utterances in them."""
    good, problems = np.ones(len(files.utterances), bool), []
    for number in sorted(faults):
        places = files.places(number)
        path = files.utterances[places[0]].path
        for fault in faults[number]:
            problems.append(Problem(fault.severity, path, None, fault.what, fault.cure))
            if fault.severity == "error":
                hit = [p for p in places if fault.utterance in (None, files.utterances[p].id)]
                good[hit] = False
    listed = files.utterances.column("rate")
    of_file = np.empty(len(good), np.int64)
    of_file[files.order] = np.repeat(rates, np.diff(files.edges))
    return Found(np.flatnonzero(good), np.where(listed > 0, listed, of_file), problems)


def check_images(utterances: Iterable[Utterance], workers: int | None = None) -> Checked:
    """Tells the line images that can be used from those that cannot, in the order given; all are looked at whole."""
    listed, strangers = of_kind(utterances, images=True)
    files = Files(UtteranceTable.of(listed))
    found = found_of(files, look(files, workers), np.zeros(len(files), np.int64))
    return Checked([listed[place] for place in found.good.tolist()], strangers + found.problems)


def look(files: Files, workers: int | None = None) -> dict[int, list[Fault]]:
    """The faults of images by number, all of them looked at whole."""
    pictures = {number: files.picture(number) for number in range(len(files))}
    return {number: seen.faults for number, seen in look_at_all(pictures, workers).items()}


def of_kind(utterances: Iterable[Utterance], images: bool) -> Checked:
    """The line images of a corpus, or the recordings; one problem for all that are of the other kind."""
    utterances = list(utterances)
    strangers = [utterance for utterance in utterances if utterance.is_image != images]
    if not strangers:
        return Checked(utterances, [])
    is_one, wanted, kind = ("a line image", "recordings", "'columns'")
    if images:
        is_one, wanted, kind = ("a recording", "line images", "that of recordings, such as 'mfcc'")
    what = f"{strangers[0].id} is {is_one} where {wanted} are wanted ({len(strangers)} of {len(utterances)} are)"
    problem = Problem("error", strangers[0].path, None, what, f"set features.kind to {kind}, or leave them out")
    return Checked([utterance for utterance in utterances if utterance.is_image == images], [problem])
