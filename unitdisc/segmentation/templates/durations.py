"""How long units last, and how frequent they are: a Gaussian each."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np


@dataclass(frozen=True)
class Durations:
    """How long units last, in pooled frames, and how frequent they are."""

    means: np.ndarray  # [K]
    deviations: np.ndarray  # [K]
    log_priors: np.ndarray  # [K]
    shortest: int
    longest: int

    def widths(self, frames: int, finer: int = 1) -> np.ndarray:
        """How wide segments of an utterance of so many frames may be, `finer` of which make one here: [W].

        One that is shorter than any unit is a unit.
        """
        shortest = min(self.shortest * finer, frames)
        return np.arange(shortest, min(self.longest * finer, frames) + 1)

    def costs(self, duration_weight: float, prior_weight: float, widths: np.ndarray) -> np.ndarray:
        """Of units [K] that last so many frames [W]: a Gaussian's, but for a constant: [W, K]."""
        lasting = 0.5 * np.square((widths[:, None] - self.means) / self.deviations) + np.log(self.deviations)
        return duration_weight * lasting - prior_weight * self.log_priors

    @classmethod
    def counted(cls, counts: np.ndarray, sums: np.ndarray, squares: np.ndarray, shortest: int, longest: int):
        """Of how often units were there [K], and of their lengths and squares of lengths, added up [K]."""
        often = np.maximum(counts, 1)
        means = np.where(counts > 0, sums / often, (shortest + longest) / 2)
        variances = np.where(counts > 0, squares / often - np.square(means), 1.0)
        log_priors = np.log((counts + 1) / (counts.sum() + len(counts)))
        return cls(means, np.sqrt(np.maximum(variances, 1.0)), log_priors, shortest, longest)

    def scaled(self, factor: float) -> "Durations":
        """Of frames of which there are so many times as many."""
        shortest = max(round(self.shortest * factor), 1)
        return replace(
            self,
            means=self.means * factor,
            deviations=np.maximum(self.deviations * factor, 1.0),
            shortest=shortest,
            longest=max(round(self.longest * factor), shortest + 1),
        )


DURATIONS = tuple(f"durations.{field.name}" for field in fields(Durations))  # names of arrays


def arrays_of_durations(durations: Durations) -> dict[str, np.ndarray]:
    return {name: np.asarray(getattr(durations, name.partition(".")[2])) for name in DURATIONS}


def durations_of_arrays(arrays: Mapping[str, np.ndarray]) -> Durations:
    """Raises KeyError where one is missing, ValueError where they do not fit each other."""
    found = Durations(*(arrays[name] for name in DURATIONS))
    found = replace(found, shortest=int(found.shortest), longest=int(found.longest))
    shapes = {np.shape(each) for each in (found.means, found.deviations, found.log_priors)}
    if len(shapes) != 1 or found.means.ndim != 1 or not 1 <= found.shortest <= found.longest:
        raise ValueError("the durations of units do not fit each other")
    if not (found.deviations > 0).all():
        raise ValueError("a deviation is not above 0")
    return found
