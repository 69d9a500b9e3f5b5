"""What is compared, utterance by utterance: frames, codes as far apart as their means, or units the same or not."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from unitdisc.encodings import Encodings
from unitdisc.retrieval.codebooks import CodeMeans, codes_of
from unitdisc.retrieval.scales import ScaledFrames
from unitdisc.retrieval.subsequence_dtw import DISTANCES, FAR, angles_of

UNIT_DIMS = 48  # of the directions that stand for units
BOTH = 1.0  # distance of two units that are not the same


class Contents(Protocol):
    """Utterances to compare, and to take queries from."""

    def read(self, utterance: str, first: int = 0, last: int | None = None) -> np.ndarray:
        """Frames [first, last) of an utterance as T of something. Raises EncodingsError if it cannot be used."""

    def query(self, content: np.ndarray) -> np.ndarray:
        """What `distances` needs of what was read, to compare it with much: a row for each, [T, ...]."""

    def distances(self, query: np.ndarray, content: np.ndarray) -> np.ndarray:
        """Of rows of a query to what was read: [N, ...], [M] -> [N, M]."""

    def along(self, content: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Of each to the one at the same place: [N], [N] -> [N]."""

    def vectors(self, content: np.ndarray) -> np.ndarray:
        """A direction for each, [T, D], alike where contents are."""


@dataclass(frozen=True)
class Frames:
    """Frames in their scale: [T, D]."""

    frames: ScaledFrames
    distance: str = "angular"

    def read(self, utterance: str, first: int = 0, last: int | None = None) -> np.ndarray:
        return self.frames.part(utterance, first, last)

    def query(self, content: np.ndarray) -> np.ndarray:
        return content

    def distances(self, query: np.ndarray, content: np.ndarray) -> np.ndarray:
        return DISTANCES[self.distance](query, content)

    def along(self, content: np.ndarray, other: np.ndarray) -> np.ndarray:
        return pairwise(content, other, self.distance)

    def vectors(self, content: np.ndarray) -> np.ndarray:
        return content


@dataclass(frozen=True)
class Codes:
    """The codes of frames, by their place in the codebook, as far apart as the means of their frames are: [T]."""

    encodings: Encodings
    codebook: CodeMeans
    distance: str = "angular"
    kept: dict[str, np.ndarray] = field(default_factory=dict)  # 4 bytes a frame

    def read(self, utterance: str, first: int = 0, last: int | None = None) -> np.ndarray:
        if utterance not in self.kept:
            codes = codes_of(self.encodings, utterance)
            self.kept[utterance] = np.searchsorted(self.codebook.codes, codes).astype(np.int32)
        return self.kept[utterance][first:last]

    def query(self, content: np.ndarray) -> np.ndarray:
        """Distances to every code: [T, K]; of all codes to all there may be too many."""
        means = self.codebook.means
        return DISTANCES[self.distance](means[content], means)

    def distances(self, query: np.ndarray, content: np.ndarray) -> np.ndarray:
        return query[:, content]

    def along(self, content: np.ndarray, other: np.ndarray) -> np.ndarray:
        return pairwise(self.vectors(content), self.vectors(other), self.distance)

    def vectors(self, content: np.ndarray) -> np.ndarray:
        return self.codebook.means[content]


class Units(Codes):
    """Codes that are the same, or not."""

    def query(self, content: np.ndarray) -> np.ndarray:
        return BOTH * (content[:, None] != np.arange(len(self.codebook.codes)))

    def along(self, content: np.ndarray, other: np.ndarray) -> np.ndarray:
        return BOTH * (content != other)


def unit_directions(codes: np.ndarray) -> CodeMeans:
    """A direction drawn by lot for every unit, the same in every corpus."""
    drawn = np.stack([np.random.default_rng(int(abs(code))).normal(size=UNIT_DIMS) for code in codes])
    return CodeMeans(codes, drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def pairwise(one: np.ndarray, other: np.ndarray, distance: str) -> np.ndarray:
    """Distances of rows to those at the same place, as DISTANCES has them: [N, D], [N, D] -> [N]."""
    if distance == "euclidean":
        return np.linalg.norm(one - other, axis=1)
    turned = angles_of(np.einsum("td,td->t", one, other)[None])[0]
    null, other_null = ~one.any(1), ~other.any(1)
    return np.where(null | other_null, np.where(null & other_null, 0, FAR), turned)
