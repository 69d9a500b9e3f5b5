"""What every bottleneck takes and gives back."""

from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from unitdisc.distributed import rows_of_all


@dataclass(frozen=True)
class BottleneckOutput:
    latents: Tensor  # [B, T, D]      what goes on to the decoder
    projected: Tensor  # [B, T, D]    the same frames before the bottleneck tightened
    codes: Tensor | None = None  # [B, T], the units found; None for a continuous bottleneck
    losses: dict[str, Tensor] = field(default_factory=dict)  # already weighted: the total is their sum
    metrics: dict[str, Tensor] = field(default_factory=dict)  # logged, never optimised


class Bottleneck(Protocol):
    dim: int  # D, the width of the latents

    def __call__(self, encoded: Tensor, mask: Tensor, count: Tensor | None = None) -> BottleneckOutput:
        """encoded: [B, T, C]; mask: [B, T], False in the padding; count: as of `masked_mean`."""


def straight_through(frames: Tensor, quantised: Tensor) -> Tensor:
    """The quantised values going forward, the gradient of the frames going back."""
    return frames + (quantised - frames).detach()


def perplexity(codes: Tensor) -> Tensor:
    """How many codes are effectively in use, over all processes: 1 when collapsed, their number when all are alike."""
    codes = rows_of_all(codes)
    counts = codes.unique(return_counts=True)[1].float()  # there may be more codes than an array can count
    return torch.special.entr(counts / max(codes.numel(), 1)).sum().exp()
