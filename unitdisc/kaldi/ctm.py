"""CTM files, as Kaldi reads and writes them: one labelled interval per line, in seconds.

    UTTERANCE-OR-RECORDING CHANNEL START DURATION LABEL [CONFIDENCE]

Every file is an alignment tier called like the file: phone.ctm is the tier "phone". Times count from the start of the
utterance if lines begin with utterance ids, and from the start of the recording if they begin with recording ids,
or with the file and channel that reco2file_and_channel gives to a recording. Where the two kinds of id overlap,
the kind that more ids of the file belong to is meant.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.kaldi.tables import Row, read_map, read_rows

ROUNDING = 0.02  # seconds an interval may overlap the one before or the end: a frame or two, counted differently
NO_LABEL = "<eps>"  # how an empty label is written


class Stretch(NamedTuple):
    """An utterance: the ticks [start, start + ticks) of a recording."""

    recording: str
    start: int
    ticks: int
    rate: int | None  # None if the recording cannot be opened


class Timed(NamedTuple):
    """A line of a CTM file, in seconds."""

    start: float
    end: float
    label: str
    line: int


def read_ctm(path: Path, stretches: Mapping[str, Stretch]) -> dict[str, list[Interval]]:
    """One tier: utterance -> intervals, for every utterance that has any.

    Overlaps of up to 20 ms, which counting frames leaves behind, are cut; what has no length is left out.
    Raises CorpusError if a line is no line of a CTM, if intervals overlap, or if they end after the utterance.
    """
    timed = read_timed(path)
    for lines in timed.values():
        for line, following in pairwise(lines):
            if following.start < line.end - ROUNDING:
                raise CorpusError(
                    f"{path}:{following.line}: starts at {following.start:g} s, before line {line.line} ends at "
                    f"{line.end:g} s; correct the times"
                )
    known = {key: stretch for key, stretch in stretches.items() if stretch.rate is not None}
    if counts_from_recordings(path, timed, stretches):
        tier = {key: in_ticks(centred_in(timed.get(s.recording, []), s), s) for key, s in known.items()}
    else:
        for key in known.keys() & timed.keys():
            seconds, last = known[key].ticks / known[key].rate, timed[key][-1]
            if last.end > seconds + ROUNDING:
                what = f"ends at {last.end:g} s, but {key} has only {seconds:g} s"
                raise CorpusError(f"{path}:{last.line}: {what}; correct the times, or copy the audio again")
        tier = {key: in_ticks(timed.get(key, []), s._replace(start=0)) for key, s in known.items()}
    return {key: intervals for key, intervals in tier.items() if intervals}


def counts_from_recordings(path: Path, keys: Iterable[str], stretches: Mapping[str, Stretch]) -> bool:
    """Whether the lines of a file begin with recording ids."""
    keys = set(keys)
    recordings = {stretch.recording for stretch in stretches.values()} & keys
    utterances = stretches.keys() & keys
    if keys and not recordings and not utterances:
        raise CorpusError(f"{path}: no line begins with an utterance or a recording; {min(keys)!r} is neither")
    return len(recordings) > len(utterances)


def read_timed(path: Path) -> dict[str, list[Timed]]:
    """The lines of a CTM file by utterance or recording, in order of time."""
    channels = {value: key for key, value in read_map(path.parent / "reco2file_and_channel").items()}
    timed = defaultdict(list)
    for row in read_rows(path):
        try:
            key, line = parse_timed(row, channels)
        except ValueError as error:
            cure = "write UTTERANCE CHANNEL START DURATION LABEL, in seconds"
            raise CorpusError(f"{path}:{row.line}: {error}; {cure}") from error
        timed[key].append(line)
    return {key: sorted(lines) for key, lines in timed.items()}


def parse_timed(row: Row, channels: Mapping[str, str]) -> tuple[str, Timed]:
    """The utterance or recording of a line, and the line.

    Raises ValueError if it is no line of a CTM.
    """
    parts = row.value.split()
    if len(parts) not in (4, 5):
        raise ValueError(f"has {len(parts) + 1} fields, not 5 or 6")
    channel, start, duration, label = parts[:4]
    start, duration = float(start), float(duration)
    if not (start >= 0 and 0 <= duration < float("inf")):
        raise ValueError("times must be finite, and not negative")
    key = channels.get(f"{row.key} {channel}", row.key)
    return key, Timed(start, start + duration, "" if label == NO_LABEL else label, row.line)


def centred_in(timed: list[Timed], stretch: Stretch) -> list[Timed]:
    """The lines whose middle is in the stretch."""

    def position(tick: int) -> int:
        return bisect_left(timed, tick / stretch.rate, key=lambda line: (line.start + line.end) / 2)

    return timed[position(stretch.start) : position(stretch.start + stretch.ticks)]


def in_ticks(timed: Iterable[Timed], stretch: Stretch) -> list[Interval]:
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
            begin, duration = start / utterance.rate, (end - start) / utterance.rate
            yield f"{utterance.id} 1 {begin:.6f} {duration:.6f} {label.strip() or NO_LABEL}"
