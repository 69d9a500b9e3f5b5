"""Flows of latents (Real NVP, Dinh et al., 2017): a prior that learns, and a posterior that is no Gaussian."""

import math

import torch
from torch import Tensor, nn

LARGEST = 2.0  # logarithm of what a coupling can multiply by, so that no latent can run away


class Coupling(nn.Module):
    """Half of the numbers are scaled and shifted by what the other half says; at first nothing is changed.

    context: how many numbers the other half is told beside.
    """

    def __init__(self, dim: int, channels: int, context: int = 0):
        super().__init__()
        self.kept = dim // 2
        self.network = nn.Sequential(
            nn.Linear(self.kept + context, channels), nn.SiLU(), nn.Linear(channels, 2 * (dim - self.kept))
        )
        nn.init.zeros_(self.network[-1].weight)
        nn.init.zeros_(self.network[-1].bias)

    def scale_and_shift(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        raw, shift = self.network(kept).chunk(2, dim=-1)
        return LARGEST * (raw / LARGEST).tanh(), shift

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x [B, D], context [B, C] -> z [B, D], log |det dz/dx| [B]."""
        kept, changed = x[:, : self.kept], x[:, self.kept :]
        log_scale, shift = self.scale_and_shift(kept if context is None else torch.cat([kept, context], dim=-1))
        return torch.cat([kept, changed * log_scale.exp() + shift], dim=-1), log_scale.sum(-1)

    def inverse(self, z: Tensor) -> Tensor:
        kept, changed = z[:, : self.kept], z[:, self.kept :]
        log_scale, shift = self.scale_and_shift(kept)
        return torch.cat([kept, (changed - shift) * (-log_scale).exp()], dim=-1)


class Flow(nn.Module):
    """Couplings one after the other, between which the order of the numbers is turned round, so that all are changed.

    couplings: how many; channels: of the hidden layer of each; context: numbers that each is told beside.
    Raises ValueError for fewer than two numbers or couplings.
    """

    role = "prior"  # in the place of which a flow is; options are named by it

    def __init__(self, dim: int, couplings: int, channels: int = 64, context: int = 0):
        super().__init__()
        if dim < 2 or couplings < 2:
            raise ValueError(
                f"a flow as {self.role} needs dim and {self.role}_couplings of 2 at least, not {dim} and {couplings}"
            )
        self.couplings = nn.ModuleList(Coupling(dim, channels, context) for _ in range(couplings))

    def forward(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """z [B, D], context [B, C] -> what it becomes [B, D], log |det| [B]."""
        log_det = z.new_zeros(len(z))
        for coupling in self.couplings:
            z, more = coupling(z, context)
            z, log_det = z.flip(-1), log_det + more
        return z, log_det


class FlowPosterior(Flow):
    """From draws of a Gaussian to draws of a posterior that is none (Rezende & Mohamed, 2015); untrained, but for the
    order of numbers, it changes nothing.

    Without a context it would be a prior that learns, in other words: decoder and prior could be told the draws of the
    Gaussian as well. So each coupling is told what the encoder says (as of Kingma et al., 2016).
    """

    role = "posterior"


class FlowPrior(Flow):
    """log p(z) of latents z [B, D], and draws of it; untrained it is N(0, 1). It makes noise of latents.

    (Chen et al., 2017, have an autoregressive flow here, which draws number after number.)
    """

    def inverse(self, noise: Tensor) -> Tensor:
        """Noise [B, D] -> latents [B, D]."""
        for coupling in reversed(self.couplings):
            noise = coupling.inverse(noise.flip(-1))
        return noise

    def log_prob(self, z: Tensor) -> Tensor:
        """In nats: [B, D] -> [B]."""
        noise, log_det = self(z)
        return log_det - 0.5 * (noise**2 + math.log(2 * math.pi)).sum(-1)
