"""How firmly a corpus supports each unit: whether its halves, which name all pieces by themselves, find it again.

The Jaccard index of a unit's pieces and those of the most alike name of a half (Hennig, 2007, "Cluster-wise assessment
of cluster stability"): 1 where a half draws the same line around them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unitdisc.clustering.frame_source import FrameSource
from unitdisc.segmentation.templates.names import Halvings

OFTEN = 0.1  # of the pieces that a half calls like a unit: another unit with so many of them is told


@dataclass(frozen=True)
class UnitStability:
    """unit: its code. stability: Jaccard, the mean over halves. mixed_with: the unit it is most often called like."""

    unit: int
    stability: float
    mixed_with: int | None = None


def unit_stability(
    pieces: FrameSource, units_of: Callable[[str], np.ndarray], *, seed: int, threads: int
) -> list[UnitStability]:
    """Of every unit that occurs, in their order; nothing if there are too few pieces for as many names.

    pieces: of every utterance, as frames; of a large corpus, some utterances are drawn. units_of: utterance -> what its
    pieces are called, [S].
    """
    halvings = Halvings.drawn(pieces, seed)
    if not halvings.names:
        return []
    units, places = np.unique(np.concatenate([units_of(name) for name in halvings.names]), return_inverse=True)
    called = halvings.called(len(units), threads)
    if called is None:
        return []
    indices, shared = [], np.zeros((len(units), len(units)))
    for names in (of_half for both in called for of_half in both):
        jaccard, counts = overlaps(places, names, len(units))
        indices.append(jaccard.max(1))
        shared += counts[:, jaccard.argmax(1)].T
    stabilities = np.mean(indices, axis=0)
    return [
        UnitStability(int(unit), float(stability), mixed_with(units, place, row))
        for place, (unit, stability, row) in enumerate(zip(units, stabilities, shared, strict=True))
    ]


def overlaps(units: np.ndarray, called: np.ndarray, kinds: int) -> tuple[np.ndarray, np.ndarray]:
    """Pieces that a unit and a name share, as the part of those that either has, and counted: [K, K] each."""
    counts = np.bincount(units * kinds + called, minlength=kinds * kinds).reshape(kinds, kinds)
    either = counts.sum(1, keepdims=True) + counts.sum(0) - counts
    return counts / np.maximum(either, 1), counts


def mixed_with(units: np.ndarray, place: int, shared: np.ndarray) -> int | None:
    """shared: how many pieces of every unit halves call by the name that is most like one."""
    others = shared.copy()
    others[place] = 0
    most = int(others.argmax())
    return int(units[most]) if others[most] >= OFTEN * shared.sum() > 0 else None
