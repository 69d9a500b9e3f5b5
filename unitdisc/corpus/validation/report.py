"""Validation: everything that is wrong with a corpus, at once, each with file, line and cure."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Problem
from unitdisc.corpus.kaldi.reading import is_kaldi
from unitdisc.corpus.read import is_manifest, not_a_corpus
from unitdisc.corpus.validation.checks import add_faults_of_rate, hear, look, rate_of_most
from unitdisc.corpus.validation.duplicates import Named, repetitions, shared_speakers
from unitdisc.corpus.validation.files import Files, heard_key
from unitdisc.corpus.validation.images import look_at_all
from unitdisc.corpus.validation.kaldi import check_tables
from unitdisc.corpus.validation.known_good import GoodRecordings
from unitdisc.corpus.validation.lists import channel_problems, list_manifest, list_tables, named_in, timing_problems
from unitdisc.corpus.validation.recordings import Fault, Heard, Listening, listen_to_all
from unitdisc.jobs import WHOLE, Shard
from unitdisc.media.audio import audio_info

HEADERS = 1000  # of a list without rates that say which rate most have


def validate(
    *paths: str | Path,
    rate: int | None = None,
    allow_pipes: bool = False,
    workers: int | None = None,
    cache: Path | None = None,
    shard: Shard = WHOLE,
) -> list[Problem]:
    """Everything wrong with manifests or Kaldi data directories, and with every recording or image they list.

    All of them are read to the end, `workers` at a time (default: one per core), but for those that the folder `cache`
    knows to be good and unchanged. The rate of recordings should be `rate` (default: that of most of a corpus). What
    is listed more than once, be it in two of the corpora, is found, too. Sorted by file and line. Raises CorpusError if
    there is no corpus at a path.
    shard: the share of the files that are read. What is wrong with a list itself is for the first shard to say; most
    have the rate that most are listed with, or, where the list leaves out any, most of a thousand files.
    """
    corpora, how = [Path(path) for path in paths], Listening(rate, allow_pipes=allow_pipes, workers=workers)
    for path in corpora:
        if not (is_kaldi(path) or is_manifest(path)):
            raise CorpusError(f"{path}: {not_a_corpus(path)}")
    problems, named = [], []
    for path in corpora:
        validate_one = validate_tables if is_kaldi(path) else validate_manifest
        found, listed = validate_one(path, how, GoodRecordings(cache), shard)
        problems += found
        named.append(listed)
    problems += repetitions(named, cache, shard, workers)
    problems += shared_speakers(named) if shard.index == 1 else ()
    return sorted(problems, key=lambda problem: (problem.file, problem.line or 0))


def validate_manifest(
    path: Path, how: Listening, heard_before: GoodRecordings, shard: Shard
) -> tuple[list[Problem], Named]:
    listed = list_manifest(path, how.allow_pipes)
    images = listed.utterances.images()
    everything = Files(listed.utterances.take(np.flatnonzero(~images)))
    files, lines, usual = everything, listed.lines[~images], None
    if not shard.is_whole:
        own = everything.share(shard)
        files, lines = Files(everything.utterances.take(own)), lines[own]
        usual = how.rate or rate_listed(everything.listed_rates(), everything.path, how.allow_pipes)
    faults, _ = hear(files, how, heard_before, usual=usual)
    problems = (listed.problems if shard.index == 1 else []) + as_problems(path, files, faults, lines)
    files, lines = Files(listed.utterances.take(np.flatnonzero(images))), listed.lines[images]
    own = files.share(shard)
    files, lines = Files(files.utterances.take(own)), lines[own]
    problems += as_problems(path, files, look(files, how.workers), lines)
    return problems, Named(str(path), listed.utterances, listed.lines)


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


def as_problems(path: Path, files: Files, faults: Mapping[int, list[Fault]], lines: np.ndarray) -> list[Problem]:
    """The faults of files as problems of the lines [U] that name the utterances, or the file first."""
    problems = []
    for number, found in faults.items():
        places = sorted(files.places(number))
        named = {files.utterances[place].id: int(lines[place]) for place in places}
        for fault in found:
            line = named.get(fault.utterance, int(lines[places[0]]))
            what = f"{files.utterances[places[0]].path}: {fault.what}"
            problems.append(Problem(fault.severity, str(path), line, what=what, cure=fault.cure))
    return problems


def validate_tables(
    path: Path, how: Listening, heard_before: GoodRecordings, shard: Shard
) -> tuple[list[Problem], Named]:
    tables, problems = check_tables(path, how.allow_pipes)
    listed = list_tables(tables, how.allow_pipes)
    recordings, pictures = (dict(shard.of(list(all.items()))) for all in (listed.recordings, listed.pictures))
    usual = how.rate
    if not shard.is_whole and usual is None:
        paths = [recording.path for recording in listed.recordings.values()]
        usual = rate_listed(np.zeros(len(paths), np.int64), paths.__getitem__, how.allow_pipes)
    heard = dict(zip(recordings, listen_to_all(recordings.values(), how)))
    for key, recording in recordings.items():
        if not heard[key].faults:
            name = heard_key(recording.path, recording.within(heard[key].info, heard[key].channels))
            heard_before.add(np.frombuffer(name, np.uint64), heard[key].info.rate)
    heard_before.save()
    seen = look_at_all(pictures, how.workers)
    infos = {key: source.info for key, source in {**heard, **seen}.items()}
    channels = {key: recording.channels for key, recording in heard.items()}
    late = [*timing_problems(tables, infos, channels), *channel_problems(tables, channels)]
    if shard.index > 1:
        said = {*problems, *timing_problems(tables, {}, {})}  # by the first: what can be known without the files
        problems, late = [], [problem for problem in late if problem not in said]
    sources = {**recordings, **pictures}
    faults_of_rate = all_faults(heard, how, usual)
    for key, faults in {**faults_of_rate, **{key: image.faults for key, image in seen.items()}}.items():
        for fault in faults:
            file, line = listed.places.get(fault.utterance, listed.sources[key])
            what = f"{sources[key].path}: {fault.what}"
            problems.append(Problem(fault.severity, file, line, what=what, cure=fault.cure))
    return problems + late, named_in(tables, allow_pipes=how.allow_pipes)


def all_faults(heard: Mapping[str, Heard], how: Listening, usual: int | None) -> dict[str, list[Fault]]:
    """The faults of every recording, those of its rate among the others included."""
    faults = {number: list(recording.faults) for number, recording in enumerate(heard.values()) if recording.faults}
    rates = np.array([recording.info.rate if recording.info else 0 for recording in heard.values()], dtype=np.int64)
    add_faults_of_rate(faults, rates, how, usual)
    return {key: faults[number] for number, key in enumerate(heard) if number in faults}
