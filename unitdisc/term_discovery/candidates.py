"""Where two utterances may have a stretch in common: windows that are alike near one diagonal of their dot plot."""

from collections.abc import Iterator
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
    return list(regions(rows, index.lengths, lengths, options.support))


def regions(rows: np.ndarray, frames: np.ndarray, lengths: Lengths, support: int) -> Iterator[Candidate]:
    """Rows [n, 4]: utterances, diagonal and place. Those near each other are one region, if they are enough."""
    slack, around = max(round(SLACK * lengths.window), 1), round(AROUND * lengths.window)
    rows = rows[np.lexsort((rows[:, 3], rows[:, 2], rows[:, 1], rows[:, 0]))]
    for pair in parted(rows, np.any(np.diff(rows[:, :2], axis=0) != 0, axis=1)):
        for diagonal in parted(pair, np.diff(pair[:, 2]) > slack):
            diagonal = diagonal[np.argsort(diagonal[:, 3], kind="stable")]
            for run in parted(diagonal, np.diff(diagonal[:, 3]) > 2 * around):
                if len(run) >= support:
                    one, other = int(run[0, 0]), int(run[0, 1])
                    yield Candidate(one, other, region(run, one == other, int(frames[one]), lengths, around))


def parted(rows: np.ndarray, edges: np.ndarray) -> list[np.ndarray]:
    """Rows in parts, a new one after every place where `edges` [n - 1] is true."""
    return np.split(rows, np.flatnonzero(edges) + 1) if len(rows) else []


def region(run: np.ndarray, itself: bool, frames: int, lengths: Lengths, around: int) -> Region:
    low, high = int(run[:, 2].min()) - lengths.window, int(run[:, 2].max()) + lengths.window
    first, last = int(run[0, 3]) - around, int(run[-1, 3]) + lengths.window + around
    low = max(low, lengths.shortest if itself else -frames)
    return Region(max(first, 0), min(last, frames), low=low, high=high)


def wider(region: Region, frames: int, others: int, least: int) -> Region:
    """Twice as long and as wide, as far as there are frames, and diagonals from `least` on."""
    length, width = region.last - region.first, region.high - region.low
    return Region(
        max(region.first - length // 2, 0),
        min(region.last + length // 2, frames),
        low=max(region.low - width // 2, least),
        high=min(region.high + width // 2, others),
    )
