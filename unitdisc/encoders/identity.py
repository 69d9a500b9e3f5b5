"""The encoder that learns nothing: features as they are, some frames side by side, for baselines on plain features."""

import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import padding_mask


class Identity(nn.Module):
    """Lays `stride` frames side by side, and `context` more from either side of them.

    It makes a bottleneck see nothing but the features: PCA or k-means of MFCC, or a classical autoencoder.
    """

    def __init__(self, in_dim: int, stride: int = 2, context: int = 0):
        super().__init__()
        if stride < 1:
            raise ValueError(f"the encoder's stride must be 1 or more, not {stride}")
        self.frames = stride + 2 * context
        self.dim = self.frames * in_dim
        self.stride = stride
        self.context = context
        self.offset = (stride - 1) / 2
        self.reach = -(-self.frames // 2)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features: [B, T, F], lengths: [B] -> encoded: [B, ceil(T / stride), C], lengths: [B]; frames in order."""
        inside = padding_mask(lengths, features.shape[1])
        missing = -features.shape[1] % self.stride
        padded = F.pad(features * inside[..., None], (0, 0, self.context, self.context + missing))
        stacked = padded.unfold(1, self.frames, self.stride).transpose(2, 3).flatten(2)
        lengths = -(-lengths // self.stride)
        return stacked * padding_mask(lengths, stacked.shape[1])[..., None], lengths
