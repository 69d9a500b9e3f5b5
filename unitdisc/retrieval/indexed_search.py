"""Looking for a query only where an index has windows like its own; there it is compared as exactly as anywhere."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from unitdisc.clustering.frame_source import in_order
from unitdisc.retrieval.hits import FrameSpan, Hit, hits_in
from unitdisc.retrieval.index import Index
from unitdisc.retrieval.representations import Material
from unitdisc.retrieval.search import Query, endings_in
from unitdisc.retrieval.signatures import looked_up

REACH = 64  # neighbours in each table, on either side, of every window of the query
MOST = 48  # bits of 128 in which a window of the query and one that is like it may differ


@dataclass(frozen=True)
class Part:
    """Frames [first, last) of an utterance, and from where on what ends there is found as in the whole utterance."""

    first: int
    last: int
    sure: int


def parts_with(index: Index, signatures: np.ndarray, frames: int) -> dict[str, list[Part]]:
    """The parts of utterances that may hold a query of so many frames: signatures [m, WORDS] of its windows.

    No stretch is longer than twice the query, so a part that begins so much before a window that is alike, and ends so
    much after it, holds every stretch that this window is in.
    """
    found = looked_up(index.signatures, index.orders, index.bits, signatures, reach=REACH, most=MOST)
    windows = np.unique(found[:, 1])
    firsts = index.firsts
    places = np.searchsorted(firsts, windows, side="right") - 1
    parts: dict[str, list[Part]] = {}
    for place, start in zip(places.tolist(), ((windows - firsts[places]) * index.options.hop).tolist()):
        own = parts.setdefault(index.names[place], [])
        first = max(start - 2 * frames, 0)
        last = min(start + index.options.window + 2 * frames, int(index.lengths[place]))
        if own and first <= own[-1].last:
            own[-1] = Part(own[-1].first, last, own[-1].sure)
        else:
            own.append(Part(first, last, start if first else 0))
    return parts


def search_parts(
    material: Material, parts: Mapping[str, list[Part]], query: Query, threads: int
) -> Iterator[tuple[str, list[Hit]]]:
    """Gives for every utterance with a part, in order, the hits there; the same for any number of threads."""

    def one(name: str) -> tuple[str, list[Hit]]:
        content = material.read(name)
        hits = [hit for part in parts[name] for hit in hits_of(material, content, part, query, name)]
        return name, hits

    with threadpool_limits(1):
        yield from in_order(one, sorted(parts), threads)


def hits_of(material: Material, content: np.ndarray, part: Part, query: Query, name: str) -> Iterator[Hit]:
    """Those that end where the part tells as much as the whole."""
    itself = query.stretch
    if itself is not None:
        itself = FrameSpan(itself.utterance, itself.first - part.first, itself.last - part.first)
    for hit in hits_in(endings_in(material, query.taken, content[part.first : part.last]), name, itself):
        first, last = hit.first + part.first, hit.last + part.first
        if last >= part.sure and (last < part.last or part.last == len(content)):
            yield Hit(hit.cost, name, first, last)
