"""A phone loop: units that follow one another freely, each an HMM from left to right whose states are mixtures."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property, reduce

import numpy as np

from unitdisc.clustering.mixture import GaussianMixture, softmax
from unitdisc.segmentation.phone_loop.kernels import forward_backward, likeliest_path


@dataclass(frozen=True)
class Path:
    """The likeliest units of an utterance."""

    codes: np.ndarray  # [T] int64
    score: float  # log p of path and frames, without switch costs
    units: int


@dataclass(frozen=True)
class PhoneLoop:
    """U units of S states of C Gaussians of D dimensions.

    Logarithms of probabilities are their expectations, as variational Bayes has them.
    """

    enter: np.ndarray  # [U], log p of a unit where one begins
    stay: np.ndarray  # [U, S], log p that a state goes on
    leave: np.ndarray  # [U, S], log p that it ends
    weights: np.ndarray  # [U, S, C], log p of the Gaussians of a state
    constants: np.ndarray  # [U, S, C], added to the log density of every Gaussian
    means: np.ndarray  # [U, S, C, D]
    variances: np.ndarray  # [U, S, C, D]
    frames: np.ndarray  # [U], how many are expected to be of every unit
    acoustic_scale: np.ndarray  # scalar

    @property
    def dim(self) -> int:
        return self.means.shape[-1]

    @cached_property
    def gaussians(self) -> GaussianMixture:
        return GaussianMixture(
            self.constants.ravel(), self.means.reshape(-1, self.dim), self.variances.reshape(-1, self.dim)
        )

    @cached_property
    def unit_means(self) -> np.ndarray:
        """The mean frame of every unit whose states last equally long: [U, D]."""
        shares = softmax(self.weights.reshape(-1, self.weights.shape[-1])).reshape(self.weights.shape)
        return np.einsum("usc,uscd->ud", shares, self.means) / self.weights.shape[1]

    def component_scores(self, frames: np.ndarray) -> np.ndarray:
        """log p of frames and Gaussian, given the state: [T, D] -> [T, U, S, C]."""
        densities = self.gaussians.log_joint(frames)
        densities *= np.asarray(self.acoustic_scale, densities.dtype)
        densities += self.weights.ravel().astype(densities.dtype)
        return densities.reshape(len(frames), *self.weights.shape)

    def scores(self, frames: np.ndarray) -> np.ndarray:
        """log p of frames, given the state: [T, D] -> [T, U, S]."""
        return states_of(self.component_scores(frames))

    def path(self, scores: np.ndarray, switch_cost: float = 0.0) -> Path:
        """The likeliest path, on which no unit follows itself, if every unit costs so much more: scores [T, U, S]."""
        codes = np.empty(len(scores), np.int64)
        score, units = likeliest_path(scores.astype(np.float64), self.enter - switch_cost, self.stay, self.leave, codes)
        return Path(codes, score + switch_cost * units, units)

    def posteriors(self, scores: np.ndarray, switch_cost: float = 0.0) -> np.ndarray:
        """How probable every state is at every frame, over all paths: [T, U, S] -> [T, U, S]."""
        return forward_backward(scores.astype(np.float64), self.enter - switch_cost, self.stay, self.leave)[1]

    def arrays(self) -> dict[str, np.ndarray]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "PhoneLoop":
        """Of what `arrays` gives. Raises KeyError where one is missing, ValueError where they do not fit each other."""
        found = cls(**{field.name: np.asarray(arrays[field.name], np.float64) for field in fields(cls)})
        units, states, components, dim = found.means.shape
        shapes = {
            "enter": (units,),
            "stay": (units, states),
            "leave": (units, states),
            "weights": (units, states, components),
            "constants": (units, states, components),
            "variances": (units, states, components, dim),
            "frames": (units,),
            "acoustic_scale": (),
        }
        for name, shape in shapes.items():
            if getattr(found, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(found, name).shape}, not {shape}")
        if not (found.variances > 0).all():
            raise ValueError("a variance is not above 0")
        return found


def states_of(scores: np.ndarray) -> np.ndarray:
    """log p of every state, of those of its Gaussians: [T, U, S, C] -> [T, U, S]."""
    components = np.moveaxis(scores, -1, 0)  # few: one after the other, which is quicker than along a short axis
    highest = reduce(np.maximum, components)
    return highest + np.log(sum(np.exp(each - highest) for each in components))
