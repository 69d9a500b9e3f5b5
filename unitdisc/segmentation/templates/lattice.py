"""What all segments of an utterance cost, and how the cheapest are cut out."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unitdisc.segmentation.templates.kernels import BLANK, cheapest_segments

NO_BLANK = 1e12  # what a frame costs that belongs to no unit, where every frame has to: more than any unit


@dataclass(frozen=True)
class Segments:
    """An utterance, cut."""

    starts: np.ndarray  # [S]
    ends: np.ndarray  # [S]
    units: np.ndarray  # [S]; no blanks
    cost: float  # of all, without prices

    @property
    def widths(self) -> np.ndarray:
        return self.ends - self.starts

    def codes(self, frames: int, blank: int | None) -> np.ndarray:
        """The unit of every frame, `blank` between them; None: the unit before, or the first: [T]."""
        found = np.full(frames, BLANK, np.int64)
        for start, end, unit in zip(self.starts, self.ends, self.units):
            found[start:end] = unit
        if blank is not None:
            return np.where(found == BLANK, blank, found)
        last = np.maximum.accumulate(np.where(found == BLANK, -1, np.arange(frames)))
        return found[np.maximum(last, int(np.argmax(found != BLANK)))]


@dataclass(frozen=True)
class Lattice:
    """What all segments of an utterance cost, as the unit that is cheapest there."""

    best: np.ndarray  # [T, W], of the segment that begins at a frame and is so wide; infinite beyond the end
    units: np.ndarray  # [T, W], which it is
    shortest: int  # frames of the first width
    blank: np.ndarray  # [T], of a frame of no unit

    @classmethod
    def filled(
        cls, frames: int, widths: np.ndarray, costs: Callable[[int, int], np.ndarray], *, blank: np.ndarray
    ) -> "Lattice":
        """costs: of the index of a width and the width, what every unit costs from each frame on: [T - width + 1, K]"""
        best, units = np.full((frames, len(widths)), np.inf), np.zeros((frames, len(widths)), np.int64)
        for index, width in enumerate(widths):  # whose type keeps sums in double precision
            found = costs(index, width)
            cheapest = found.argmin(1)
            units[: len(found), index] = cheapest
            best[: len(found), index] = found[np.arange(len(found)), cheapest]
        return cls(best, units, int(widths[0]), blank.astype(np.float64))

    @property
    def nbytes(self) -> int:
        return self.best.nbytes + self.units.nbytes + self.blank.nbytes

    def cut(self, price: float) -> Segments:
        """The cheapest segments if every unit costs so much beside."""
        found, cost = cheapest_segments(self.best, self.units, self.shortest, price, self.blank)
        found = found[found[:, 2] != BLANK]
        return Segments(found[:, 0], found[:, 1], found[:, 2], cost - price * len(found))
