"""The cheapest cut of an utterance into units and blanks, compiled."""

import numpy as np
from numba import njit

BLANK = -1  # the unit of a blank frame


@njit(cache=True, nogil=True)
def cheapest_segments(
    best: np.ndarray, units: np.ndarray, shortest: int, price: float, blank: np.ndarray
) -> tuple[np.ndarray, float]:
    """Segments that cover an utterance at the least cost: those of a unit, and single blank frames.

    best: [T, W], what the cheapest unit that begins at frame t and lasts shortest + w frames costs; infinite where it
    would end after the utterance. units: [T, W], which it is. price: what every unit costs beside. blank: [T], what a
    frame costs if it is of no unit.

    Returns segments [S, 3], in order: first frame, end, and unit or BLANK; and their cost.
    """
    frames, widths = best.shape
    cost = np.full(frames + 1, np.inf)
    before = np.full(frames + 1, -1)
    chosen = np.full(frames + 1, BLANK)
    cost[0] = 0.0
    for start in range(frames):
        reached = cost[start] + blank[start]
        if reached < cost[start + 1]:
            cost[start + 1], before[start + 1], chosen[start + 1] = reached, start, BLANK
        for width in range(widths):
            end = start + shortest + width
            if end > frames:
                break
            reached = cost[start] + best[start, width] + price
            if reached < cost[end]:
                cost[end], before[end], chosen[end] = reached, start, units[start, width]
    count, end = 0, frames
    while end > 0:
        count += 1
        end = before[end]
    segments = np.empty((count, 3), np.int64)
    end = frames
    for place in range(count - 1, -1, -1):
        segments[place, 0], segments[place, 1], segments[place, 2] = before[end], end, chosen[end]
        end = before[end]
    return segments, cost[frames]
