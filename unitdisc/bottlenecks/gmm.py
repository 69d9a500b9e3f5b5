"""Components of a Gaussian mixture as codes: each has a mean, variances and a weight, all of them learned."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.bottlenecks.base import BottleneckOutput, measured, perplexity, straight_through
from unitdisc.bottlenecks.codes.batch_norm import MaskedBatchNorm
from unitdisc.bottlenecks.soft import divergence_from_uniform
from unitdisc.bottlenecks.temperature import Temperature
from unitdisc.training.precision import in_full

SMALLEST_VARIANCE = 0.01  # of frames of unit variance


class GMM(nn.Module):
    """Every frame becomes the mean of the components of a mixture, by how probable they are; its code is the likeliest.

    The mixture (diagonal covariances) learns by gradient to make the frames likely, the frames to be likely under it:
    `mixture`, minus their log-likelihood in nats per dimension. Frames are brought to zero mean and unit variance over
    the batch, so that they cannot become likely by shrinking to a point.

    hard: only the likeliest component goes on, with the gradient of the soft choice (straight-through).
    commitment: weight of the pull on the frames; that on the mixture has weight 1.
    temperature, min_temperature, temperature_decay: where it begins, where it ends, its factor per training step; 1
    gives the posteriors of the mixture, which of many dimensions are all but hard.
    diversity: weight of the loss that keeps components in use, as in `soft`.
    """

    def __init__(
        self,
        in_dim: int,
        dim: int = 64,
        num_codes: int = 512,
        hard: bool = False,
        commitment: float = 0.25,
        temperature: float = 8.0,
        min_temperature: float = 1.0,
        temperature_decay: float = 0.9999,
        diversity: float = 0.1,
    ):
        super().__init__()
        self.dim = dim
        self.num_codes = num_codes
        self.hard = hard
        self.commitment = commitment
        self.diversity = diversity
        self.temperature = Temperature(temperature, min_temperature, temperature_decay)
        self.project = nn.Linear(in_dim, dim)
        self.normalise = MaskedBatchNorm(dim)
        self.means = nn.Parameter(torch.randn(num_codes, dim))  # [K, D]
        self.log_variances = nn.Parameter(torch.zeros(num_codes, dim))  # above the smallest
        self.scores = nn.Parameter(torch.zeros(num_codes))  # [K], of which softmax makes the weights

    def forward(self, encoded: Tensor, mask: Tensor) -> BottleneckOutput:
        frames = self.normalise(in_full(self.project(encoded)), mask)
        joint = self.log_joint(frames)
        temperature = self.temperature()
        shares = (joint / temperature).softmax(-1)
        codes = joint.argmax(-1).masked_fill(~mask, 0)
        if self.hard:
            shares = straight_through(shares, F.one_hot(joint.argmax(-1), self.num_codes).to(shares.dtype))
        pulled = frames.detach() + self.commitment * (frames - frames.detach())
        losses = {"mixture": -self.log_joint(pulled).logsumexp(-1) / self.dim}
        if self.diversity:
            losses["diversity"] = self.diversity * divergence_from_uniform(joint / temperature, mask)
        metrics = measured(lambda: {"perplexity": perplexity(codes[mask]), "temperature": temperature.to(frames)})
        return BottleneckOutput(shares @ self.means, frames, codes, losses, metrics)

    def log_joint(self, frames: Tensor) -> Tensor:
        """log of weight times density, of every component: [B, T, D] -> [B, T, K]."""
        variances = SMALLEST_VARIANCE + self.log_variances.exp()
        precisions = 1 / variances
        constants = (self.means.square() * precisions + variances.log()).sum(-1) + self.dim * math.log(2 * math.pi)
        crossed = frames @ (self.means * precisions).T - frames.square() @ precisions.T / 2
        return self.scores.log_softmax(-1) + crossed - constants / 2
