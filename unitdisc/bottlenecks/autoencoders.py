"""Classical autoencoders: k-sparse (Makhzani & Frey, 2014) and denoising (Vincent et al., 2008)."""

import torch
from torch import Tensor, nn

from unitdisc.bottlenecks.base import BottleneckOutput, WarmsUp, measured
from unitdisc.training.distributed import mean_over_processes, normal, uniform


class Sparse(WarmsUp):
    """A wide linear layer of which the `active` greatest values of every frame are kept; the others become 0.

    Unlike an L1 penalty it has no weight to tune, and a decoder with greater weights does not get round it. Over the
    first `warmup_steps` training steps the number kept falls from all to `active`, as the paper does it, so that no
    hidden unit is left out before it has learned.
    """

    def __init__(self, in_dim: int, dim: int = 512, active: int = 16, warmup_steps: int = 100):
        super().__init__(warmup_steps)
        if not 1 <= active <= dim:
            raise ValueError(f"active must be between 1 and dim = {dim}, not {active}")
        self.dim = dim
        self.active = active
        self.project = nn.Linear(in_dim, dim)

    def forward(self, encoded: Tensor, mask: Tensor) -> BottleneckOutput:
        frames = self.project(encoded)
        kept = frames.topk(self.kept(), dim=-1).indices
        chosen = torch.zeros_like(frames, dtype=torch.bool).scatter(-1, kept, True)
        self.count_step()
        return BottleneckOutput(
            latents=frames * chosen,
            projected=frames,
            metrics=measured(lambda: {"hidden_units_used": used(chosen, mask).sum()}),
        )

    def kept(self) -> int:
        """How many values of a frame are kept by now."""
        return self.active + round(self.left() * (self.dim - self.active))


def used(chosen: Tensor, mask: Tensor) -> Tensor:
    """Which hidden units any frame of any process has: [B, T, D], [B, T] -> [D]."""
    own = (chosen & mask[..., None]).any(1).any(0).float()
    return mean_over_processes(own) > 0


class Denoising(nn.Module):
    """A sigmoid layer that, while training, sees its input corrupted, so that the decoder has to restore it.

    With the encoder "identity" its input are the features, as in the paper.

    noise: "masking" sets a share `amount` of the numbers to 0; "gaussian" adds noise of deviation `amount`.
    """

    def __init__(self, in_dim: int, dim: int = 64, noise: str = "masking", amount: float = 0.25):
        super().__init__()
        if noise not in ("masking", "gaussian"):
            raise ValueError(f"unknown noise {noise!r}: choose 'masking' or 'gaussian'")
        if noise == "masking" and not amount < 1:
            raise ValueError(f"amount is the share of numbers masked, from 0 to below 1, not {amount}")
        self.dim = dim
        self.noise = noise
        self.amount = amount
        self.project = nn.Linear(in_dim, dim)

    def forward(self, encoded: Tensor, mask: Tensor) -> BottleneckOutput:
        frames = self.project(self.corrupted(encoded) if self.training else encoded)
        return BottleneckOutput(latents=frames.sigmoid(), projected=frames)

    def corrupted(self, encoded: Tensor) -> Tensor:
        if self.noise == "gaussian":
            return encoded + self.amount * normal(*encoded.shape, device=encoded.device)
        return encoded * (uniform(*encoded.shape, device=encoded.device) >= self.amount)
