"""Comparing fewer items: our sampler, which no order changes, and the one of the ZeroSpeech tools, which is its order.

Scores of samples differ from each other by a few tenths of a percent. Nothing here is needed to be fast.
"""

import hashlib
import random
from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from unitdisc.evaluation.abx.cells import Groups, across_pairs, across_pairs_in_parts, in_order, runs_of
from unitdisc.evaluation.abx.items import AbxItems

SEED = 3459  # of libriabx2 and the abxLS benchmark


@dataclass(frozen=True)
class Sampling:
    """At most so many items of a group, and so many speakers X for one group A.

    kind: "hashed" chooses by a hash of the seed and what the item is, once for each group; "abx2" draws as libriabx2
    and the abxLS benchmark do, anew for every cell, and so with their very numbers.
    order: of the utterances, on which the draws of abx2 hang: there it is that in which the folder of features
    happens to be listed. Sorted by default.
    """

    kind: str = "hashed"
    max_size_group: int | None = 10
    max_x_across: int | None = 5
    seed: int = SEED
    order: tuple[str, ...] | None = None

    def __post_init__(self):
        if self.kind not in ("hashed", "abx2"):
            raise ValueError(f"`sampler` is hashed or abx2, not {self.kind!r}")
        for name in ("max_size_group", "max_x_across"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be 1 or more, or not given for all, not {getattr(self, name)}")


def smaller_groups(groups: Groups, items: AbxItems, sampling: Sampling) -> Groups:
    """The same groups with at most max_size_group items each: those whose hashes are least."""
    if sampling.max_size_group is None:
        return groups
    names = [hashed(sampling.seed, name) for name in items.utterances.names]
    rows = groups.order
    keys = mixed(np.array(names, np.uint64)[items.utterances.codes[rows]], items.starts[rows], items.ends[rows])
    group = np.repeat(np.arange(len(groups)), groups.sizes)
    kept = least(group, keys, sampling.max_size_group)
    sizes = np.bincount(group[kept], minlength=len(groups))
    stops = np.cumsum(sizes)
    return replace(groups, order=rows[kept], bounds=np.stack([stops - sizes, stops], axis=1))


def pairs_of_few_speakers(groups: Groups, items: AbxItems, sampling: Sampling) -> np.ndarray:
    """Of `across_pairs` X, A those of at most max_x_across speakers X for each A: those whose hashes are least.

    Memory does not hold all pairs, of which there are as many as the square of the speakers.
    """
    if sampling.max_x_across is None:
        return across_pairs(groups)
    speakers = np.array([hashed(sampling.seed, name) for name in items.speakers.names], np.uint64)
    labels = np.array([hashed(sampling.seed, name) for name in items.labels.names], np.uint64)
    contexts = np.array([hashed(sampling.seed, *name) for name in items.contexts.names], np.uint64)
    few = []
    for pairs in across_pairs_in_parts(groups):
        x, a = pairs.T
        of_a = mixed(contexts[groups.contexts[a]], labels[groups.labels[a]], speakers[groups.speakers[a]])
        few.append(pairs[least(a, mixed(of_a, speakers[groups.speakers[x]]), sampling.max_x_across)])
    return in_order(np.concatenate(few))


def hashed(seed: int, *names: str) -> int:
    text = "\0".join((str(seed), *names))
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest(), "little")


def mixed(*columns: np.ndarray) -> np.ndarray:
    """One hash of several numbers, row by row (the finaliser of SplitMix64)."""
    state = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        state ^= np.ascontiguousarray(column).view(np.uint64)
        state += np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state ^= state >> np.uint64(31)
    return state


def least(groups: np.ndarray, keys: np.ndarray, count: int) -> np.ndarray:
    """The rows, in order, of the `count` least keys of every group."""
    order = np.lexsort((keys, groups))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order)) - runs_of(groups[order])[:, 0] if len(order) else 0
    return np.flatnonzero(ranks < count)


def abx2_sample(items: AbxItems, kept: np.ndarray, speaker: str, sampling: Sampling) -> tuple[Groups, np.ndarray]:
    """Groups and cells as libriabx2 draws them; every cell has groups of its own.

    kept: rows, in the order of the item file, in which contexts, speakers and labels are numbered as they appear.
    """
    places = {name: place for place, name in enumerate(sampling.order or items.utterances.names)}
    ranks = np.array([places.get(name, len(places)) for name in items.utterances.names])
    kept = kept[np.argsort(ranks[items.utterances.codes[kept]], kind="stable")]
    numbers = [appearance(column.codes) for column in (items.contexts, items.speakers, items.labels)]
    members = defaultdict(list)
    for row in kept.tolist():
        members[tuple(int(column[row]) for column in numbers)].append(row)
    labels_in, speakers_of = defaultdict(list), defaultdict(list)
    for context, voice, label in sorted(members):
        labels_in[context, voice].append(label)
        speakers_of[context, label].append(voice)

    draw = random.Random(sampling.seed)

    def some(*group: int) -> list[int]:
        rows, limit = members[group], sampling.max_size_group
        return rows if limit is None or len(rows) <= limit else draw.sample(rows, limit)

    drawn = []  # X, A and B of each cell; what is drawn first matters
    for (context, voice), labels in labels_in.items():
        for label in labels if len(labels) > 1 else ():
            others = [other for other in labels if other != label]
            if speaker == "within":
                if len(members[context, voice, label]) > 1:
                    for other in others:
                        b, a = some(context, voice, other), some(context, voice, label)
                        drawn.append((a, a, b))
                continue
            voices = [x for x in speakers_of[context, label] if x != voice]
            if sampling.max_x_across is not None and len(voices) > sampling.max_x_across:
                voices = draw.sample(voices, sampling.max_x_across)
            for x in voices:
                for other in others:
                    a, b = some(context, voice, label), some(context, voice, other)
                    drawn.append((some(context, x, label), a, b))
    return as_groups(items, drawn)


def as_groups(items: AbxItems, drawn: list[tuple[list[int], list[int], list[int]]]) -> tuple[Groups, np.ndarray]:
    """Groups of their own for every cell X, A, B of rows; A is X where they are the same list."""
    order, bounds, cells, draws = [], [], [], []
    for draw, (x, a, b) in enumerate(drawn):
        number = len(bounds)
        for rows in (x, b) if a is x else (x, a, b):
            bounds.append((len(order), len(order) + len(rows)))
            draws.append(draw)
            order += rows
        cells.append((number, number, number + 1) if a is x else (number, number + 1, number + 2))
    rows = np.array(order, np.int64)
    bounds = np.array(bounds, np.int64).reshape(-1, 2)
    first = rows[bounds[:, 0]]
    codes = (column.codes[first] for column in (items.contexts, items.speakers, items.labels))
    return Groups(rows, bounds, *codes, np.array(draws)), np.array(cells, np.int32).reshape(-1, 3)


def appearance(codes: np.ndarray) -> np.ndarray:
    """Numbers of values in the order they first appear."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
