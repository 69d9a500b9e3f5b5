"""Batch normalisation that padding cannot disturb, the same on one process as on several (Lancucki et al., 2020)."""

import torch
from torch import Tensor, nn

from unitdisc.training.distributed import sum_with_gradient


class MaskedBatchNorm(nn.Module):
    """Brings every channel to zero mean and unit variance over the valid frames of the whole batch."""

    def __init__(self, dim: int, momentum: float = 0.1, epsilon: float = 1e-5):
        super().__init__()
        self.momentum = momentum
        self.epsilon = epsilon
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("variance", torch.ones(dim))

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """frames: [B, T, C], mask: [B, T] -> [B, T, C]."""
        mean, variance = self.mean, self.variance
        if self.training:
            count = sum_with_gradient(mask.sum().to(frames.dtype))
            mean = sum_with_gradient(sum_inside(frames, mask)) / count
            variance = sum_with_gradient(sum_inside((frames - mean).square(), mask)) / count
            self.mean.lerp_(mean.detach(), self.momentum)
            self.variance.lerp_(variance.detach(), self.momentum)
        return (frames - mean) / (variance + self.epsilon).sqrt()


def sum_inside(frames: Tensor, mask: Tensor) -> Tensor:
    """The sum of the frames inside the mask: [B, T, C], [B, T] -> [C]. Not frames[mask], which a GPU is waited for."""
    return torch.where(mask[..., None], frames, 0).flatten(0, 1).sum(0)
