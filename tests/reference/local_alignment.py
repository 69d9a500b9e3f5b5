"""Local alignment, path by path from every beginning: slow, and without the tables of the fast one."""

import numpy as np


def scores_from(gains: np.ndarray, first: int, other_first: int) -> np.ndarray:
    """Twice the score of the best path from one pair of frames to every other; minus infinity where none leads."""
    found = np.full(gains.shape, -np.inf)
    found[first, other_first] = 2 * gains[first, other_first]
    rows, columns = gains.shape
    for i in range(first, rows):
        for j in range(other_first, columns):
            for back, other_back, between in ((1, 1, 0.0), (1, 2, (i, j - 1)), (2, 1, (i - 1, j))):
                if i - back < first or j - other_back < other_first:
                    continue
                step = 2 * gains[i, j] if between == 0.0 else 2 * gains[between] + gains[i, j]
                found[i, j] = max(found[i, j], found[i - back, j - other_back] + step)
    return found


def best(gains: np.ndarray) -> tuple[float, int, int, int, int]:
    """The best score in frames, and where it begins and ends in both."""
    top = (-np.inf, 0, 0, 0, 0)
    for first in range(gains.shape[0]):
        for other_first in range(gains.shape[1]):
            scores = scores_from(gains, first, other_first)
            last, other_last = np.unravel_index(scores.argmax(), scores.shape)
            found = (scores.max() / 2, first, int(last) + 1, other_first, int(other_last) + 1)
            top = max(top, found, key=lambda each: each[0])
    return top
