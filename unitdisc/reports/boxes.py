"""Labelled intervals as they are drawn below a picture, and pictures and sounds as data: URIs."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unitdisc.corpus import Interval

LANE = 28  # height of a row of labels
LETTER = 6.2  # width of a character of a label


@dataclass(frozen=True)
class Box:
    """A labelled interval as drawn: pixels [x, x + width) of its picture."""

    x: float
    width: float
    label: str

    @property
    def fits(self) -> str:
        """How the label fits in: `across`, `upright`, or not at all (`no`)."""
        length = LETTER * len(self.label) + 3
        if length <= self.width:
            return "across"
        return "upright" if self.width >= 10 and length <= LANE else "no"


def boxes(tiers: Mapping[str, Sequence[Interval]], first: int, last: int, pixels: float) -> dict[str, list[Box]]:
    """The intervals in [first, last), drawn with `pixels` to the tick."""
    return {
        name: [
            Box(round(start * pixels, 2), round((end - start) * pixels, 2), label)
            for start, end, label in within(intervals, first, last)
        ]
        for name, intervals in tiers.items()
    }


def within(intervals: Sequence[Interval], first: int, last: int) -> list[Interval]:
    """The intervals, or the parts of them, in [first, last), counted from `first`."""
    return [
        Interval(max(start, first) - first, min(end, last) - first, label)
        for start, end, label in intervals
        if start < last and first < end
    ]


def data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
