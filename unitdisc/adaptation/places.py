"""The frames of a corpus at one place of a chain of steps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from unitdisc.adaptation.base import Arrays, Step
from unitdisc.clustering.expectation_maximisation import MixtureOptions, fit
from unitdisc.clustering.frame_source import FrameSource, KeptFrames, in_order
from unitdisc.clustering.mixture import GaussianMixture

NAMED, ALONE = "speaker/", "utterance/"  # begin the key of a speaker, and of an utterance nobody is known to have said


def speaker_key(utterance: str, speaker: str | None) -> str:
    """By which what is learnt of a speaker is known; an utterance whose speaker is unknown has one of its own."""
    return f"{ALONE}{utterance}" if speaker is None else f"{NAMED}{speaker}"


@dataclass(frozen=True)
class Resources:
    """What fitting may use, and whom it tells: what it is at, and after every pass of a mixture."""

    memory: float = 2.0  # GiB for frames that are not computed again; for each step
    threads: int = 1
    seed: int = 0
    tell: Callable[[str], None] = lambda note: None


@dataclass(frozen=True)
class AppliedFrames:
    """Frames after a step."""

    before: FrameSource
    step: Step
    learnt: Arrays
    own: Mapping[str, Arrays]  # by key of the speaker
    keys: Mapping[str, str]  # of utterances

    @property
    def folder(self) -> Path:
        return self.before.folder

    @property
    def names(self) -> Sequence[str]:
        return self.before.names

    @property
    def dim(self) -> int:
        return self.step.dim(self.before.dim)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.step.apply(self.learnt, self.own[self.keys[name]], self.before[name])


@dataclass(frozen=True)
class Place:
    """The frames of a corpus at one place of a chain, and the mixtures of them."""

    source: FrameSource
    keys: Mapping[str, str]  # of the speakers of utterances: see `speaker_key`
    resources: Resources = Resources()
    mixtures: dict[MixtureOptions, GaussianMixture] = field(default_factory=dict)

    @cached_property
    def frames(self) -> KeptFrames:
        return KeptFrames(self.source, self.resources.memory)

    @cached_property
    def names_of(self) -> dict[str, list[str]]:
        """The utterances of every speaker, by key."""
        found: dict[str, list[str]] = {}
        for name in self.source.names:
            found.setdefault(self.keys[name], []).append(name)
        return found

    def speakers(self) -> list[str]:
        return sorted(key for key in self.names_of if key.startswith(NAMED))

    def of_speaker(self, speaker: str) -> Iterator[np.ndarray]:
        return (self.frames[name] for name in self.names_of[speaker])

    def mixture(self, options: MixtureOptions) -> GaussianMixture:
        """Fitted with the seed of the resources."""
        if options not in self.mixtures:
            resources, title = self.resources, f"mixture of {options.components}"
            passed = lambda note: resources.tell(f"{title}: {note}")  # noqa: E731
            seeded = MixtureOptions(**{**vars(options), "seed": resources.seed})
            self.mixtures[options] = fit(self.frames, seeded, resources.threads, passed=passed).mixture
        return self.mixtures[options]

    def after(self, step: Step, learnt: Arrays) -> "Place":
        """The same frames after a step."""

        def own(key: str) -> Arrays:
            return step.fit_speaker(learnt, lambda: self.of_speaker(key))

        speakers = sorted(self.names_of)
        fitted = dict(zip(speakers, in_order(own, speakers, self.resources.threads)))
        return Place(AppliedFrames(self.frames, step, learnt, fitted, self.keys), self.keys, self.resources)
