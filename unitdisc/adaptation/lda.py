"""Linear discriminant analysis (Fisher, 1936; Rao, 1948) without labels: classes are the components of a mixture."""

from dataclasses import dataclass

import numpy as np

from unitdisc.adaptation.base import AdaptationError, Arrays, OfAll, SpeakerFrames
from unitdisc.clustering.expectation_maximisation import MixtureOptions
from unitdisc.clustering.mixture import GaussianMixture

SHRINKAGE = 1e-3  # of the scatter within classes, towards a multiple of the identity


@dataclass(frozen=True)
class LDA(OfAll):
    """Projects frames, with those around them, on the directions in which the components of a mixture differ most.

    size: how many directions. context: frames on either side. leading: take only so many dimensions of every frame, the
    first (13 of MFCC leave their differences out, which the context holds anyway); 0: all. components: of the mixture.
    """

    size: int = 40
    context: int = 4
    leading: int = 0
    components: int = 256

    def dim(self, dim: int) -> int:
        if not 0 < self.size <= (most := min(self.components - 1, self.stacked_dim(dim))):
            raise AdaptationError(
                f"lda finds {most} directions at most, of {self.components} components in {self.stacked_dim(dim)} "
                f"dimensions, and {self.size} are wanted; ask for fewer, or for more context or components"
            )
        return self.size

    def stacked_dim(self, dim: int) -> int:
        return (2 * self.context + 1) * (min(self.leading, dim) or dim)

    def stacked(self, frames: np.ndarray) -> np.ndarray:
        """Each frame with those around it, the first and the last repeated beyond the ends."""
        values = frames[:, : self.leading] if self.leading else frames
        padded = np.pad(values, ((self.context, self.context), (0, 0)), mode="edge")
        shifts = range(2 * self.context + 1)
        return np.concatenate([padded[shift : shift + len(values)] for shift in shifts], 1)

    def fit(self, all_frames: SpeakerFrames) -> Arrays:
        from scipy.linalg import eigh

        frames = all_frames.frames
        mixture = all_frames.mixture(MixtureOptions(self.components))
        means, between, within = self.scatters(frames, mixture)
        within = (1 - SHRINKAGE) * within + SHRINKAGE * np.trace(within) / len(within) * np.eye(len(within))
        directions = eigh(between, within)[1].T[::-1][: self.size]
        greatest = np.take_along_axis(directions, np.abs(directions).argmax(1)[:, None], 1)
        return {"mean": means, "directions": directions * np.where(greatest < 0, -1, 1)}

    def scatters(self, frames, mixture: GaussianMixture) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The mean of all stacked frames, and their covariances between and within classes."""
        dim, count = self.stacked_dim(frames.dim), self.components
        middle = self.stacked(frames[frames.names[0]]).astype(np.float64).mean(0)
        counts, sums, products = np.zeros(count), np.zeros((count, dim)), np.zeros((dim, dim))
        for name in frames.names:
            classes = mixture.log_joint(frames[name]).argmax(1)
            values = self.stacked(frames[name]) - middle
            members = np.zeros((len(values), count))
            members[np.arange(len(values)), classes] = 1
            counts += members.sum(0)
            sums += members.T @ values
            products += values.T @ values
        total = counts.sum()
        mean = sums.sum(0) / total
        shifts = sums / np.maximum(counts, 1)[:, None] - mean
        between = (shifts * (counts / total)[:, None]).T @ shifts
        return middle + mean, between, products / total - np.outer(mean, mean) - between

    def apply(self, learnt: Arrays, own: Arrays, frames: np.ndarray) -> np.ndarray:
        return ((self.stacked(frames) - learnt["mean"]) @ learnt["directions"].T).astype(np.float32)
