"""Distances between frames in fixed point, compiled: one row of a lattice at a time.

A distance is a whole number of steps, so that sums of distances are exact: whatever their order, paths of equal cost
are equally long, and frames from one codebook tie as they should. Every element of a row is computed by the same
operations in the same order wherever it stands, so that batches and threads change no bit.
docs/explanations/exactness.md says how near the steps are to real numbers.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit, types
from numba.extending import overload

from unitdisc.evaluation.abx.matrix_products import multiply

STEPS = 2**24  # of a distance of 1: of angles in single precision, and of codes
FINE = 2**40  # of the largest distance, in double precision: sums over 8192 frames are exact as floating-point numbers
NEAR = 2**16  # steps, 0.7 degrees: below, a cosine in single precision says little about the angle
ANGULAR, EUCLIDEAN, KL, KL_SYMMETRIC, IDENTITY, TURN = range(6)
EPSILON = 1e-6  # added to probabilities before their logarithm, as Libri-Light does


@dataclass(frozen=True)
class Distance:
    """How far two frames are apart, as the kernels know it."""

    kind: int
    symmetric: bool = True
    edits: bool = False  # the items are compared by edit distance, not by warping


DISTANCES = {
    "angular": Distance(ANGULAR),  # the angle as a fraction of a half turn: "cosine" in the ZeroSpeech tools
    "euclidean": Distance(EUCLIDEAN),
    "kl": Distance(KL, symmetric=False),  # of probabilities: sum x log (x / y), X the first
    "kl_symmetric": Distance(KL_SYMMETRIC),  # the mean of both directions
    "identity": Distance(IDENTITY),  # 0 for the same code, 1 for another
    "levenshtein": Distance(IDENTITY, edits=True),  # edits between sequences of codes, not divided by their length
}


@njit(nogil=True, fastmath={"contract"})
def angle_row(cosines: np.ndarray, steps: np.ndarray) -> np.int32:
    """Steps of the angles of cosines, in single precision; returns the least of them.

    Abramowitz and Stegun 4.4.46: the error is below 2e-8 radians.
    """
    least = np.int32(STEPS)
    to_steps = np.float32(STEPS / np.pi)
    for j in range(len(cosines)):
        c = abs(cosines[j])
        c = c if c < np.float32(1) else np.float32(1)
        p = np.float32(-0.0012624911) * c + np.float32(0.0066700901)
        p = p * c + np.float32(-0.0170881256)
        p = p * c + np.float32(0.0308918810)
        p = p * c + np.float32(-0.0501743046)
        p = p * c + np.float32(0.0889789874)
        p = p * c + np.float32(-0.2145988016)
        p = p * c + np.float32(1.5707963050)
        angle = np.sqrt(np.float32(1) - c) * p * to_steps
        angle = angle if cosines[j] >= np.float32(0) else np.float32(STEPS) - angle
        step = np.int32(angle + np.float32(0.5))
        steps[j] = step
        least = min(least, step)
    return least


@njit(nogil=True)
def small_angle(x: np.ndarray, panel: np.ndarray, j: int) -> np.int32:
    """Steps of the angle between unit frames x and panel[:, j], from their chord: right for the smallest angles."""
    total = 0.0
    for d in range(len(x)):
        apart = np.float64(x[d]) - np.float64(panel[d, j])
        total += apart * apart
    return np.int32(2 * np.arcsin(np.sqrt(total) / 2) / np.pi * STEPS + 0.5)


@njit(nogil=True)
def angular_lattice(
    xs: np.ndarray,
    null_xs: np.ndarray,
    panel: np.ndarray,
    nulls: np.ndarray,
    start: int,
    stop: int,
    rows: np.ndarray,
    lattice: np.ndarray,
) -> None:
    """Angles between unit frames xs and columns [start, stop) of a panel, into the same columns of the lattice.

    A null frame is as far as can be from every other frame, and at no distance from another null frame.
    """
    multiply(xs, panel, start, stop, rows)
    any_null = nulls[start:stop].any()
    for i in range(len(xs)):
        steps = lattice[i, start:stop]
        if angle_row(rows[i, start:stop], steps) < NEAR:
            for j in range(len(steps)):
                if steps[j] < NEAR:
                    steps[j] = small_angle(xs[i], panel, start + j)
        if null_xs[i] or any_null:
            for j in range(len(steps)):
                if null_xs[i] or nulls[start + j]:
                    steps[j] = 0 if null_xs[i] and nulls[start + j] else STEPS


@njit(nogil=True)
def other_lattice(
    kind: int, scale: float, xs: np.ndarray, panel: np.ndarray, start: int, stop: int, lattice: np.ndarray
) -> None:
    """Distances of the other kinds, and angles of pooled frames, in double precision; `scale` steps to a distance of 1.

    For KL, frames are probabilities and, after them, their logarithms; for TURN, directions in a plane (`turns`).
    Where distances add up, on a line and around a circle, places are rounded and not distances: their sums are exact,
    too, and every way along the line costs the same.
    """
    half = xs.shape[1] // 2
    total = np.empty(stop - start)
    for i in range(len(xs)):
        total[:] = 0
        if kind in (KL, KL_SYMMETRIC):
            for d in range(half):
                x, log_x, p, log_p = xs[i, d], xs[i, half + d], panel[d, start:stop], panel[half + d, start:stop]
                for j in range(len(total)):
                    weight = x if kind == KL else 0.5 * (x - p[j])
                    total[j] += weight * (log_x - log_p[j])
        elif kind == IDENTITY:
            p = panel[0, start:stop]
            for j in range(len(total)):
                total[j] = xs[i, 0] != p[j]
        elif kind == TURN:
            for j in range(len(total)):
                apart = abs(xs[i, 0] - panel[0, start + j])
                total[j] = min(apart, 2 - apart)
                if np.isnan(xs[i, 0]) or np.isnan(panel[0, start + j]):  # null frames
                    total[j] = not (np.isnan(xs[i, 0]) and np.isnan(panel[0, start + j]))
        elif kind == EUCLIDEAN and xs.shape[1] == 1:
            for j in range(len(total)):
                total[j] = abs(np.rint(xs[i, 0] * scale) - np.rint(panel[0, start + j] * scale)) / scale
        elif kind == EUCLIDEAN:
            for d in range(xs.shape[1]):
                x, p = xs[i, d], panel[d, start:stop]
                for j in range(len(total)):
                    total[j] += (x - p[j]) * (x - p[j])
            for j in range(len(total)):
                total[j] = np.sqrt(total[j])
        else:  # angular, of pooled frames, which are shorter than one
            for d in range(xs.shape[1]):
                x, p = xs[i, d], panel[d, start:stop]
                for j in range(len(total)):
                    total[j] += x * p[j]
            for j in range(len(total)):
                total[j] = np.arccos(min(1.0, max(-1.0, total[j]))) / np.pi
        for j in range(len(total)):
            lattice[i, start + j] = np.int64(np.rint(total[j] * scale))


def lattice(kind, scale, xs, null_xs, panel, nulls, start, stop, rows, steps):
    """Distances between frames xs and columns [start, stop) of a panel, into the same columns of steps; in kernels."""
    raise NotImplementedError


@overload(lattice)
def lattice_of(kind, scale, xs, null_xs, panel, nulls, start, stop, rows, steps):
    """Angles of unit frames in single precision, all else in double: what frames of the other need is not compiled."""

    def angular(kind, scale, xs, null_xs, panel, nulls, start, stop, rows, steps):
        angular_lattice(xs, null_xs, panel, nulls, start, stop, rows, steps)

    def other(kind, scale, xs, null_xs, panel, nulls, start, stop, rows, steps):
        other_lattice(kind, scale, xs, panel, start, stop, steps)

    return angular if xs.dtype == types.float32 else other


def steps_for(frames, height, width):
    """A lattice for distances between such frames: [height, width]; in kernels."""
    raise NotImplementedError


@overload(steps_for)
def steps_for_dtype(frames, height, width):
    """Angles in single precision fit into 32 bits with room for their sums; all else has FINE steps."""
    number = np.int32 if frames.dtype == types.float32 else np.int64
    return lambda frames, height, width: np.empty((height, width), number)
