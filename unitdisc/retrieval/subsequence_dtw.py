"""Subsequence dynamic time warping (Mueller, 2007, Information Retrieval for Music and Motion, 4.4), compiled.

A query is laid over every stretch of an utterance at once. Steps are those of Sakoe and Chiba (1978), asymmetric,
slope constraint 1: one frame of the query on one of the utterance, one on two (which share its weight), or two on one.
So a stretch is between half as long as the query and twice as long, wherever one looks into it, and every frame of the
query counts once: divided by their number, costs of any stretch can be compared, and what is found is the cheapest.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

FAR = 1.0  # angle between a frame that points nowhere and any that does, as a part of a half turn


@dataclass(frozen=True)
class Endings:
    """The cheapest stretch that ends before each frame, and at the end, of an utterance of M frames."""

    costs: np.ndarray  # [M + 1]  mean distance of a frame of the query; infinite where no stretch can end
    starts: np.ndarray  # [M + 1]  first frame of that stretch; -1 where there is none


def endings(distances: np.ndarray) -> Endings:
    """The cheapest stretches for a query: distances [N, M] of its frames to those of an utterance, N > 0."""
    costs, starts = warp(np.ascontiguousarray(distances, dtype=np.float64))
    return Endings(costs / len(distances), starts)


def angles(query: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Angles as parts of a half turn: unit frames [N, D], [M, D], of double precision -> [N, M].

    In single precision, frames that are the same would be a fraction of a degree apart.
    A frame of zeros is at no distance from another, and as far as can be from any that is not.
    """
    turned = angles_of(query @ frames.T)
    null_query, null = nulls(query), nulls(frames)
    if null_query.any() or null.any():
        turned[null_query] = FAR
        turned[:, null] = FAR
        turned[np.ix_(null_query, null)] = 0
    return turned


def euclidean(query: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Euclidean distances: [N, D], [M, D], of double precision -> [N, M]."""
    squares = np.einsum("nd,nd->n", query, query)[:, None] + np.einsum("md,md->m", frames, frames)
    return np.sqrt(np.maximum(squares - 2 * (query @ frames.T), 0))


DISTANCES = {"angular": angles, "euclidean": euclidean}


@njit(nogil=True, cache=True)
def nulls(frames: np.ndarray) -> np.ndarray:
    """Which frames are zeros: [T, D] -> [T]."""
    found = np.ones(len(frames), dtype=np.bool_)
    for place in range(len(frames)):
        for value in frames[place]:
            if value != 0:
                found[place] = False
                break
    return found


@njit(nogil=True, cache=True, fastmath={"contract"})
def angles_of(cosines: np.ndarray) -> np.ndarray:
    """arccos(cosines) / pi, within 1e-8 (Abramowitz and Stegun 4.4.46)."""
    found = np.empty_like(cosines)
    for i in range(len(cosines)):
        for j in range(cosines.shape[1]):
            c = min(abs(cosines[i, j]), 1.0)
            p = -0.0012624911 * c + 0.0066700901
            p = p * c - 0.0170881256
            p = p * c + 0.0308918810
            p = p * c - 0.0501743046
            p = p * c + 0.0889789874
            p = p * c - 0.2145988016
            p = p * c + 1.5707963050
            angle = np.sqrt(1.0 - c) * p / np.pi
            found[i, j] = angle if cosines[i, j] >= 0 else 1.0 - angle
    return found


@njit(nogil=True, cache=True)
def warp(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Summed distances and first frames of the cheapest stretches: [N, M] -> [M + 1], [M + 1].

    Row n holds the stretches for the first n frames of the query, column m those that end before frame m. Of stretches
    that cost the same, the diagonal step is kept, then the one over two frames of the utterance.
    """
    rows, columns = distances.shape
    costs = np.full((3, columns + 1), np.inf)  # of this row, the one before, and the one before that
    starts = np.full((3, columns + 1), -1)
    before, here = 1, 0
    costs[here] = 0
    starts[here] = np.arange(columns + 1)
    for n in range(1, rows + 1):
        above, before, here = before, here, (here + 1) % 3
        row = distances[n - 1]
        costs[here, 0], starts[here, 0] = np.inf, -1
        for m in range(1, columns + 1):
            cost, start = costs[before, m - 1] + row[m - 1], starts[before, m - 1]
            if m > 1:
                wide = costs[before, m - 2] + 0.5 * (row[m - 2] + row[m - 1])
                start = starts[before, m - 2] if wide < cost else start
                cost = min(cost, wide)
            if n > 1:
                steep = costs[above, m - 1] + distances[n - 2, m - 1] + row[m - 1]
                start = starts[above, m - 1] if steep < cost else start
                cost = min(cost, steep)
            costs[here, m], starts[here, m] = cost, start if cost < np.inf else -1
    return costs[here], starts[here]
