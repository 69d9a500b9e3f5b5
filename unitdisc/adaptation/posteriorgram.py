"""Posteriorgrams: how probable each component of a mixture is, frame by frame."""

from dataclasses import dataclass

import numpy as np

from unitdisc.adaptation.base import AdaptationError, Arrays, OfAll, SpeakerFrames
from unitdisc.clustering.expectation_maximisation import COVARIANCES, PRIORS, MixtureOptions
from unitdisc.clustering.mixture import GaussianMixture


@dataclass(frozen=True)
class Posteriorgram(OfAll):
    """The square root of a mixture's posteriors: rows of length 1, whose distance is that of Hellinger.

    components: how many. temperature: to the power of which likelihoods are taken: below 1, more than one component has
    a say. covariance: "diagonal" or "full". prior: "none", or a "dirichlet-process" over the weights.
    """

    components: int = 256
    temperature: float = 0.4
    covariance: str = "diagonal"
    prior: str = "none"

    def __post_init__(self):
        if not 0 < self.temperature <= 1:
            raise AdaptationError(f"a temperature of posteriors is above 0 and at most 1, not {self.temperature:g}")
        for value, choices in ((self.covariance, COVARIANCES), (self.prior, PRIORS)):
            if value not in choices:
                raise AdaptationError(f"a posteriorgram takes one of {list(choices)}, not {value!r}")

    def dim(self, dim: int) -> int:
        return self.components

    def fit(self, all_frames: SpeakerFrames) -> Arrays:
        return all_frames.mixture(MixtureOptions(self.components, self.covariance, self.prior)).arrays()

    def apply(self, learnt: Arrays, own: Arrays, frames: np.ndarray) -> np.ndarray:
        posteriors = GaussianMixture.of_arrays(learnt).posteriors(frames, self.temperature)
        return np.sqrt(posteriors).astype(np.float32)
