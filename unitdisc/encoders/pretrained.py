"""The upper layers of a network that others trained, to be trained on; what is below them are the features."""

from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from unitdisc.batch import padding_mask


@runtime_checkable
class HasUpperLayers(Protocol):
    """Features that are frames of a layer of a network."""

    def layers_above(self, last: int | None = None) -> nn.ModuleList:
        """The layers after it up to `last`, with their weights. Raises ValueError if they cannot be had."""

    def save_with(self, layers: nn.ModuleList, folder: Path) -> None:
        """Writes the network with these instead of the layers after it, in the format it was read in."""


class PretrainedLayers(nn.Module):
    """Begins where features.kind = "pretrained" ends: with the layer after features.layer of the same network.

    last: the layer that gives the encoder's frames (default: the network's last). What is below features.layer stays as
    it is; with the identity as encoder all does. Spans are hidden, where an objective hides any, of the frames of
    features.layer. Time and memory grow with the square of an utterance's length.
    """

    causal = False

    def __init__(self, in_dim: int, features: object, last: int | None = None):
        super().__init__()
        if not isinstance(features, HasUpperLayers):
            raise ValueError("it trains on a network that features come from; set features.kind to 'pretrained'")
        self.layers = features.layers_above(last)
        self.dim = self.local_dim = in_dim
        self.depth = len(self.layers)
        self.stride, self.offset, self.reach = 1, 0.0, 0

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features: [B, T, C], lengths: [B] -> encoded: [B, T, C], lengths: [B]."""
        return self.layer_frames(features, lengths)[-1], lengths

    def local(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return features * padding_mask(lengths, features.shape[1])[..., None], lengths

    def context(self, local: Tensor, lengths: Tensor) -> Tensor:
        return self.layer_frames(local, lengths)[-1]

    def layer_frames(self, features: Tensor, lengths: Tensor) -> list[Tensor]:
        inside = padding_mask(lengths, features.shape[1])
        found = [features * inside[..., None]]
        hidden = torch.zeros(inside.shape, dtype=features.dtype, device=features.device)
        hidden = hidden.masked_fill(~inside, torch.finfo(features.dtype).min)[:, None, None]
        for layer in self.layers:
            frames = layer(found[-1], attention_mask=hidden)
            found.append(frames[0] if isinstance(frames, tuple) else frames)
        return [frames * inside[..., None] for frames in found]
