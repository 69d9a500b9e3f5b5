"""Cells of ABX: which groups of items are compared, and how the errors of cells are averaged."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, permutations

import numpy as np


@dataclass(frozen=True)
class AbxItem:
    """A stretch of an utterance that ABX compares with others: ticks [start, end], both ends included."""

    utterance: str
    start: float  # a whole number, unless an item file in seconds says otherwise
    end: float
    label: str
    context: tuple[str, ...]  # items are compared only within the same context; () for any
    speaker: str | None


@dataclass(frozen=True)
class Group:
    """Items [first, last) of one context, speaker and label."""

    index: int
    context: tuple[str, ...]
    speaker: str
    label: str
    first: int
    last: int


@dataclass(frozen=True)
class Cell:
    """All triplets of three groups."""

    x: Group
    a: Group
    b: Group


def item_groups(items: Sequence[AbxItem]) -> list[Group]:
    """Groups of items sorted by context, speaker and label, in the same order."""
    groups, first = [], 0
    for (context, speaker, label), members in groupby(items, key=lambda item: (item.context, item.speaker, item.label)):
        last = first + len(list(members))
        groups.append(Group(len(groups), context, speaker, label, first, last))
        first = last
    return groups


def within_cells(groups: list[Group]) -> Iterator[Cell]:
    for _, block in groupby(groups, key=lambda group: (group.context, group.speaker)):
        for a, b in permutations(block, 2):
            if a.last - a.first > 1:
                yield Cell(a, a, b)


def across_cells(groups: list[Group]) -> Iterator[Cell]:
    for _, in_context in groupby(groups, key=lambda group: group.context):
        in_context = list(in_context)
        same = defaultdict(list)
        for group in in_context:
            same[group.label].append(group)
        for _, block in groupby(in_context, key=lambda group: group.speaker):
            for a, b in permutations(block, 2):
                for x in same[a.label]:
                    if x.speaker != a.speaker:
                        yield Cell(x, a, b)


# Within which speakers the errors of cells are averaged first. Means are unweighted.
AVERAGES: dict[str, Callable[[Cell], Hashable]] = {
    "librilight": lambda cell: cell.a.speaker,  # Libri-Light, ZeroSpeech 2021, fastabx
    "abxpy": lambda cell: (cell.a.speaker, cell.x.speaker),  # ABXpy: ZeroSpeech 2015, 2017, 2019, 2020
}


def averaged(
    cells: Sequence[Cell], errors: Iterable[float], speakers: Callable[[Cell], Hashable]
) -> dict[tuple[str, str], float]:
    """The error of every ordered pair of labels (of A and X, of B): the mean over speakers of means over cells."""
    by_speakers = means(errors, [(cell.a.label, cell.b.label, speakers(cell)) for cell in cells])
    return dict(sorted(means(by_speakers.values(), [key[:2] for key in by_speakers]).items()))


def means(values: Iterable[float], keys: Sequence[Hashable]) -> dict:
    """The mean of the values under each key."""
    members = defaultdict(list)
    for key, value in zip(keys, values, strict=True):
        members[key].append(value)
    return {key: float(np.mean(values)) for key, values in members.items()}
