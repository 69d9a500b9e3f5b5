"""What units are called, with a probability: those that a person named, and by these what is like them.

What was said of a unit is a table of counts: an answer counts as ANSWER labels, a label under an occurrence as one. A
unit hears of the others by a softmax of the distances of their vectors, exp(-d^2 / 2h^2); a constant `other` stands for
a name that nobody has given yet. h and `other` are those that say best, of every unit that something is known of, what
the others make of it (leave-one-out likelihood, with a log-normal prior around what is usual). No unit is its own
witness there, so that nothing is counted twice. As long as few names are known there is nothing to find them by: of
units that are all silent, the others say best that everything is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unitdisc.naming.halves import distances
from unitdisc.naming.material import Inventory
from unitdisc.naming.table import Answer

ANSWER = 9.0  # labels that an answer counts as: a unit of one name is wrong in one case of ten
HEARSAY = 1.0  # and what all other units say together
SILENCE = ""  # the name of units that say nothing
LEAST = 3  # different names that are known, to find the bandwidth by their units
WIDTHS = np.geomspace(0.25, 4, 9)  # times the median distance to the nearest unit
OTHERS = np.geomspace(0.02, 10, 9)
USUAL = (0.7, 1.0)  # of both, before; units nearby have the same name in one case of four then
DEVIATIONS = (0.5, 1.0)  # of their logarithms, so that a few answers do not decide it


@dataclass(frozen=True)
class Width:
    """How far names spread."""

    bandwidth: float  # h, in the distance of vectors; infinite where there are no vectors
    other: float  # the weight of a name that nobody has given yet, beside 1 for a unit at distance 0


@dataclass(frozen=True)
class Spread:
    """What U units are called, by M names."""

    names: tuple[str, ...]  # in order; SILENCE among them if a unit is silent
    known: np.ndarray  # [U, M] counts: what was said of the unit itself
    probabilities: np.ndarray  # [U, M]; what is missing of 1 is a name that nobody has given yet
    width: Width

    @property
    def new(self) -> np.ndarray:
        """How probable it is that a unit has a name which nobody has given yet: [U]."""
        return np.clip(1 - self.probabilities.sum(1), 0, 1)

    def likely(self, unit: int, count: int = 3) -> list[tuple[str, float]]:
        """The likeliest names of a unit, by its place."""
        row = self.probabilities[unit]
        return [
            (self.names[place], float(row[place]))
            for place in np.argsort(-row, kind="stable")[:count]
            if row[place] > 0
        ]


def spread(
    inventory: Inventory,
    answers: Sequence[Answer],
    labels: Mapping[str, Mapping[str, float]] | None = None,
    width: Width | None = None,
) -> Spread:
    """What the units of an inventory are called. labels: unit -> label -> how often it was under the unit.

    width: as known before; None: found.
    """
    labels = {unit: counts for unit, counts in (labels or {}).items() if unit in inventory.units}
    said = {answer.unit: answer for answer in answers if answer.kind in ("name", "silence")}
    names = {answer.name for answer in said.values()} | {name for counts in labels.values() for name in counts}
    names = tuple(sorted(names))
    column = {name: place for place, name in enumerate(names)}
    known = np.zeros((len(inventory.units), len(names)))
    for place, unit in enumerate(inventory.units):
        if unit in said:
            known[place, column[said[unit].name]] += ANSWER
        for name, count in labels.get(unit, {}).items():
            known[place, column[name]] += count
    squares = squared_distances(inventory)
    width = width or width_of(known, squares)
    return Spread(names, known, probabilities(known, weights(squares, width), width.other), width)


def squared_distances(inventory: Inventory) -> np.ndarray:
    """Of vectors of units: [U, U], infinite between different units where there are no vectors."""
    count = len(inventory.units)
    found = (
        np.full((count, count), np.inf)
        if inventory.vectors is None
        else distances(inventory.vectors, inventory.vectors)
    )
    np.fill_diagonal(found, 0)
    return found


def weights(squares: np.ndarray, width: Width) -> np.ndarray:
    """How much a unit (row) hears of every other (column): [U, U], nothing of itself."""
    found = np.exp(-squares / (2 * width.bandwidth**2)) if np.isfinite(width.bandwidth) else np.zeros_like(squares)
    np.fill_diagonal(found, 0)
    return found


def probabilities(known: np.ndarray, heard: np.ndarray, other: float) -> np.ndarray:
    """The names of units: counts [U, M], weights [U, U] -> [U, M]."""
    counts = known.sum(1)
    hearsay = hearsay_of(known, heard, other)
    return (known + HEARSAY * hearsay) / (counts + HEARSAY)[:, None]


def hearsay_of(known: np.ndarray, heard: np.ndarray, other: float) -> np.ndarray:
    """What others make of every unit: [U, M]. A unit speaks the louder, the more was said of it: n / (n + 1)."""
    spoken = known / (known.sum(1) + 1)[:, None]
    summed = heard @ spoken
    return summed / (summed.sum(1) + other)[:, None]


def width_of(known: np.ndarray, squares: np.ndarray) -> Width:
    """The bandwidth by which what others make of the units that something is known of is most probable a posteriori.

    A name that no other unit has is expected as `other`. Before LEAST names are known: what is usual, of the median
    distance from a unit to the nearest one.
    """
    apart = np.sqrt(np.where(np.eye(len(squares), dtype=bool), np.inf, squares))
    nearest = apart.min(1)[np.isfinite(apart.min(1))] if len(squares) > 1 else np.zeros(0)
    scale = float(np.median(nearest[nearest > 0])) if (nearest > 0).any() else np.inf
    there = np.flatnonzero(known.sum(1))
    if not np.isfinite(scale) or np.count_nonzero(known.any(0)) < LEAST:
        return Width(scale * USUAL[0], USUAL[1])
    known, squares = known[there], squares[np.ix_(there, there)]

    def worth(given: tuple[float, float]) -> float:
        odd = (np.log(np.divide(given, USUAL)) / DEVIATIONS) ** 2
        return left_out(known, squares, Width(scale * given[0], given[1])) - float(odd.sum()) / 2

    factor, other = max(((float(a), float(b)) for a in WIDTHS for b in OTHERS), key=worth)
    return Width(scale * factor, other)


def left_out(known: np.ndarray, squares: np.ndarray, width: Width) -> float:
    """The log-likelihood of what was said of units [K, M], each by the others alone."""
    hearsay = hearsay_of(known, weights(squares, width), width.other)
    shares = known / known.sum(1, keepdims=True)
    others = (known > 0).sum(0) - (known > 0) > 0  # the name is also that of another unit
    new = np.maximum(1 - hearsay.sum(1, keepdims=True), 1e-12)
    expected = np.where(others, np.maximum(hearsay, 1e-12), new)
    return float((shares * np.log(expected)).sum())
