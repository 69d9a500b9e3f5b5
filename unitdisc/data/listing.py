"""What a corpus lists, as far as its lines can be read: recordings, images, and where they are named."""

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
from unitdisc.data.image import ImageInfo
from unitdisc.data.listening import Recording
from unitdisc.data.looking import Picture
from unitdisc.kaldi.checks import Tables
from unitdisc.kaldi.ctm import ctm_problems, open_ctm
from unitdisc.kaldi.reading import PIPE, locate, parse_segment, stretch_of

error, warning = partial(Problem, "error"), partial(Problem, "warning")
Place = tuple[str, int]  # file and line


@dataclass(frozen=True)
class Listed:
    recordings: dict[str, Recording]  # to listen to
    pictures: dict[str, Picture]  # to look at
    sources: dict[str, Place]  # recording or picture -> the line that names it
    places: dict[str, Place]  # utterance -> the line that names it
    problems: list[Problem]  # the lines that name none
    timed: bool = False  # whether what is used of a recording is known before it is opened


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
    by_path: dict[bool, dict[str, list[Utterance]]] = {False: defaultdict(list), True: defaultdict(list)}
    for utterance in utterances.values():
        by_path[utterance.is_image][utterance.path].append(utterance)
    recordings, pictures = by_path[False], by_path[True]
    return Listed(
        recordings={path: Recording(path, lambda info, within=within: within) for path, within in recordings.items()},
        pictures={path: Picture(path, lambda info, within=within: within) for path, within in pictures.items()},
        sources={path: places[within[0].id] for path, within in {**recordings, **pictures}.items()},
        places=places,
        problems=[
            *problems,
            *speaker_problems(utterances.values(), places),
            *mixture_problems(utterances.values(), places),
        ],
        timed=True,
    )


def mixture_problems(utterances: Iterable[Utterance], places: Mapping[str, Place]) -> Iterator[Problem]:
    """A corpus is of recordings or of line images, for no model reads both."""
    images = [utterance for utterance in utterances if utterance.is_image]
    recordings = [utterance for utterance in utterances if not utterance.is_image]
    if images and recordings:
        few, kind, many, most = images, "a line image", recordings, "recordings"
        if len(images) > len(recordings):
            few, kind, many, most = recordings, "a recording", images, "line images"
        what = f"{few[0].id!r} is {kind}, but {len(many)} of {len(many) + len(few)} utterances are {most}"
        yield error(*places[few[0].id], what, "keep them in corpora of their own, or give the images a height")


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
    """The recordings or images of a Kaldi directory; what is wrong with its lines is for `check_tables` to say."""
    segments, kind = segments_of(tables), Picture if tables.scp == "images.scp" else Recording
    allowed = allow_pipes and kind is Recording
    paths = {row.key: row.value for row in tables[tables.scp] if row.value and (allowed or not is_pipe(row.value))}

    def source(key: str) -> Recording | Picture:
        path = locate(paths[key], tables.folder)

        def within(info: AudioInfo | ImageInfo) -> Iterator[Utterance]:
            for utterance, start, end in segments[key]:
                yield stretch_of(key, info, start, end).utterance(utterance, path)

        return kind(path, within)

    found = {key: source(key) for key in paths}
    return Listed(
        recordings=found if kind is Recording else {},
        pictures=found if kind is Picture else {},
        sources={key: (tables.file(tables.scp), line) for key, line in tables.lines(tables.scp).items()},
        places={key: (tables.file(tables.utterances), line) for key, line in tables.lines(tables.utterances).items()},
        problems=[],
    )


def segments_of(tables: Tables) -> dict[str, list[tuple[str, float, float | None]]]:
    """Recording -> utterance, start and end in seconds (image: in columns), of each readable line of `segments`."""
    segments = defaultdict(list)
    if "segments" not in tables:
        return {key: [(key, 0, None)] if is_id(key) else [] for key in tables.lines(tables.scp)}
    for row in tables["segments"]:
        try:
            recording, start, end = parse_segment(row.value)
        except ValueError:
            continue
        if is_id(row.key):
            segments[recording].append((row.key, start, end))
    return segments


def timing_problems(tables: Tables, infos: Mapping[str, AudioInfo | ImageInfo | None]) -> Iterator[Problem]:
    """What segments and alignments say of times that the recordings do not have, or of columns."""
    stretches, lines = {}, tables.lines("segments")
    for key, segments in segments_of(tables).items():
        whole = stretch_of(key, infos.get(key), 0, None)
        for utterance, start, end in segments:
            stretches[utterance] = stretch = stretch_of(key, infos.get(key), start, end)
            cut = stretch.start + stretch.ticks == whole.ticks
            if whole.rate and end and cut and end * whole.rate > whole.ticks + 1:
                what = f"{utterance!r} ends at {end:g} {whole.unit}, after the recording ({whole.seconds:g} s)"
                yield warning(tables.file("segments"), lines[utterance], what, "correct the end; it is cut")
    for path in sorted(tables.folder.glob("*.ctm")):
        ctm = open_ctm(path)
        yield from (*ctm.problems, *ctm_problems(ctm, stretches))
