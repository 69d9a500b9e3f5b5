"""CTM files, as Kaldi reads and writes them: one labelled interval per line, in seconds; of images in pixel columns.

    UTTERANCE-OR-RECORDING CHANNEL START DURATION LABEL [CONFIDENCE]

Every file is an alignment tier called like the file: phone.ctm is the tier "phone". Times count from the start of the
utterance if lines begin with utterance ids, and from the start of the recording if they begin with recording ids,
or with the file and channel that reco2file_and_channel gives to a recording. Where the two kinds of id overlap,
the kind that more ids of the file belong to is meant. Channels are called A, B, ... or 1, 2, ...; where a recording has
utterances of several, a line belongs to those of its own.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

from unitdisc.corpus.kaldi.tables import KaldiRow, mark_problems, parse_row, read_map
from unitdisc.corpus.utterance import CorpusError, Interval, Problem, Utterance
from unitdisc.files.text import SAVE, Lookalikes, byte_lines, decoded, fields_of

ROUNDING = 0.02  # seconds an interval may overlap the one before or the end: a frame or two, counted differently
LATEST = 1e9  # seconds, or columns: what is later cannot be meant, and would have no tick
NO_LABEL = "<eps>"  # how an empty label is written
CHANNELS = re.compile(r"[A-Za-z]|[1-9]\d*")  # how they are called here, and in reco2file_and_channel


def ctm_files(folder: Path) -> list[Path]:
    """The CTM files in a folder, whether .ctm or .CTM, by name."""
    return sorted(file for file in folder.glob("*") if file.suffix.casefold() == ".ctm")


class Segment(NamedTuple):
    """An utterance: the ticks [start, start + ticks) of a recording or an image, whose columns count as seconds."""

    recording: str
    start: int
    ticks: int
    rate: int | None  # 1 for images; None if the recording or image cannot be opened
    height: int | None = None  # of images
    channel: int | None = None  # of the recording, if one is named; the first is 0

    @property
    def unit(self) -> str:
        return "s" if self.height is None else "columns"

    @property
    def seconds(self) -> float:
        """The length, in columns for images."""
        return self.ticks / self.rate

    def utterance(self, id: str, path: str, **known) -> Utterance:
        rate = self.rate if self.height is None else None
        return Utterance(
            **{"id": id, "path": path, "speaker": None, "ticks": self.ticks, "rate": rate, "height": self.height}
            | {"start": self.start, "channel": self.channel, **known}
        )


class Timed(NamedTuple):
    """A line of a CTM file, in seconds."""

    start: float
    end: float
    label: str
    line: int
    channel: str = ""


@dataclass(frozen=True)
class Ctm:
    """The lines of a CTM file by utterance or recording, in order of time."""

    path: Path
    timed: dict[str, list[Timed]]
    problems: list[Problem]  # the lines that are none


def read_ctm(path: Path, stretches: Mapping[str, Segment]) -> dict[str, list[Interval]]:
    """One tier: utterance -> intervals, for every utterance that has any.

    Overlaps of up to 20 ms, which counting frames leaves behind, are cut; what has no length is left out.
    Raises CorpusError if a line is no line of a CTM, if intervals overlap, or if they end after the utterance.
    """
    ctm = open_ctm(path)
    for problem in (*ctm.problems, *ctm_problems(ctm, stretches)):
        if problem.severity == "error":
            raise CorpusError.of(problem)
    known = {key: stretch for key, stretch in stretches.items() if stretch.rate is not None}
    if counts_from_recordings(ctm.timed, stretches):
        several = of_several_channels(ctm, stretches)
        tier = {key: in_ticks(centred_in(lines_of(ctm, s, several), s), s) for key, s in known.items()}
    else:
        tier = {key: in_ticks(ctm.timed.get(key, []), s._replace(start=0)) for key, s in known.items()}
    return {key: intervals for key, intervals in tier.items() if intervals}


def of_several_channels(ctm: Ctm, stretches: Mapping[str, Segment]) -> set[str]:
    """The recordings of which utterances name channels, and more than one is used, or spoken of in the lines.

    Where all lines say the same, as most tools write 1 without meaning it, and one channel is used, they are about it.
    """
    used, told = defaultdict(set), defaultdict(set)
    for stretch in stretches.values():
        if stretch.channel is not None:
            used[stretch.recording].add(stretch.channel)
    for recording in used.keys() & ctm.timed.keys():
        told[recording] = {plain_channel(line.channel) for line in ctm.timed[recording]}
    return {recording for recording, channels in used.items() if len(channels) > 1 or len(told[recording]) > 1}


def lines_of(ctm: Ctm, stretch: Segment, several: set[str]) -> list[Timed]:
    """The lines about the recording of a stretch, and, where several channels of it are used, about its own."""
    lines = ctm.timed.get(stretch.recording, [])
    if stretch.channel is None or stretch.recording not in several:
        return lines
    return [line for line in lines if channel_called(line.channel) == stretch.channel]


def channel_called(name: str) -> int | None:
    """The number of a channel, from 0, that is called A, B, ... or 1, 2, ...; None if it is called otherwise."""
    if not CHANNELS.fullmatch(name):
        return None
    return int(name) - 1 if name.isdigit() else ord(name.upper()) - ord("A")


def counts_from_recordings(keys: Iterable[str], stretches: Mapping[str, Segment]) -> bool:
    """Whether the lines of a file begin with recording ids."""
    keys = set(keys)
    recordings = {stretch.recording for stretch in stretches.values()}
    return len(recordings & keys) > len(stretches.keys() & keys)


def ctm_problems(ctm: Ctm, stretches: Mapping[str, Segment]) -> Iterator[Problem]:
    """Lines that overlap, that end after their utterance, that have no length, or are about none; and who has none."""
    images = any(stretch.height is not None for stretch in stretches.values())
    unit = "" if images else " s"
    from_recordings, several = counts_from_recordings(ctm.timed, stretches), of_several_channels(ctm, stretches)
    for key, lines in ctm.timed.items():
        apart = from_recordings and key in several
        if apart:
            yield from unnamed_channels(ctm, key)
        for line, following in chain.from_iterable(map(pairwise, by_channel(lines) if apart else [lines])):
            if following.start < line.end - ROUNDING:
                what = f"starts at {following.start:g}{unit}, before line {line.line} ends at {line.end:g}{unit}"
                yield Problem("error", str(ctm.path), following.line, what, "correct the times")
    if from_recordings:
        about, ids = "recording", {stretch.recording for stretch in stretches.values()}
    else:
        about, ids = "utterance", stretches.keys()
        yield from overlong(ctm, stretches)
    if unknown := sorted(ctm.timed.keys() - ids):
        line = min(ctm.timed[unknown[0]], key=lambda timed: timed.line).line
        what = f"there is no {about} {unknown[0]!r}{Lookalikes(ids).hint(unknown[0])} ({len(unknown)} such ids)"
        severity = "error" if len(unknown) == len(ctm.timed) else "warning"
        yield Problem(severity, str(ctm.path), line, what, f"begin lines with an {about}, or remove them")
    without = sorted(ids - ctm.timed.keys())
    if without and len(unknown) < len(ctm.timed):
        what = f"nothing is said of the {about} {without[0]!r} ({len(without)} of {len(ids)} have no line)"
        yield Problem("warning", str(ctm.path), None, what, "add what is missing, or take it as it is")
    if empty := sorted(timed.line for lines in ctm.timed.values() for timed in lines if timed.end <= timed.start):
        what = f"has no duration ({len(empty)} such lines)"
        yield Problem("warning", str(ctm.path), empty[0], what, "correct it; it is left out")


def by_channel(lines: Iterable[Timed]) -> list[list[Timed]]:
    found = defaultdict(list)
    for line in lines:
        found[channel_called(line.channel)].append(line)
    return list(found.values())


def unnamed_channels(ctm: Ctm, recording: str) -> Iterator[Problem]:
    """Lines about a recording of which several channels are used that do not say which."""
    for line in ctm.timed[recording]:
        if channel_called(line.channel) is None:
            what = f"{line.channel!r} is no channel of {recording!r}, which has several"
            yield Problem("error", str(ctm.path), line.line, what, "write A or B, or 1 or 2")


def overlong(ctm: Ctm, stretches: Mapping[str, Segment]) -> Iterator[Problem]:
    for key, lines in ctm.timed.items():
        stretch = stretches.get(key)
        if stretch is None or stretch.rate is None:
            continue
        for line in lines:
            if line.end > stretch.seconds + ROUNDING:
                what = f"ends at {line.end:g} {stretch.unit}, but {key!r} has only {stretch.seconds:g} {stretch.unit}"
                yield Problem("error", str(ctm.path), line.line, what, "correct the times, or copy the file again")


def open_ctm(path: Path) -> Ctm:
    """Reads the lines that can be read.

    Raises CorpusError if there is no such file, or if reco2file_and_channel beside it is wrong.
    """
    channels = {}
    for key, value in read_map(path.parent / "reco2file_and_channel").items():
        file, _, name = value.rpartition(" ")
        channels[file.strip(), plain_channel(name)] = key
    timed, problems = defaultdict(list), mark_problems(path)
    for number, line in byte_lines(path, CorpusError):
        cure = SAVE
        try:
            row = parse_row(number, decoded(line))
            cure = "write UTTERANCE CHANNEL START DURATION LABEL, in seconds (images: in columns)"
            if row.key and not row.key.startswith(";;"):
                key, interval = parse_timed(row, channels)
                timed[key].append(interval)
        except ValueError as error:
            problems.append(Problem("error", str(path), number, str(error), cure))
    return Ctm(path, {key: sorted(lines) for key, lines in timed.items()}, problems)


def plain_channel(name: str) -> int | str:
    """The number of a channel, or its name, where that stands for none."""
    number = channel_called(name)
    return name if number is None else number


def parse_timed(row: KaldiRow, channels: Mapping[tuple[str, int | str], str]) -> tuple[str, Timed]:
    """The utterance or recording of a line, and the line. channels: file and channel -> recording.

    Raises ValueError if it is no line of a CTM.
    """
    parts = fields_of(row.value)
    if len(parts) not in (4, 5):
        raise ValueError(f"has {len(parts) + 1} fields, not 5 or 6")
    channel, start, duration, label = parts[:4]
    start, duration = float(start), float(duration)
    if not (0 <= start < LATEST and 0 <= duration < LATEST):
        raise ValueError(f"times must be finite, not negative, and below {LATEST:g} s")
    key = channels.get((row.key, plain_channel(channel)), row.key)
    return key, Timed(start, start + duration, "" if label == NO_LABEL else label, row.line, channel)


def centred_in(timed: list[Timed], stretch: Segment) -> list[Timed]:
    """The lines whose middle is in the stretch."""

    def position(tick: int) -> int:
        return bisect_left(timed, tick / stretch.rate, key=lambda line: (line.start + line.end) / 2)

    return timed[position(stretch.start) : position(stretch.start + stretch.ticks)]


def in_ticks(timed: Iterable[Timed], stretch: Segment) -> list[Interval]:
    """Seconds of the recording as ticks of the utterance, cut to it and to one another."""
    intervals, position = [], 0
    for line in timed:
        start, end = (to_ticks(seconds, stretch.rate) - stretch.start for seconds in (line.start, line.end))
        start, end = max(start, position), min(end, stretch.ticks)
        if start < end:
            intervals.append(Interval(start, end, line.label))
            position = end
    return intervals


def to_ticks(seconds: float, rate: int) -> int:
    return round(round(seconds, 9) * rate)  # so that 0.11 + 0.03 falls on the same tick as 0.14


def ctm_lines(utterances: Iterable[Utterance], tier: str) -> Iterator[str]:
    """The lines of one tier, by utterance.

    Raises CorpusError if a label has a space in it.
    """
    for utterance in utterances:
        for start, end, label in utterance.alignment.get(tier, []):
            if len(label.split()) > 1:
                raise CorpusError(f"{utterance.id}: the {tier} label {label!r} has a space in it; rename it")
            begin, duration = clock(utterance, start), clock(utterance, end - start)
            yield f"{utterance.id} 1 {begin} {duration} {label.strip() or NO_LABEL}"


def clock(utterance: Utterance, ticks: int) -> str:
    """Ticks as seconds; as columns for images."""
    return str(ticks) if utterance.is_image else f"{ticks / utterance.rate:.6f}"
