"""Where two utterances may have a stretch in common: windows that are alike near one diagonal of their dot plot."""

from typing import NamedTuple

import numpy as np

from unitdisc.retrieval.index import Index
from unitdisc.retrieval.local_alignment import Region
from unitdisc.retrieval.signatures import neighbours
from unitdisc.term_discovery.options import Lengths, TermOptions

SLACK = 0.5  # of a window: by which diagonals of one stretch may differ
AROUND = 2.0  # windows before and after what is alike, that are searched, too


class Candidate(NamedTuple):
    """Two utterances, by number, the second not before the first, and where to look."""

    one: int
    other: int
    region: Region


def candidates(
    index: Index, wanted: np.ndarray, first: int, last: int, lengths: Lengths, options: TermOptions
) -> list[Candidate]:
    """Of utterances [first, last) with themselves and all later ones, in order. wanted [windows]: those that count."""
    firsts = index.firsts
    found = neighbours(
        index.signatures,
        index.orders,
        ranks=index.ranks,
        wanted=wanted,
        first=int(firsts[first]),
        last=int(firsts[last]),
        reach=options.reach,
        most=options.bits,
    )
    if not len(found):
        return []
    found = np.unique(found[:, 0] * len(wanted) + found[:, 1])
    windows, others = found // len(wanted), found % len(wanted)
    one, other = (np.searchsorted(firsts, each, side="right") - 1 for each in (windows, others))
    places, other_places = (windows - firsts[one]) * lengths.hop, (others - firsts[other]) * lengths.hop
    kept = (one != other) | (other_places - places >= lengths.shortest)
    rows = np.stack([one, other, other_places - places, places], 1)[kept]
    return regions(rows, index.lengths, lengths, options.support)


def regions(rows: np.ndarray, frames: np.ndarray, lengths: Lengths, support: int) -> list[Candidate]:
    """Rows [n, 4]: utterances, diagonal and place. Those near each other are one region, if they are enough."""
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
    counts = np.diff(begins, append=len(rows))
    lows, highs = np.minimum.reduceat(rows[:, 2], begins), np.maximum.reduceat(rows[:, 2], begins)
    kept = np.flatnonzero(counts >= support)
    one, other = rows[begins[kept], 0], rows[begins[kept], 1]
    first, last = rows[begins[kept], 3] - around, rows[begins[kept] + counts[kept] - 1, 3] + lengths.window + around
    first, last = np.maximum(first, 0), np.minimum(last, frames[one])
    low = np.maximum(lows[kept] - lengths.window, np.where(one == other, lengths.shortest, -frames[one]))
    edges = np.stack([first, last, low, highs[kept] + lengths.window], 1).tolist()
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
