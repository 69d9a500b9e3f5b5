"""Pages of readings, before they are ALTO, PAGE XML or hOCR: lines, words and characters, and where they are."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

CREATOR = "unitdisc"
LOW = 0.75  # of the way down a line: where the baseline is taken to be, if it is not known
DATE = "1970-01-01T00:00:00"  # so that the same readings give the same file


@dataclass(frozen=True)
class Glyph:
    """A character that was read. outline: [N, 2], points (x, y) in pixels of the page."""

    label: str
    outline: np.ndarray
    confidence: float  # 0 to 1


@dataclass(frozen=True)
class WrittenLine:
    """A line that was read: words of glyphs, in the order of reading."""

    id: str
    outline: np.ndarray  # [N, 2]
    baseline: np.ndarray | None = None  # [N, 2]
    words: list[list[Glyph]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(map(spelled, self.words))

    @property
    def written_along(self) -> np.ndarray:
        """The baseline, [N, 2]; if it is not known, one across the outline: kraken skips lines that have none."""
        if self.baseline is not None:
            return self.baseline
        left, top, right, bottom = bounds(self.outline)
        height = top + LOW * (bottom - top)
        return np.array([[left, height], [right, height]])


@dataclass(frozen=True)
class WrittenPage:
    """A page of lines that were read."""

    id: str  # names the file
    image: str  # the path of the image
    width: int
    height: int
    lines: list[WrittenLine]


def spelled(word: Sequence[Glyph]) -> str:
    return "".join(glyph.label for glyph in word)


def certainty(word: Sequence[Glyph]) -> float:
    """How sure a word is: as its characters are on average."""
    return float(np.mean([glyph.confidence for glyph in word]))


def around(glyphs: Sequence[Glyph]) -> np.ndarray:
    """The smallest box around characters: [4, 2]."""
    left, top, right, bottom = bounds(np.concatenate([glyph.outline for glyph in glyphs]))
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def bounds(points: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of points, in whole pixels."""
    (left, top), (right, bottom) = whole(points).min(0).tolist(), whole(points).max(0).tolist()
    return left, top, right, bottom


def whole(points: np.ndarray) -> np.ndarray:
    """Points in whole pixels, none of them negative: [N, 2]."""
    return np.maximum(np.round(points), 0).astype(int)
