"""Dynamic time warping by angular distance in fixed point, compiled: the inner loops of ABX.

A distance is the angle between two frames as a fraction of a half turn, counted in steps of 2^-24. Sums of integers
do not depend on their order, so paths of equal cost are exactly equal: units from a codebook tie, as they should.
"""

import numpy as np
from numba import njit

STEPS_PER_HALF_TURN = 2**24


@njit(cache=True, nogil=True)
def warped_distance(lattice: np.ndarray) -> float:
    """Mean distance along the cheapest path through frame distances [N, M], int64.

    Among equally cheap predecessors the diagonal comes first, then the frame before in the second argument (the
    left one), then the one before in the first: the rule of ABXpy, Libri-Light and fastabx.
    """
    rows, columns = lattice.shape
    costs = np.empty(columns, np.int64)
    lengths = np.empty(columns, np.int64)
    costs[0], lengths[0] = lattice[0, 0], 1
    for j in range(1, columns):
        costs[j], lengths[j] = costs[j - 1] + lattice[0, j], lengths[j - 1] + 1
    for i in range(1, rows):
        diagonal, diagonal_length = costs[0], lengths[0]
        costs[0] += lattice[i, 0]
        lengths[0] += 1
        for j in range(1, columns):
            left, up, length = costs[j - 1], costs[j], lengths[j]
            if diagonal <= left and diagonal <= up:
                costs[j], lengths[j] = diagonal + lattice[i, j], diagonal_length + 1
            elif left <= up:
                costs[j], lengths[j] = left + lattice[i, j], lengths[j - 1] + 1
            else:
                costs[j], lengths[j] = up + lattice[i, j], length + 1
            diagonal, diagonal_length = up, length
    return costs[-1] / lengths[-1]


@njit(cache=True, nogil=True)
def unit_frames(frames: np.ndarray, norms: np.ndarray, first: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The frames of some items one after the other, each of length one (or null): [N, D] float64."""
    units = np.zeros((lengths.sum(), frames.shape[1]))
    row = 0
    for item in range(len(first)):
        for source in range(first[item], first[item] + lengths[item]):
            if norms[source] > 0:
                for d in range(frames.shape[1]):
                    units[row, d] = frames[source, d] / norms[source]
            row += 1
    return units


@njit(cache=True, nogil=True)
def angles(xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """Fixed-point angular distances between unit frames: [N, D], [M, D] -> [N, M] int64.

    A null frame is as far as can be from every other frame, and at no distance from another null frame.
    """
    cosines = np.dot(xs, ys.T)
    null_x = (xs * xs).sum(1) == 0
    null_y = (ys * ys).sum(1) == 0
    steps = np.empty(cosines.shape, np.int64)
    for i in range(len(xs)):
        for j in range(len(ys)):
            if null_x[i] or null_y[j]:
                steps[i, j] = 0 if null_x[i] and null_y[j] else STEPS_PER_HALF_TURN
            else:
                angle = np.arccos(min(1.0, max(-1.0, cosines[i, j]))) / np.pi
                steps[i, j] = np.int64(np.rint(angle * STEPS_PER_HALF_TURN))
    return steps


@njit(cache=True, nogil=True)
def group_distances(
    frames: np.ndarray,
    norms: np.ndarray,
    first: np.ndarray,
    lengths: np.ndarray,
    group_x: np.ndarray,
    group_y: np.ndarray,
) -> np.ndarray:
    """Distances from every item of one group (first, last item) to every item of another: [X, Y] float64."""
    items_x, items_y = np.arange(group_x[0], group_x[1]), np.arange(group_y[0], group_y[1])
    ys = unit_frames(frames, norms, first[items_y], lengths[items_y])
    distances = np.empty((len(items_x), len(items_y)))
    for i, x in enumerate(items_x):  # one item at a time, so that memory stays small however large the group
        lattice = angles(unit_frames(frames, norms, first[x : x + 1], lengths[x : x + 1]), ys)
        start = 0
        for j, y in enumerate(items_y):
            distances[i, j] = warped_distance(lattice[:, start : start + lengths[y]])
            start += lengths[y]
    return distances


@njit(cache=True, nogil=True)
def count_errors(
    cells: np.ndarray, groups: np.ndarray, frames: np.ndarray, norms: np.ndarray, first: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """Triplets lost, tied and compared in every cell: [cells, 3] int64.

    cells: [cells, 3] the groups X, A and B of each cell, cells with the same X and A one after the other;
    groups: [groups, 2] first and last item of each; frames [F, D] with their norms [F]; first, lengths [items]: the
    frames of each item.
    """
    counts = np.zeros((len(cells), 3), np.int64)
    to_a = np.empty((0, 0))
    for cell in range(len(cells)):
        x, a, b = cells[cell]
        if cell == 0 or cells[cell - 1, 0] != x or cells[cell - 1, 1] != a:
            to_a = group_distances(frames, norms, first, lengths, groups[x], groups[a])
        to_b = group_distances(frames, norms, first, lengths, groups[x], groups[b])
        for i in range(to_a.shape[0]):
            for j in range(to_a.shape[1]):
                if x == a and i == j:
                    continue  # X is never compared with itself
                for k in range(to_b.shape[1]):
                    counts[cell, 0] += to_a[i, j] > to_b[i, k]
                    counts[cell, 1] += to_a[i, j] == to_b[i, k]
                    counts[cell, 2] += 1
    return counts
