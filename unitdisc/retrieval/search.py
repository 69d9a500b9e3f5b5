"""Looking for queries in all utterances of a corpus, some of them at once, one after the other in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from unitdisc.clustering.frame_source import in_order
from unitdisc.retrieval.contents import Contents
from unitdisc.retrieval.hits import FrameSpan, Hit, hits_in
from unitdisc.retrieval.materials import Comparison, Materials
from unitdisc.retrieval.subsequence_dtw import DISTANCES, Endings, endings

BY = ("frames", "codes")
NORMALISE = ("none", "corpus", "speaker")
CELLS = 2**22  # distances that are in memory at once, as far as queries are short


@dataclass(frozen=True)
class FindOptions:
    """How stretches are compared.

    by: "frames", or "codes": every frame as the mean of all that have its code.
    distance: "angular" or "euclidean". normalise: frames brought to zero mean and unit variance over the "corpus" or
    over each "speaker", or "none".
    """

    by: str = "frames"
    distance: str = "angular"
    normalise: str = "speaker"
    threads: int = 1

    def __post_init__(self):
        for name, value, known in (
            ("by", self.by, BY),
            ("distance", self.distance, DISTANCES),
            ("normalise", self.normalise, NORMALISE),
        ):
            if value not in known:
                raise ValueError(f"`{name}` must be one of {list(known)}, not {value!r}")
        if self.threads < 1:
            raise ValueError(f"`threads` must be 1 or more, not {self.threads}")

    @property
    def how(self) -> Comparison:
        return Comparison(self.by, self.distance, self.normalise)


@dataclass(frozen=True)
class Query:
    """What is looked for, as `Contents.query` has it; and the stretch it is, where it must not be found itself."""

    taken: np.ndarray
    stretch: FrameSpan | None = None


def query_of(materials: Materials, stretch: FrameSpan, itself: bool = True) -> Query:
    """A stretch as a query; `itself`: whether it lies in what is searched."""
    content = materials.queried.read(*stretch)
    return Query(materials.searched.query(content), stretch if itself else None)


def search(
    contents: Contents, names: Sequence[str], queries: Sequence[Query], threads: int = 1
) -> Iterator[tuple[str, list[list[Hit]]]]:
    """Gives for every utterance, in order, the hits of every query; the same for any number of threads."""

    def one(name: str) -> tuple[str, list[list[Hit]]]:
        content = contents.read(name)
        return name, [hits_in(endings_in(contents, query.taken, content), name, query.stretch) for query in queries]

    with threadpool_limits(1):
        yield from in_order(one, sorted(names), threads)


def endings_in(contents: Contents, query: np.ndarray, content: np.ndarray) -> Endings:
    """The cheapest stretches of an utterance however long, a part of it at a time.

    No stretch is longer than twice the query, so parts that begin so much earlier hold all that end in them.
    """
    reach, size = 2 * len(query), max(CELLS // len(query), 1)
    costs, starts = [np.array([np.inf])], [np.array([-1])]
    for place in range(0, len(content), size):
        begin = max(0, place - reach)
        part = endings(contents.distances(query, content[begin : place + size]))
        costs.append(part.costs[place - begin + 1 :])
        starts.append(np.where(part.starts < 0, -1, part.starts + begin)[place - begin + 1 :])
    return Endings(np.concatenate(costs), np.concatenate(starts))
