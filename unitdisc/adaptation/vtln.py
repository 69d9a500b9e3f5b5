"""Vocal tract length normalisation by likelihood, without labels (Lee & Rose, 1998).

Formants of a short vocal tract are higher. So the frequency axis of each speaker is warped by the factor under which a
mixture of everybody's frames finds the speaker's likeliest, in turn with the mixture.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import safetensors
from threadpoolctl import threadpool_limits

from unitdisc.adaptation.base import AdaptationError
from unitdisc.clustering.expectation_maximisation import MixtureOptions, estimate_of, fit, improve
from unitdisc.clustering.frame_source import in_order
from unitdisc.clustering.mixture import GaussianMixture
from unitdisc.data.normalisation import moments
from unitdisc.files.tensors import write_tensors
from unitdisc.files.text import json_in

FILE = "vtln.safetensors"
STEP, MOST = 0.05, 13  # between factors, and how many of them
COMPONENTS, ROUNDS = 128, 4
FIRST_PASSES, PASSES = 8, 4  # of expectation maximisation, before and after each round
FEWEST = 64  # frames for a component; where there are fewer, there are fewer components
FRAMES_OF_A_SPEAKER = 2000  # that are looked at, spread evenly
SPEAKERS = 256  # that the mixture is of; others get their factors under it

Views = Callable[[str], Mapping[float, np.ndarray]]  # the frames [T, D] of a speaker, by factor


def factors(number: int) -> tuple[float, ...]:
    """So many factors around 1. Raises ValueError if it is no odd number, or too large."""
    if number % 2 == 0 or not 1 < number <= MOST:
        raise ValueError(f"vtln is how many warps are tried, an odd number from 3 to {MOST}, or 0, not {number}")
    return tuple(round(1 + STEP * (place - number // 2), 2) for place in range(number))


@dataclass(frozen=True)
class Warps:
    """The factors of speakers, and the mixture under which others get theirs."""

    mixture: GaussianMixture
    of_speakers: Mapping[str, float]  # by key: see `places.speaker_key`

    def factor_of(self, views: Mapping[float, np.ndarray]) -> float | None:
        """The factor of a speaker whose frames these are, by factor; None where there are none."""
        frames = all_seen(views)
        return likeliest(self.mixture, frames) if len(frames[1.0]) else None

    def with_speakers(self, speakers: Sequence[str], views: Views, threads: int = 1) -> "Warps":
        """The same, knowing these speakers too; those of whom there are no frames stay unknown."""
        with threadpool_limits(1):  # threads work on speakers
            found = dict(zip(speakers, in_order(lambda speaker: self.factor_of(views(speaker)), speakers, threads)))
        known = {speaker: factor for speaker, factor in found.items() if factor is not None}
        return replace(self, of_speakers={**known, **self.of_speakers})

    def write(self, path: Path) -> None:
        write_tensors(path, self.mixture.arrays(), {"factors": self.of_speakers})

    @classmethod
    def read(cls, path: Path) -> "Warps":
        """Reads what `write` wrote. Raises AdaptationError naming the file if it is not there, or not whole."""
        if not path.exists():
            raise AdaptationError(f"{path}: no such file; `unitdisc features` with `vtln` writes one")
        try:
            with safetensors.safe_open(path, "numpy") as file:
                known = {str(name): float(factor) for name, factor in json_in(file.metadata()["factors"]).items()}
                names = file.keys()
                mixture = GaussianMixture.of_arrays({name: file.get_tensor(name) for name in names})
            if not all(np.isfinite(array).all() for array in mixture.arrays().values()):
                raise ValueError("the mixture is not finite")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, safetensors.SafetensorError) as error:
            raise AdaptationError(f"{path}: holds no warps, or is damaged ({error}); make it again") from error
        return cls(mixture, known)


@dataclass(frozen=True)
class ChosenFrames:
    """The frames of speakers at the factors that they have now."""

    frames: Mapping[str, np.ndarray]
    folder: Path = Path("vtln")

    @property
    def names(self) -> list[str]:
        return sorted(self.frames)

    @property
    def dim(self) -> int:
        return self.frames[self.names[0]].shape[1]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.frames[name]


def fit_warps(
    speakers: Sequence[str], views: Views, seed: int = 0, threads: int = 1, told: Callable[[], None] = lambda: None
) -> Warps:
    """The factors of these speakers, some of whom make up the mixture. told: called after each of those.

    Raises AdaptationError if there are no frames.
    """
    order = np.random.default_rng(seed).permutation(sorted(speakers)).tolist()

    def best_of(speaker: str) -> float:
        return likeliest(mixture, frames[speaker])

    frames, first = {}, sorted(order[:SPEAKERS])
    with threadpool_limits(1):  # threads work on speakers, so that each is counted in one way
        for speaker, at in zip(first, in_order(lambda speaker: all_seen(views(speaker)), first, threads)):
            if len(at[1.0]):
                frames[speaker] = at
            told()
        if not frames:
            raise AdaptationError("vtln: none of the utterances can be read, or has a frame; look at the recordings")
        current = ChosenFrames({speaker: at[1.0] for speaker, at in frames.items()})
        components = max(1, min(COMPONENTS, sum(map(len, current.frames.values())) // FEWEST))
        options = MixtureOptions(components, seed=seed, passes=FIRST_PASSES, tolerance=0.0)
        mixture = fit(current, options, threads).mixture
        for _ in range(ROUNDS):
            best = dict(zip(frames, in_order(best_of, frames, threads)))
            current = ChosenFrames({speaker: frames[speaker][factor] for speaker, factor in best.items()})
            estimate = estimate_of(current, mixture.middle, options, threads=threads)
            mixture = improve(
                current, mixture, estimate, options=replace(options, passes=PASSES), threads=threads
            ).mixture
        known = dict(zip(frames, in_order(best_of, frames, threads)))
    return Warps(mixture, known).with_speakers(sorted(order[SPEAKERS:]), views, threads)


def all_seen(views: Mapping[float, np.ndarray]) -> dict[float, np.ndarray]:
    """`seen` of the frames at every factor."""
    return {factor: seen(frames) for factor, frames in views.items()}


def seen(frames: np.ndarray) -> np.ndarray:
    """Some of the frames [T, D], of zero mean and unit variance, so that no factor is chosen for these."""
    if not len(frames):
        return frames
    return moments([frames]).apply(frames)[:: -(-len(frames) // FRAMES_OF_A_SPEAKER)]


def likeliest(mixture: GaussianMixture, frames: Mapping[float, np.ndarray]) -> float:
    """The factor of the likeliest frames, the nearest to 1 of several as likely."""
    scores = {factor: mixture.log_density(values).mean(dtype=np.float64) for factor, values in frames.items()}
    return max(sorted(scores, key=lambda factor: (abs(factor - 1), factor)), key=scores.__getitem__)
