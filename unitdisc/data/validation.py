"""Validation: everything that is wrong with a corpus, at once, each with file, line and cure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from unitdisc.corpus import CorpusError, Problem, Utterance, at_rate
from unitdisc.data.listening import MISLISTED, Fault, Heard, Recording, listen_to_all
from unitdisc.data.listing import list_manifest, list_tables, timing_problems
from unitdisc.kaldi.checks import check_tables
from unitdisc.kaldi.reading import not_a_corpus


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
    """Tells the utterances that can be used from those that cannot, so that one bad file spoils nothing.

    The good ones are in the order given, and all have a rate: with `resample`, that is `rate`, and their ticks and
    alignments count at it. Without, recordings at another rate than `rate` (default: than most) are bad.
    A check that is not `thorough` opens every file and listens at a few places; see `listening.listen`.
    """
    utterances = list(utterances)
    by_path = defaultdict(list)
    for utterance in utterances:
        by_path[utterance.path].append(utterance)
    recordings = {path: Recording(path, lambda info, within=within: within) for path, within in by_path.items()}
    heard = listen_to_all(recordings, thorough, resample, allow_pipes, workers)
    bad, problems = set(), []
    for path, faults in all_faults(heard, rate, resample).items():
        for fault in faults:
            problems.append(Problem(fault.severity, path, None, fault.what, fault.cure))
            if fault.severity == "error":
                bad |= {fault.utterance} if fault.utterance else {utterance.id for utterance in by_path[path]}
    good = [utterance for utterance in utterances if utterance.id not in bad]
    rated = [at_rate(utterance, utterance.rate or heard[utterance.path].info.rate) for utterance in good]
    return Checked([at_rate(utterance, rate) for utterance in rated] if resample and rate else rated, problems)


def validate(
    path: str | Path, rate: int | None = None, allow_pipes: bool = False, workers: int | None = None
) -> list[Problem]:
    """Everything wrong with a manifest or a Kaldi data directory, and with every recording it lists.

    All recordings are read to the end, `workers` at a time (default: one per core). Their rate should be `rate`
    (default: that of most). Sorted by file and line. Raises CorpusError if there is no corpus at `path`.
    """
    path, tables = Path(path), None
    if path.is_dir() and (path / "wav.scp").is_file():
        tables, problems = check_tables(path, allow_pipes)
        listed = list_tables(tables, allow_pipes)
    elif path.suffix == ".jsonl" and path.is_file():
        listed = list_manifest(path, allow_pipes)
        problems = listed.problems
    else:
        raise CorpusError(f"{path}: {not_a_corpus(path)}")
    heard = listen_to_all(listed.recordings, allow_pipes=allow_pipes, workers=workers)
    for key, faults in all_faults(heard, rate).items():
        for fault in faults:
            file, line = listed.places.get(fault.utterance, listed.sources[key])
            what = f"{listed.recordings[key].path}: {fault.what}"
            problems.append(Problem(fault.severity, file, line, what, fault.cure))
    if tables is not None:
        problems += timing_problems(tables, {key: recording.info for key, recording in heard.items()})
    return sorted(problems, key=lambda problem: (problem.file, problem.line or 0))


def all_faults(heard: Mapping[str, Heard], rate: int | None, resample: bool = False) -> dict[str, list[Fault]]:
    """The faults of every recording, those of its rate among the others included."""
    rates = {key: recording.info.rate for key, recording in heard.items() if recording.info}
    wanted = rate or (Counter(rates.values()).most_common(1)[0][0] if rates else None)
    most = "must have" if rate else "most have"
    faults = {key: list(recording.faults) for key, recording in heard.items()}
    for key, own in rates.items():
        if own != wanted and not resample and not any(fault.cure == MISLISTED for fault in faults[key]):
            what = f"has {own} samples per second, but {most} {wanted}"
            faults[key].append(Fault(None, "error", what, f"resample it to {wanted}, or allow resampling"))
    return faults
