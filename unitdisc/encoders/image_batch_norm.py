"""Normalisation of the channels of images that padding cannot disturb."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.training.distributed import sum_with_gradient

EPSILON = 1e-5


class BatchNorm(nn.Module):
    """Every channel has zero mean and unit variance over the pixels of the batch, padding apart; then it is scaled.

    The same on one process as on several. At evaluation the running mean and variance stand for those of the batch.
    """

    def __init__(self, channels: int, momentum: float = 0.1):
        super().__init__()
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor, inside: Tensor) -> Tensor:
        """x: [B, T, H, C], inside: [B, T] -> [B, T, H, C]."""
        mean, variance = self.mean, self.variance
        if self.training:
            mean, variance = moments(x, inside)
            self.mean.lerp_(mean.detach(), self.momentum)
            self.variance.lerp_(variance.detach(), self.momentum)
        scale = self.weight * (variance + EPSILON).rsqrt()
        return torch.addcmul(self.bias - mean * scale, x, scale).to(x.dtype)


class LayerNorm(nn.Module):
    """The pixels of every column, all channels together, have zero mean and unit variance; then channels are scaled."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, inside: Tensor) -> Tensor:
        """x: [B, T, H, C], inside: [B, T], which it does not need -> [B, T, H, C]."""
        return torch.addcmul(self.bias, F.layer_norm(x, x.shape[2:], eps=EPSILON), self.weight)


class NoNorm(nn.Module):
    """Leaves everything as it is."""

    def __init__(self, channels: int):
        super().__init__()

    def forward(self, x: Tensor, inside: Tensor) -> Tensor:
        return x


def moments(x: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance over the pixels inside, of all processes: x [B, T, H, C], inside [B, T] -> [C], [C].

    In 32 bits at least, whatever x is in: 16 bits cannot count beyond a few hundred pixels.
    """
    with torch.autocast(x.device.type, enabled=False):
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        inside = inside.to(x.dtype)
        count = sum_with_gradient(x.shape[2] * inside.sum())
        mean = sum_with_gradient(total(x, inside)) / count
        return mean, sum_with_gradient(total((x - mean).square(), inside)) / count


def total(x: Tensor, inside: Tensor) -> Tensor:
    """The sum over the pixels inside: x [B, T, H, C], inside [B, T] of 0 and 1 -> [C]."""
    return inside.flatten() @ x.sum(2).flatten(0, 1)


NORMS = {"batch": BatchNorm, "layer": LayerNorm, "none": NoNorm}
