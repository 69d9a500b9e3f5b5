"""Principal component analysis (Pearson, 1901) as a bottleneck: the classical baseline among the continuous ones."""

import torch
from torch import Tensor

from unitdisc.bottlenecks.base import BottleneckOutput, OnHost
from unitdisc.training.distributed import part, rows_of_all


class PCA(OnHost):
    """Projects on the directions of greatest variance; they are learned from the first steps and then stay.

    For the first `warmup_steps` training steps mean and covariance of the frames are gathered, and the directions
    estimated anew whenever the number of steps has doubled, the last time at the end of the warm-up. From then on the
    projection is fixed: that of scikit-learn on the same frames, the greatest loading of every direction positive.

    whiten: divide by the deviation of every direction.
    """

    training_only = ("count", "scatter")

    def __init__(self, in_dim: int, dim: int = 64, whiten: bool = False, warmup_steps: int = 100):
        super().__init__()
        if dim > in_dim:
            raise ValueError(f"dim {dim} is more than the {in_dim} dimensions that the encoder gives; lower it")
        if warmup_steps < 1:
            raise ValueError(
                f"warmup_steps must be 1 or more, for they are all that is learned from, not {warmup_steps}"
            )
        self.dim = dim
        self.whiten = whiten
        self.warmup_steps = warmup_steps
        self.register_buffer("steps", torch.tensor(0))
        self.register_buffer("count", torch.tensor(0.0, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(in_dim, dtype=torch.float64))
        self.register_buffer("scatter", torch.zeros(in_dim, in_dim, dtype=torch.float64))  # squares about the mean
        self.register_buffer("directions", torch.eye(dim, in_dim))  # [D, C]
        self.register_buffer("variances", torch.ones(dim))
        self.register_buffer("explained", torch.tensor(0.0))  # share of the variance

    def forward(self, encoded: Tensor, mask: Tensor) -> BottleneckOutput:
        if self.training and self.steps < self.warmup_steps:
            self.learn(encoded[mask])
        frames = (encoded - self.mean.to(encoded.dtype)) @ self.directions.T
        if self.whiten:
            frames = frames / self.variances.sqrt()
        return BottleneckOutput(latents=frames, projected=frames, metrics={"explained_variance": self.explained})

    @torch.no_grad()
    def learn(self, frames: Tensor) -> None:
        """One step of the warm-up, from the frames [N, C] of this process."""
        self.gather(rows_of_all(frames).double())
        if not part().is_last:
            return
        self.steps += 1
        steps = int(self.steps)
        if self.count > 1 and (steps == self.warmup_steps or steps & (steps - 1) == 0):
            self.estimate()

    def gather(self, frames: Tensor) -> None:
        """Adds frames [N, C] to mean and scatter (Chan et al., 1979)."""
        if len(frames) == 0:
            return
        count = self.count + len(frames)
        mean = frames.mean(0)
        shift = mean - self.mean
        self.scatter += (frames - mean).T @ (frames - mean) + shift.outer(shift) * self.count * len(frames) / count
        self.mean += shift * len(frames) / count
        self.count.copy_(count)

    def estimate(self) -> None:
        """Directions, variances and their share from what was gathered."""
        variances, directions = torch.linalg.eigh((self.scatter / (self.count - 1)).cpu())  # ascending
        directions = directions.T.flip(0)[: self.dim]
        greatest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
        self.directions.copy_(directions * torch.where(greatest < 0, -1.0, 1.0))
        total, variances = variances.sum(), variances.flip(0)[: self.dim]
        self.explained.copy_(variances.sum() / total if total > 0 else total)
        self.variances.copy_(torch.where(variances > 1e-9 * total, variances, 1.0))  # a constant cannot be whitened
