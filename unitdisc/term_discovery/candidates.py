"""Where two utterances may have a stretch in common: windows that are alike near one diagonal of their dot plot."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

import numpy as np

from unitdisc.clustering.frame_source import in_order
from unitdisc.retrieval.index import Index
from unitdisc.retrieval.local_alignment import Region
from unitdisc.retrieval.signatures import BITS, neighbours, table_of
from unitdisc.term_discovery.options import Lengths, TermOptions

SLACK = 0.5  # of a window: by which diagonals of one stretch may differ
AROUND = 1.5  # windows before and after what is alike, that are searched, too
FEW = 2**20  # pairs that are kept as often as they are found
Progress = Callable[..., AbstractContextManager[Callable[..., None]]]


class Candidate(NamedTuple):
    """Two utterances, by number, the second not before the first, and where to look."""

    one: int
    other: int
    region: Region


def alike(
    index: Index, wanted: np.ndarray, lengths: Lengths, options: TermOptions, *, threads: int, progress: Progress
) -> np.ndarray:
    """Pairs of windows that are alike, each once, in order: [n], the first window times their number, and the second.

    wanted [windows] of bool: others are in no pair. The same for any number of threads.
    """
    windows, utterances, signatures = np.flatnonzero(wanted), index.utterances, np.ascontiguousarray(index.signatures)
    tables = options.tables_for(len(windows))
    most, row = options.bits * BITS // 128, lengths.row(options.support)

    def one(table: int) -> np.ndarray:
        order = table_of(signatures, windows, options.seed, number=table)
        pairs = neighbours(signatures, utterances, order, reach=options.reach, most=most, row=row, apart=lengths.apart)
        return np.unique(pairs[:, 0] * len(wanted) + pairs[:, 1])

    found, waiting = np.zeros(0, np.int64), []
    with progress("comparing windows", tables, unit="tables") as advance:
        for own in in_order(one, range(tables), threads):
            waiting.append(own)
            if sum(map(len, waiting)) > max(len(found), FEW):  # most are found in several tables
                found, waiting = np.unique(np.concatenate([found, *waiting])), []
            advance(1)
    return np.unique(np.concatenate([found, *waiting]))


def candidates(index: Index, pairs: np.ndarray, first: int, last: int, lengths: Lengths) -> list[Candidate]:
    """Of utterances [first, last) with themselves and all later ones, in order. pairs [n]: windows that are alike."""
    firsts = index.firsts
    count = int(firsts[-1])
    begin, end = np.searchsorted(pairs, (firsts[first] * count, firsts[last] * count))
    windows, others = np.divmod(pairs[begin:end], max(count, 1))
    one, other = (np.searchsorted(firsts, each, side="right") - 1 for each in (windows, others))
    places, other_places = (windows - firsts[one]) * lengths.hop, (others - firsts[other]) * lengths.hop
    return regions(np.stack([one, other, other_places - places, places], 1), index.lengths, lengths)


def regions(rows: np.ndarray, frames: np.ndarray, lengths: Lengths) -> list[Candidate]:
    """Rows [n, 4]: utterances, diagonal and place. Those near each other are one region."""
    slack, around = max(round(SLACK * lengths.window), 1), round(AROUND * lengths.window)
    rows = rows[np.lexsort((rows[:, 3], rows[:, 2], rows[:, 1], rows[:, 0]))]
    apart = np.any(np.diff(rows[:, :2], axis=0) != 0, axis=1)
    diagonals = np.cumsum(np.concatenate([[0], apart | (np.diff(rows[:, 2]) > slack)]))[: len(rows)]
    order = np.lexsort((rows[:, 3], diagonals))
    rows, diagonals = rows[order], diagonals[order]
    begins = np.flatnonzero(
        np.concatenate([[True], (np.diff(diagonals) > 0) | (np.diff(rows[:, 3]) > 2 * around)])[: len(rows)]
    )
    if not len(begins):
        return []
    ends = np.append(begins[1:], len(rows)) - 1
    lows, highs = np.minimum.reduceat(rows[:, 2], begins), np.maximum.reduceat(rows[:, 2], begins)
    one, other = rows[begins, 0], rows[begins, 1]
    first, last = rows[begins, 3] - around, rows[ends, 3] + lengths.window + around
    first, last = np.maximum(first, 0), np.minimum(last, frames[one])
    low = np.maximum(lows - lengths.window, np.where(one == other, lengths.shortest, -frames[one]))
    edges = np.stack([first, last, low, highs + lengths.window], 1).tolist()
    return [Candidate(*pair, Region(*edge)) for pair, edge in zip(np.stack([one, other], 1).tolist(), edges)]


def wider(region: Region, frames: int, others: int, least: int) -> Region:
    """Twice as long and as wide, as far as there are frames, and diagonals from `least` on."""
    length, width = region.last - region.first, region.high - region.low
    return Region(
        max(region.first - length // 2, 0),
        min(region.last + length // 2, frames),
        low=max(region.low - width // 2, least),
        high=min(region.high + width // 2, others),
    )
