"""What every step takes and gives."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import numpy as np

from unitdisc.clustering.expectation_maximisation import MixtureOptions
from unitdisc.clustering.frame_source import FrameSource
from unitdisc.clustering.mixture import GaussianMixture

Arrays = Mapping[str, np.ndarray]  # what is learnt, by name
Read = Callable[[], Iterable[np.ndarray]]  # goes over the frames [T, D] of a speaker, each time it is called


class AdaptationError(ValueError):
    """Steps cannot be taken, or do not fit the frames; the message says which and why, and the cure."""


class SpeakerFrames(Protocol):
    """The frames that a step is fitted to."""

    frames: FrameSource

    def speakers(self) -> list[str]:
        """Everybody with a name, in order."""

    def of_speaker(self, speaker: str) -> Iterable[np.ndarray]:
        """The frames [T, D] of each of a speaker's utterances."""

    def mixture(self, options: MixtureOptions) -> GaussianMixture:
        """A mixture of all frames; steps that want the same get the same."""


class Step(Protocol):
    """One step: a frozen dataclass, whose fields are its options."""

    def dim(self, dim: int) -> int:
        """How wide frames become that were so wide. Raises AdaptationError if they cannot be so wide."""

    def fit(self, all_frames: SpeakerFrames) -> Arrays:
        """What is learnt from all frames."""

    def fit_speaker(self, learnt: Arrays, read: Read) -> Arrays:
        """What is learnt from the frames of one speaker; {} where there is nothing to learn."""

    def apply(self, learnt: Arrays, own: Arrays, frames: np.ndarray) -> np.ndarray:
        """The frames of an utterance, given what was learnt from all and from its speaker: [T, D] -> [T, D']."""


class OfAll:
    """A step that learns nothing of single speakers, and leaves frames as wide as they are."""

    def dim(self, dim: int) -> int:
        return dim

    def fit_speaker(self, learnt: Arrays, read: Read) -> Arrays:
        return {}


def under(prefix: object, arrays: Arrays) -> dict[str, np.ndarray]:
    """The arrays whose names begin with "PREFIX.", without that."""
    start = f"{prefix}."
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


def named(prefix: object, arrays: Arrays) -> dict[str, np.ndarray]:
    """The arrays by names that `under` finds."""
    return {f"{prefix}.{name}": array for name, array in arrays.items()}
