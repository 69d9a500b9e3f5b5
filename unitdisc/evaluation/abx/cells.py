"""Cells of ABX: which groups of items are compared with which."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from unitdisc.evaluation.abx.items import AbxItems


@dataclass(frozen=True)
class Groups:
    """Items of one context, speaker and label, in this order; `order` are the rows of the items, group after group."""

    order: np.ndarray  # [P] rows; P is the number of items, or more where samples overlap
    bounds: np.ndarray  # [G, 2] the first and last position in `order`
    contexts: np.ndarray  # [G]
    speakers: np.ndarray  # [G]
    labels: np.ndarray  # [G]
    draws: np.ndarray | None = None  # [G] the cell each group was drawn for, if every cell has groups of its own

    @property
    def sizes(self) -> np.ndarray:
        return self.bounds[:, 1] - self.bounds[:, 0]

    def __len__(self) -> int:
        return len(self.bounds)


def grouped(items: AbxItems, kept: np.ndarray) -> Groups:
    """Groups of the items in some rows; the order of the rows changes nothing."""
    keys = (items.contexts.codes, items.speakers.codes, items.labels.codes)
    rows = kept[np.lexsort([key[kept] for key in keys[::-1]])]
    starts = run_starts(*(key[rows] for key in keys))
    bounds = np.stack([starts, np.append(starts, len(rows))[1:]], axis=1)
    return Groups(rows, bounds, *(key[rows[starts]] for key in keys))


def pairs_in_contexts(items: AbxItems) -> int:
    """How many pairs of items have one context, X and A, X and B, and more."""
    return sum(size * size for size in np.bincount(items.contexts.codes).tolist())


def cells_across(groups: Groups) -> int:
    """How many cells there are across speakers, none of which is made for it."""
    same = np.lexsort((groups.labels, groups.contexts))
    of_label = np.empty(len(groups), np.int64)
    of_label[same] = np.diff(runs_of(groups.contexts[same], groups.labels[same]))[:, 0]
    of_speaker = np.diff(runs_of(groups.contexts, groups.speakers))[:, 0]
    return int((of_label - 1) @ (of_speaker - 1))


def run_starts(*keys: np.ndarray) -> np.ndarray:
    """Where runs of rows with equal keys begin."""
    changed = np.zeros(len(keys[0]), bool)
    changed[:1] = True
    for key in keys:
        changed[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(changed)


def runs_of(*keys: np.ndarray) -> np.ndarray:
    """The first and last row of the run that each row is in: [N, 2]."""
    starts = run_starts(*keys)
    lengths = np.diff(np.append(starts, len(keys[0])))
    first = np.repeat(starts, lengths)
    return np.stack([first, first + np.repeat(lengths, lengths)], axis=1)


def within_pairs(groups: Groups) -> np.ndarray:
    """Groups X and A, [pairs, 2]: the same group, if it has two items."""
    several = np.flatnonzero(groups.sizes > 1)
    return np.stack([several, several], axis=1)


def across_pairs(groups: Groups) -> np.ndarray:
    """Groups X and A, [pairs, 2]: one context, one label, two speakers."""
    return in_order(np.concatenate([np.zeros((0, 2), np.int64), *across_pairs_in_parts(groups)]))


def across_pairs_in_parts(groups: Groups, most: int = 1 << 18) -> Iterator[np.ndarray]:
    """The same in parts of about so many pairs, each with all that some groups A have: in any order."""
    same = np.lexsort((groups.speakers, groups.labels, groups.contexts))
    runs = runs_of(groups.contexts[same], groups.labels[same])
    parts = np.cumsum(runs[:, 1] - runs[:, 0]) // most
    for part in np.split(np.arange(len(groups)), np.flatnonzero(np.diff(parts)) + 1):
        a, x = every_pair(part, runs[part])
        yield same[np.stack([x, a], axis=1)[x != a]]


def in_order(pairs: np.ndarray) -> np.ndarray:
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


PAIRS: dict[str, Callable[[Groups], np.ndarray]] = {"within": within_pairs, "across": across_pairs}


def every_pair(left: np.ndarray, runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each of `left` with every row of its run: two arrays."""
    lengths = runs[:, 1] - runs[:, 0]
    begins = np.cumsum(lengths) - lengths
    return np.repeat(left, lengths), np.arange(lengths.sum()) + np.repeat(runs[:, 0] - begins, lengths)


def cells_of(groups: Groups, pairs: np.ndarray) -> np.ndarray:
    """Groups X, A and B, [cells, 3]: each pair with every other label in the context and by the speaker of A."""
    runs = runs_of(groups.contexts, groups.speakers)
    pair, b = every_pair(np.arange(len(pairs)), runs[pairs[:, 1]])
    cells = np.empty((len(pair), 3), np.int32)
    cells[:, :2], cells[:, 2] = pairs[pair], b
    return cells[cells[:, 1] != cells[:, 2]]


def triplets(groups: Groups, cells: np.ndarray) -> np.ndarray:
    """How many triplets each cell has: X, A and B of the groups, X never A."""
    sizes = groups.sizes.astype(np.int64)
    x, a, b = cells.T
    return sizes[x] * (sizes[a] - (x == a)) * sizes[b]
