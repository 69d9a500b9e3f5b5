"""Frames of several systems, or of several points of one, put side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unitdisc.clustering.frame_source import StoredFrames
from unitdisc.encodings import EncodingsError


@dataclass(frozen=True)
class SideBySide:
    """The frames of the first, each with what the others have at its time, by linear interpolation.

    Reading raises EncodingsError as `StoredFrames` does, and naming an utterance of which another has no frames at some
    time of the first.
    """

    first: StoredFrames
    others: Sequence[StoredFrames]

    @property
    def folder(self) -> Path:
        return self.first.folder

    @property
    def names(self) -> Sequence[str]:
        return self.first.names

    @property
    def dim(self) -> int:
        return self.first.dim + sum(other.dim for other in self.others)

    def __getitem__(self, name: str) -> np.ndarray:
        times = self.first.encodings[name].centres
        return np.concatenate([self.first[name], *(self.at(other, name, times) for other in self.others)], axis=1)

    def at(self, other: StoredFrames, name: str, times: np.ndarray) -> np.ndarray:
        """The frames of another at these times, in ticks: [T] -> [T, D]."""
        frames, there = other[name], other.encodings[name].centres
        beyond = max(there[0] - times.min(initial=there[0]), times.max(initial=there[-1]) - there[-1])
        if beyond > spacing(there) + spacing(times):
            told = f"the frames of {name} begin later than those of {self.folder}, or end before"
            raise EncodingsError(f"{other.folder}: {told}; encode it again")
        return interpolated(frames, there, times)


def spacing(times: np.ndarray) -> float:
    """From one frame to the next; without a next, any."""
    return float(np.median(np.diff(times))) if len(times) > 1 else np.inf


def interpolated(frames: np.ndarray, there: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Frames [T, D] at `there` [T], in order, as they would be at other times [S]: [S, D]; beyond the ends as there."""
    after = np.searchsorted(there, times).clip(1, max(len(there) - 1, 1))
    before, after = after - 1, np.minimum(after, len(there) - 1)
    gaps = np.maximum(there[after] - there[before], np.finfo(float).tiny)
    weights = ((times - there[before]) / gaps).clip(0, 1)[:, None]
    return ((1 - weights) * frames[before] + weights * frames[after]).astype(np.float32)
