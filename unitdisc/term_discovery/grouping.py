"""Groups of pairs: stretches that are one place of an utterance, and what is linked to what."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ALONE = -1
CELL = 64  # frames: stretches are looked up by where they begin


@dataclass(frozen=True)
class Terms:
    """Places that recur, and the groups of those that pairs link, the largest first.

    utterances, firsts, lasts, groups: [n], of each place, in order of utterance and time; the group is ALONE where no
    other place is in it. ends [pairs, 2]: the places of both stretches of each pair.
    """

    utterances: np.ndarray
    firsts: np.ndarray
    lasts: np.ndarray
    groups: np.ndarray
    ends: np.ndarray

    @property
    def count(self) -> int:
        return int(self.groups.max()) + 1 if len(self.groups) else 0

    def frames_covered(self) -> int:
        """Frames in any place."""
        covered, until, utterance = 0, 0, -1
        for place, first, last in zip(self.utterances.tolist(), self.firsts.tolist(), self.lasts.tolist()):
            until = until if place == utterance else 0
            utterance = place
            covered += max(last - max(first, until), 0)
            until = max(until, last)
        return covered


def places_of(table: np.ndarray, overlap: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs [n, 7], from the best -> places [m, 3] of utterance, first and last frame; ends [n, 2].

    A stretch is the place that a better pair has there, if the two share at least `overlap` of what either covers; of
    several, the one it shares most with.
    """
    places: list[tuple[int, int, int]] = []
    near: dict[tuple[int, int], list[int]] = defaultdict(list)
    ends = np.zeros((len(table), 2), np.int64)
    for row, (_, *pair) in enumerate(table.tolist()):
        for side in (0, 1):
            utterance, first, last = map(int, pair[3 * side : 3 * side + 3])
            around = range(first // CELL, (last - 1) // CELL + 1)
            known = sorted({place for cell in around for place in near[utterance, cell]})
            shares = [shared(places[place], first, last) for place in known]
            best = max(range(len(known)), key=shares.__getitem__, default=None)
            if best is not None and shares[best] >= overlap:
                ends[row, side] = known[best]
                continue
            ends[row, side] = len(places)
            for cell in around:
                near[utterance, cell].append(len(places))
            places.append((utterance, first, last))
    return np.array(places, np.int64).reshape(-1, 3), ends


def shared(place: tuple[int, int, int], first: int, last: int) -> float:
    """Of what either covers."""
    inside = min(place[2], last) - max(place[1], first)
    return inside / (max(place[2], last) - min(place[1], first))


def grouped(table: np.ndarray, overlap: float, linked: float) -> Terms:
    """Places of pairs [n, 7], from the best, and their groups."""
    places, ends = places_of(table, overlap)
    groups = np.array(joined(len(places), ends.tolist(), linked), np.int64)
    order = np.lexsort((places[:, 2], places[:, 1], places[:, 0]))
    moved = np.empty(len(places), np.int64)
    moved[order] = np.arange(len(places))
    places, groups = places[order], groups[order]
    used, begun, inverse, counts = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    ranked = np.empty(len(used), np.int64)
    ranked[np.lexsort((begun, -counts))] = np.arange(len(used))
    ranked[counts < 2] = ALONE
    return Terms(places[:, 0], places[:, 1], places[:, 2], ranked[inverse], moved[ends])


def joined(number: int, pairs: Sequence[Sequence[int]], linked: float) -> list[int]:
    """A label of every place: pairs from the best on make one group of two, if enough pairs link these.

    `linked`: the share of all pairs of a place of one with a place of the other. With 0, a single one is enough, and
    groups are connected components.
    """
    labels, members = list(range(number)), {place: [place] for place in range(number)}
    counts: dict[int, Counter[int]] = {place: Counter() for place in range(number)}
    different = sorted({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})
    for one, other in different:
        counts[one][other] += 1
        counts[other][one] += 1
    for pair in pairs:
        one, other = labels[pair[0]], labels[pair[1]]
        if one == other or counts[one][other] < linked * len(members[one]) * len(members[other]):
            continue
        if (len(members[one]), other) < (len(members[other]), one):
            one, other = other, one
        for place in members[other]:
            labels[place] = one
        members[one] += members.pop(other)
        for further, links in counts.pop(other).items():
            if further != one:
                counts[one][further] += links
                counts[further][one] += links
                del counts[further][other]
        del counts[one][other]
    return labels
