"""Boundaries where frames change most, or are longest: peaks of a curve over time, by their prominence or height.

`dissimilarity`: 1 - cos of neighbouring frames, between its least and greatest value in an utterance (segmental CPC:
Bhati et al., 2021; Cuervo et al., 2022). `norms`: lengths of frames, standardised and smoothed over three frames, whose
peaks in WavLM are the boundaries of syllables (ZeroSyl: Visser et al., 2026). `change`: how far the mean of some frames
is from the mean of as many before (maxima of spectral transition: Dusan & Rabiner, 2006).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SMOOTHING = 3  # frames


@dataclass(frozen=True)
class Peaks:
    """The possible boundaries of an utterance."""

    starts: np.ndarray  # [P], the frame that each would make the first of a segment, in order
    strengths: np.ndarray  # [P], prominences or heights

    def above(self, strength: float) -> np.ndarray:
        """The boundaries of at least this strength."""
        return self.starts[self.strengths >= strength]


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


def change(frames: np.ndarray, around: int) -> np.ndarray:
    """The distance of the means of up to so many frames before and after every boundary: [T, D] -> [T - 1]."""
    sums = np.concatenate([np.zeros((1, frames.shape[1])), np.cumsum(frames, 0, dtype=np.float64)])
    border = np.arange(1, len(frames))
    first, last = np.maximum(border - around, 0), np.minimum(border + around, len(frames))
    before = (sums[border] - sums[first]) / (border - first)[:, None]
    after = (sums[last] - sums[border]) / (last - border)[:, None]
    return np.linalg.norm(after - before, axis=1)


@dataclass(frozen=True)
class Curve:
    """Whose peaks are boundaries."""

    of: Callable[[np.ndarray, int], np.ndarray]  # frames, and how many of them lie around a boundary
    offset: int  # frames from a peak of the curve to the boundary
    strength: str  # of a peak: "prominence" or "height"
    usual: float | None  # the strength of boundaries in the papers; None where a rate is needed


METHODS = {
    "peaks": Curve(lambda frames, around: dissimilarity(frames), 1, "prominence", 0.05),
    "prominence": Curve(lambda frames, around: norms(frames), 0, "prominence", 0.45),
    "change": Curve(change, 1, "height", None),
}
STRENGTHS = {"prominence": "prominences", "height": "peak_heights"}  # as scipy calls them


def peaks_of(frames: np.ndarray, method: str, shortest: int = 1, around: int = 4) -> Peaks:
    """All peaks that could be boundaries: frames [T, D]; `shortest`: frames between two of them at least."""
    from scipy.signal import find_peaks  # which takes a second to import

    curve = METHODS[method]
    found, properties = find_peaks(curve.of(frames, around), height=-np.inf, prominence=0, distance=shortest)
    starts = found + curve.offset
    inside = (starts >= shortest) & (starts <= len(frames) - shortest)
    return Peaks(starts[inside], properties[STRENGTHS[curve.strength]][inside])


def strength_for(strengths: np.ndarray, boundaries: int) -> float:
    """The least strength that leaves so many boundaries, or, where several are as strong, fewer."""
    ranked = np.sort(strengths)[::-1]
    if boundaries >= len(ranked):
        return 0.0
    return float(np.nextafter(ranked[boundaries], np.inf))


def means(frames: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The mean frame of every segment: frames [T, D] and the first frames of all segments but the first [S - 1]
    -> [S, D]."""
    firsts = np.concatenate([[0], starts]).astype(np.int64)
    sums = np.add.reduceat(frames, firsts, axis=0, dtype=np.float64)
    return (sums / np.diff(firsts, append=len(frames))[:, None]).astype(np.float32)
