"""Pieces of utterances, brought to one length, and k-means of them: what units are called at first, and anew."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unitdisc.clustering import KMeansOptions, kmeans
from unitdisc.clustering.assignment import nearest_codes
from unitdisc.clustering.frame_source import FrameSource
from unitdisc.segmentation.templates.model import stretches_of

PASSES, SAMPLE = 30, 20_000  # of k-means: over all pieces, at most, and pieces to begin with


@dataclass(frozen=True)
class Pieces:
    """The pieces of every utterance as frames: [S, points * D].

    bounds: utterance -> first frames and ends, [S] each.
    """

    frames: FrameSource
    bounds: Callable[[str], tuple[np.ndarray, np.ndarray]]
    points: int

    @property
    def folder(self):
        return self.frames.folder

    @property
    def names(self):
        return self.frames.names

    @property
    def dim(self) -> int:
        return self.points * self.frames.dim

    def __getitem__(self, name: str) -> np.ndarray:
        starts, ends = self.bounds(name)
        return stretches_of(self.frames[name], starts, ends, self.points).reshape(len(starts), self.dim)


@dataclass(frozen=True)
class NamedPieces:
    """What pieces are called: the nearest of K means."""

    pieces: Pieces
    means: np.ndarray  # [K, points * D]
    counts: np.ndarray  # [K]
    distance: float  # squared, of a piece from its mean, on average

    def __getitem__(self, name: str) -> np.ndarray:
        """[S]"""
        found = self.pieces[name]
        middle = self.means.mean(0)
        return nearest_codes(found, self.means - middle, middle).astype(np.int64)


def named(pieces: Pieces, names: int, *, seed: int, memory: float, threads: int) -> NamedPieces:
    """Raises EncodingsError if there are fewer pieces than names."""
    options = KMeansOptions(names, seed=seed, passes=PASSES, sample=SAMPLE)
    found = kmeans(pieces, options, memory, threads=threads)
    return NamedPieces(pieces, found.vectors, found.counts, found.inertia / found.frames)
