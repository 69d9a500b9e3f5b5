"""How Gaussian mixtures are fitted: expectation maximisation (Dempster et al., 1977), or variational Bayes with a
Dirichlet process over the weights (Blei & Jordan, 2006), which leaves components that are not needed without frames.

Both go over all frames, utterance by utterance, from k-means of a sample. As with k-means, neither memory nor threads
change a byte of the result.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar, Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from unitdisc.clustering.assignment import nearest_codes
from unitdisc.clustering.frame_source import FrameSource, in_order
from unitdisc.clustering.initialisation import first_state
from unitdisc.clustering.mixture import GaussianMixture, softmax
from unitdisc.clustering.options import KMeansOptions
from unitdisc.clustering.statistics import survey
from unitdisc.encodings import EncodingsError

COVARIANCES = ("diagonal", "full")
PRIORS = ("none", "dirichlet-process")


@dataclass(frozen=True)
class MixtureOptions:
    """What decides about the result.

    floor: added to all variances, as a part of the variance of all frames in that dimension.
    tolerance: stop when a pass raises the mean log-likelihood by less.
    """

    components: int
    covariance: str = "diagonal"
    prior: str = "none"
    seed: int = 0
    passes: int = 12
    tolerance: float = 1e-3
    floor: float = 0.01

    def __post_init__(self):
        for name, choices in (("covariance", COVARIANCES), ("prior", PRIORS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"`{name}` must be one of {list(choices)}, not {getattr(self, name)!r}")
        for name, least in (("components", 1), ("seed", 0), ("passes", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"`{name}` must be {least} or more, not {getattr(self, name)}")
        if not 0 < self.floor < 1:
            raise ValueError(f"`floor` must be a part of the variance, above 0 and below 1, not {self.floor:g}")
        if not self.tolerance >= 0:
            raise ValueError(f"`tolerance` must be 0 or more, not {self.tolerance:g}")


@dataclass(frozen=True)
class Moments:
    """What frames say of every component, or of all (K = 1), about a point near their middle; in double precision."""

    counts: np.ndarray  # [K]
    sums: np.ndarray  # [K, D]
    squares: np.ndarray  # [K, D], or products [K, D, D]
    log_likelihood: float  # of all frames
    frames: int

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.counts + other.counts,
            self.sums + other.sums,
            self.squares + other.squares,
            self.log_likelihood + other.log_likelihood,
            self.frames + other.frames,
        )


def moments(
    frames: np.ndarray, shares: np.ndarray, middle: np.ndarray, full: bool, log_likelihood: float = 0.0
) -> Moments:
    """Of frames [T, D], of which every component has its shares [T, K]."""
    centred = frames - middle.astype(frames.dtype)
    if full:
        squares = np.stack([(centred * share[:, None]).T @ centred for share in shares.T])
    else:
        squares = shares.T @ centred**2
    return Moments(
        shares.sum(0, dtype=np.float64),
        (shares.T @ centred).astype(np.float64),
        squares.astype(np.float64),
        log_likelihood,
        len(frames),
    )


def expectation(mixture: GaussianMixture, frames: np.ndarray, middle: np.ndarray) -> Moments:
    """What frames [T, D] say of the components of a mixture."""
    joint = mixture.log_joint(frames)
    highest = joint.max(1)
    shares = softmax(joint)
    likelihood = highest.sum(dtype=np.float64) - np.log(shares.max(1)).sum(dtype=np.float64)
    return moments(frames, shares, middle, mixture.is_full, float(likelihood))


class Estimate(Protocol):
    """How a mixture follows from what frames say of its components."""

    def __call__(self, found: Moments) -> GaussianMixture: ...


@dataclass(frozen=True)
class Likeliest:
    """The mixture of greatest likelihood."""

    middle: np.ndarray  # [D], of moments
    floors: np.ndarray  # [D], added to variances

    def __call__(self, found: Moments) -> GaussianMixture:
        counts, means, covariances = parameters(found, self.floors)
        return GaussianMixture(np.log(counts / counts.sum()), means + self.middle, covariances)


@dataclass(frozen=True)
class Variational:
    """The expected mixture under a Dirichlet process over weights, and a normal-Wishart prior over each component.

    The prior is that of scikit-learn's BayesianGaussianMixture: concentration 1 / K, the mean and the covariance of all
    frames, with the weight of one frame, and as many degrees of freedom as dimensions.
    """

    middle: np.ndarray  # [D]
    floors: np.ndarray  # [D]
    mean: np.ndarray  # [D], of all frames, about the middle
    covariance: np.ndarray  # [D] or [D, D]

    mean_weight: ClassVar[float] = 1.0

    def __call__(self, found: Moments) -> GaussianMixture:
        from scipy.special import digamma

        counts, means, covariances = parameters(found, self.floors)
        dim = means.shape[1]
        weights = self.mean_weight + counts
        freedom = dim + counts
        shift = means - self.mean
        scale = counts * self.mean_weight / weights
        if covariances.ndim == 3:
            scatter = counts[:, None, None] * covariances + scale[:, None, None] * shift[:, :, None] * shift[:, None]
            expected = (self.covariance + scatter) / freedom[:, None, None]
        else:
            expected = (self.covariance + counts[:, None] * covariances + scale[:, None] * shift**2) / freedom[:, None]
        log_determinants = dim * np.log(2) + digamma(0.5 * (freedom - np.arange(dim)[:, None])).sum(0)
        constant = 0.5 * (log_determinants - dim / weights - dim * np.log(freedom))
        place = (self.mean_weight * self.mean + counts[:, None] * means) / weights[:, None]
        return GaussianMixture(stick_lengths(counts) + constant, place + self.middle, expected)


def stick_lengths(counts: np.ndarray) -> np.ndarray:
    """The expected logarithms of the weights that a Dirichlet process gives components with such counts: [K]."""
    from scipy.special import digamma

    taken = 1 + counts
    left = 1 / len(counts) + np.append(np.cumsum(counts[::-1])[-2::-1], 0)
    both = digamma(taken + left)
    return digamma(taken) - both + np.append(0, np.cumsum(digamma(left) - both)[:-1])


def parameters(found: Moments, floors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts [K], means [K, D] about the middle, and covariances."""
    counts = found.counts + 10 * np.finfo(np.float64).eps  # a component may have no frames
    means = found.sums / counts[:, None]
    if found.squares.ndim == 2:
        return counts, means, np.maximum(found.squares / counts[:, None] - means**2, 0) + floors
    products = means[:, :, None] * means[:, None]
    return counts, means, found.squares / counts[:, None, None] - products + np.diag(floors)


@dataclass(frozen=True)
class MixtureResult:
    mixture: GaussianMixture
    counts: np.ndarray  # [K], the frames that every component accounts for, by the pass before the last estimate
    log_likelihoods: tuple[float, ...]  # of the mean frame, before every estimate
    converged: bool


def fit(
    frames: FrameSource,
    options: MixtureOptions,
    threads: int = 1,
    read: Callable[[], None] = lambda: None,
    passed: Callable[[str], None] = lambda note: None,
) -> MixtureResult:
    """Fits a mixture to all frames. read: called after each utterance of the first pass; passed(note), after a pass.

    Raises EncodingsError if there are fewer (different) frames than components.
    """
    clusters = KMeansOptions(options.components, seed=options.seed, starts=1)
    with threadpool_limits(1):  # threads work on utterances, so that each is counted in one way
        seen = survey(frames, clusters, threads, lambda count: read())
        if seen.frames < options.components:
            raise EncodingsError(
                f"{frames.folder}: has {seen.frames} frames, but a mixture of {options.components} components is "
                "wanted; ask for fewer"
            )
        start = first_state(seen.sample, clusters, frames.folder, threads=threads).vectors
        estimate = estimate_of(frames, seen.mean, options, threads)
        return improve(
            frames, estimate(clustered(seen.sample, start, seen.mean, options)), estimate, options, threads, passed
        )


def estimate_of(frames: FrameSource, middle: np.ndarray, options: MixtureOptions, threads: int = 1) -> Estimate:
    """How mixtures of these frames are estimated, which takes a pass over them."""
    full = options.covariance == "full"

    def look(name: str) -> Moments:
        values = frames[name]
        return moments(values, np.ones((len(values), 1), values.dtype), middle, full)

    everything = reduce(Moments.__add__, in_order(look, frames.names, threads))
    mean = everything.sums[0] / everything.frames
    if full:
        covariance = everything.squares[0] / everything.frames - np.outer(mean, mean)
    else:
        covariance = everything.squares[0] / everything.frames - mean**2
    variances = np.maximum(np.diag(covariance) if full else covariance, 0)
    floors = options.floor * np.where(variances > 0, variances, 1)  # a dimension may be constant
    if options.prior == "none":
        return Likeliest(middle, floors)
    unbiased = everything.frames / max(everything.frames - 1, 1)
    return Variational(middle, floors, mean, covariance * unbiased)


def clustered(sample: np.ndarray, vectors: np.ndarray, middle: np.ndarray, options: MixtureOptions) -> Moments:
    """What frames [N, D] say of components each of which has those nearest to its code."""
    centre = middle.astype(np.float32)
    codes = nearest_codes(sample, vectors - centre, centre)
    shares = np.zeros((len(sample), len(vectors)), sample.dtype)
    shares[np.arange(len(sample)), codes] = 1
    return moments(sample, shares, middle, options.covariance == "full")


def improve(
    frames: FrameSource,
    mixture: GaussianMixture,
    estimate: Estimate,
    options: MixtureOptions,
    threads: int = 1,
    passed: Callable[[str], None] = lambda note: None,
) -> MixtureResult:
    """Passes over all frames, each of which makes the mixture likelier."""
    likelihoods, converged = [], False
    while len(likelihoods) < options.passes and not converged:
        found = pass_over(frames, frames.names, mixture, estimate.middle, threads)
        mixture = estimate(found)
        likelihoods.append(found.log_likelihood / found.frames)
        converged = len(likelihoods) > 1 and abs(likelihoods[-1] - likelihoods[-2]) < options.tolerance
        passed(f"mean log-likelihood {likelihoods[-1]:.6g}")
    return MixtureResult(mixture, found.counts, tuple(likelihoods), converged)


def pass_over(
    frames: FrameSource, names: Sequence[str], mixture: GaussianMixture, middle: np.ndarray, threads: int
) -> Moments:
    """What all frames say of the components, added up in order."""
    found: Iterable[Moments] = in_order(lambda name: expectation(mixture, frames[name], middle), names, threads)
    return reduce(Moments.__add__, found)
