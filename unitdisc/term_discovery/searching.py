"""All pairs of recurring stretches: exact alignments of all utterances, or where the index has candidates; by parts."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from unitdisc.clustering.frame_source import in_order
from unitdisc.files.arrays import read_array, write_array
from unitdisc.retrieval.index import Index
from unitdisc.retrieval.local_alignment import Match, Region, later, matches_in, merged, whole
from unitdisc.term_discovery.candidates import Candidate, alike, candidates, wider
from unitdisc.term_discovery.material import OUTSIDE, Searched
from unitdisc.term_discovery.options import Lengths, TermOptions

PARTS = 256  # that a search can be taken up after
COLUMNS = ("score", "one", "first", "last", "other", "other_first", "other_last", "still")
Progress = Callable[..., AbstractContextManager[Callable[..., None]]]


@dataclass(frozen=True)
class Found:
    """Pairs of stretches, from the best: columns as in COLUMNS, utterances by number. still: pairs left out."""

    table: np.ndarray  # [n, 7]
    still: int


@dataclass(frozen=True)
class Search:
    """What is compared, and where: by an index, or everything with everything."""

    there: Searched
    options: TermOptions
    lengths: Lengths
    index: Index | None

    def regions(self, first: int, last: int, pairs: np.ndarray | None) -> Iterator[list[Candidate]]:
        """Where to look, of utterances [first, last) with themselves and later ones: a list for every two.

        pairs [n]: windows of the index that are alike.
        """
        if self.index is None:
            for one in range(first, last):
                yield [Candidate(one, one, later(self.there.frames(one), self.lengths.shortest))]
                for other in range(one + 1, len(self.there.utterances)):
                    yield [Candidate(one, other, whole(self.there.frames(one), self.there.frames(other)))]
            return
        found = candidates(self.index, pairs, first, last, lengths=self.lengths)
        for _, there in groupby(found, key=lambda candidate: candidate[:2]):
            yield list(there)

    def part(self, first: int, last: int, pairs: np.ndarray | None) -> np.ndarray:
        """What utterances [first, last) have in common with themselves and later ones: [n, 8]."""
        rows, query, number = [], None, -1
        for there in self.regions(first, last, pairs):
            one, other = there[0][:2]
            if one != number:
                query, number = self.there.contents.query(self.there.read(one)), one
            rows += self.between(one, other, [candidate.region for candidate in there], query)
        return np.array(rows, np.float64).reshape(-1, len(COLUMNS))

    def between(self, one: int, other: int, regions: Sequence[Region], query: np.ndarray) -> Iterator[tuple]:
        """The rows of two utterances, the first as a query."""
        there = self.there
        counts, counts_of_other = there.counts(one), there.counts(other)

        def gains(first: int, last: int, other_first: int, other_last: int) -> np.ndarray:
            content = there.read(other, other_first, other_last)
            found = there.contents.distances(query[first:last], content)
            found = 1 - found / there.threshold
            if counts is not None:
                found[~counts[first:last]] = OUTSIDE
                found[:, ~counts_of_other[other_first:other_last]] = OUTSIDE
            return found

        matches: list[Match] = []
        for region in regions:
            matches += self.grown(gains, region, there.frames(one), there.frames(other), itself=one == other)
        for match in merged(matches) if len(regions) > 1 else matches:
            spans = (match.first, match.last), (match.other_first, match.other_last)
            still = there.is_still(one, *spans[0]) or there.is_still(other, *spans[1])
            yield match.score, one, *spans[0], other, *spans[1], still

    def grown(self, gains: Callable, region: Region, frames: int, others: int, itself: bool) -> list[Match]:
        """The matches of a region, which becomes wider as long as one reaches its edge."""
        least = self.lengths.shortest if itself else -frames
        while True:
            found = matches_in(
                gains,
                others,
                region,
                least=self.lengths.least,
                drop=self.lengths.drop,
                shortest=self.lengths.shortest,
            )
            further = wider(region, frames, others, least)
            if self.index is None or not any(cut(match, region, further) for match in found):
                return found
            region = further


def cut(match: Match, region: Region, further: Region) -> bool:
    """Whether a match reaches an edge of its region beyond which there is more."""
    low, high = sorted((match.other_first - match.first, match.other_last - match.last))
    return (
        (match.first == region.first > further.first)
        or (match.last == region.last < further.last)
        or (low <= region.low + 1 and further.low < region.low)
        or (high >= region.high - 1 and further.high > region.high)
    )


def found_in(search: Search, folder: Path, made_of: dict, *, threads: int, progress: Progress) -> Found:
    """Searches part by part; those that an interrupted run left in the folder are not searched again."""
    there = search.there
    state = folder / hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]
    weights = np.array([there.frames(place) for place in range(len(there.utterances))])
    edges = parts_of(weights, search.index is None)
    pairs = None if search.index is None else alike_windows(search, state, threads, progress)

    def one(part: int) -> np.ndarray:
        return kept(state / f"{part}.npy", lambda: search.part(edges[part], edges[part + 1], pairs))

    tables = [np.zeros((0, len(COLUMNS)))]
    with progress("searching", len(weights)) as advance, threadpool_limits(1):
        for part, found in enumerate(in_order(one, range(len(edges) - 1), threads)):
            tables.append(found)
            advance(edges[part + 1] - edges[part])
    table = np.concatenate(tables)
    still = table[:, -1] > 0
    table = table[~still, :-1]
    order = np.lexsort((table[:, 5], table[:, 2], table[:, 4], table[:, 1], -table[:, 0]))
    return Found(table[order], int(still.sum()))


def parts_of(weights: np.ndarray, exhaustive: bool) -> list[int]:
    """Where parts of utterances begin, and their number at the end: of about as much work each."""
    work = weights * np.cumsum(weights[::-1])[::-1] if exhaustive else weights
    shares = np.cumsum(work) / max(work.sum(), 1) * min(PARTS, len(weights))
    edges = np.unique(np.searchsorted(shares, np.arange(min(PARTS, len(weights))) + 1e-9))
    return sorted({0, *edges.tolist(), len(weights)})


def kept(path: Path, work: Callable[[], np.ndarray]) -> np.ndarray:
    """What an interrupted run left in a file or, where it is not there or damaged, what is worked out and kept."""
    if path.exists():
        try:
            return read_array(path)
        except (ValueError, OSError, EOFError):
            pass
    found = work()
    write_array(path, found)
    return found


def alike_windows(search: Search, state: Path, threads: int, progress: Progress) -> np.ndarray:
    """Pairs of windows of the index that are alike and count: [n]."""

    def work() -> np.ndarray:
        wanted = wanted_windows(search, threads, progress)
        return alike(
            search.index, wanted, lengths=search.lengths, options=search.options, threads=threads, progress=progress
        )

    return kept(state / "windows.npy", work)


def wanted_windows(search: Search, threads: int, progress: Progress) -> np.ndarray:
    """Which windows of the index count: all of whose frames do, and that are not still."""
    there, windows = search.there, search.index.options.windows

    def one(place: int) -> np.ndarray:
        content = there.read(place)
        starts = windows.starts(len(content))
        if not len(starts):
            return np.zeros(0, bool)
        counts = there.counts(place)
        whole = np.ones(len(starts), bool)
        if counts is not None:
            sums = np.concatenate([[0], np.cumsum(counts)])
            whole = sums[starts + windows.frames] - sums[starts] == windows.frames
        return whole & there.moves(there.changes(content), starts, starts + windows.frames)

    found = [np.zeros(0, bool)]
    with progress("looking for speech", len(there.utterances)) as advance, threadpool_limits(1):
        for own in in_order(one, range(len(there.utterances)), threads):
            found.append(own)
            advance(1)
    return np.concatenate(found)
