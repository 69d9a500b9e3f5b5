"""What must be read of a corpus before its utterances can be compared, and what is compared once it is known."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from threadpoolctl import threadpool_limits

from unitdisc.clustering.frame_source import KeptFrames, StoredFrames
from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.retrieval.codebooks import CodeMeans, FramesAsCodes, codebook_of, known_codes
from unitdisc.retrieval.contents import Codes, Contents, Frames, Units, unit_directions
from unitdisc.retrieval.scales import Scale, ScaledFrames, groups_of, scales

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Comparison:
    """How utterances are compared: by "frames", "codes" or "units"; distance, normalise: as of `FindOptions`."""

    by: str = "frames"
    distance: str = "angular"
    normalise: str = "speaker"

    @property
    def passes(self) -> int:
        """How often a corpus is read before it can be compared."""
        return (self.normalise != "none" and self.by != "units") + (self.by != "frames")


@dataclass(frozen=True)
class Collection:
    """Encodings, and the utterances of a corpus that are among them."""

    encodings: Encodings
    utterances: Sequence[Utterance]

    @property
    def names(self) -> list[str]:
        return [utterance.id for utterance in self.utterances]


@dataclass(frozen=True)
class Learned:
    """What is read of a corpus: the scales of groups; the means of codes."""

    scales: Mapping[str, Scale] = field(default_factory=dict)
    codebook: CodeMeans | None = None


@dataclass(frozen=True)
class Materials:
    """What to search, and what to take queries from; the same, unless these lie in a corpus of their own."""

    searched: Contents
    queried: Contents


def learned_of(
    collection: Collection, how: Comparison, *, threads: int, advance: Advance = lambda done: None
) -> Learned:
    """Reads what there is to learn. Raises EncodingsError naming the utterance that cannot be compared."""
    with threadpool_limits(1):  # threads work on utterances, so that each is counted in one way
        found = scales_of(collection, how, threads, advance)
        return Learned(found, codes_learned([(collection, found)], how, threads, advance))


def contents_of(collection: Collection, how: Comparison, learned: Learned, *, memory: float | None = None) -> Contents:
    """What is compared, of what was learned; frames are kept in memory as far as so many GiB go, if that is given."""
    if how.by == "frames":
        return Frames(frames_of(collection, how, learned.scales, memory), how.distance)
    kind = Codes if how.by == "codes" else Units
    return kind(collection.encodings, learned.codebook, how.distance)


def materials(
    searched: Collection,
    queried: Collection | None,
    how: Comparison,
    *,
    learned: Learned | None = None,
    threads: int = 1,
    advance: Advance = lambda done: None,
) -> Materials:
    """Prepares a corpus, and the corpus of the queries, if that is another one.

    learned: of the corpus that is searched, if that is known, as of an index. advance(1): called for every utterance
    read. It is read once for its scale, and once for the means of its codes, where these are asked for. Frames of
    another corpus come into the scale of the corpus searched; with "speaker" into that of the speaker, or of its own
    corpus where a speaker is not told.
    Raises EncodingsError naming the utterance whose frames or codes cannot be compared.
    """
    with threadpool_limits(1):
        own = scales_of(searched, how, threads, advance) if learned is None else learned.scales
        parts = [(searched, own)]
        if queried is not None:
            parts.append((queried, scales_of(queried, how, threads, advance, known=own)))
            refuse_dims(*(frames_of(*part[:1], how, part[1]) for part in parts))
        codebook = codes_learned(parts, how, threads, advance) if learned is None else learned.codebook
    found = [contents_of(collection, how, Learned(own, codebook)) for collection, own in parts]
    return Materials(found[0], found[-1])


def scales_of(
    collection: Collection, how: Comparison, threads: int, advance: Advance, known: Mapping[str, Scale] | None = None
) -> Mapping[str, Scale]:
    """The scales of a collection; known: those of the corpus that is searched, if that is another."""
    if how.normalise == "none" or how.by == "units":
        return {}
    if how.normalise == "corpus" and known is not None:
        return known
    frames = StoredFrames(collection.encodings, collection.names)
    return scales(frames, groups_of(collection.utterances, how.normalise), threads, advance)


def frames_of(
    collection: Collection, how: Comparison, scales: Mapping[str, Scale], memory: float | None = None
) -> ScaledFrames:
    """Frames in scales that are known; kept in memory as far as so many GiB go, if that is given."""
    groups = groups_of(collection.utterances, how.normalise)
    stored = StoredFrames(collection.encodings, collection.names)
    kept = stored if memory is None else KeptFrames(stored, memory)
    return ScaledFrames(kept, lambda name: scales.get(groups[name]), how.distance == "angular")


def codes_learned(
    parts: Sequence[tuple[Collection, Mapping[str, Scale]]], how: Comparison, threads: int, advance: Advance
) -> CodeMeans | None:
    """The codes of all collections, given with their scales, and what each stands for; None if frames are compared."""
    if how.by == "frames":
        return None
    if how.by == "units":
        known = [known_codes(collection.encodings, collection.names, advance) for collection, _ in parts]
        return unit_directions(np.unique(np.concatenate(known)))
    sources = [FramesAsCodes(part.encodings, frames_of(part, how, scales)) for part, scales in parts]
    return codebook_of(sources, how.distance == "angular", threads, advance)


def refuse_dims(searched: ScaledFrames, queried: ScaledFrames) -> None:
    one, other = queried.frames, searched.frames
    if one.dim != other.dim:
        raise EncodingsError(
            f"{one.folder}: its frames have {one.dim} dimensions, those of {other.folder} {other.dim}; "
            "encode both with one model, and take the same point"
        )
