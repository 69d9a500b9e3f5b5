"""Boundaries where frames change most, or are longest: peaks of a curve over time, by their prominence.

`dissimilarity`: 1 - cos of neighbouring frames, between its least and greatest value in an utterance (segmental CPC:
Bhati et al., 2021; Cuervo et al., 2022). `norms`: lengths of frames, standardised and smoothed over three frames, whose
peaks in WavLM are the boundaries of syllables (ZeroSyl: Visser et al., 2026).
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import find_peaks

SMOOTHING = 3  # frames


@dataclass(frozen=True)
class Peaks:
    """The possible boundaries of an utterance."""

    starts: np.ndarray  # [P], the frame that each would make the first of a segment, in order
    prominences: np.ndarray  # [P]

    def above(self, prominence: float) -> np.ndarray:
        """The boundaries of at least this prominence."""
        return self.starts[self.prominences >= prominence]


def dissimilarity(frames: np.ndarray) -> np.ndarray:
    """1 - cos of every frame and the next, from 0 to 1: [T, D] -> [T - 1]. A frame of zeros is like every other."""
    frames = frames.astype(np.float64)
    lengths = np.linalg.norm(frames, axis=1)
    products = lengths[:-1] * lengths[1:]
    cosines = np.divide(
        np.einsum("td,td->t", frames[:-1], frames[1:]), products, out=np.ones(len(products)), where=products > 0
    )
    curve = 1 - cosines
    span = np.ptp(curve) if len(curve) else 0
    return (curve - curve.min()) / span if span > 0 else np.zeros(len(curve))


def norms(frames: np.ndarray) -> np.ndarray:
    """The lengths of frames in standard deviations from their mean, smoothed: [T, D] -> [T]."""
    lengths = np.linalg.norm(frames.astype(np.float64), axis=1)
    deviation = lengths.std()
    if not deviation > 1e-12 * np.abs(lengths).max(initial=0):
        return np.zeros(len(lengths))
    padded = np.pad((lengths - lengths.mean()) / deviation, SMOOTHING // 2, mode="edge")
    return np.convolve(padded, np.full(SMOOTHING, 1 / SMOOTHING), mode="valid")


METHODS = {  # name -> curve, frames from a peak of the curve to the boundary, and the prominence of the papers
    "peaks": (dissimilarity, 1, 0.05),
    "prominence": (norms, 0, 0.45),
}


def peaks_of(frames: np.ndarray, method: str, shortest: int = 1) -> Peaks:
    """All peaks that could be boundaries: frames [T, D]; `shortest`: frames between two of them at least."""
    curve, offset, _ = METHODS[method]
    found, properties = find_peaks(curve(frames), prominence=0, distance=shortest)
    starts = found + offset
    inside = (starts >= shortest) & (starts <= len(frames) - shortest)
    return Peaks(starts[inside], properties["prominences"][inside])


def prominence_for(prominences: np.ndarray, boundaries: int) -> float:
    """The least prominence that leaves so many boundaries, or, where several are as prominent, fewer."""
    ranked = np.sort(prominences)[::-1]
    if boundaries >= len(ranked):
        return 0.0
    return float(np.nextafter(ranked[boundaries], np.inf))


def means(frames: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The mean frame of every segment: frames [T, D] and the first frames of all segments but the first [S - 1]
    -> [S, D]."""
    firsts = np.concatenate([[0], starts]).astype(np.int64)
    sums = np.add.reduceat(frames, firsts, axis=0, dtype=np.float64)
    return (sums / np.diff(firsts, append=len(frames))[:, None]).astype(np.float32)
