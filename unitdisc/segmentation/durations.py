"""What the length of a run costs: duration priors as tables, the cost of a run of d frames at index d - 1.

Tables are -log p of a distribution over 1 to `longest` frames, so they weigh against squared distances as a model with
unit covariance would; multiply a table to weigh it otherwise. What is impossible costs infinity. `DURATIONS` names the
priors that one can choose.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

GAMMA_SHAPE = 3.0  # of DPDP (Kamper & van Niekerk, 2021)


@dataclass(frozen=True)
class DurationPrior:
    """What one knows of durations before looking at frames, and how it becomes a table of costs.

    costs(mean, longest, observed) -> [longest], nats: `mean` and `longest` in frames; observed: the durations [N] in
    frames of all units of the last estimate, or None where there is none yet. None: durations cost nothing.
    learned: whether it needs `observed`; units are then found without it first.
    """

    costs: Callable[[float, int, np.ndarray | None], np.ndarray] | None = None
    learned: bool = False


DURATIONS = {
    "none": DurationPrior(),
    "linear": DurationPrior(),  # -weight (d - 1), of Kamper & van Niekerk (2021): just what a switch cost does
    "poisson": DurationPrior(lambda mean, longest, observed: poisson(mean, longest)),
    "gamma": DurationPrior(lambda mean, longest, observed: gamma(GAMMA_SHAPE, mean / GAMMA_SHAPE, longest)),
    "histogram": DurationPrior(lambda mean, longest, observed: histogram(observed, longest), learned=True),
}


def poisson(mean: float, longest: int) -> np.ndarray:
    """-log p of a Poisson distribution of this parameter, in frames, that is cut to 1 to `longest`: [longest]."""
    from scipy.special import gammaln

    positive("the mean", mean)
    frames = frames_up_to(longest)
    return normalised(frames * np.log(mean) - gammaln(frames + 1))


def gamma(shape: float, scale: float, longest: int) -> np.ndarray:
    """-log p proportional to the density of a Gamma distribution at 1 to `longest` frames: [longest].

    scale: in frames; the mean is shape x scale, unless the longest run cuts it off.
    """
    positive("the shape", shape)
    positive("the scale", scale)
    frames = frames_up_to(longest)
    return normalised((shape - 1) * np.log(frames) - frames / scale)


def histogram(observed: np.ndarray, longest: int, smoothing: float = 1.0) -> np.ndarray:
    """-log of how often runs of 1 to `longest` frames were observed, each counted `smoothing` times more: [longest].

    observed: durations [N] in frames, as of `durations_of`; longer ones are left out. With smoothing of 0, durations
    never observed are impossible.
    Raises ValueError if there is nothing to count.
    """
    return minus_log(shares(duration_counts(observed, longest), smoothing))


def durations_of(codes: np.ndarray) -> np.ndarray:
    """Frames of every run of one code: codes [T] of one utterance -> [S]."""
    return np.diff(starts_of(codes), append=len(codes))


def starts_of(codes: np.ndarray) -> np.ndarray:
    """The first frame of every run of one code: [T] -> [S]."""
    codes = np.asarray(codes)
    changes = np.ones(len(codes), bool)
    changes[1:] = codes[1:] != codes[:-1]
    return np.flatnonzero(changes)


def duration_counts(observed: np.ndarray, longest: int) -> np.ndarray:
    """How often each duration up to `longest` was observed, [longest]."""
    observed = np.asarray(observed, np.int64)
    if observed.size and observed.min() < 1:
        raise ValueError(f"a run of {observed.min()} frames was observed; every run has one at least")
    frames_up_to(longest)
    return np.bincount(observed[observed <= longest] - 1, minlength=longest).astype(float)


def shares(counts: np.ndarray, smoothing: float) -> np.ndarray:
    """What part of all runs has each duration: [longest]."""
    counts = counts + not_negative("smoothing", smoothing)
    if not counts.any():
        raise ValueError(
            f"no run of 1 to {len(counts)} frames was observed; smooth the histogram, or allow longer runs"
        )
    return counts / counts.sum()


def frames_up_to(longest: int) -> np.ndarray:
    if longest < 1:
        raise ValueError(f"the longest run is {longest} frames; it must be 1 or more")
    return np.arange(1.0, longest + 1)


def normalised(log_weights: np.ndarray) -> np.ndarray:
    """-log p of what is proportional to the weights."""
    from scipy.special import logsumexp

    return logsumexp(log_weights) - log_weights


def minus_log(probabilities: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return -np.log(probabilities)


def positive(name: str, value: float) -> float:
    if not 0 < value < np.inf:
        raise ValueError(f"{name} of the durations is {value}; it must be above 0")
    return value


def not_negative(name: str, value: float) -> float:
    if not 0 <= value < np.inf:
        raise ValueError(f"{name} of the durations is {value}; it must be 0 or more")
    return value
