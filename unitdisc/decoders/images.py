"""What decoders of line images share: checks of grey levels and of given columns, and where a column lies."""

import math

import torch
from torch import Tensor

from unitdisc.decoders.likelihoods import categorical_log_prob

FEW = 8  # levels up to which a softmax is many times faster where they do not lie side by side
WAVES = 8  # cosines that tell a column where it lies among those of its condition


def check_levels(levels: int) -> None:
    """Raises ValueError if levels of grey cannot tell ink from paper."""
    if levels < 2:
        raise ValueError(f"an image has 2 grey levels at least, not {levels}")


def levels_log_prob(logits: Tensor, levels: Tensor) -> Tensor:
    """As `categorical_log_prob`: logits [..., K], levels [...] -> [...], in nats."""
    if logits.shape[-1] > FEW or logits.device.type != "cpu" or logits.dtype not in (torch.float32, torch.float64):
        return categorical_log_prob(logits, levels)
    apart = logits.movedim(-1, 0).flatten(1).contiguous()
    return apart.log_softmax(0).gather(0, levels.flatten()[None]).view(levels.shape)


def check_given(given: Tensor | None, shape: tuple[int, int, int], levels: int) -> None:
    """Raises ValueError unless `given` [B, P, H] can be the first columns of a sample of shape [B, S, H]."""
    if given is None:
        return
    batch, size, height = shape
    if given.ndim != 3 or (len(given), given.shape[2]) != (batch, height) or given.shape[1] > size:
        raise ValueError(
            f"the columns given are {list(given.shape)}, but must be at most [{batch}, {size}, {height}]: "
            "items, columns and rows of what is drawn"
        )
    if given.numel() and not 0 <= int(given.min()) <= int(given.max()) < levels:
        raise ValueError(f"the columns given have levels outside of 0 to {levels - 1}")


def begun_with(given: Tensor | None, drawn: Tensor) -> Tensor:
    """What was drawn, [B, S, H], with the columns that were given, [B, P, H], in their place."""
    return drawn if given is None else torch.cat([given, drawn[:, given.shape[1] :]], dim=1)


def waves(steps: int, like: Tensor) -> Tensor:
    """Cosines over the columns that share a condition: [steps, WAVES]."""
    middles = (torch.arange(steps, device=like.device, dtype=like.dtype) + 0.5) / steps
    return (math.pi * middles[:, None] * torch.arange(WAVES, device=like.device, dtype=like.dtype)).cos()
