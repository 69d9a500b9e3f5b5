"""Utterances of whole files, and the labels that tables give them."""

import math
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from unitdisc.corpus import CorpusError, Interval, Utterance, short_name
from unitdisc.files.text import name_fault, printable
from unitdisc.media.audio import audio_info
from unitdisc.media.image import image_info
from unitdisc.prep.notes import Notes

SLACK = 0.02  # seconds by which a label may outlast its recording: rounding, and frames that reach past the end


def shortened(name: str, where: Path | str) -> str:
    """A name that a script makes, as an id: what is too long ends in a hash, which is said."""
    short = short_name(name)
    if short != name:
        what = f"its name is too long for an id, so it is called {printable(short)}"
        print(f"{printable(where)}: {what}", file=sys.stderr)
    return short


def refuse_path(path: Path) -> None:
    """Raises CorpusError if a manifest cannot name a file."""
    if fault := name_fault(str(path.absolute())):
        raise CorpusError(f"{printable(path)}: its name is {fault}; rename the file, or the folder it is in")


def recording(path: Path, name: str | None = None, **known) -> Utterance:
    """A whole recording as an utterance, its length and rate read from its header; named like the file by default."""
    refuse_path(path)
    info = audio_info(path)
    own = {"id": name or shortened(path.stem, path), "path": str(path), "speaker": None}
    return Utterance(**{**own, **info._asdict(), **known})


def line_image(path: Path, name: str | None = None, **known) -> Utterance:
    """A whole image of a line as an utterance, its size read from its header; named like the file by default."""
    refuse_path(path)
    info = image_info(path)
    size = {"ticks": info.width, "height": info.height}
    return Utterance(**{"id": name or shortened(path.stem, path), "path": str(path), "speaker": None, **size, **known})


def with_tier(
    utterance: Utterance,
    tier: str,
    rows: Iterable[tuple[float, float, str]],
    where: Path,
    notes: Notes | None = None,
) -> Utterance:
    """The utterance with a tier more, of (start, end, label) in seconds.

    Intervals shorter than a tick disappear, and the last may outlast the recording by 20 ms, which is cut; both are
    noted. Raises CorpusError if the labels outlast the recording or overlap.
    """
    intervals, notes = [], notes or Notes()
    for start, end, label in rows:
        if not 0 <= start <= end < math.inf:
            raise CorpusError(f"{where}: {utterance.id}: {label!r} is from {start} to {end} s; correct the times")
        first, last = round(start * utterance.rate), round(end * utterance.rate)
        if last > utterance.ticks + SLACK * utterance.rate:
            length = utterance.ticks / utterance.rate
            raise CorpusError(f"{where}: {utterance.id}: {label!r} ends at {end} s, after the recording ({length} s)")
        if last > utterance.ticks + 1:
            notes.add(f"labels of the tier {tier} that outlast their recording, cut to it", utterance.id)
        if first == last or first >= utterance.ticks:
            notes.add(f"labels of the tier {tier} without length, left out", utterance.id)
        intervals.append(Interval(first, min(last, utterance.ticks), label))
    kept = [interval for interval in intervals if interval.start < interval.end]
    try:
        return replace(utterance, alignment={**utterance.alignment, tier: kept})
    except CorpusError as error:
        raise CorpusError(f"{where}: {error}") from error
