"""What is compared, utterance by utterance: frames, codes as far apart as their means, or units the same or not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from unitdisc.clustering.frame_source import KeptFrames, StoredFrames
from unitdisc.corpus import Utterance
from unitdisc.encodings import EncodingsError
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.evaluation.frame_checks import usable
from unitdisc.retrieval.representations import CodeMeans, FramesAsCodes, Scale, ScaledFrames, codebook_of, scales
from unitdisc.retrieval.search import groups_of
from unitdisc.retrieval.subsequence_dtw import DISTANCES, FAR, angles_of

UNIT_DIMS = 48  # of the directions that stand for units
BOTH = 1.0  # distance of two units that are not the same


class Contents(Protocol):
    """Utterances to compare."""

    def read(self, utterance: str) -> np.ndarray:
        """The content of an utterance, T of something. Raises EncodingsError if it cannot be used."""

    def vectors(self, content: np.ndarray) -> np.ndarray:
        """A direction for each, [T, D], alike where contents are."""

    def distances(self, content: np.ndarray, other: np.ndarray) -> np.ndarray:
        """[N], [M] -> [N, M]"""

    def along(self, content: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Of each to the one at the same place: [N], [N] -> [N]."""


@dataclass(frozen=True)
class Learned:
    """What must be read of a corpus before its utterances can be compared: the scales of groups; means of codes."""

    scales: Mapping[str, Scale] = field(default_factory=dict)
    codebook: CodeMeans | None = None


@dataclass(frozen=True)
class Frames:
    """Frames in their scale."""

    frames: ScaledFrames
    distance: str

    def read(self, utterance: str) -> np.ndarray:
        return self.frames[utterance]

    def vectors(self, content: np.ndarray) -> np.ndarray:
        return content

    def distances(self, content: np.ndarray, other: np.ndarray) -> np.ndarray:
        return DISTANCES[self.distance](content, other)

    def along(self, content: np.ndarray, other: np.ndarray) -> np.ndarray:
        if self.distance == "euclidean":
            return np.linalg.norm(content - other, axis=1)
        turned = angles_of(np.einsum("td,td->t", content, other)[None])[0]
        null, other_null = ~content.any(1), ~other.any(1)
        return np.where(null | other_null, np.where(null & other_null, 0, FAR), turned)


class Codes:
    """The codes of frames, as far apart as a table says, and a direction for each."""

    def __init__(self, codes: Callable[[str], Sequence[int]], known: np.ndarray, table: np.ndarray, means: np.ndarray):
        self.codes, self.known, self.table, self.means = codes, known, table, means

    def read(self, utterance: str) -> np.ndarray:
        return np.searchsorted(self.known, np.asarray(self.codes(utterance)))

    def vectors(self, content: np.ndarray) -> np.ndarray:
        return self.means[content]

    def distances(self, content: np.ndarray, other: np.ndarray) -> np.ndarray:
        return self.table[content][:, other]

    def along(self, content: np.ndarray, other: np.ndarray) -> np.ndarray:
        return self.table[content, other]


def frames_of(
    encodings: AnyEncodings,
    utterances: Sequence[Utterance],
    *,
    normalise: str,
    distance: str,
    scales: Mapping[str, Scale],
    memory: float | None = None,
) -> ScaledFrames:
    """Frames in scales that are known; kept in memory as far as so many GiB go, if that is given."""
    groups = groups_of(utterances, normalise)
    stored = StoredFrames(encodings, [utterance.id for utterance in utterances])
    kept = stored if memory is None else KeptFrames(stored, memory)
    return ScaledFrames(kept, lambda name: scales.get(groups[name]), distance == "angular")


def learned_of(
    encodings: AnyEncodings,
    utterances: Sequence[Utterance],
    *,
    by: str,
    normalise: str,
    distance: str,
    threads: int,
    advance: Callable[[int], None] = lambda done: None,
) -> Learned:
    """Reads what there is to learn. Raises EncodingsError naming the utterance that cannot be compared."""
    if by == "units":
        return Learned({}, CodeMeans(known_codes(encodings, utterances, advance), np.zeros((0, 0))))
    found: Mapping[str, Scale] = {}
    with threadpool_limits(1):  # threads work on utterances, so that each is counted in one way
        if normalise != "none":
            stored = StoredFrames(encodings, [utterance.id for utterance in utterances])
            found = scales(stored, groups_of(utterances, normalise), threads, advance=advance)
        if by == "frames":
            return Learned(found)
        frames = frames_of(encodings, utterances, normalise=normalise, distance=distance, scales=found)
        source = FramesAsCodes(encodings, frames, frames.frames.names)
        return Learned(found, codebook_of([source], distance == "angular", threads, advance=advance))


def known_codes(encodings: AnyEncodings, utterances: Sequence[Utterance], advance: Callable[[int], None]) -> np.ndarray:
    """The codes that occur, in order."""
    known: set[int] = set()
    for utterance in utterances:
        known.update(np.unique(codes_of(encodings, utterance.id)).tolist())
        advance(1)
    return np.array(sorted(known))


def codes_of(encodings: AnyEncodings, name: str) -> np.ndarray:
    """The codes of an utterance, one for every frame. Raises EncodingsError if it has none."""
    codes = usable(encodings, name).codes
    if codes is None or not len(codes):
        raise EncodingsError(
            f"{encodings.folder}: {name} has no codes; compare frames, or give units, as of `unitdisc segment`"
        )
    return np.asarray(codes)


def contents_of(
    encodings: AnyEncodings,
    utterances: Sequence[Utterance],
    learned: Learned,
    *,
    by: str,
    normalise: str,
    distance: str,
    memory: float | None = None,
) -> Contents:
    """What is compared, of what was learned."""
    if by == "frames":
        scaled = frames_of(
            encodings, utterances, normalise=normalise, distance=distance, scales=learned.scales, memory=memory
        )
        return Frames(scaled, distance)
    known, means = learned.codebook.codes, learned.codebook.means
    if by == "codes":
        table = DISTANCES[distance](means, means)
    else:
        table = BOTH * (1 - np.eye(len(known)))
        means = np.stack([np.random.default_rng(int(abs(code))).normal(size=UNIT_DIMS) for code in known])
        means = means / np.linalg.norm(means, axis=1, keepdims=True)
    return Codes(lambda name: codes_of(encodings, name), known, table, means)
