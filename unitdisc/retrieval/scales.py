"""Frames in the scale of their speaker or of their corpus: zero mean and unit variance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unitdisc.clustering.frame_source import FrameSource, in_order
from unitdisc.corpus import Utterance

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of frames: [D], [D]."""

    mean: np.ndarray
    deviation: np.ndarray


def groups_of(utterances: Sequence[Utterance], normalise: str) -> Mapping[str, str]:
    """Utterance -> whose scale it has; those of unknown speakers are one group."""
    return {utterance.id: (utterance.speaker or "") if normalise == "speaker" else "" for utterance in utterances}


def scales(frames: FrameSource, groups: Mapping[str, str], threads: int, advance: Advance) -> dict[str, Scale]:
    """The scale of every group of utterances (utterance -> group), read once from beginning to end."""
    sums: dict[str, tuple[int, np.ndarray, np.ndarray]] = {}
    for name, found in in_order(lambda name: (name, moments(frames[name])), frames.names, threads):
        group = groups[name]
        sums[group] = joined(sums[group], found) if group in sums else found
        advance(1)
    return {group: scale(*found) for group, found in sorted(sums.items())}


def moments(frames: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """Number, mean and summed squared deviations of frames [T, D]."""
    values = frames.astype(np.float64)
    mean = values.mean(0)
    return len(values), mean, np.square(values - mean).sum(0)


def joined(one: tuple, other: tuple) -> tuple[int, np.ndarray, np.ndarray]:
    """The moments of both (Chan, Golub and LeVeque, 1979)."""
    number = one[0] + other[0]
    apart = other[1] - one[1]
    squares = one[2] + other[2] + np.square(apart) * (one[0] * other[0] / number)
    return number, one[1] + apart * (other[0] / number), squares


def scale(number: int, mean: np.ndarray, squares: np.ndarray) -> Scale:
    """A dimension that hardly changes is left as wide as it is."""
    deviation = np.sqrt(squares / number)
    return Scale(mean, np.where(deviation > 1e-6 * (np.abs(mean) + 1e-6), deviation, 1.0))


@dataclass(frozen=True)
class ScaledFrames:
    """Frames by utterance, in the scale of their group (none: as they are); of unit length, if `spherical`."""

    frames: FrameSource
    scale_of: Callable[[str], Scale | None]
    spherical: bool

    def __getitem__(self, name: str) -> np.ndarray:
        return self.part(name)

    def part(self, name: str, first: int = 0, last: int | None = None) -> np.ndarray:
        """Frames [first, last) of an utterance, as they are in the whole of it."""
        values, scale = self.frames[name][first:last].astype(np.float64), self.scale_of(name)
        if scale is not None:
            values = (values - scale.mean) / scale.deviation
        if self.spherical:
            lengths = np.linalg.norm(values, axis=1, keepdims=True)
            values = values / np.where(lengths > 0, lengths, 1)  # a frame of zeros, such as blank paper, stays one
        return values
