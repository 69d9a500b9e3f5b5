"""Words on frames: peaks of change, dips of loudness, and the cheapest choice among peaks.

Peaks (Malan, van Niekerk & Kamper, 2025): where neighbouring frames differ most, smoothed, by prominence. Dips: where
it is quiet between two loud stretches, as between syllables (Mermelstein, 1975), by the same measure. ES-KMeans+
(the same; Kamper, Livescu & Goldwater, 2017): of these possible boundaries, those are taken between which stretches are
nearest to types, dynamic programming and means of types in turn. A stretch is the mean of its frames.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import find_peaks

from unitdisc.clustering.assignment import nearest_codes
from unitdisc.clustering.frame_source import FrameSource
from unitdisc.segmentation.corpora.peaks import Peaks, dissimilarity, strength_for
from unitdisc.segmentation.corpora.solving import with_priors
from unitdisc.word_segmentation.kernels import likeliest_cuts
from unitdisc.word_segmentation.stretches import Stretch

SONOROUS = 0.75  # of all mel bands: up to 4 kHz of 8, so that loud fricatives pass for quiet
SPAN = 6  # possible boundaries that a word reaches across, at most


@dataclass(frozen=True)
class FrameStretches:
    """Stretches whose items are frames, and which frames of their utterance these are."""

    stretches: Sequence[Stretch]
    offsets: Sequence[int]  # of each stretch: its first frame
    frames: FrameSource

    def __len__(self) -> int:
        return len(self.stretches)

    def of(self, number: int) -> np.ndarray:
        """[n, D]"""
        first, stretch = self.offsets[number], self.stretches[number]
        return self.frames[stretch.utterance][first : first + len(stretch)]


def smoothed(curve: np.ndarray, window: int) -> np.ndarray:
    """The mean of so many values around each, an odd number of them."""
    half = max(window, 1) // 2
    if not len(curve) or not half:
        return curve
    return np.convolve(np.pad(curve, half, mode="edge"), np.full(2 * half + 1, 1 / (2 * half + 1)), mode="valid")


def quietness(frames: np.ndarray) -> np.ndarray:
    """How quiet it is between neighbouring log-mel frames, above SONOROUS left out: [T, D] -> [T - 1]."""
    level = frames[:, : max(round(SONOROUS * frames.shape[1]), 1)].mean(1, dtype=np.float64)
    return -(level[1:] + level[:-1]) / 2


CURVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"dips": quietness}  # of others: dissimilarity


def peaks_in(frames: np.ndarray, window: int, shortest: int, method: str = "prominence") -> Peaks:
    """Possible boundaries within one stretch, not nearer to each other or to its ends than `shortest` frames."""
    curve = smoothed(CURVES.get(method, dissimilarity)(frames), window)
    found, properties = find_peaks(curve, prominence=0, distance=max(shortest, 1))
    starts = found + 1
    inside = (starts >= shortest) & (starts <= len(frames) - shortest)
    return Peaks(starts[inside], properties["prominences"][inside])


def prominent(peaks: Sequence[Peaks], boundaries: int | None, prominence: float | None) -> list[np.ndarray]:
    """The most prominent boundaries of all, so many, or those of a prominence."""
    least = prominence
    if boundaries is not None:
        least = strength_for(np.concatenate([one.strengths for one in peaks]), max(boundaries, 0))
    return [one.above(least) for one in peaks]


def es_kmeans(
    there: FrameStretches,
    candidates: Sequence[np.ndarray],
    means: np.ndarray,
    *,
    words: int,
    rounds: int,
    advance: Callable[..., None],
) -> tuple[list[np.ndarray], np.ndarray]:
    """Which boundaries are taken, and the means of types [K, D] that they end with.

    candidates: of each stretch; means: of types to begin with; words: of all stretches.
    """
    firsts = np.cumsum([0, *(len(own) + 1 for own in candidates)])
    spans = np.arange(firsts[-1] * SPAN, dtype=np.int32).reshape(-1, SPAN)
    for _ in range(rounds):
        prices = np.full((firsts[-1], SPAN), np.inf)
        named = np.zeros((firsts[-1], SPAN), np.int64)
        for number, own in enumerate(candidates):
            rows, lengths, lasted, vectors = stretches_between(there.of(number), own)
            names, far = nearest(vectors, means)
            prices[firsts[number] + rows, lengths], named[firsts[number] + rows, lengths] = far * lasted, names
        cuts = cheapest(spans, firsts, prices, words)
        sums, counts = np.zeros(means.shape), np.zeros(len(means))
        for number, own in enumerate(candidates):
            begun = np.flatnonzero(cuts[firsts[number] : firsts[number + 1]])
            rows, lengths, lasted, vectors = stretches_between(there.of(number), own)
            lasts = np.diff(begun, append=len(own) + 1)
            taken = (rows[:, None] == begun) & (lengths[:, None] == lasts - 1)
            which = taken.any(1)
            codes = named[firsts[number] + rows[which], lengths[which]]
            np.add.at(sums, codes, vectors[which] * lasted[which, None])
            counts += np.bincount(codes, lasted[which], minlength=len(means))
        used = counts > 0
        means = np.where(used[:, None], sums / np.maximum(counts, 1)[:, None], means)
        advance(1, note=f"{int(cuts.sum())} words, {int(used.sum())} types")
    chosen = [
        own[np.flatnonzero(cuts[first + 1 : last])] for own, first, last in zip(candidates, firsts[:-1], firsts[1:])
    ]
    return chosen, means.astype(np.float32)


def stretches_between(frames: np.ndarray, candidates: np.ndarray) -> tuple[np.ndarray, ...]:
    """All stretches from one possible boundary to another, at most SPAN further.

    Returns the boundary each begins at and how many it reaches across [M], its frames [M], and their mean [M, D].
    """
    edges = np.concatenate([[0], candidates, [len(frames)]])
    sums = np.concatenate([np.zeros((1, frames.shape[1])), np.cumsum(frames, 0, dtype=np.float64)])
    rows, lengths = np.indices((len(edges) - 1, SPAN)).reshape(2, -1)
    inside = rows + lengths + 1 < len(edges)
    rows, lengths = rows[inside], lengths[inside]
    starts, ends = edges[rows], edges[rows + lengths + 1]
    lasted = ends - starts
    return rows, lengths, lasted, (sums[ends] - sums[starts]) / lasted[:, None]


def nearest(vectors: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which mean is nearest to each vector, and how far: squared distances."""
    middle = means.mean(0)
    names = nearest_codes(vectors.astype(np.float32), (means - middle).astype(np.float32), middle).astype(np.int64)
    return names, np.square(vectors - means[names]).sum(1)


def cheapest(spans: np.ndarray, firsts: np.ndarray, prices: np.ndarray, words: int) -> np.ndarray:
    """Which stretches between neighbouring boundaries begin a word [N] bool: so many, or as nearly as can be."""
    longest = int(np.diff(firsts).max())
    allowed = np.where(np.isfinite(prices), prices, np.inf)[:, :longest]
    ids = np.ascontiguousarray(spans[:, : allowed.shape[1]])

    def cut(price: float) -> np.ndarray:
        scores = np.full(spans.size, -np.inf)
        scores[ids.ravel()] = -(allowed + price).ravel()
        return likeliest_cuts(ids, firsts, scores)[0]

    def evaluate(price: float) -> tuple[float, int]:
        cuts = cut(price)
        begun = np.flatnonzero(cuts)
        lasts = np.diff(begun, append=len(cuts))
        return float(allowed[begun, lasts - 1].sum()), len(begun)

    return cut(with_priors(evaluate, words, float(np.median(prices[np.isfinite(prices)]))).switch_cost)
