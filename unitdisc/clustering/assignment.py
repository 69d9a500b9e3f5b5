"""Frames and their codes: which code is nearest, and what the frames of every code sum up to."""

import numba
import numpy as np

TILE = 2**21  # distances at a time, so that memory stays small; fixed, so that sums do not depend on the memory


def nearest_codes(frames: np.ndarray, centred: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """The nearest code of every frame [T, D], the lower of two as near; `centred`: codes [K, D] less `middle` [D]."""
    norms = np.einsum("kd,kd->k", centred, centred)
    rows = max(TILE // len(centred), 1)
    codes = np.empty(len(frames), np.int64)
    for first in range(0, len(frames), rows):
        scores = (frames[first : first + rows] - middle) @ centred.T
        scores *= -2
        scores += norms  # the squared distance, but for the frame's own norm
        codes[first : first + rows] = scores.argmin(1)
    return codes


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
        code = codes[time]
        distance = 0.0
        for i in range(frames.shape[1]):
            value = np.float64(frames[time, i])
            difference = value - vectors[code, i]
            distance += difference * difference
            sums[code, i] += value
        counts[code] += 1
        total += distance
        if distance > farthest[code]:
            farthest[code] = distance
            farthest_frames[code] = frames[time]
    return total
