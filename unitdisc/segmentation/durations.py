"""What the length of a run costs: duration priors as tables, the cost of a run of d frames at index d - 1.

All but `linear` are -log p of a distribution over 1 to `longest` frames, so they weigh against squared distances as
a model with unit covariance would; multiply a table to weigh it otherwise. What is impossible costs infinity.
"""

from collections.abc import Iterable

import numpy as np
from scipy.special import gammaln, logsumexp


def linear(longest: int, weight: float) -> np.ndarray:
    """-weight (d - 1), [longest]: as much as the prices of all other runs, but for a constant, if every change costs
    `weight`.

    The penalty of Kamper and van Niekerk (2021). Up to a longest run; without one, `viterbi_path` with `weight` as
    switch cost does the same in less time.
    """
    return -weight * (frames_up_to(longest) - 1)


def poisson(mean: float, longest: int) -> np.ndarray:
    """-log p of a Poisson distribution of this parameter, in frames, that is cut to 1 to `longest`: [longest]."""
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


def histogram_by_code(
    codes: Iterable[np.ndarray], num_codes: int, longest: int, smoothing: float = 1.0, prior: float = 20.0
) -> np.ndarray:
    """A histogram for every code, [num_codes, longest]; that of all codes counts like `prior` more runs in each.

    codes: [T] of each utterance. A code that was never seen has the durations of all.
    """
    own = np.zeros((num_codes, frames_up_to(longest).size))
    for utterance in codes:
        starts = starts_of(utterance)
        lengths = np.diff(starts, append=len(utterance))
        short = lengths <= longest
        np.add.at(own, (np.asarray(utterance)[starts[short]], lengths[short] - 1), 1)
    counts = own + positive("the prior", prior) * shares(own.sum(0), smoothing)
    return minus_log(counts / counts.sum(1, keepdims=True))


def interpolated(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """-log of (1 - share) p + share q of two tables, -log p and -log q: [D] or [K, D].

    Share 0 is the first table and 1 the second; use it to mix what was observed with a prior, or with the last
    estimate where durations and segments are learned in turn.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"the share of the second table is {share}; it must be from 0 to 1")
    with np.errstate(divide="ignore"):
        return -np.logaddexp(np.log1p(-share) - first, np.log(share) - second)


def bounded(durations: np.ndarray, shortest: int) -> np.ndarray:
    """The same table, [D] or [K, D], where runs below `shortest` frames are impossible and others likelier for it."""
    if not 1 <= shortest <= durations.shape[-1]:
        raise ValueError(f"the shortest run is {shortest} frames; it must be 1 to {durations.shape[-1]}, the longest")
    table = np.where(np.arange(1, durations.shape[-1] + 1) < shortest, np.inf, durations)
    return table + logsumexp(-table, axis=-1, keepdims=True)


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
