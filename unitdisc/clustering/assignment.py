"""Frames and their codes: which code is nearest, and what the frames of every code sum up to."""

import numba
import numpy as np

TILE = 2**19  # distances at a time: they stay in the nearer caches, and the codes are packed for a product seldom


class PreparedCodes:
    """Codes that frames are compared with, of which all that does not depend on the frames is made once."""

    def __init__(self, centred: np.ndarray, middle: np.ndarray):
        """centred: codes [K, D] less `middle` [D], for single precision loses differences far from zero."""
        self.middle = middle
        norms = np.einsum("kd,kd->k", centred, centred)
        self.weights = np.concatenate([-2 * centred.T, norms[None]])  # [D + 1, K]: frames get a 1, to be added norms
        self.rows = max(TILE // len(centred), 1)  # fixed, so that no result depends on the memory

    def nearest(self, frames: np.ndarray) -> np.ndarray:
        """The nearest code of every frame [T, D], the lower of two as near: [T] int64."""
        codes = np.empty(len(frames), np.int64)
        rows = min(self.rows, len(frames))
        kind = np.result_type(frames, self.middle, self.weights)
        longer = np.ones((rows, len(self.weights)), kind)
        scores = np.empty((rows, self.weights.shape[1]), kind)
        for first in range(0, len(frames), self.rows):
            part = frames[first : first + self.rows]
            found = scores[: len(part)]  # squared distances, but for the frame's own norm
            np.subtract(part, self.middle, out=longer[: len(part), :-1])
            np.matmul(longer[: len(part)], self.weights, out=found)
            found.argmin(1, out=codes[first : first + len(part)])
        return codes


def nearest_codes(frames: np.ndarray, centred: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """As `PreparedCodes.nearest`, of codes that are used once."""
    return PreparedCodes(centred, middle).nearest(frames)


class Tally:
    """Sums over the frames of every code, in double precision, and its farthest frame."""

    def __init__(self, vectors: np.ndarray):
        self.vectors = vectors  # [K, D]
        self.sums = np.zeros(vectors.shape)
        self.counts = np.zeros(len(vectors), np.int64)
        self.farthest = np.full(len(vectors), -1.0)  # squared distance; -1 where there is no frame
        self.farthest_frames = np.zeros(vectors.shape, np.float32)
        self.inertia = 0.0

    def add(self, frames: np.ndarray, codes: np.ndarray) -> None:
        """Adds frames [T, D] and their codes [T]."""
        self.inertia += add_frames(
            frames, codes, self.vectors, self.sums, self.counts, self.farthest, self.farthest_frames
        )


@numba.njit(cache=True, nogil=True)
def add_frames(frames, codes, vectors, sums, counts, farthest, farthest_frames):
    """Adds to the sums, counts and farthest frames; returns the squared distances, summed."""
    total = 0.0
    for time in range(len(frames)):
        frame, code = frames[time], codes[time]
        distance = squared_distance(frame, vectors[code])
        of_code = sums[code]
        for i in range(len(frame)):  # apart from the distance, so that both are computed in vectors
            of_code[i] += frame[i]
        counts[code] += 1
        total += distance
        if distance > farthest[code]:
            farthest[code] = distance
            farthest_frames[code] = frame
    return total


@numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def squared_distance(frame, vector):
    """In double precision, in whatever order the processor sums fastest."""
    total = 0.0
    for i in range(len(frame)):
        difference = np.float64(frame[i]) - vector[i]
        total += difference * difference
    return total
