"""Principal components of unit variance, or halfway there."""

from dataclasses import dataclass

import numpy as np

from unitdisc.adaptation.base import AdaptationError, Arrays, OfAll, SpeakerFrames

POWERS = {"half": 0.25, "whole": 0.5}  # of the variance that a component is divided by
SMALLEST = 1e-6  # variance, as a part of the largest


@dataclass(frozen=True)
class Whitening(OfAll):
    """extent: "whole", to unit variance; or "half", to the square root of the deviation there was."""

    extent: str = "whole"

    def __post_init__(self):
        if self.extent not in POWERS:
            raise AdaptationError(f"frames are whitened {' or '.join(sorted(POWERS))}, not {self.extent!r}")

    def fit(self, all_frames: SpeakerFrames) -> Arrays:
        mean, covariance = covariance_of(all_frames)
        variances, directions = np.linalg.eigh(covariance)
        scale = np.maximum(variances, SMALLEST * max(variances[-1], np.finfo(float).tiny)) ** -POWERS[self.extent]
        return {"mean": mean, "transform": (directions * scale)[:, ::-1].copy()}

    def apply(self, learnt: Arrays, own: Arrays, frames: np.ndarray) -> np.ndarray:
        return ((frames - learnt["mean"]) @ learnt["transform"]).astype(np.float32)


def covariance_of(all_frames: SpeakerFrames) -> tuple[np.ndarray, np.ndarray]:
    """Mean [D] and covariance [D, D] of all frames, in double precision."""
    frames = all_frames.frames
    first = frames[frames.names[0]].astype(np.float64).mean(0)
    count, total, products = 0, 0.0, 0.0
    for name in frames.names:
        values = frames[name] - first  # far from zero, products would lose the differences
        count, total, products = count + len(values), total + values.sum(0), products + values.T @ values
    mean = total / count
    return first + mean, products / count - np.outer(mean, mean)
