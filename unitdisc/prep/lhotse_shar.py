"""Shar, the tars of lhotse: cuts.000000.jsonl.gz beside recording.000000.tar knows who says what in it, and where.

https://lhotse.readthedocs.io/en/latest/cuts.html; supervisions, and what is aligned in them, count from the start of
their cut.
"""

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.files.text import json_in, lines_of
from unitdisc.prep.image_folders import id_of
from unitdisc.prep.notes import Notes
from unitdisc.prep.speakers import gender_of
from unitdisc.prep.textgrids import TIERS
from unitdisc.prep.utterances import SLACK, with_tier

LONGEST = 1 << 28  # bytes of the cuts of a shard
ITEM = ("symbol", "start", "duration")  # of what is aligned
FIELD = "recording"  # of the tars beside the cuts, the one that is listened to


class LhotseCut(NamedTuple):
    """A stretch of a recording, in seconds, and the supervisions in it as lhotse writes them."""

    start: float
    duration: float | None
    supervisions: list[Mapping[str, Any]]
    channels: list[Any]  # of the recording: those of the cut, in their order


class Supervised(NamedTuple):
    """An utterance, and what it may be called where its id is not its own."""

    utterance: Utterance
    other_id: str


def field_and_number(tar: Path) -> tuple[str, str] | None:
    """("recording", "000000") of recording.000000.tar; None for other names."""
    found = re.fullmatch(r"(.+)\.(\d+)", tar.stem)
    return (found[1], found[2]) if found else None


def cuts_beside(tar: Path) -> Path | None:
    """The cuts that belong to a tar, if they are there."""
    named = field_and_number(tar)
    paths = [tar.with_name(f"cuts.{named[1]}.jsonl{suffix}") for suffix in (".gz", "")] if named else []
    return next((path for path in paths if path.exists()), None)


def is_of_another_field(tar: Path) -> bool:
    """Whether a tar has something else of the cuts, such as target_recording.000000.tar, beside their recordings."""
    named = field_and_number(tar)
    if named is None or named[0] == FIELD or cuts_beside(tar) is None:
        return False
    return tar.with_name(f"{FIELD}.{named[1]}.tar").exists()


def read_cuts(path: Path) -> dict[str, LhotseCut]:
    """Id -> cut. Raises CorpusError if they are no cuts of lhotse."""
    cuts = {}
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for _, line in lines_of(read_at_most(file, LONGEST), str(path)):
                if line.strip():
                    cut = json_in(line)
                    duration = None if cut.get("duration") is None else float(cut["duration"])
                    channels = as_list(cut.get("channel"))
                    cuts[cut["id"]] = LhotseCut(float(cut.get("start") or 0), duration, supervisions_of(cut), channels)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, OverflowError, zlib.error) as error:
        raise CorpusError(f"{path}: no cuts of lhotse ({error}); copy it again, or move it away") from error
    return cuts


def read_at_most(file: BinaryIO, most: int) -> bytes:
    """All that is in a file. Raises ValueError if that is more: a packed file may unpack to any size."""
    content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"more than {most >> 20} MB")
    return content


def as_list(channels: Any) -> list[Any]:
    """The channels of a cut or a supervision: lhotse names one by its number, several by a list."""
    return channels if isinstance(channels, list) else [] if channels is None else [channels]


def channel_in(cut: LhotseCut, told: Mapping[str, Any]) -> int | None:
    """The channel of a supervision among those of its cut; None: all, as where there is but one."""
    own = as_list(told.get("channel"))
    return cut.channels.index(own[0]) if len(own) == 1 and len(cut.channels) > 1 and own[0] in cut.channels else None


def supervisions_of(cut: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those of a cut, or of the cuts that are mixed in it; times are from its start.

    Raises ValueError or TypeError if they have no numbers for times.
    """
    found = list(cut.get("supervisions") or [])
    for track in cut.get("tracks") or []:
        begins = float(track.get("offset") or 0)
        mixed = supervisions_of(track["cut"])
        found += [{**each, "start": float(each.get("start") or 0) + begins} for each in mixed]
    for each in found:
        times = [float(each.get(key) or 0) for key in ("start", "duration")]
        if not max(map(abs, times)) < float("inf") or times[1] < 0:
            raise ValueError(f"a supervision of {cut['id']!r} starts at {times[0]} and lasts {times[1]} s")
    return found


def supervised(whole: Utterance, cut: LhotseCut, notes: Notes) -> Iterator[Supervised]:
    """An utterance for every supervision of a cut, of its stretch; the whole cut if it has none.

    whole: the recording in the tar, called like the cut. What is cut or left out is noted.
    """
    begins, first, last = bounds(whole, cut, notes)
    own = replace(whole, start=first, ticks=last - first)
    if len(cut.supervisions) > 1:  # what is said of all is said of none
        own = replace(own, speaker=None, text=None)
    if not cut.supervisions:
        notes.add("cuts without supervisions, of which nobody knows who speaks", whole.id)
        yield Supervised(own, "")
    spans = []
    for number, told in enumerate(cut.supervisions, start=1):
        other_id = f"{whole.id}-{number}"
        name = whole.id if len(cut.supervisions) == 1 else id_of(str(told.get("id") or "")) or other_id
        start, duration = begins + float(told.get("start") or 0), told.get("duration")
        span = round(start * whole.rate), last if duration is None else round((start + float(duration)) * whole.rate)
        kept = max(span[0], first), min(span[1], last)
        if max(kept[0] - span[0], span[1] - kept[1]) > SLACK * whole.rate:
            notes.add(f"supervisions beyond their cut, {'cut to it' if kept[0] < kept[1] else 'left out'}", name)
        if kept[0] < kept[1]:
            channel = channel_in(cut, told)
            if any(own not in cut.channels for own in as_list(told.get("channel")) if len(cut.channels) > 1):
                notes.add("supervisions of a channel that their cut does not have, of which all are heard", name)
            spans.append((*kept, name, channel))
            stretch = replace(own, id=name, start=kept[0], ticks=kept[1] - kept[0], channel=channel)
            told_of = described(stretch, told, begins - kept[0] / whole.rate, notes)
            yield Supervised(told_of, other_id if name != whole.id else "")
        elif span[0] >= span[1]:
            notes.add("supervisions without length, left out", name)
    for channel in dict.fromkeys(channel for *_, channel in spans):
        alike = sorted(span[:3] for span in spans if span[3] == channel)
        ends = accumulate((end for _, end, _ in alike), max)
        for (start, _, name), end in zip(alike[1:], ends):
            if start < end - SLACK * whole.rate:
                notes.add("supervisions that overlap one before, so that both are heard", name)


def bounds(whole: Utterance, cut: LhotseCut, notes: Notes) -> tuple[float, int, int]:
    """Where a cut is in its recording: its start in seconds, its first tick and the one after its last.

    A recording in a tar is that of its cut, as lhotse writes it; where it is longer, the cut says which part it is.
    """
    length = whole.ticks / whole.rate
    if cut.duration is None or abs(length - cut.duration) <= SLACK:
        return 0.0, 0, whole.ticks
    begins = cut.start if length >= cut.start + cut.duration - SLACK else 0.0
    if length < cut.duration:
        notes.add("recordings that are shorter than their cut", whole.id)
    last = min(round((begins + cut.duration) * whole.rate), whole.ticks)
    return begins, round(begins * whole.rate), last


def described(stretch: Utterance, told: Mapping[str, Any], begins: float, notes: Notes) -> Utterance:
    """An utterance with what a supervision tells of it; begins: the start of the cut, in seconds of the utterance."""
    known = {key: str(told[key]) for key in ("speaker", "text") if str(told.get(key) or "").strip()}
    found = replace(stretch, **known, gender=gender_of(told.get("gender"), stretch.id, notes))
    for name, items in (told.get("alignment") or {}).items():
        tier = TIERS.get(name.casefold(), name)
        try:
            found = with_tier(found, tier, timed(items, begins), Path(name), notes)
        except (CorpusError, TypeError, ValueError, KeyError, IndexError, AttributeError):
            notes.add(f"supervisions whose alignment {name!r} does not fit them, left out", stretch.id)
    return found


def timed(items: list, begins: float) -> list[tuple[float, float, str]]:
    """Items of an alignment, [symbol, start, duration, score] or the same by name: (start, end, label)."""
    rows = []
    for item in items:
        symbol, start, duration = [item[key] for key in ITEM] if isinstance(item, dict) else item[:3]
        start = begins + float(start)
        rows.append((max(start, 0.0) if start > -SLACK else start, start + float(duration), str(symbol)))
    return rows
