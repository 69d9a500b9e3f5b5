"""Which words are the same: by their units, by k-means of mean frames, or by a graph of what is alike."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from unitdisc.clustering.frame_source import FrameSource
from unitdisc.word_segmentation.distances import alike_pairs

String = tuple[int, ...]


@dataclass(frozen=True)
class Types:
    """A type for every word, numbered from the commonest on."""

    codes: np.ndarray  # [W]
    strings: list[String | None]  # [K], the commonest string of each, where there are strings

    @property
    def count(self) -> int:
        return len(self.strings)


def in_order(names: Sequence, strings: Sequence[String] | None) -> Types:
    """Types numbered by how many words they have; of equal ones, the one that occurs first."""
    counts, first = Counter(names), {}
    for place, name in enumerate(names):
        first.setdefault(name, place)
    ranked = sorted(counts, key=lambda name: (-counts[name], first[name]))
    number = {name: place for place, name in enumerate(ranked)}
    codes = np.array([number[name] for name in names], np.int64)
    if strings is None:
        return Types(codes, [None] * len(ranked))
    own: list[Counter] = [Counter() for _ in ranked]
    for code, string in zip(codes.tolist(), strings):
        own[code][string] += 1
    return Types(codes, [min(each, key=lambda string: (-each[string], string)) for each in own])


def by_string(strings: Sequence[String]) -> Types:
    return in_order(strings, strings)


def by_graph(strings: Sequence[String], edit_distance: float) -> Types:
    """Connected components of different strings, two of which are linked if they are as near as that.

    edit_distance: Levenshtein distance over the length of the longer string.
    """
    different = sorted(set(strings))
    pairs = alike_pairs(different, edit_distance)
    links = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(different),) * 2)
    _, labels = connected_components(links, directed=False)
    component = dict(zip(different, labels.tolist()))
    return in_order([component[string] for string in strings], strings)


class SegmentMeans:
    """The mean frame of every word of an utterance, as frames for k-means: [S, D].

    ranges: utterance -> first frames and ends, [S] each.
    """

    def __init__(self, frames: FrameSource, ranges: Mapping[str, tuple[np.ndarray, np.ndarray]]):
        self.frames, self.ranges = frames, ranges
        self.folder, self.names, self.dim = frames.folder, sorted(ranges), frames.dim

    def __getitem__(self, name: str) -> np.ndarray:
        frames, (starts, ends) = self.frames[name], self.ranges[name]
        sums = np.concatenate([np.zeros((1, self.dim)), np.cumsum(frames, 0, dtype=np.float64)])
        return ((sums[ends] - sums[starts]) / (ends - starts)[:, None]).astype(np.float32)


def frames_within(centres: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The frames of words [start, end) in ticks: first and end; of a word too short for any, the nearest frame."""
    first, last = np.searchsorted(centres, starts), np.searchsorted(centres, ends)
    empty = last <= first
    middle = np.clip(np.searchsorted(centres, (starts + ends) / 2), 0, len(centres) - 1)
    first = np.where(empty, middle, first)
    return first, np.where(empty, middle + 1, last)
