"""One affine transform per speaker, towards what all have in common, without labels.

As maximum likelihood linear regression of features is for recognisers (fMLLR; Gales, 1998), but by ridge regression: of
a speaker's frames onto what a mixture of everybody's frames expects them to be.
"""

from dataclasses import dataclass

import numpy as np

from unitdisc.adaptation.base import AdaptationError, Arrays, Read, SpeakerFrames
from unitdisc.clustering.expectation_maximisation import MixtureOptions
from unitdisc.clustering.mixture import GaussianMixture
from unitdisc.data.normalisation import SMALLEST_DEVIATION


@dataclass(frozen=True)
class Affine:
    """components: of the mixture. temperature: of its posteriors. ridge: towards frames as they are, per frame.

    To be taken once: what is expected of frames that were moved before has less variance each time, until nothing of
    them is left.
    """

    components: int = 256
    temperature: float = 0.5
    ridge: float = 0.4

    def __post_init__(self):
        if not 0 < self.temperature <= 1:
            raise AdaptationError(f"a temperature of posteriors is above 0 and at most 1, not {self.temperature:g}")
        if not self.ridge > 0:
            raise AdaptationError(f"the ridge must be above 0, not {self.ridge:g}")

    def dim(self, dim: int) -> int:
        return dim

    def fit(self, all_frames: SpeakerFrames) -> Arrays:
        return all_frames.mixture(MixtureOptions(self.components)).arrays()

    def fit_speaker(self, learnt: Arrays, read: Read) -> Arrays:
        """The transform [D + 1, D], whose last row is added; frames that went through it have unit variance."""
        mixture = GaussianMixture.of_arrays(learnt)
        dim = mixture.means.shape[1]
        squares, products = np.zeros((dim + 1, dim + 1)), np.zeros((dim + 1, dim))
        for frames in read():
            extended = with_ones(frames)
            expected = mixture.posteriors(frames, self.temperature).astype(np.float64) @ mixture.means
            squares += extended.T @ extended
            products += extended.T @ expected
        count = squares[-1, -1]
        ridge = self.ridge * count * np.eye(dim + 1)
        transform = np.linalg.solve(squares + ridge, products + ridge[:, :dim])
        mean = squares[-1] @ transform / count
        variance = np.einsum("id,ij,jd->d", transform, squares, transform) / count - mean**2
        deviation = np.maximum(np.sqrt(np.maximum(variance, 0)), SMALLEST_DEVIATION)
        transform[-1] -= mean
        return {"transform": transform / deviation}

    def apply(self, learnt: Arrays, own: Arrays, frames: np.ndarray) -> np.ndarray:
        return (with_ones(frames) @ own["transform"]).astype(np.float32)


def with_ones(frames: np.ndarray) -> np.ndarray:
    """[T, D] -> [T, D + 1], in double precision."""
    return np.pad(frames.astype(np.float64), ((0, 0), (0, 1)), constant_values=1.0)
