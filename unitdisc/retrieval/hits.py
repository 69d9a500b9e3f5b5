"""Places where a query may occur: the best of those that overlap, and the best of a corpus."""

import heapq
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from unitdisc.retrieval.subsequence_dtw import Endings

SHARED = 0.5  # of the shorter of two stretches: with more in common, they are one place


class Hit(NamedTuple):
    """Frames [first, last) of an utterance; hits are ordered from the best, ties by utterance and start."""

    cost: float
    utterance: str
    first: int
    last: int


class FrameSpan(NamedTuple):
    """Frames [first, last) of an utterance."""

    utterance: str
    first: int
    last: int


def hits_in(endings: Endings, utterance: str, query: FrameSpan | None = None) -> list[Hit]:
    """The places in an utterance where a query fits better than just before and after, from the best.

    Of two that share more than half of the shorter one, only the better one is a hit; none is the query itself.
    """
    ends = minima(endings.costs)
    starts, costs = endings.starts[ends], endings.costs[ends]
    taken = [query] if query is not None and query.utterance == utterance else []
    width = max([1, *(ends - starts).tolist(), *(stretch.last - stretch.first for stretch in taken)])
    near = defaultdict(list)  # by where they begin, in widths: what is farther than one shares nothing
    for stretch in taken:
        near[stretch.first // width].append(stretch)
    hits: list[Hit] = []
    for place in np.lexsort((ends, starts, costs)).tolist():
        hit = Hit(float(costs[place]), utterance, int(starts[place]), int(ends[place]))
        around = hit.first // width
        if not any(is_same_place(hit, other) for cell in range(around - 1, around + 2) for other in near[cell]):
            hits.append(hit)
            near[around].append(hit)
    return hits


def minima(costs: np.ndarray) -> np.ndarray:
    """Where values are lower than before and after; of several equal ones in a row, the first counts."""
    begins = np.flatnonzero(np.concatenate([[True], costs[1:] != costs[:-1]]))  # of runs of equal values
    values = np.concatenate([[np.inf], costs[begins], [np.inf]])
    return begins[(values[1:-1] < values[:-2]) & (values[1:-1] < values[2:])]


def is_same_place(one: Hit | FrameSpan, other: Hit | FrameSpan) -> bool:
    """Whether two stretches of one utterance share more than half of the shorter."""
    shared = min(one.last, other.last) - max(one.first, other.first)
    return shared > SHARED * min(one.last - one.first, other.last - other.first)


def best(hits: Iterable[Hit], top: int) -> list[Hit]:
    """The `top` best of hits that stream by, in order; no more than these are kept."""
    return heapq.nsmallest(top, hits)
