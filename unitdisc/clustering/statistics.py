"""The first pass over all frames: how many there are, whether they can be used, and a sample of them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unitdisc.clustering.frame_source import FrameSource, in_order
from unitdisc.clustering.options import KMeansOptions


@dataclass(frozen=True)
class FrameStatistics:
    """What the first pass finds."""

    frames: int
    lengths: dict[str, int]  # frames of each utterance
    mean: np.ndarray  # [D]
    checksum: str  # of all frames
    sample: np.ndarray  # [N, D]


def survey(frames: FrameSource, options: KMeansOptions, threads: int, advance: Callable[..., None]) -> FrameStatistics:
    """Reads all frames, and draws a sample of them: each has as good a chance, whatever the order of files."""
    sums, checksum, lengths = np.zeros(frames.dim), hashlib.sha256(), {}
    sample = FrameSample(options.frames_in_sample)

    def look(name: str) -> tuple[str, np.ndarray, np.ndarray, np.ndarray, bytes]:
        values = frames[name]
        priorities = np.random.default_rng([options.seed, *hashlib.sha256(name.encode()).digest()]).random(len(values))
        digest = hashlib.sha256(repr((name, values.shape)).encode() + values.tobytes()).digest()
        return name, values.sum(0, dtype=np.float64), values, priorities, digest

    for name, summed, values, priorities, digest in in_order(look, frames.names, threads):
        lengths[name] = len(values)
        sums += summed
        checksum.update(digest)
        sample.add(values, priorities)
        advance(1)
    total = sum(lengths.values())
    return FrameStatistics(total, lengths, sums / max(total, 1), checksum.hexdigest(), sample.drawn())


class FrameSample:
    """The frames of the lowest priorities, of any number of them; holds twice as many at most, and an utterance."""

    def __init__(self, size: int):
        self.size = size
        self.highest = np.inf  # no frame above it can be drawn any more
        self.held = 0
        self.priorities: list[np.ndarray] = []
        self.frames: list[np.ndarray] = []

    def add(self, frames: np.ndarray, priorities: np.ndarray) -> None:
        """frames: [T, D]; priorities: [T], random numbers."""
        chosen = priorities <= self.highest
        self.priorities.append(priorities[chosen])
        self.frames.append(frames[chosen])
        self.held += int(chosen.sum())
        if self.held > 2 * self.size:
            self.trim()

    def trim(self) -> None:
        priorities, frames = np.concatenate(self.priorities), np.concatenate(self.frames)
        order = np.argsort(priorities, kind="stable")[: self.size]
        self.priorities, self.frames, self.held = [priorities[order]], [frames[order]], len(order)
        if len(order) == self.size:
            self.highest = priorities[order[-1]]

    def drawn(self) -> np.ndarray:
        """The frames [N, D], in order of priority."""
        self.trim()
        return self.frames[0]
