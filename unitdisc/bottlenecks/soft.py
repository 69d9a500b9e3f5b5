"""Attention over a codebook: every frame becomes a mixture of codes (soft-to-hard, Agustsson et al., 2017)."""

import math

import torch
from torch import Tensor, nn

from unitdisc.bottlenecks.base import BottleneckOutput, measured, perplexity
from unitdisc.bottlenecks.codes.batch_norm import sum_inside
from unitdisc.bottlenecks.temperature import Temperature
from unitdisc.training.distributed import sum_with_gradient


class Soft(nn.Module):
    """Mixes codes, softmax(logits / temperature) of each; as the temperature falls, one code is left.

    The code of a frame is the one of greatest weight, but the latents are the mixture, in evaluation too.

    tied: logits are how near the codes are to the frame, -|frame - code|^2 / sqrt(dim); otherwise a linear layer of
    its own gives them.
    temperature, min_temperature, temperature_decay: where it begins, where it ends, its factor per training step.
    diversity: weight of the loss that keeps codes in use, the divergence of their mean weights from uniform in nats
    (as in wav2vec 2.0, Baevski et al. 2020).
    """

    def __init__(
        self,
        in_dim: int,
        dim: int = 64,
        num_codes: int = 512,
        tied: bool = True,
        temperature: float = 1.0,
        min_temperature: float = 0.1,
        temperature_decay: float = 0.9999,
        diversity: float = 0.0,
    ):
        super().__init__()
        self.dim = dim
        self.num_codes = num_codes
        self.diversity = diversity
        self.temperature = Temperature(temperature, min_temperature, temperature_decay)
        self.project = nn.Linear(in_dim, dim)
        self.codebook = nn.Parameter(torch.randn(num_codes, dim))  # [K, D]
        self.choose = None if tied else nn.Linear(dim, num_codes)

    def forward(self, encoded: Tensor, mask: Tensor) -> BottleneckOutput:
        frames = self.project(encoded)
        logits = self.logits(frames)
        temperature = self.temperature()
        latents = self.weights(logits, temperature) @ self.codebook
        codes = logits.argmax(-1).masked_fill(~mask, 0)
        losses = {"diversity": self.diversity * divergence_from_uniform(logits, mask)} if self.diversity else {}
        metrics = measured(lambda: {"perplexity": perplexity(codes[mask]), "temperature": temperature.to(frames)})
        return BottleneckOutput(latents=latents, projected=frames, codes=codes, losses=losses, metrics=metrics)

    def logits(self, frames: Tensor) -> Tensor:
        """How well every code suits every frame: [B, T, D] -> [B, T, K]."""
        if self.choose is not None:
            return self.choose(frames)
        squares = self.codebook.square().sum(-1)
        # the frame's own square is the same for all codes, and softmax does not see it
        return (2 * frames @ self.codebook.T - squares) / math.sqrt(self.dim)

    def weights(self, logits: Tensor, temperature: Tensor) -> Tensor:
        """The share of every code in every frame: [B, T, K] -> [B, T, K]."""
        return (logits / temperature).softmax(-1)


def divergence_from_uniform(logits: Tensor, mask: Tensor) -> Tensor:
    """KL(mean of softmax(logits) over the frames of all processes || uniform) in nats: [B, T, K], [B, T] -> scalar."""
    count = sum_with_gradient(mask.sum().to(logits.dtype)).clamp(min=1)
    mean = sum_with_gradient(sum_inside(logits.softmax(-1), mask)) / count
    mean = mean.clamp(min=torch.finfo(mean.dtype).tiny)  # at 0 the entropy's slope is infinite
    return math.log(logits.shape[-1]) - torch.special.entr(mean).sum()
