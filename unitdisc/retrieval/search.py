"""Looking for queries in all utterances of a corpus, some of them at once, one after the other in memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from unitdisc.clustering.frame_source import StoredFrames, in_order
from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.retrieval.hits import FrameSpan, Hit, hits_in
from unitdisc.retrieval.representations import (
    CodeMaterial,
    FrameMaterial,
    FramesAsCodes,
    Material,
    ScaledFrames,
    codebook_of,
    scales,
)
from unitdisc.retrieval.subsequence_dtw import DISTANCES, Endings, endings

BY = ("frames", "codes")
NORMALISE = ("none", "corpus", "speaker")
CELLS = 2**22  # distances that are in memory at once, as far as queries are short
Advance = Callable[[int], None]


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


@dataclass(frozen=True)
class Collection:
    """Encodings, and the utterances of a corpus that are among them."""

    encodings: Encodings
    utterances: Sequence[Utterance]


@dataclass(frozen=True)
class Query:
    """What is looked for, as its material took it; and the stretch it is, where it must not be found itself."""

    taken: np.ndarray
    stretch: FrameSpan | None = None


@dataclass(frozen=True)
class Materials:
    """What to search, and what to take queries from; the same, unless these lie in a corpus of their own."""

    searched: Material
    queried: Material


def materials(
    searched: Collection, queried: Collection | None, options: FindOptions, advance: Advance = lambda done: None
) -> Materials:
    """Prepares frames or codes of a corpus, and of the corpus of the queries, if that is another one.

    advance(1): called for every utterance read. It is read once for its scale, and once for the means of its codes,
    where these are asked for. Frames of another corpus come into the scale of the corpus searched; with "speaker" into
    that of the speaker, or of its own corpus where a speaker is not told.
    Raises EncodingsError naming the utterance whose frames or codes cannot be compared.
    """
    spherical = options.distance == "angular"
    with threadpool_limits(1):  # threads work on utterances, so that each is counted in one way
        own = scaled(searched, None, options, advance)
        other = scaled(queried, own, options, advance) if queried else own
        refuse_dims(other, own)
        if options.by == "frames":
            return Materials(FrameMaterial(own, options.distance), FrameMaterial(other, options.distance))
        collections = [(searched, own), *([(queried, other)] if queried else [])]
        coded = [FramesAsCodes(each.encodings, frames, frames.frames.names) for each, frames in collections]
        codebook = codebook_of(coded, spherical, options.threads, advance)
        found = [CodeMaterial(each.encodings.codes, codebook, options.distance) for each, _ in collections]
        return Materials(found[0], found[-1])


def scaled(
    collection: Collection, searched: ScaledFrames | None, options: FindOptions, advance: Advance
) -> ScaledFrames:
    """The frames of a collection in their scale; `searched`: those of the corpus that is searched, if another."""
    names = [utterance.id for utterance in collection.utterances]
    frames, spherical = StoredFrames(collection.encodings, names), options.distance == "angular"
    if options.normalise == "none":
        return ScaledFrames(frames, lambda name: None, spherical)
    if options.normalise == "corpus" and searched is not None:
        scale = searched.scale_of(searched.frames.names[0])
        return ScaledFrames(frames, lambda name: scale, spherical)
    groups = groups_of(collection.utterances, options.normalise)
    found = scales(frames, groups, options.threads, advance)
    return ScaledFrames(frames, lambda name: found[groups[name]], spherical)


def refuse_dims(queried: ScaledFrames, searched: ScaledFrames) -> None:
    one, other = queried.frames, searched.frames
    if one.dim != other.dim:
        raise EncodingsError(
            f"{one.folder}: its frames have {one.dim} dimensions, those of {other.folder} {other.dim}; "
            "encode both with one model, and take the same point"
        )


def groups_of(utterances: Sequence[Utterance], normalise: str) -> Mapping[str, str]:
    """Utterance -> whose scale it has; those of unknown speakers are one group."""
    return {utterance.id: (utterance.speaker or "") if normalise == "speaker" else "" for utterance in utterances}


def search(
    material: Material, names: Sequence[str], queries: Sequence[Query], threads: int = 1
) -> Iterator[tuple[str, list[list[Hit]]]]:
    """Gives for every utterance, in order, the hits of every query; the same for any number of threads."""

    def one(name: str) -> tuple[str, list[list[Hit]]]:
        content = material.read(name)
        return name, [hits_in(endings_in(material, query.taken, content), name, query.stretch) for query in queries]

    with threadpool_limits(1):
        yield from in_order(one, sorted(names), threads)


def endings_in(material: Material, query: np.ndarray, content: np.ndarray) -> Endings:
    """The cheapest stretches of an utterance however long, a part of it at a time.

    No stretch is longer than twice the query, so parts that begin so much earlier hold all that end in them.
    """
    reach, size = 2 * len(query), max(CELLS // len(query), 1)
    costs, starts = [np.array([np.inf])], [np.array([-1])]
    for place in range(0, len(content), size):
        begin = max(0, place - reach)
        part = endings(material.distances(query, content[begin : place + size]))
        costs.append(part.costs[place - begin + 1 :])
        starts.append(np.where(part.starts < 0, -1, part.starts + begin)[place - begin + 1 :])
    return Endings(np.concatenate(costs), np.concatenate(starts))
