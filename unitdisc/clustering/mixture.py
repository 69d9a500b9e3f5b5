"""Gaussian mixtures: how likely frames are, and which component each is of."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class GaussianMixture:
    """K Gaussians of D dimensions. Computes in the precision of the frames that it is given."""

    log_weights: np.ndarray  # [K]; of a variational posterior their expectation, with all else that is constant
    means: np.ndarray  # [K, D]
    covariances: np.ndarray  # [K, D], variances; or [K, D, D]

    @property
    def is_full(self) -> bool:
        return self.covariances.ndim == 3

    def log_joint(self, frames: np.ndarray) -> np.ndarray:
        """The logarithm of weight times density, of every component: [T, D] -> [T, K]."""
        centred = frames - self.middle.astype(frames.dtype)  # far from zero, squares would lose the differences
        constants = self.constants.astype(frames.dtype)
        if not self.is_full:
            return np.concatenate([centred, centred**2], 1) @ self.quadratic.astype(frames.dtype).T + constants
        joint = np.empty((len(frames), len(self.means)), frames.dtype)
        for component, (whitener, mean) in enumerate(zip(self.whiteners, self.means - self.middle)):
            white = (centred - mean.astype(frames.dtype)) @ whitener.astype(frames.dtype)
            joint[:, component] = constants[component] - 0.5 * np.einsum("td,td->t", white, white)
        return joint

    def log_density(self, frames: np.ndarray) -> np.ndarray:
        """[T, D] -> [T]"""
        from scipy.special import logsumexp

        return logsumexp(self.log_joint(frames), axis=1)

    def posteriors(self, frames: np.ndarray, temperature: float = 1.0) -> np.ndarray:
        """How probable every component is, of likelihoods to the power of `temperature`: [T, D] -> [T, K]."""
        return softmax(self.log_joint(frames) * np.asarray(temperature, frames.dtype))

    @cached_property
    def middle(self) -> np.ndarray:
        return self.means.mean(0)

    @cached_property
    def whiteners(self) -> np.ndarray:
        """Of full covariances, the W with W W' = inverse: [K, D, D]."""
        unit = np.eye(self.means.shape[1])
        from scipy.linalg import solve_triangular

        return np.stack([solve_triangular(np.linalg.cholesky(each), unit, lower=True).T for each in self.covariances])

    @cached_property
    def constants(self) -> np.ndarray:
        """What `log_joint` adds to the terms that depend on the frame: [K]."""
        dim = self.means.shape[1]
        if self.is_full:
            log_determinants = -2 * np.log(np.diagonal(self.whiteners, axis1=1, axis2=2)).sum(1)
            return self.log_weights - 0.5 * (dim * np.log(2 * np.pi) + log_determinants)
        distances = (np.square(self.means - self.middle) / self.covariances).sum(1)
        return self.log_weights - 0.5 * (dim * np.log(2 * np.pi) + np.log(self.covariances).sum(1) + distances)

    @cached_property
    def quadratic(self) -> np.ndarray:
        """Of variances, what a centred frame and its squares are multiplied with: [K, 2 D]."""
        precisions = 1 / self.covariances
        return np.concatenate([(self.means - self.middle) * precisions, -0.5 * precisions], 1)

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name) for name in ("log_weights", "means", "covariances")}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "GaussianMixture":
        """Of what `arrays` gives. Raises KeyError where one is missing."""
        return cls(*(arrays[name] for name in ("log_weights", "means", "covariances")))


def softmax(scores: np.ndarray) -> np.ndarray:
    """[T, K] -> [T, K], rows that sum up to 1."""
    scores = np.exp(scores - scores.max(1, keepdims=True))
    return scores / scores.sum(1, keepdims=True)
