"""Codes that are predicted, of every latent: of a codebook over the features, or read from folders of encodings."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.data.base import Features
from unitdisc.encodings import Encodings, EncodingsError, centres_in_ticks, why_no_codes


@dataclass(frozen=True)
class CodesOptions:
    """Which codes an objective predicts, if it predicts any.

    folders: of encodings with codes, each with every utterance; of several, all are predicted at once. They may be of
    any rate: a latent gets the code of the frame that is nearest in time. If there are none, codes are k-means of the
    normalised features, averaged over the frames of a latent; training begins by finding them.
    num_codes: of k-means; of folders, more than the largest code.
    """

    folders: list = field(default_factory=list)
    num_codes: int = 100

    def __post_init__(self):
        if not all(isinstance(folder, str) for folder in self.folders):
            raise ValueError(f"folders must be a list of folders of encodings, not {self.folders!r}")
        if self.num_codes < 2:
            raise ValueError(f"num_codes must be 2 or more, not {self.num_codes}")

    @property
    def codebooks(self) -> int:
        """N."""
        return max(1, len(self.folders))


class Codes(Protocol):
    """Where batches get them from."""

    def __call__(self, utterance: Utterance, features: np.ndarray, start: int) -> np.ndarray:
        """The codes behind frames of an utterance, from `start`, a multiple of the stride, on: [T, C], normalised ->
        [ceil(T / stride), N], int64."""


@dataclass(frozen=True)
class FeatureCodes:
    """The nearest vectors [K, C] of a codebook."""

    vectors: np.ndarray
    stride: int

    def __call__(self, utterance: Utterance, features: np.ndarray, start: int) -> np.ndarray:
        pooled = mean_frames(features, self.stride)
        distances = np.square(self.vectors).sum(1) - 2 * pooled @ self.vectors.T  # less the square of the frame
        return distances.argmin(1)[:, None]


def mean_frames(features: np.ndarray, stride: int) -> np.ndarray:
    """The means of every `stride` frames, of those that are there: [T, C] -> [ceil(T / stride), C]."""
    firsts = np.arange(0, len(features), stride)
    sizes = np.minimum(stride, len(features) - firsts)
    return np.add.reduceat(features, firsts) / sizes[:, None].astype(features.dtype)


@dataclass(frozen=True)
class StoredCodes:
    """Those of folders, read before training starts."""

    codes: dict[str, np.ndarray]  # utterance -> [latents, N]
    stride: int

    def __call__(self, utterance: Utterance, features: np.ndarray, start: int) -> np.ndarray:
        first = start // self.stride
        return self.codes[utterance.id][first : first - (-len(features) // self.stride)].astype(np.int64)

    def checksum(self) -> str:
        digest = hashlib.sha256()
        for utterance in sorted(self.codes):
            digest.update(repr((utterance, self.codes[utterance].shape)).encode())
            digest.update(self.codes[utterance].tobytes())
        return digest.hexdigest()[:16]


def read_codes(
    options: CodesOptions, utterances: Iterable[Utterance], features: Features, stride: int, offset: float
) -> StoredCodes:
    """Reads the codes of all utterances from the folders. stride, offset: of the encoder.

    Raises EncodingsError if a folder cannot be read, has no codes of an utterance, codes beyond those there may be, or
    none near the time of some latent.
    """
    columns = [
        dict(codes_of_latents(Path(folder), options.num_codes, utterances, features, stride, offset))
        for folder in options.folders
    ]
    return StoredCodes({id: np.stack([of[id] for of in columns], axis=1) for id in columns[0]}, stride)


def codes_of_latents(
    folder: Path, num_codes: int, utterances: Iterable[Utterance], features: Features, stride: int, offset: float
) -> Iterator[tuple[str, np.ndarray]]:
    """Utterances and the codes of their latents in one folder: [latents], int32."""
    encodings = Encodings.open(folder)
    grid = features.grid(stride, offset)
    for utterance in utterances:
        if utterance.id not in encodings:
            raise EncodingsError(
                f"{encodings.why_missing(utterance.id)}, whose codes are to be predicted (codes.folders); "
                "encode the whole training corpus into it"
            )
        if encodings.codes[utterance.id] is None:
            raise EncodingsError(f"{folder}: {utterance.id} has no codes, {why_no_codes(encodings.settings)}")
        codes = np.asarray(encodings.codes[utterance.id], dtype=np.int32)
        if codes.max(initial=0) >= num_codes:
            raise EncodingsError(
                f"{folder}: {utterance.id} has code {codes.max()}; set codes.num_codes to more than the largest code, "
                f"not {num_codes}"
            )
        scale = features.scale(utterance)
        wanted = centres_in_ticks(-(-features.frames_in(utterance) // stride), grid, scale)
        there = encodings.centres(utterance.id, len(codes))
        nearest = nearest_places(there, wanted)
        if not len(codes) or np.abs(there[nearest] - wanted).max(initial=0) > farthest(there, grid["stride"] * scale):
            raise EncodingsError(
                f"{folder}: the codes of {utterance.id} end before it does, or leave a gap; encode it again"
            )
        yield utterance.id, codes[nearest]


def nearest_places(there: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Which of the times `there`, in order, is nearest to each that is wanted; the earlier of two as near."""
    return np.searchsorted((there[1:] + there[:-1]) / 2, wanted, side="left")


def farthest(there: np.ndarray, stride: float) -> float:
    """How far a code may be from a latent: a frame of theirs and one of ours."""
    return stride + (float(np.median(np.diff(there))) if len(there) > 1 else stride)
