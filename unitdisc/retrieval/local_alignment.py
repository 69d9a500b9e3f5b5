"""Local alignment with warping, compiled: which stretch of one utterance goes with which of another, and how well.

Smith and Waterman (1981) over frames instead of letters, with the steps of Sakoe and Chiba (1978), symmetric, slope
constraint 1: a frame with a frame, one with two, or two with one, so that neither stretch is more than twice as long as
the other wherever one looks into it. A pair of frames gains 1 - d / t: 1 where they are the same, nothing at the
distance t from which they are no longer alike, less beyond. Both stretches are weighed alike, and half of the sum over
a path is its score in frames. It begins and ends where more would cost: no length is set beforehand, as in segmental
dynamic time warping (Park and Glass, 2008). A path is given up where it falls too far below its best (X-drop; Altschul
et al., 1990), so that two matches are not joined across what is unlike.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numba import njit

from unitdisc.retrieval.signatures import twice

CELLS = 2**20  # distances that are in memory at once, as far as an utterance has no more frames
SCORE, SOURCE, TARGET, END, OTHER_END = range(5)  # columns of what is found


class Match(NamedTuple):
    """Frames [first, last) of one utterance and [other_first, other_last) of another; the best score comes first."""

    score: float  # in frames: of n that are the same, n
    first: int
    last: int
    other_first: int
    other_last: int

    @property
    def frames(self) -> float:
        """Of both stretches, the mean."""
        return (self.last - self.first + self.other_last - self.other_first) / 2


class Region(NamedTuple):
    """Where to look: frames [first, last) of one utterance, for frame i those from i + low to i + high of another."""

    first: int
    last: int
    low: int
    high: int


def whole(frames: int, others: int) -> Region:
    return Region(0, frames, -frames, others)


def later(frames: int, apart: int) -> Region:
    """An utterance with itself, no frame with one that is less than `apart` later."""
    return Region(0, frames, apart, frames)


def matches_in(
    gains: Callable[[int, int, int, int], np.ndarray],
    others: int,
    region: Region,
    least: float,
    drop: float,
    shortest: int,
) -> list[Match]:
    """The best matches of a score of `least` frames at least, and none that is mostly in a better one.

    gains(first, last, other_first, other_last): [N, M], of frames of both. others: frames of the other utterance.
    drop: frames by which a path may fall below its best. shortest: frames of a stretch, at least.
    """
    table = swept(gains, others, region, 2 * least, 2 * drop)
    lengths = np.minimum(table[:, END] - table[:, SOURCE], table[:, OTHER_END] - table[:, TARGET])
    return apart(table[lengths >= shortest])


def swept(gains: Callable, others: int, region: Region, least: float, drop: float) -> np.ndarray:
    """What the sweep over a region finds, [n, 5]; distances of some rows at a time are in memory."""
    width = min(others, region.last - region.first + region.high - region.low + 1)
    size = max(CELLS // max(width, 1), 2)
    floats, ints = np.zeros((3, 2, others + 2)), np.full((3, 3, others + 2), -1)
    above, table, count = np.zeros(others), np.zeros((64, 5)), 0
    for first in range(region.first, region.last, size):
        last = min(first + size, region.last)
        other_first, other_last = max(first + region.low, 0), min(last + region.high, others)
        if other_first >= other_last:
            continue
        block = np.ascontiguousarray(gains(first, last, other_first, other_last), dtype=np.float64)
        table, count = sweep(
            block, first, other_first, region.low, region.high, least, drop, floats, ints, above, table, count
        )
    return table[:count]


@njit(nogil=True, cache=True)
def sweep(
    gains: np.ndarray,
    first: int,
    other_first: int,
    low: int,
    high: int,
    least: float,
    drop: float,
    floats: np.ndarray,
    ints: np.ndarray,
    above: np.ndarray,
    table: np.ndarray,
    count: int,
) -> tuple[np.ndarray, int]:
    """Goes on over rows from `first` on: gains [N, M], of columns from `other_first` on.

    floats [3, 2, columns + 2]: score and best score of the path that ends in each cell of the last three rows (row i
    is in i % 3), column j in j + 2; 0 where none does. ints [3, 3, columns + 2]: where that path begins, and its place
    in the table or -1. above [columns]: gains of the row before. All are changed. table [n, 5]: score, where both
    stretches begin, where they end; the first `count` are found. Of paths of the same score, the diagonal step is kept,
    then the one over two columns.
    """
    columns = floats.shape[2] - 2
    for row in range(len(gains)):
        i = first + row
        here, before, earlier = i % 3, (i + 2) % 3, (i + 1) % 3
        begin, end = max(other_first, i + low), min(other_first + gains.shape[1], i + high + 1, columns)
        floats[here, 0, begin + 2 : end + 2] = 0.0  # of three rows before; what is further left is not looked at again
        for j in range(begin, end):
            gain, k = gains[row, j - other_first], j + 2
            step, came, value = 0, k - 1, floats[before, 0, k - 1] + 2 * gain
            if floats[before, 0, k - 2] > 0 and j > begin:
                wide = floats[before, 0, k - 2] + 2 * gains[row, j - 1 - other_first] + gain
                if wide > value:
                    step, came, value = 1, k - 2, wide
            if floats[earlier, 0, k - 1] > 0:
                steep = floats[earlier, 0, k - 1] + 2 * above[j] + gain
                if steep > value:
                    step, came, value = 2, k - 1, steep
            if not value > 0:
                continue
            source = earlier if step == 2 else before
            if floats[source, 0, came] > 0:
                best = floats[source, 1, came]
                if value < best - drop:
                    continue
                for part in range(3):
                    ints[here, part, k] = ints[source, part, came]
            else:
                best = 0.0
                ints[here, 0, k], ints[here, 1, k], ints[here, 2, k] = i, j, -1
            floats[here, 0, k], floats[here, 1, k] = value, max(best, value)
            if value >= least and value > best:
                place = ints[here, 2, k]
                if place < 0:
                    if count == len(table):
                        table = twice(table)
                    place = count
                    count += 1
                    ints[here, 2, k] = place
                    table[place, 0] = 0.0
                if value > table[place, 0]:
                    table[place, 0] = value
                    table[place, 1], table[place, 2] = ints[here, 0, k], ints[here, 1, k]
                    table[place, 3], table[place, 4] = i + 1, j + 1
        for j in range(begin, end):
            above[j] = gains[row, j - other_first]
    return table, count


def apart(table: np.ndarray) -> list[Match]:
    """From the best on, what shares at most half of the shorter stretch with a better one, in either utterance."""
    order = np.lexsort((table[:, OTHER_END], table[:, END], table[:, TARGET], table[:, SOURCE], -table[:, SCORE]))
    table = np.ascontiguousarray(table[order])
    return [
        Match(score / 2, int(first), int(last), int(other_first), int(other_last))
        for score, first, other_first, last, other_last in table[distinct(table)].tolist()
    ]


def merged(matches: Iterable[Match]) -> list[Match]:
    """The matches of several regions as those of one."""
    rows = [(2 * m.score, m.first, m.other_first, m.last, m.other_last) for m in matches]
    return apart(np.array(rows, np.float64).reshape(-1, 5))


@njit(nogil=True, cache=True)
def distinct(table: np.ndarray) -> np.ndarray:
    """Which rows [n, 5], from the best, share no more than half with a kept one: in both utterances at once."""
    kept = np.zeros(len(table), dtype=np.bool_)
    taken = np.empty(len(table), dtype=np.int64)
    number = 0
    for row in range(len(table)):
        alone = True
        for place in range(number):
            other, same = taken[place], True
            for begin in (1, 2):
                shared = min(table[row, begin + 2], table[other, begin + 2]) - max(
                    table[row, begin], table[other, begin]
                )
                lengths = table[row, begin + 2] - table[row, begin], table[other, begin + 2] - table[other, begin]
                same = same and 2 * shared > min(lengths[0], lengths[1])
            if same:
                alone = False
                break
        if alone:
            kept[row] = True
            taken[number] = row
            number += 1
    return kept
