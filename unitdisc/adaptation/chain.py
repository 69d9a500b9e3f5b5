"""Steps one after the other, and side by side: which are steps themselves."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from unitdisc.adaptation.affine import Affine
from unitdisc.adaptation.base import AdaptationError, Arrays, Read, Step, named, under
from unitdisc.adaptation.lda import LDA
from unitdisc.adaptation.places import Place
from unitdisc.adaptation.posteriorgram import Posteriorgram


@dataclass(frozen=True)
class Chain:
    """Steps one after the other."""

    steps: tuple[Step, ...]

    def dim(self, dim: int) -> int:
        for step in self.steps:
            dim = step.dim(dim)
        return dim

    def fit(self, all_frames: Place) -> Arrays:
        learnt = {}
        for number, step in enumerate(self.steps):
            found = step.fit(all_frames)
            learnt |= named(number, found)
            if number + 1 < len(self.steps):
                all_frames = all_frames.after(step, found)
        return learnt

    def fit_speaker(self, learnt: Arrays, read: Read) -> Arrays:
        own = {}
        for number, step in enumerate(self.steps):
            found = step.fit_speaker(under(number, learnt), read)
            own |= named(number, found)
            read = applied(step, under(number, learnt), found, read)
        return own

    def apply(self, learnt: Arrays, own: Arrays, frames: np.ndarray) -> np.ndarray:
        for number, step in enumerate(self.steps):
            frames = step.apply(under(number, learnt), under(number, own), frames)
        return frames


def applied(step: Step, learnt: Arrays, own: Arrays, read: Read) -> Read:
    """Goes over the same frames after a step."""

    def over() -> Iterator[np.ndarray]:
        return (step.apply(learnt, own, frames) for frames in read())

    return over


@dataclass(frozen=True)
class Branches:
    """Chains that all get the same frames; what they make of them is put side by side."""

    chains: tuple[Chain, ...]

    def dim(self, dim: int) -> int:
        return sum(chain.dim(dim) for chain in self.chains)

    def fit(self, all_frames: Place) -> Arrays:
        learnt = {}
        for number, chain in enumerate(self.chains):
            learnt |= named(number, chain.fit(all_frames))
        return learnt

    def fit_speaker(self, learnt: Arrays, read: Read) -> Arrays:
        own = {}
        for number, chain in enumerate(self.chains):
            own |= named(number, chain.fit_speaker(under(number, learnt), read))
        return own

    def apply(self, learnt: Arrays, own: Arrays, frames: np.ndarray) -> np.ndarray:
        parts = [
            chain.apply(under(number, learnt), under(number, own), frames) for number, chain in enumerate(self.chains)
        ]
        return np.concatenate(parts, 1)


def affine_steps(step: Step) -> int:
    """How often frames are moved by an affine step, at most."""
    if isinstance(step, Chain):
        return sum(map(affine_steps, step.steps))
    if isinstance(step, Branches):
        return max(map(affine_steps, step.chains))
    return int(isinstance(step, Affine))


def mixtures(step: Step) -> int:
    """How many mixtures are fitted, at most."""
    if isinstance(step, Chain):
        return sum(map(mixtures, step.steps))
    if isinstance(step, Branches):
        return sum(map(mixtures, step.chains))
    return int(isinstance(step, Affine | LDA | Posteriorgram))


def refuse_repeated(chain: Chain) -> None:
    """Raises AdaptationError if frames would go through more than one affine step."""
    if affine_steps(chain) > 1:
        raise AdaptationError(
            "the affine step is there more than once, and frames that go through it again have less to tell; "
            "take it once"
        )
