"""Validation: everything that is wrong with a corpus, at once, each with file, line and cure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from unitdisc.corpus import CorpusError, Problem, Utterance, at_rate
from unitdisc.data.listening import MISLISTED, Fault, Heard, Recording, listen_to_all
from unitdisc.data.listing import list_manifest, list_tables, timing_problems
from unitdisc.data.looking import Picture, look_at_all
from unitdisc.kaldi.checks import check_tables
from unitdisc.kaldi.reading import is_kaldi, not_a_corpus


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
    recordings = {path: Recording(path, lambda info, within=within: within) for path, within in by_path(listed).items()}
    heard = listen_to_all(recordings, thorough, resample, allow_pipes, workers)
    good, problems = sift(listed, all_faults(heard, rate, resample))
    rated = [at_rate(utterance, utterance.rate or heard[utterance.path].info.rate) for utterance in good]
    resampled = [at_rate(utterance, rate) for utterance in rated] if resample and rate else rated
    return Checked(resampled, strangers + problems)


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
    path: str | Path, rate: int | None = None, allow_pipes: bool = False, workers: int | None = None
) -> list[Problem]:
    """Everything wrong with a manifest or a Kaldi data directory, and with every recording or image it lists.

    All of them are read to the end, `workers` at a time (default: one per core). The rate of recordings should
    be `rate` (default: that of most). Sorted by file and line. Raises CorpusError if there is no corpus at `path`.
    """
    path, tables = Path(path), None
    if is_kaldi(path):
        tables, problems = check_tables(path, allow_pipes)
        listed = list_tables(tables, allow_pipes)
    elif path.suffix == ".jsonl" and path.is_file():
        listed = list_manifest(path, allow_pipes)
        problems = listed.problems
    else:
        raise CorpusError(f"{path}: {not_a_corpus(path)}")
    heard = listen_to_all(listed.recordings, allow_pipes=allow_pipes, workers=workers)
    seen = look_at_all(listed.pictures, workers)
    sources = {**listed.recordings, **listed.pictures}
    for key, faults in {**all_faults(heard, rate), **{key: image.faults for key, image in seen.items()}}.items():
        for fault in faults:
            file, line = listed.places.get(fault.utterance, listed.sources[key])
            what = f"{sources[key].path}: {fault.what}"
            problems.append(Problem(fault.severity, file, line, what, fault.cure))
    if tables is not None:
        problems += timing_problems(tables, {key: source.info for key, source in {**heard, **seen}.items()})
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
