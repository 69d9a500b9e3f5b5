"""Codes to begin k-means with: those of a sample, from a start by k-means++ with several candidates for every code."""

from dataclasses import replace
from pathlib import Path

import numba
import numpy as np

from unitdisc.clustering.assignment import TOGETHER
from unitdisc.clustering.options import KMeansOptions
from unitdisc.clustering.passes import next_state, rounded
from unitdisc.clustering.states import State
from unitdisc.clustering.statistics import FrameStatistics
from unitdisc.encodings import EncodingsError

SAMPLE_PASSES = 31
ROWS = TOGETHER  # of the sample, that a thread takes at once
SAME = 1e-6  # of their squared lengths: two frames nearer than that are one, for single precision cannot tell


class Sample:
    """A sample [N, D] as a source of frames, in pieces for threads to share."""

    def __init__(self, frames: np.ndarray, folder: Path):
        self.frames, self.folder, self.dim = frames, folder, frames.shape[1]
        self.names = list(map(str, range(0, len(frames), ROWS)))

    def __getitem__(self, name: str) -> np.ndarray:
        return self.frames[int(name) : int(name) + ROWS]


def first_state(sample: np.ndarray, options: KMeansOptions, folder: Path, threads: int = 1) -> State:
    """Codes from k-means of the sample [N, D], the best of `options.starts`. Threads change no bit."""
    different = len(np.unique(sample, axis=0))
    if different < options.codes:
        raise EncodingsError(
            f"{folder}: {len(sample)} frames drawn have {different} different values, but {options.codes} codes are "
            "wanted; ask for fewer, or for a larger sample"
        )
    middle = sample.mean(0, dtype=np.float64)
    frames, alone = Sample(sample, folder), replace(options, passes=SAMPLE_PASSES, mini_batch=0)
    seen = FrameStatistics(len(sample), {name: len(frames[name]) for name in frames.names}, middle, "", sample)
    best = None
    for chosen in spread_out(np.ascontiguousarray((sample - middle.astype(np.float32)).T), options):
        vectors, none = sample[chosen], np.zeros(options.codes, np.int64)
        state = State(vectors, vectors, none, none)
        while state.phase != "done":
            state = next_state(frames, state, seen, alone, threads, advance=lambda *_: None)
        if best is None or min(state.inertias) < min(best.inertias):
            best = state
    vectors = rounded(best.best.astype(np.float64), options.spherical, sample[: options.codes])
    return State(vectors, vectors, best.counts, best.counts, phase="mini-batch" if options.mini_batch else "full")


def spread_out(frames: np.ndarray, options: KMeansOptions) -> np.ndarray:
    """Frames of [D, N], contiguous, that are far from each other, for every start: [starts, codes], which they are.

    Greedy k-means++ (Arthur & Vassilvitskii, 2007), with the draws of scikit-learn: every next one is that of
    2 + ln(codes) candidates after which all frames are nearest to the chosen ones. Candidates are drawn by squared
    distance from those. All starts go side by side, so that frames are read once for all of them.
    """
    number, codes, starts = frames.shape[1], options.codes, options.starts
    candidates = 2 + int(np.log(codes))
    draw = np.random.RandomState(options.seed)
    chosen, uniform = np.empty((starts, codes), np.int64), np.empty((codes, starts, candidates))
    for start in range(starts):
        chosen[start, 0] = draw.choice(number, p=np.full(number, 1 / number))
        uniform[1:, start] = draw.uniform(size=(codes - 1, candidates))
    lengths = np.einsum("dn,dn->n", frames, frames)
    least = np.full((starts, number), np.inf, np.float32)  # squared distance to the nearest chosen frame
    tried = chosen[:, :1]
    for code in range(codes):
        if code:
            sums = np.cumsum(least, axis=1, dtype=np.float64)
            points = uniform[code] * sums[:, -1:]
            tried = np.stack([np.searchsorted(*pair) for pair in zip(sums, points)]).clip(max=number - 1)
        distances = (frames[:, tried.ravel()].T @ frames).reshape(*tried.shape, number)  # products, until the next line
        best = distances_left(distances, lengths, lengths[tried], least).argmin(1)
        chosen[:, code] = tried[np.arange(starts), best]
        least = distances[np.arange(starts), best]
    return chosen


@numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def distances_left(products, lengths, of_tried, least):
    """Turns products [S, C, N] into squared distances to the nearest if that one is chosen, and returns their sums."""
    left = np.zeros(products.shape[:2])
    for s in range(products.shape[0]):
        for c in range(products.shape[1]):
            row, nearest, length = products[s, c], least[s], of_tried[s, c]
            total = 0.0
            for n in range(len(row)):
                both = lengths[n] + length
                distance = both - np.float32(2) * row[n]
                distance = distance if distance > np.float32(SAME) * both else np.float32(0)
                row[n] = distance if distance < nearest[n] else nearest[n]
                total += row[n]
            left[s, c] = total
    return left
