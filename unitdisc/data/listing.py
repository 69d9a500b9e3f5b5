"""What a corpus lists, as far as its lines can be read: the recordings to listen to, and where they are named."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from unitdisc.corpus import (
    CorpusError,
    Problem,
    Utterance,
    alignment_faults,
    field_faults,
    is_id,
    is_pipe,
    manifest_lines,
    parse_tier,
    parse_utterance,
)
from unitdisc.data.audio import AudioInfo
from unitdisc.data.listening import Recording
from unitdisc.kaldi.checks import Tables
from unitdisc.kaldi.ctm import ctm_problems, open_ctm
from unitdisc.kaldi.reading import PIPE, locate, parse_segment, stretch_of

error, warning = partial(Problem, "error"), partial(Problem, "warning")
Place = tuple[str, int]  # file and line


@dataclass(frozen=True)
class Listed:
    recordings: dict[str, Recording]
    sources: dict[str, Place]  # recording -> the line that names it
    places: dict[str, Place]  # utterance -> the line that names it
    problems: list[Problem]  # the lines that name none


def list_manifest(path: Path, allow_pipes: bool) -> Listed:
    utterances, places, problems = {}, {}, []
    for number, line in manifest_lines(path):
        found = partial(error, str(path), number)
        utterance, faults = parse_loosely(line, path.parent)
        problems += [found(fault, "correct the line") for fault in faults]
        if utterance is None:
            continue
        if utterance.id in places:
            what = f"the id {utterance.id!r} is already on line {places[utterance.id][1]}"
            problems.append(found(what, "give each utterance an id of its own"))
        elif is_pipe(utterance.path) and not allow_pipes:
            problems.append(found(*f"the recording of {utterance.id!r} {PIPE}".split("; ")))
        else:
            utterances[utterance.id] = utterance
        places.setdefault(utterance.id, (str(path), number))
    if not places:
        problems.append(error(str(path), None, "no utterances in it", "prepare the corpus again"))
    by_path = defaultdict(list)
    for utterance in utterances.values():
        by_path[utterance.path].append(utterance)
    return Listed(
        recordings={path: Recording(path, lambda info, within=within: within) for path, within in by_path.items()},
        sources={path: places[within[0].id] for path, within in by_path.items()},
        places=places,
        problems=[*problems, *speaker_problems(utterances.values(), places)],
    )


def parse_loosely(line: bytes, home: Path) -> tuple[Utterance | None, list[str]]:
    """The utterance of a line of a manifest, without alignment, if it has one; and everything wrong with the line."""
    try:
        values = json.loads(line)
    except ValueError as fault:
        return None, [f"is not JSON ({fault})"]
    if faults := list(field_faults(values)):
        return None, faults
    alignment = {}
    for tier, intervals in values.get("alignment", {}).items():
        try:
            alignment[tier] = parse_tier(tier, intervals)
        except CorpusError as fault:
            faults.append(str(fault))
    faults += alignment_faults(alignment, values["ticks"])
    try:
        return parse_utterance({**values, "alignment": {}}, home), faults
    except CorpusError as fault:
        return None, [*faults, str(fault)]


def speaker_problems(utterances: Iterable[Utterance], places: Mapping[str, Place]) -> Iterator[Problem]:
    """Speakers that are missing for some utterances only, and genders that cannot be."""
    utterances, genders = list(utterances), {}
    unknown = [utterance for utterance in utterances if utterance.speaker is None]
    if unknown and len(unknown) < len(utterances):
        what = f"{unknown[0].id!r} has no speaker ({len(unknown)} of {len(utterances)} utterances have none)"
        yield warning(*places[unknown[0].id], what, "name the speaker, if known")
    for utterance in utterances:
        if utterance.gender not in (None, "f", "m"):
            yield error(*places[utterance.id], f"{utterance.gender!r} is not a gender", "write f or m, or leave it out")
        elif utterance.gender and utterance.speaker is not None:
            first = genders.setdefault(utterance.speaker, utterance)
            if utterance.gender != first.gender:
                what = f"the speaker {utterance.speaker!r} is {utterance.gender}, but {first.gender} in {first.id!r}"
                yield error(*places[utterance.id], what, "correct one of them")


def list_tables(tables: Tables, allow_pipes: bool) -> Listed:
    """The recordings of a Kaldi directory; what is wrong with its lines is for `check_tables` to say."""
    segments = segments_of(tables)
    paths = {row.key: row.value for row in tables["wav.scp"] if row.value and (allow_pipes or not is_pipe(row.value))}

    def recording(key: str) -> Recording:
        path = locate(paths[key], tables.folder)

        def within(info: AudioInfo) -> Iterator[Utterance]:
            for utterance, start, end in segments[key]:
                stretch = stretch_of(key, info, start, end)
                yield Utterance(utterance, path, None, stretch.ticks, stretch.rate, stretch.start)

        return Recording(path, within)

    return Listed(
        recordings={key: recording(key) for key in paths},
        sources={key: (tables.file("wav.scp"), line) for key, line in tables.lines("wav.scp").items()},
        places={key: (tables.file(tables.utterances), line) for key, line in tables.lines(tables.utterances).items()},
        problems=[],
    )


def segments_of(tables: Tables) -> dict[str, list[tuple[str, float, float | None]]]:
    """Recording -> utterance, start and end in seconds, of each line of `segments` that can be read."""
    segments = defaultdict(list)
    if "segments" not in tables:
        return {key: [(key, 0, None)] if is_id(key) else [] for key in tables.lines("wav.scp")}
    for row in tables["segments"]:
        try:
            recording, start, end = parse_segment(row.value)
        except ValueError:
            continue
        if is_id(row.key):
            segments[recording].append((row.key, start, end))
    return segments


def timing_problems(tables: Tables, infos: Mapping[str, AudioInfo | None]) -> Iterator[Problem]:
    """What segments and alignments say of times that the recordings do not have."""
    stretches, lines = {}, tables.lines("segments")
    for key, segments in segments_of(tables).items():
        for utterance, start, end in segments:
            info = infos.get(key)
            stretches[utterance] = stretch = stretch_of(key, info, start, end)
            if info and end and stretch.start + stretch.ticks == info.ticks and end * info.rate > info.ticks + 1:
                what = f"{utterance!r} ends at {end:g} s, after the recording ({info.ticks / info.rate:g} s)"
                yield warning(tables.file("segments"), lines[utterance], what, "correct the end; it is cut")
    for path in sorted(tables.folder.glob("*.ctm")):
        ctm = open_ctm(path)
        yield from (*ctm.problems, *ctm_problems(ctm, stretches))
