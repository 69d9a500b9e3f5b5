"""Continuous bottlenecks: the deterministic autoencoder and the VAE (Kingma & Welling, 2014)."""

import math

import torch
from torch import Tensor, nn

from unitdisc.bottlenecks.base import BottleneckOutput, WarmsUp, measured
from unitdisc.training.distributed import normal

FIRST_PULL = 1e-3  # of the full one; the evidence lower bound of 50 latents a second has about six times that


class Linear(nn.Module):
    """The deterministic bottleneck: narrow, and nothing else."""

    def __init__(self, in_dim: int, dim: int = 64):
        super().__init__()
        self.dim = dim
        self.project = nn.Linear(in_dim, dim)

    def forward(self, encoded: Tensor, mask: Tensor) -> BottleneckOutput:
        frames = self.project(encoded)
        return BottleneckOutput(latents=frames, projected=frames)


class Gaussian(WarmsUp):
    """The VAE's bottleneck: one Gaussian posterior per frame, pulled towards the unit prior.

    The first `free_bits` of a frame's divergence from the prior cost nothing, so that the pull cannot empty the
    latents, and set how much a frame may carry (Kingma et al., 2016; 14 bits in Chorowski et al., 2019).
    Evaluation uses the posterior's mean.

    kl_weight: of the nats beyond the free ones, against a reconstruction in nats per value of the target. The
    evidence lower bound weighs them by one over the values that a latent answers for (2 frames of 80 bins, or 320
    samples); the default, much more, holds every latent to about its free bits.
    warmup_steps: training steps over which the weight grows to that, by equal factors from a thousandth of it (Bowman
    et al., 2016, have a sigmoid). At full strength from the start, the first few steps hear of nothing but the pull,
    which can leave an encoder of rectified layers that says the same of all frames, for good.
    """

    training_only = ("steps",)

    def __init__(
        self, in_dim: int, dim: int = 64, free_bits: float = 14.0, kl_weight: float = 1.0, warmup_steps: int = 200
    ):
        super().__init__(warmup_steps)
        if warmup_steps < 0:
            raise ValueError(f"warmup_steps must be 0 or more, not {warmup_steps}")
        self.dim = dim
        self.free_nats = free_bits * math.log(2)
        self.kl_weight = kl_weight
        self.project = nn.Linear(in_dim, 2 * dim)

    def forward(self, encoded: Tensor, mask: Tensor) -> BottleneckOutput:
        mean, log_variance = self.project(encoded).chunk(2, dim=-1)
        kl = divergence_from_unit_normal(mean, log_variance)  # [B, T]
        latents = mean
        if self.training:
            latents = mean + (log_variance / 2).exp() * normal(*mean.shape, device=mean.device)
        weight = self.weight_now()
        self.count_step()
        return BottleneckOutput(
            latents=latents,
            projected=mean,
            losses={"kl": weight * (kl.clamp(min=self.free_nats) - self.free_nats)},
            metrics=measured(lambda: {"bits_per_latent": kl.detach() / math.log(2)}),
        )

    def weight_now(self) -> float:
        """`kl_weight`, or what of it there is by now."""
        return self.kl_weight * FIRST_PULL ** (self.left() if self.training else 0.0)

    def _load_from_state_dict(self, state: dict, prefix: str, *args) -> None:
        """A checkpoint without steps is of before there was a warm-up: it is over."""
        state.setdefault(prefix + "steps", torch.tensor(self.warmup_steps))
        super()._load_from_state_dict(state, prefix, *args)

    def draw(
        self, encoded: Tensor, mask: Tensor, speakers: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `HasPosterior` has it."""
        return drawn(*self.project(encoded).chunk(2, dim=-1), generator)


def divergence_from_unit_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) in nats, summed over dimensions: [..., D] -> [...]."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(-1)


def drawn(mean: Tensor, log_variance: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Of a Gaussian posterior [..., D]: latents, and log p(latent) - log q(latent | signal) in nats [...].

    The generator may live on another device.
    """
    device = mean.device if generator is None else generator.device
    noise = torch.randn(mean.shape, generator=generator, device=device, dtype=mean.dtype).to(mean.device)
    latents = mean + (log_variance / 2).exp() * noise
    return latents, 0.5 * (noise**2 - latents**2 + log_variance).sum(-1)
