"""Validation: everything that is wrong with a corpus, at once, each with file, line and cure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import CorpusError, Problem, Utterance, at_rate
from unitdisc.data.audio import audio_info
from unitdisc.data.files import Files, heard_key
from unitdisc.data.heard import GoodRecordings
from unitdisc.data.listening import MISLISTED, Fault, Heard, listen_to_all
from unitdisc.data.listing import list_manifest, list_tables, timing_problems
from unitdisc.data.looking import Picture, look_at_all
from unitdisc.data.table import UtteranceTable
from unitdisc.kaldi.checks import check_tables
from unitdisc.kaldi.reading import is_kaldi, not_a_corpus
from unitdisc.sharding import WHOLE, Shard

HEADERS = 1000  # of a list without rates that say which rate most have


Outcome = tuple[dict[int, list[Fault]], np.ndarray]  # faults of files by number, and the rate of every file [F]


class Checked(NamedTuple):
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
    """The same for many; files that were heard before and are as they were are not opened.

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


def rate_listed(rates: np.ndarray, path_of: Callable[[int], str], allow_pipes: bool) -> int | None:
    """The rate of most files without listening to them: as listed, rates [F], or as the headers of some say.

    rates: 0 where the list says nothing. path_of: the path of a file, by its number.
    """
    if not rates.all():
        some = np.unique(np.linspace(0, len(rates) - 1, HEADERS).astype(int))
        rates = np.array([rates[number] or rate_in_header(path_of(number), allow_pipes) for number in some.tolist()])
    return rate_of_most(rates)


def rate_in_header(path: str, allow_pipes: bool) -> int:
    """0 if it cannot be opened."""
    try:
        return audio_info(path, allow_pipes).rate
    except CorpusError:
        return 0


def found_of(files: "Files", faults: Mapping[int, list[Fault]], rates: np.ndarray) -> Found:
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
    pictures = {path: Picture(path, lambda info, within=within: within) for path, within in by_path(listed).items()}
    seen = look_at_all(pictures, workers)
    good, problems = sift(listed, {path: picture.faults for path, picture in seen.items()})
    return Checked(good, strangers + problems)


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


def by_path(utterances: Iterable[Utterance]) -> dict[str, list[Utterance]]:
    found = defaultdict(list)
    for utterance in utterances:
        found[utterance.path].append(utterance)
    return found


def sift(utterances: Iterable[Utterance], faults: Mapping[str, list[Fault]]) -> Checked:
    """The utterances without an error, and all that is wrong with the others: path -> faults, a problem each."""
    within, bad, problems = by_path(utterances), set(), []
    for path, found in faults.items():
        for fault in found:
            problems.append(Problem(fault.severity, path, None, fault.what, fault.cure))
            if fault.severity == "error":
                bad |= {fault.utterance} if fault.utterance else {utterance.id for utterance in within[path]}
    return Checked([utterance for utterance in utterances if utterance.id not in bad], problems)


def validate(
    path: str | Path,
    rate: int | None = None,
    allow_pipes: bool = False,
    workers: int | None = None,
    cache: Path | None = None,
    shard: Shard = WHOLE,
) -> list[Problem]:
    """Everything wrong with a manifest or a Kaldi data directory, and with every recording or image it lists.

    All of them are read to the end, `workers` at a time (default: one per core), but for those that the folder `cache`
    knows to be good and unchanged. The rate of recordings should be `rate` (default: that of most). Sorted by file and
    line. Raises CorpusError if there is no corpus at `path`.
    shard: the share of the files that are read. What is wrong with the list itself is for the first shard to say; most
    have the rate that most are listed with, or, where a list has no rates, most of a thousand files.
    """
    path, heard_before = Path(path), GoodRecordings(cache)
    if is_kaldi(path):
        problems = validate_tables(path, rate, allow_pipes, workers, heard_before, shard)
    elif path.suffix == ".jsonl" and path.is_file():
        problems = validate_manifest(path, rate, allow_pipes, workers, heard_before, shard)
    else:
        raise CorpusError(f"{path}: {not_a_corpus(path)}")
    return sorted(problems, key=lambda problem: (problem.file, problem.line or 0))


def validate_manifest(
    path: Path, rate: int | None, allow_pipes: bool, workers: int | None, heard_before: GoodRecordings, shard: Shard
) -> list[Problem]:
    listed = list_manifest(path, allow_pipes)
    images = listed.utterances.images()
    everything = Files(listed.utterances.take(np.flatnonzero(~images)))
    files, lines, usual = everything, listed.lines[~images], None
    if not shard.is_whole:
        own = everything.share(shard)
        files, lines = Files(everything.utterances.take(own)), lines[own]
        usual = rate or rate_listed(everything.listed_rates(), everything.path, allow_pipes)
    faults, _ = hear(files, rate, allow_pipes=allow_pipes, workers=workers, heard_before=heard_before, usual=usual)
    problems = (listed.problems if shard.index == 1 else []) + located(path, files, faults, lines)
    files, lines = Files(listed.utterances.take(np.flatnonzero(images))), listed.lines[images]
    own = files.share(shard)
    files, lines = Files(files.utterances.take(own)), lines[own]
    pictures = {number: files.picture(number) for number in range(len(files))}
    faults = {number: seen.faults for number, seen in look_at_all(pictures, workers).items()}
    return problems + located(path, files, faults, lines)


def located(path: Path, files: Files, faults: Mapping[int, list[Fault]], lines: np.ndarray) -> list[Problem]:
    """The faults of files as problems of the lines [U] that name the utterances, or the file first."""
    problems = []
    for number, found in faults.items():
        places = sorted(files.places(number))
        named = {files.utterances[place].id: int(lines[place]) for place in places}
        for fault in found:
            line = named.get(fault.utterance, int(lines[places[0]]))
            what = f"{files.utterances[places[0]].path}: {fault.what}"
            problems.append(Problem(fault.severity, str(path), line, what, fault.cure))
    return problems


def validate_tables(
    path: Path, rate: int | None, allow_pipes: bool, workers: int | None, heard_before: GoodRecordings, shard: Shard
) -> list[Problem]:
    tables, problems = check_tables(path, allow_pipes)
    listed = list_tables(tables, allow_pipes)
    recordings, pictures = (dict(shard.of(list(all.items()))) for all in (listed.recordings, listed.pictures))
    usual = rate
    if not shard.is_whole and rate is None:
        paths = [recording.path for recording in listed.recordings.values()]
        usual = rate_listed(np.zeros(len(paths), np.int64), paths.__getitem__, allow_pipes)
    heard = dict(zip(recordings, listen_to_all(recordings.values(), allow_pipes=allow_pipes, workers=workers)))
    for key, recording in recordings.items():
        if not heard[key].faults:
            name = heard_key(recording.path, recording.within(heard[key].info))
            heard_before.add(np.frombuffer(name, np.uint64), heard[key].info.rate)
    heard_before.save()
    seen = look_at_all(pictures, workers)
    late = list(timing_problems(tables, {key: source.info for key, source in {**heard, **seen}.items()}))
    if shard.index > 1:
        said = {*problems, *timing_problems(tables, {})}  # by the first: what can be known without the files
        problems, late = [], [problem for problem in late if problem not in said]
    sources = {**recordings, **pictures}
    faults_of_rate = all_faults(heard, rate, usual)
    for key, faults in {**faults_of_rate, **{key: image.faults for key, image in seen.items()}}.items():
        for fault in faults:
            file, line = listed.places.get(fault.utterance, listed.sources[key])
            what = f"{sources[key].path}: {fault.what}"
            problems.append(Problem(fault.severity, file, line, what, fault.cure))
    return problems + late


def all_faults(heard: Mapping[str, Heard], rate: int | None, usual: int | None) -> dict[str, list[Fault]]:
    """The faults of every recording, those of its rate among the others included."""
    faults = {number: list(recording.faults) for number, recording in enumerate(heard.values()) if recording.faults}
    rates = np.array([recording.info.rate if recording.info else 0 for recording in heard.values()], dtype=np.int64)
    add_faults_of_rate(faults, rates, rate, False, usual)
    return {key: faults[number] for number, key in enumerate(heard) if number in faults}
