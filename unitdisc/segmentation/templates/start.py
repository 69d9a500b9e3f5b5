"""Where learning begins: stretches between minima of ink, or between peaks of change."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from unitdisc.segmentation.corpora.peaks import peaks_of

INKED = 0.3  # of the usual ink of frames: what has less at its darkest is blank
AROUND = 2  # frames on either side of a boundary, by which change is measured


def first_boundaries(frames: np.ndarray, ink: np.ndarray | None, shortest: int, mean: float) -> np.ndarray:
    """Where segments may end: frames [T, D] and their ink [T], or None -> [B], in order, both ends among them."""
    if ink is not None:
        smooth = gaussian_filter1d(ink, 0.5)
        inside = np.arange(1, len(smooth) - 1)
        lowest = inside[(smooth[inside] <= smooth[inside - 1]) & (smooth[inside] < smooth[inside + 1])]
        return np.unique([0, *lowest, len(frames)])
    peaks = peaks_of(frames, "change", shortest, AROUND)
    wanted = max(round(len(frames) / mean) - 1, 0)
    chosen = np.sort(peaks.starts[np.argsort(-peaks.strengths, kind="stable")[:wanted]])
    return np.unique([0, *chosen, len(frames)])


def first_segments(boundaries: np.ndarray, ink: np.ndarray | None, shortest: int, longest: int) -> np.ndarray:
    """Segments between boundaries that are of lengths that units may have: [S, 2].

    Too short ones are joined with what follows, too long ones cut, blank ones left out.
    """
    found, start = [], int(boundaries[0])
    for end in boundaries[1:].tolist():
        if end - start < shortest:
            continue
        parts = -(-(end - start) // longest)
        cuts = np.round(np.linspace(start, end, parts + 1)).astype(int)
        found += zip(cuts[:-1].tolist(), cuts[1:].tolist())
        start = end
    if ink is not None and found:
        usual = float(np.mean(ink[ink > 0])) if (ink > 0).any() else 0.0
        found = [(start, end) for start, end in found if ink[start:end].max() > INKED * usual]
    return np.array(found, np.int64).reshape(-1, 2)
