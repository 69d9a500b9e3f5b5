"""What it costs to give a frame a code: the distance between them."""

from pathlib import Path

import numpy as np

from unitdisc.clustering.frame_source import FrameSource

DISTANCES = ("squared", "euclidean", "cosine")


class Costs:
    """The distance of every frame of an utterance to every code, [T, K] of single precision.

    distance: "squared" or "euclidean", or "cosine": 1 - cos, for frames and codes of unit length.
    """

    def __init__(self, frames: FrameSource, vectors: np.ndarray, distance: str):
        self.frames = frames
        self.folder: Path = frames.folder
        self.names = frames.names
        self.dim = len(vectors)
        self.distance = distance
        self.middle = vectors.mean(0, dtype=np.float64)
        self.centred = vectors - self.middle
        self.norms = np.einsum("kd,kd->k", self.centred, self.centred)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.of(self.frames[name])

    def of(self, frames: np.ndarray) -> np.ndarray:
        """Frames [T, D] -> [T, K]."""
        centred = frames - self.middle
        costs = np.einsum("td,td->t", centred, centred)[:, None] - 2 * (centred @ self.centred.T) + self.norms
        np.maximum(costs, 0, out=costs)
        if self.distance == "euclidean":
            np.sqrt(costs, out=costs)
        elif self.distance == "cosine":
            costs /= 2  # of unit vectors
        return costs.astype(np.float32)


def nat(mean_cost: float, dim: int, distance: str) -> float:
    """What a cost must be to weigh as much as one nat of a prior, if mean_cost is what nearest codes cost a frame.

    As if frames were drawn around their code: from a normal distribution, from the density exp(-distance / scale), or,
    on the sphere, from von Mises and Fisher's.
    """
    return {"squared": 2.0, "euclidean": 1.0, "cosine": 2.0}[distance] * mean_cost / dim
