"""Words to compare with: of equal length, by lot, and those of a tier."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from unitdisc.word_segmentation.stretches import Stretch


def evenly(stretches: Sequence[Stretch], words: int) -> list[np.ndarray]:
    """So many words of equal length in every stretch that there are about so many in all; at the nearest edges."""
    total = sum(int(stretch.edges[-1] - stretch.edges[0]) for stretch in stretches)
    return [nearest_items(stretch, even_places(stretch, words / total)) for stretch in stretches]


def even_places(stretch: Stretch, density: float) -> np.ndarray:
    first, last = stretch.edges[0], stretch.edges[-1]
    return np.linspace(first, last, max(round(float(last - first) * density), 1) + 1)[1:-1]


def randomly(stretches: Sequence[Stretch], words: int, seed: int) -> list[np.ndarray]:
    """Any edges, drawn without replacement from all that there are."""
    inner = np.cumsum([0, *(len(stretch) - 1 for stretch in stretches)])
    wanted = min(max(words - len(stretches), 0), int(inner[-1]))
    drawn = np.sort(np.random.default_rng(seed).permutation(inner[-1])[:wanted])
    return [
        drawn[np.searchsorted(drawn, first) : np.searchsorted(drawn, last)] - first + 1
        for first, last in pairwise(inner.tolist())
    ]


def nearest_items(stretch: Stretch, places: np.ndarray) -> np.ndarray:
    """The items that begin nearest to given ticks, but for the first item of the stretch."""
    if len(stretch) < 2:
        return np.zeros(0, np.int64)
    edges = stretch.edges[1:-1]
    right = np.clip(np.searchsorted(edges, places), 1, len(edges) - 1) if len(edges) > 1 else np.zeros(len(places), int)
    left = np.maximum(right - 1, 0)
    nearer = np.where(np.abs(edges[left] - places) <= np.abs(edges[right] - places), left, right)
    return np.unique(nearer) + 1
