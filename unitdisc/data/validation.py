"""Validation: everything that is wrong with a corpus, at once, each with file, line and cure."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Problem
from unitdisc.data.checking import add_faults_of_rate, hear, look
from unitdisc.data.files import Files, heard_key
from unitdisc.data.heard import GoodRecordings
from unitdisc.data.listening import Fault, Heard, listen_to_all
from unitdisc.data.listing import list_manifest, list_tables, timing_problems
from unitdisc.data.looking import look_at_all
from unitdisc.kaldi.checks import check_tables
from unitdisc.kaldi.reading import is_kaldi, not_a_corpus


def validate(
    path: str | Path,
    rate: int | None = None,
    allow_pipes: bool = False,
    workers: int | None = None,
    cache: Path | None = None,
) -> list[Problem]:
    """Everything wrong with a manifest or a Kaldi data directory, and with every recording or image it lists.

    All of them are read to the end, `workers` at a time (default: one per core), but for those that the folder `cache`
    knows to be good and unchanged. The rate of recordings should be `rate` (default: that of most). Sorted by file and
    line. Raises CorpusError if there is no corpus at `path`.
    """
    path, heard_before = Path(path), GoodRecordings(cache)
    if is_kaldi(path):
        problems = validate_tables(path, rate, allow_pipes, workers, heard_before)
    elif path.suffix == ".jsonl" and path.is_file():
        problems = validate_manifest(path, rate, allow_pipes, workers, heard_before)
    else:
        raise CorpusError(f"{path}: {not_a_corpus(path)}")
    return sorted(problems, key=lambda problem: (problem.file, problem.line or 0))


def validate_manifest(
    path: Path, rate: int | None, allow_pipes: bool, workers: int | None, heard_before: GoodRecordings
) -> list[Problem]:
    listed = list_manifest(path, allow_pipes)
    images = listed.utterances.images()
    files = Files(listed.utterances.take(np.flatnonzero(~images)))
    faults, _ = hear(files, rate, allow_pipes=allow_pipes, workers=workers, heard_before=heard_before)
    problems = listed.problems + located(path, files, faults, listed.lines[~images])
    files = Files(listed.utterances.take(np.flatnonzero(images)))
    return problems + located(path, files, look(files, workers), listed.lines[images])


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
    path: Path, rate: int | None, allow_pipes: bool, workers: int | None, heard_before: GoodRecordings
) -> list[Problem]:
    tables, problems = check_tables(path, allow_pipes)
    listed = list_tables(tables, allow_pipes)
    found = listen_to_all(listed.recordings.values(), allow_pipes=allow_pipes, workers=workers)
    heard = dict(zip(listed.recordings, found))
    for key, recording in listed.recordings.items():
        if not heard[key].faults:
            name = heard_key(recording.path, recording.within(heard[key].info))
            heard_before.add(np.frombuffer(name, np.uint64), heard[key].info.rate)
    heard_before.save()
    seen = look_at_all(listed.pictures, workers)
    sources = {**listed.recordings, **listed.pictures}
    for key, faults in {**all_faults(heard, rate), **{key: image.faults for key, image in seen.items()}}.items():
        for fault in faults:
            file, line = listed.places.get(fault.utterance, listed.sources[key])
            what = f"{sources[key].path}: {fault.what}"
            problems.append(Problem(fault.severity, file, line, what, fault.cure))
    return problems + list(timing_problems(tables, {key: source.info for key, source in {**heard, **seen}.items()}))


def all_faults(heard: Mapping[str, Heard], rate: int | None) -> dict[str, list[Fault]]:
    """The faults of every recording, those of its rate among the others included."""
    faults = {number: list(recording.faults) for number, recording in enumerate(heard.values()) if recording.faults}
    rates = np.array([recording.info.rate if recording.info else 0 for recording in heard.values()], dtype=np.int64)
    add_faults_of_rate(faults, rates, rate, resample=False)
    return {key: faults[number] for number, key in enumerate(heard) if number in faults}
