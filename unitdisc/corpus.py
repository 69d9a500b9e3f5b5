"""Corpora on disk: one JSON line per utterance, spoken or written.

Time is counted in ticks, the integer steps of the source itself: samples of a
recording, pixel columns of a line image. Seconds appear only in reports.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.files import write_text


class CorpusError(ValueError):
    """A corpus on disk is not what it should be; the message names file, line and cure."""


class Interval(NamedTuple):
    """A labelled stretch of an utterance: ticks [start, end)."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Utterance:
    """A stretch of a recording (or a line image) by one speaker.

    Raises CorpusError if an interval is empty, out of order or outside of the utterance.
    """

    id: str
    path: str  # the audio or image file
    speaker: str | None  # the writer, for handwriting; None where a test set hides it
    ticks: int  # length
    rate: int | None = None  # ticks per second; None for images
    start: int = 0  # the first tick of the utterance within the file
    gender: str | None = None  # "f" or "m", where it is known
    text: str | None = None
    alignment: dict[str, list[Interval]] = field(default_factory=dict)  # tier name -> intervals, in order

    def __post_init__(self):
        for tier, intervals in self.alignment.items():
            position = 0
            for start, end, label in intervals:
                if not position <= start < end <= self.ticks:
                    raise CorpusError(
                        f"{self.id}: {tier} interval {label!r} is [{start}, {end}), "
                        f"but must start at {position} or later, not be empty, and end by {self.ticks}"
                    )
                position = end


def write_manifest(path: Path, utterances: Iterable[Utterance]) -> None:
    """Writes one JSON line per utterance, sorted by id; paths below the manifest's folder become relative to it."""
    home = path.parent.resolve()

    def line(utterance: Utterance) -> str:
        fields = asdict(utterance)
        source = Path(utterance.path).resolve()
        fields["path"] = str(source.relative_to(home)) if source.is_relative_to(home) else str(source)
        return json.dumps({key: value for key, value in fields.items() if value is not None}, ensure_ascii=False) + "\n"

    write_text(path, "".join(line(utterance) for utterance in sorted(utterances, key=lambda utterance: utterance.id)))


def read_manifest(path: Path) -> Iterator[Utterance]:
    """Reads what `write_manifest` wrote.

    Raises CorpusError naming the line that is not an utterance.
    """
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            fields = json.loads(line)
            fields["path"] = str(path.parent / fields["path"])
            fields["alignment"] = {
                tier: [Interval(*interval) for interval in intervals]
                for tier, intervals in fields.get("alignment", {}).items()
            }
            yield Utterance(**{"speaker": None, **fields})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CorpusError(f"{path}:{number}: not an utterance: {error}") from error


def labels_at(intervals: Iterable[Interval], centres: np.ndarray, default: str = "") -> np.ndarray:
    """The label under the centre of every frame: [T] array of str (object), `default` where there is none."""
    labels = np.full(len(centres), default, dtype=object)
    for start, end, label in intervals:
        first, last = np.searchsorted(centres, (start, end))  # start <= centre < end
        labels[first:last] = label
    return labels
