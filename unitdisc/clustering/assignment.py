"""Frames and their codes: which code is nearest, and what the frames of every code sum up to."""

import threading
from collections.abc import Sequence

import numba
import numpy as np

TILE = 2**21  # distances at a time, so that memory stays small; fixed, so that no result depends on the memory
TOGETHER = 4096  # frames: a product prepares all codes, which few frames would not be worth


class PreparedCodes:
    """Codes that frames are compared with, of which all that does not depend on the frames is made once."""

    def __init__(self, centred: np.ndarray, middle: np.ndarray):
        """centred: codes [K, D] less `middle` [D], for single precision loses differences far from zero."""
        self.middle, self.of_thread = middle, threading.local()
        norms = np.einsum("kd,kd->k", centred, centred)
        self.weights = np.concatenate([-2 * centred.T, norms[None]])  # [D + 1, K]: frames get a 1, to be added norms
        self.rows = max(TILE // len(centred), 1)

    def nearest(self, frames: np.ndarray) -> np.ndarray:
        """The nearest code of every frame [T, D], the lower of two as near: [T] int64."""
        pieces = (frames[first : first + TOGETHER] for first in range(0, max(len(frames), 1), TOGETHER))
        return np.concatenate([self.nearest_of([piece])[0] for piece in pieces])

    def nearest_of(self, utterances: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The same of several, [T, D] each, which together should not have many more frames than TOGETHER."""
        edges = np.cumsum([0, *map(len, utterances)])
        kind = np.result_type(self.middle, self.weights, *utterances)
        longer, codes = self.room("frames", edges[-1], len(self.weights), kind), np.empty(edges[-1], np.int64)
        longer[:, -1] = 1
        for frames, first, end in zip(utterances, edges, edges[1:], strict=False):
            np.subtract(frames, self.middle, out=longer[first:end, :-1])
        scores = self.room("scores", min(self.rows, len(longer)), self.weights.shape[1], kind)
        for first in range(0, len(longer), self.rows):
            part = longer[first : first + self.rows]
            found = np.matmul(part, self.weights, out=scores[: len(part)])  # squared, but for the frame's own norm
            found.argmin(1, out=codes[first : first + len(part)])
        return np.split(codes, edges[1:-1])

    def room(self, name: str, rows: int, columns: int, kind: np.dtype) -> np.ndarray:
        """An array of this thread, of the time before if that was large enough: new memory costs more than products."""
        kept = getattr(self.of_thread, name, None)
        if kept is None or len(kept) < rows or kept.dtype != kind:
            kept = np.empty((rows, columns), kind)
            setattr(self.of_thread, name, kept)
        return kept[:rows]


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
