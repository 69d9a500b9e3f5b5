"""Looking for a query only where an index has windows like its own; there it is compared as exactly as anywhere."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from unitdisc.clustering.frame_source import in_order
from unitdisc.retrieval.contents import Contents
from unitdisc.retrieval.hits import FrameSpan, Hit, best, hits_in
from unitdisc.retrieval.index import Index
from unitdisc.retrieval.search import Query, endings_in, search
from unitdisc.retrieval.signatures import shares

NEAREST, SHARE = 30, 64  # places that are looked at: for every hit that is wanted, or one in so many windows


@dataclass(frozen=True)
class SignedWindows:
    """Utterances as the signatures of their windows: what a search needs of `Contents`."""

    index: Index

    def read(self, utterance: str) -> np.ndarray:
        place = bisect_left(self.index.names, utterance)
        return self.index.signatures[self.index.firsts[place] : self.index.firsts[place + 1]]

    def distances(self, query: np.ndarray, content: np.ndarray) -> np.ndarray:
        return shares(query, content)


@dataclass(frozen=True)
class Part:
    """Frames [first, last) of an utterance, and from where on what ends there is found as in the whole utterance."""

    first: int
    last: int
    sure: int


def parts_with(index: Index, signatures: np.ndarray, frames: int, *, top: int, threads: int) -> dict[str, list[Part]]:
    """The parts of utterances that may hold the best hits: signatures [m, WORDS] of windows of a query, a hop apart.

    Signatures of the whole corpus are searched in the way that frames are, of which there are many more, and the best
    places are kept; more in a larger corpus, in which more of them are accidents that frames tell apart. No stretch is
    longer than twice the query, of so many frames, so a part that begins so much before such a place ends holds every
    stretch that ends about there.
    """
    windows, hop = index.options.window, index.options.hop
    found = search(SignedWindows(index), index.names, [Query(signatures)], threads)
    parts: dict[str, list[Part]] = {}
    number = max(NEAREST * top, len(index.signatures) // SHARE)
    places = best((hit for _, (hits,) in found for hit in hits), number)
    for hit in sorted(places, key=lambda hit: (hit.utterance, hit.last)):
        own = parts.setdefault(hit.utterance, [])
        end = (hit.last - 1) * hop + windows
        sure = max(end - windows, 0)
        first = max(sure - 2 * frames, 0)
        last = min(end + windows, int(index.lengths[bisect_left(index.names, hit.utterance)]))
        if own and first <= own[-1].last:
            own[-1] = Part(own[-1].first, last, own[-1].sure)
        else:
            own.append(Part(first, last, sure if first else 0))
    return parts


def search_parts(
    contents: Contents, parts: Mapping[str, list[Part]], query: Query, threads: int
) -> Iterator[tuple[str, list[Hit]]]:
    """Gives for every utterance with a part, in order, the hits there; the same for any number of threads."""

    def one(name: str) -> tuple[str, list[Hit]]:
        content = contents.read(name)
        hits = [hit for part in parts[name] for hit in hits_of(contents, content, part, query, name)]
        return name, hits

    with threadpool_limits(1):
        yield from in_order(one, sorted(parts), threads)


def hits_of(contents: Contents, content: np.ndarray, part: Part, query: Query, name: str) -> Iterator[Hit]:
    """Those that end where the part tells as much as the whole."""
    itself = query.stretch
    if itself is not None:
        itself = FrameSpan(itself.utterance, itself.first - part.first, itself.last - part.first)
    for hit in hits_in(endings_in(contents, query.taken, content[part.first : part.last]), name, itself):
        first, last = hit.first + part.first, hit.last + part.first
        if last >= part.sure and (last < part.last or part.last == len(content)):
            yield Hit(hit.cost, name, first, last)
