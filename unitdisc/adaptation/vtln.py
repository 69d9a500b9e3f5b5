"""Vocal tract length normalisation by likelihood, without labels (Lee & Rose, 1998).

Formants of a short vocal tract are higher. So the frequency axis of each speaker is warped by the factor under which a
mixture of everybody's frames finds the speaker's likeliest, in turn with the mixture.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from unitdisc.adaptation.base import AdaptationError
from unitdisc.clustering.expectation_maximisation import MixtureOptions, estimate_of, fit, improve
from unitdisc.clustering.mixture import GaussianMixture
from unitdisc.data.normalisation import moments

STEP = 0.05  # between factors
COMPONENTS, ROUNDS = 128, 4
FEWEST = 64  # frames for a component; where there are fewer, there are fewer components
FRAMES_OF_A_SPEAKER = 2000  # that are looked at, spread evenly
SPEAKERS = 256  # that the mixture is of; others get their factors under it

Frames = Callable[[str, float], np.ndarray]  # the frames [T, D] of a speaker at a factor


def factors(number: int) -> tuple[float, ...]:
    """So many factors around 1, an odd number. Raises ValueError if it is none."""
    if number % 2 == 0 or not 1 < number <= 13:
        raise ValueError(f"vtln is how many warps are tried, an odd number from 3 to 13 (0: none), not {number}")
    return tuple(round(1 + STEP * (place - number // 2), 2) for place in range(number))


@dataclass(frozen=True)
class Warps:
    """The factors of speakers, and the mixture under which others get theirs."""

    mixture: GaussianMixture
    of_speakers: Mapping[str, float] = field(default_factory=dict)

    def with_speakers(self, speakers: Sequence[str], frames: Frames, tried: Sequence[float]) -> "Warps":
        """The same, knowing these speakers too."""
        more = {speaker: likeliest(self.mixture, lambda factor: frames(speaker, factor), tried) for speaker in speakers}
        return replace(self, of_speakers={**more, **self.of_speakers})


@dataclass(frozen=True)
class ChosenFrames:
    """The frames of speakers at the factors that they have."""

    frames: dict[str, np.ndarray]
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
    speakers: Sequence[str],
    frames: Frames,
    tried: Sequence[float],
    seed: int = 0,
    told: Callable[[], None] = lambda: None,
) -> Warps:
    """The factors of these speakers, some of whom make up the mixture. told: called after every speaker.

    Raises AdaptationError if there are no frames.
    """
    order = np.random.default_rng(seed).permutation(sorted(speakers)).tolist()
    chosen = {}
    for speaker in sorted(order[:SPEAKERS]):
        chosen[speaker] = {factor: seen(frames(speaker, factor)) for factor in tried}
        told()
    chosen = {speaker: at for speaker, at in chosen.items() if len(at[1.0])}
    if not chosen:
        raise AdaptationError("there is nothing to warp: none of the utterances can be read, or has a frame")
    current = ChosenFrames({speaker: at[1.0] for speaker, at in chosen.items()})
    total = sum(map(len, current.frames.values()))
    options = MixtureOptions(max(1, min(COMPONENTS, total // FEWEST)), seed=seed, tolerance=0.0, passes=8)
    mixture = fit(current, options).mixture
    for _ in range(ROUNDS):
        best = {name: likeliest(mixture, at.__getitem__, tried, look=lambda x: x) for name, at in chosen.items()}
        current = ChosenFrames({name: chosen[name][factor] for name, factor in best.items()})
        estimate = estimate_of(current, mixture.middle, options)
        mixture = improve(current, mixture, estimate, replace(options, passes=4)).mixture
    rest = sorted(order[SPEAKERS:])
    return Warps(mixture, best).with_speakers(rest, frames, tried)


def seen(frames: np.ndarray) -> np.ndarray:
    """Some of the frames [T, D], of zero mean and unit variance: warps are not to be told apart by these."""
    return moments([frames]).apply(frames)[:: -(-len(frames) // FRAMES_OF_A_SPEAKER)] if len(frames) else frames


def likeliest(
    mixture: GaussianMixture,
    frames: Callable[[float], np.ndarray],
    tried: Sequence[float],
    look: Callable[[np.ndarray], np.ndarray] = seen,
) -> float:
    """The factor of the likeliest frames, the nearest to 1 of several as likely."""
    scores = {factor: mixture.log_density(look(frames(factor))).mean() for factor in tried}
    return max(sorted(tried, key=lambda factor: abs(factor - 1)), key=scores.__getitem__)
