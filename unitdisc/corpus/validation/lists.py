"""What a corpus lists, as far as its lines can be read: recordings, images, and where they are named."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Problem, Utterance, alignment_faults, doubt_said, id_doubt, is_id, is_pipe
from unitdisc.corpus.kaldi.ctm import channel_called, ctm_files, ctm_problems, open_ctm
from unitdisc.corpus.kaldi.reading import CHANNELS, PIPE, channel_of, locate, parse_segment, stretch_of, unit_of
from unitdisc.corpus.kaldi.tables import KaldiRow, mark_problems
from unitdisc.corpus.manifest import (
    LINES_AT_ONCE,
    checked,
    field_faults,
    locator,
    manifest_lines,
    parse_json,
    parse_tier,
    parse_together,
    parse_utterance,
)
from unitdisc.corpus.table import UtteranceTable, fields_of
from unitdisc.corpus.validation.duplicates import Named
from unitdisc.corpus.validation.gaps import Gaps
from unitdisc.corpus.validation.images import Picture
from unitdisc.corpus.validation.kaldi import Tables
from unitdisc.corpus.validation.recordings import Recording
from unitdisc.files.text import as_seen, decoded
from unitdisc.media.audio import AudioInfo
from unitdisc.media.image import ImageInfo

error, warning = partial(Problem, "error"), partial(Problem, "warning")
Place = tuple[str, int]  # file and line
MICROSECONDS = 1_000_000  # in a second
TO_THE_END = 10**15  # ticks


@dataclass(frozen=True)
class Listed:
    recordings: dict[str, Recording]  # to listen to
    pictures: dict[str, Picture]  # to look at
    sources: dict[str, Place]  # recording or picture -> the line that names it
    places: dict[str, Place]  # utterance -> the line that names it
    problems: list[Problem]  # the lines that name none


@dataclass(frozen=True)
class ListedManifest:
    utterances: UtteranceTable  # that can be looked for, in the order of the list
    lines: np.ndarray  # [U]   where each is named
    problems: list[Problem]  # the lines that name none, and what the list says by itself


def list_manifest(path: Path, allow_pipes: bool) -> ListedManifest:
    problems: list[Problem] = []
    lines, named, gaps = array("q"), FirstLines(), Gaps()

    def lines_read() -> Iterator[tuple[int, dict | None, list[str]]]:
        try:
            yield from loose_entries(path)
        except CorpusError as fault:  # UTF-16 and the like: other lists are looked at all the same
            what, cure = str(fault).removeprefix(f"{path}: ").rsplit("; ", 1)
            problems.append(error(str(path), None, what, cure))

    def entries() -> Iterator[dict]:
        for number, entry, faults in lines_read():
            found = partial(error, str(path), number)
            problems.extend(found(fault, "correct the line") for fault in faults)
            if entry is None:
                continue
            earlier = named.line_of(entry["id"], number)
            if earlier is not None:
                what = f"the id {entry['id']!r} is already on line {earlier}"
                problems.append(found(what, "give each utterance an id of its own"))
            elif is_pipe(entry["path"]) and not allow_pipes:
                problems.append(found(*f"the recording of {entry['id']!r} {PIPE}".split("; ")))
            else:
                lines.append(number)
                gaps.add(number, entry)
                yield entry

    utterances = UtteranceTable.of_fields(entries())
    if not named:
        problems.append(error(str(path), None, "no utterances in it", "prepare the corpus again"))
    listed = ListedManifest(utterances, np.frombuffer(lines, np.int64), problems)
    problems += mark_problems(path)
    problems += name_problems(listed, str(path))
    problems += speaker_problems(listed, str(path))
    problems += mixture_problems(listed, str(path))
    problems += gaps.problems(str(path))
    return listed


class FirstLines:
    """The line that names an id first. Ids in order, as `write_manifest` leaves them, take little memory."""

    def __init__(self):
        self.ids: list[str] = []
        self.lines = array("q")
        self.known: dict[str, int] | None = None  # once they are out of order

    def __bool__(self) -> bool:
        return bool(self.lines)

    def line_of(self, id: str, line: int) -> int | None:
        """The line of an id; if there is none yet, it is this line from now on."""
        if self.known is None and self.ids and id <= self.ids[-1]:
            self.known = dict(zip(self.ids, self.lines))
        if self.known is not None:
            earlier = self.known.setdefault(id, line)
            return earlier if earlier != line else None
        self.ids.append(id)
        self.lines.append(line)
        return None


def loose_entries(path: Path) -> Iterator[tuple[int, dict | None, list[str]]]:
    """Of every line its number, the arguments of its utterance, and everything wrong with it."""
    lines, home = manifest_lines(path), locator(path.parent)
    while some := list(islice(lines, LINES_AT_ONCE)):
        try:
            together = parse_together(some, home, checked)
        except (ValueError, RecursionError):
            for number, line in some:
                yield number, *parse_loosely(line, path.parent)
        else:
            yield from ((number, entry, []) for (number, _), (_, entry) in zip(some, together))


def name_problems(listed: ListedManifest, path: str) -> Iterator[Problem]:
    """Ids that other programs may stumble over, and names that look alike."""
    if alike := look_alike(id for id, _, _ in listed.utterances.identities()):
        other, first = (listed.utterances[place].id for place in alike[0])
        what = f"the id {first!a} looks like {other!a} ({len(alike)} such ids)"
        cure = "rename one of them; disks of Macs and Windows may keep but one of their files"
        yield warning(path, int(listed.lines[alike[0][1]]), what, cure)
    speakers = sorted(speaker for speaker in listed.utterances.speakers() if speaker is not None)
    if alike := look_alike(speakers):
        other, first = (speakers[place] for place in alike[0])
        what = f"the speaker {first!a} looks like {other!a} ({len(alike)} such speakers)"
        yield warning(path, None, what, "give them one name, if they are one")
    if "" in speakers:
        yield error(path, None, "the name of a speaker is empty", "name the speaker, or write null if it is not known")
    doubtful = [place for place, (id, _, _) in enumerate(listed.utterances.identities()) if id_doubt(id)]
    if doubtful:
        first = doubtful[0]
        what, cure = doubt_said(listed.utterances[first].id, len(doubtful))
        yield warning(path, int(listed.lines[first]), what, cure)


def look_alike(names: Iterable[str]) -> list[tuple[int, int]]:
    """Places of names that differ only in capitals, in what cannot be seen, or in how accents are encoded."""
    codes = np.array(array("q", (hash(as_seen(name.strip()).casefold()) for name in names)))
    order = np.argsort(codes, kind="stable")
    again = np.flatnonzero(np.diff(codes[order]) == 0)
    return [(int(order[place]), int(order[place + 1])) for place in again]


def mixture_problems(listed: ListedManifest, path: str) -> Iterator[Problem]:
    """A corpus is of recordings or of line images, for no model reads both."""
    images = listed.utterances.images()
    of_images, of_recordings = np.flatnonzero(images), np.flatnonzero(~images)
    if len(of_images) and len(of_recordings):
        few, kind, many, most = of_images, "a line image", of_recordings, "recordings"
        if len(of_images) > len(of_recordings):
            few, kind, many, most = of_recordings, "a recording", of_images, "line images"
        id = listed.utterances[int(few[0])].id
        what = f"{id!r} is {kind}, but {len(many)} of {len(images)} utterances are {most}"
        line = int(listed.lines[few[0]])
        yield error(path, line, what, "keep them in corpora of their own, or give the images a height")


def parse_loosely(line: bytes, home: Path) -> tuple[dict | None, list[str]]:
    """The arguments of the utterance of a line of a manifest, if it has one; and everything wrong with the line."""
    try:
        text = decoded(line)
    except ValueError as fault:
        return None, [f"is {fault}"]
    try:
        values = parse_json(text)
    except CorpusError as fault:
        return None, [str(fault)]
    except (ValueError, RecursionError) as fault:
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
        utterance = parse_utterance({**values, "alignment": {}}, home)
    except CorpusError as fault:
        return None, [*faults, str(fault)]
    return fields_of(utterance) | {"text": utterance.text, "alignment": alignment}, faults


def speaker_problems(listed: ListedManifest, path: str) -> Iterator[Problem]:
    """Speakers that are missing for some utterances only, and genders that cannot be."""
    table, lines = listed.utterances, listed.lines.tolist()
    unknown = np.flatnonzero(table.unknown_speakers())
    if 0 < len(unknown) < len(table):
        first = int(unknown[0])
        what = f"{table[first].id!r} has no speaker ({len(unknown)} of {len(table)} utterances have none)"
        yield warning(path, lines[first], what, "name the speaker, if known")
    if table.genders() <= {None}:
        return
    genders: dict[str, tuple[str, str]] = {}  # speaker -> gender, and who says so
    for utterance, line in zip(table, lines):
        if utterance.gender not in (None, "f", "m"):
            yield error(path, line, f"{utterance.gender!r} is not a gender", "write f or m, or leave it out")
        elif utterance.gender and utterance.speaker is not None:
            gender, first = genders.setdefault(utterance.speaker, (utterance.gender, utterance.id))
            if utterance.gender != gender:
                what = f"the speaker {utterance.speaker!r} is {utterance.gender}, but {gender} in {first!r}"
                yield error(path, line, what, "correct one of them")


def list_tables(tables: Tables, allow_pipes: bool) -> Listed:
    """The recordings or images of a Kaldi directory; what is wrong with its lines is for `check_tables` to say."""
    segments, kind = segments_of(tables), Picture if tables.scp == "images.scp" else Recording
    allowed = allow_pipes and kind is Recording
    paths = {row.key: row.value for row in tables[tables.scp] if row.value and (allowed or not is_pipe(row.value))}

    def source(key: str) -> Recording | Picture:
        path = locate(paths[key], tables.folder)

        def within(info: AudioInfo | ImageInfo, channels: int = 1) -> Iterator[Utterance]:
            for stated in segments[key]:
                channel = stated.channel_of(tables, channels)
                named = stated.channel if isinstance(channel, Problem) else channel
                yield stretch_of(key, info, stated.start, end=stated.end).utterance(stated.id, path, channel=named)

        return kind(path, within)

    found = {key: source(key) for key in paths}
    return Listed(
        recordings=found if kind is Recording else {},
        pictures=found if kind is Picture else {},
        sources={key: (tables.file(tables.scp), line) for key, line in tables.lines(tables.scp).items()},
        places={key: (tables.file(tables.utterances), line) for key, line in tables.lines(tables.utterances).items()},
        problems=[],
    )


@dataclass(frozen=True)
class Segment:
    """A line of `segments`; without that table, of the one that names the recordings."""

    id: str
    start: float  # seconds, or columns
    end: float | None
    channel: int | None  # as the line says
    line: int
    of_recording: KaldiRow | None  # the line of reco2file_and_channel

    def channel_of(self, tables: Tables, there: int) -> int | Problem | None:
        """As `kaldi.reading.channel_of`, of a recording with so many channels."""
        row = KaldiRow(self.line, self.id, "")
        return channel_of(Path(tables.file("segments")), row, self.channel, of_recording=self.of_recording, there=there)


def segments_of(tables: Tables) -> dict[str, list[Segment]]:
    """Recording -> its utterances, of each readable line of `segments`."""
    segments, channels = defaultdict(list), {row.key: row for row in reversed(tables[CHANNELS])}
    unit = unit_of(tables.folder)
    if "segments" not in tables:
        return {
            key: [Segment(key, 0, None, None, line, channels.get(key))] if is_id(key) else []
            for key, line in tables.lines(tables.scp).items()
        }
    for row in tables["segments"]:
        try:
            recording, start, end, channel = parse_segment(row.value, unit)
        except ValueError:
            continue
        if is_id(row.key):
            segments[recording].append(Segment(row.key, start, end, channel, row.line, channels.get(recording)))
    return segments


def channel_problems(tables: Tables, channels: Mapping[str, int]) -> Iterator[Problem]:
    """What the tables say of channels, where it cannot be. channels: how many a recording has, where it is known."""
    said = set()
    for key, segments in segments_of(tables).items():
        for segment in segments:
            found = segment.channel_of(tables, channels.get(key, 1))
            if isinstance(found, Problem) and found not in said:
                said.add(found)
                yield found


def named_in(tables: Tables, allow_pipes: bool) -> Named:
    """The utterances as the tables have them, of files that nobody needs to open: in microseconds, or columns."""
    images = tables.scp == "images.scp"
    scale, size = (1, {"height": 1}) if images else (MICROSECONDS, {"rate": MICROSECONDS})
    segments, utterances, lines, seen = segments_of(tables), [], [], set()
    for row in tables[tables.scp]:
        if not row.value or (is_pipe(row.value) and (images or not allow_pipes)):
            continue
        path = locate(row.value, tables.folder)
        for segment in segments.pop(row.key, []):
            if segment.id in seen:
                continue
            seen.add(segment.id)
            name = segment.of_recording.value.rpartition(" ")[2] if segment.of_recording else ""
            channel = channel_called(name) if segment.channel is None else segment.channel
            start = round(segment.start * scale)
            ticks = TO_THE_END if segment.end is None else max(round(segment.end * scale) - start, 0)
            channel = None if images else channel
            utterances.append(Utterance(segment.id, path, None, ticks=ticks, start=start, channel=channel, **size))
            lines.append(segment.line)
    return Named(tables.file(tables.utterances), UtteranceTable.of(utterances), np.array(lines, dtype=np.int64))


def timing_problems(
    tables: Tables, infos: Mapping[str, AudioInfo | ImageInfo | None], channels: Mapping[str, int]
) -> Iterator[Problem]:
    """What segments and alignments say of times that the recordings do not have, or of columns.

    channels: how many a recording has, where it is known.
    """
    stretches, lines = {}, tables.lines("segments")
    for key, segments in segments_of(tables).items():
        whole = stretch_of(key, infos.get(key), 0, end=None)
        for segment in segments:
            utterance, end, channel = segment.id, segment.end, segment.channel_of(tables, channels.get(key, 1))
            stretch = stretch_of(key, infos.get(key), segment.start, end=end)
            stretches[utterance] = stretch._replace(channel=None if isinstance(channel, Problem) else channel)
            cut = stretch.start + stretch.ticks == whole.ticks
            if whole.rate and end and cut and end * whole.rate > whole.ticks + 1:
                what = f"{utterance!r} ends at {end:g} {whole.unit}, after the recording ({whole.seconds:g} s)"
                yield warning(tables.file("segments"), lines[utterance], what, "correct the end; it is cut")
    for path in ctm_files(tables.folder):
        ctm = open_ctm(path)
        yield from (*ctm.problems, *ctm_problems(ctm, stretches))
