"""Variational Bayes of a phone loop (Ondel, Burget & Cernocky, 2016): priors, posteriors, and how far they are apart.

Every parameter has its conjugate prior: weights of units a Dirichlet process, cut off after U sticks; steps of states
and weights of Gaussians Dirichlet distributions; means and precisions normal-gamma distributions about the mean and the
variance of all frames. Likelihoods of frames are taken to the power of the acoustic scale, so every frame counts for
so much where means and precisions are estimated.
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy.special import digamma, gammaln

from unitdisc.segmentation.phone_loop.kernels import forward_backward
from unitdisc.segmentation.phone_loop.model import PhoneLoop, states_of

CONCENTRATION = 1.0  # of the Dirichlet process
EVEN = 1.0  # count before any was seen, of steps and of weights of Gaussians
MEAN_FRAMES = 1.0  # how many frames the prior of a mean is worth
SHAPE = 1.0  # of the gamma prior of precisions: it is worth twice so many frames


@dataclass(frozen=True)
class Statistics:
    """What frames say of a phone loop, in double precision; sums are about the mean of all frames."""

    entries: np.ndarray  # [U]
    stays: np.ndarray  # [U, S]
    leaves: np.ndarray  # [U, S]
    counts: np.ndarray  # [U, S, C]
    sums: np.ndarray  # [U, S, C, D]
    squares: np.ndarray  # [U, S, C, D]
    log_likelihood: np.ndarray  # of all frames; scalar
    frames: np.ndarray  # scalar

    def __add__(self, other: "Statistics") -> "Statistics":
        return Statistics(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def expectation(loop: PhoneLoop, frames: np.ndarray, middle: np.ndarray) -> Statistics:
    """What an utterance [T, D] says, over all paths through a phone loop."""
    scores = loop.component_scores(frames)
    of_states = states_of(scores)
    found = forward_backward(of_states.astype(np.float64), loop.enter, loop.stay, loop.leave)
    total, shares, entries, stays, leaves = found
    scores -= of_states[..., None]
    np.exp(scores, out=scores)
    scores *= shares[..., None].astype(scores.dtype)
    return statistics(frames, scores, middle, entries, stays, leaves, total)


def statistics(
    frames: np.ndarray,
    shares: np.ndarray,
    middle: np.ndarray,
    entries: np.ndarray,
    stays: np.ndarray,
    leaves: np.ndarray,
    log_likelihood: float = 0.0,
) -> Statistics:
    """Of frames [T, D], of which every Gaussian has its shares [T, U, S, C]."""
    centred = frames - middle.astype(frames.dtype)
    rows = shares.reshape(len(frames), -1).T
    shape = (*shares.shape[1:], frames.shape[1])
    return Statistics(
        entries,
        stays,
        leaves,
        shares.sum(0, dtype=np.float64),
        (rows @ centred).astype(np.float64).reshape(shape),
        (rows @ centred**2).astype(np.float64).reshape(shape),
        np.float64(log_likelihood),
        np.float64(len(frames)),
    )


@dataclass(frozen=True)
class Prior:
    """What is known before units are looked for: the mean and the variance of all frames, [D] each."""

    mean: np.ndarray
    variance: np.ndarray
    acoustic_scale: float


@dataclass(frozen=True)
class Posterior:
    """What is known of every parameter after frames were seen."""

    prior: Prior
    sticks: np.ndarray  # [U, 2], of beta distributions
    steps: np.ndarray  # [U, S, 2]: staying, leaving
    weights: np.ndarray  # [U, S, C], of Dirichlet distributions
    mean_frames: np.ndarray  # [U, S, C], and so on: of normal-gamma distributions, about the mean of all frames
    means: np.ndarray  # [U, S, C, D]
    shapes: np.ndarray  # [U, S, C]
    rates: np.ndarray  # [U, S, C, D]
    frames: np.ndarray  # [U]

    @classmethod
    def after(cls, seen: Statistics, prior: Prior) -> "Posterior":
        later = np.append(np.cumsum(seen.entries[::-1])[-2::-1], 0)
        frames = prior.acoustic_scale * seen.counts
        mean_frames = MEAN_FRAMES + frames
        means = prior.acoustic_scale * seen.sums / mean_frames[..., None]
        scatter = prior.acoustic_scale * seen.squares - mean_frames[..., None] * means**2
        return cls(
            prior,
            np.stack([1 + seen.entries, CONCENTRATION + later], -1),
            EVEN + np.stack([seen.stays, seen.leaves], -1),
            EVEN + seen.counts,
            mean_frames,
            means,
            SHAPE + frames / 2,
            SHAPE * prior.variance + np.maximum(scatter, 0) / 2,
            seen.counts.sum((1, 2)),
        )

    def loop(self) -> PhoneLoop:
        """The phone loop of the expected logarithms."""
        taken, left = np.moveaxis(expected_logarithms(self.sticks), -1, 0)
        stay, leave = np.moveaxis(expected_logarithms(self.steps), -1, 0)
        dim = self.means.shape[-1]
        return PhoneLoop(
            taken + np.append(0, np.cumsum(left[:-1])),
            stay,
            leave,
            expected_logarithms(self.weights),
            0.5 * dim * (digamma(self.shapes) - np.log(self.shapes) - 1 / self.mean_frames),
            self.means + self.prior.mean,
            self.rates / self.shapes[..., None],
            self.frames,
            np.float64(self.prior.acoustic_scale),
        )

    def divergence(self) -> float:
        """KL(posterior || prior) of all parameters, in nats."""
        sticks = dirichlet_divergence(self.sticks, np.array([1.0, CONCENTRATION]))
        steps = dirichlet_divergence(self.steps, np.full(2, EVEN))
        weights = dirichlet_divergence(self.weights, np.full(self.weights.shape[-1], EVEN))
        ratios = MEAN_FRAMES / self.mean_frames
        shapes = self.shapes[..., None]
        precisions = shapes / self.rates
        normal = -np.log(ratios)[..., None] + ratios[..., None] - 1 + MEAN_FRAMES * self.means**2 * precisions
        rates = SHAPE * self.prior.variance
        gamma = (
            (shapes - SHAPE) * digamma(shapes)
            - gammaln(shapes)
            + gammaln(SHAPE)
            + SHAPE * np.log(self.rates / rates)
            + precisions * (rates - self.rates)
        )
        return float(sticks + steps + weights + (0.5 * normal + gamma).sum())


def expected_logarithms(counts: np.ndarray) -> np.ndarray:
    """Of Dirichlet distributions with these counts [..., K]: [..., K]."""
    return digamma(counts) - digamma(counts.sum(-1, keepdims=True))


def dirichlet_divergence(counts: np.ndarray, prior: np.ndarray) -> float:
    """KL of Dirichlet distributions [..., K] from a prior [K], summed."""
    normaliser = gammaln(counts.sum(-1)) - gammaln(counts).sum(-1) - gammaln(prior.sum()) + gammaln(prior).sum()
    return float((normaliser + ((counts - prior) * expected_logarithms(counts)).sum(-1)).sum())
