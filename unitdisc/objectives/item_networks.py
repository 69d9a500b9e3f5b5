"""Networks of whole items, images of one size: a generator that makes them, and a critic that judges them.

As of DCGAN (Radford et al., 2016), but without batch norm, so that an item does not depend on those beside it.
"""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

GROUP = 8  # channels that are normalised together
SLOPE = 0.2  # of a leaky ReLU below 0
HIDDEN = 128  # units of a critic's last layer but one


class ItemGenerator(nn.Module):
    """Transposed convolutions from a vector to an image, each of which doubles its sides: ink in [0, 1]."""

    pixels = 0  # numbers of noise that layers are told beside the vector

    def __init__(self, in_dim: int, columns: int, rows: int, *, channels: int, layers: int):
        super().__init__()
        check_item(columns, rows, channels, layers)
        widths = [channels << layer for layer in reversed(range(layers))]
        self.in_dim = in_dim
        self.shape = (widths[0], columns >> layers, rows >> layers)
        self.first = nn.Linear(in_dim, self.shape[0] * self.shape[1] * self.shape[2])
        self.layers = nn.ModuleList(
            nn.ConvTranspose2d(wide, narrow, 4, 2, 1) for wide, narrow in pairwise([*widths, 1])
        )
        self.norms = nn.ModuleList(nn.GroupNorm(max(1, width // GROUP), width) for width in widths)

    def forward(self, told: Tensor, pixels: Tensor | None = None) -> Tensor:
        """told [B, in_dim] -> [B, columns, rows]; pixels: nothing."""
        x = self.first(told).unflatten(-1, self.shape)
        for norm, layer in zip(self.norms, self.layers):
            x = layer(norm(x).relu())
        return x[:, 0].sigmoid()


class ItemCritic(nn.Module):
    """Convolutions that halve the sides of an image, and what is told beside it: a score.

    beside_dim: of what goes with an item, who wrote it or its latents; 0: nothing.
    """

    def __init__(self, beside_dim: int, columns: int, rows: int, *, channels: int, layers: int):
        super().__init__()
        check_item(columns, rows, channels, layers)
        widths = [channels << layer for layer in range(layers)]
        self.layers = nn.ModuleList(nn.Conv2d(narrow, wide, 4, 2, 1) for narrow, wide in pairwise([1, *widths]))
        self.hidden = nn.Linear(widths[-1] * (columns >> layers) * (rows >> layers), HIDDEN)
        self.beside = nn.Linear(beside_dim, HIDDEN, bias=False) if beside_dim else None
        self.score = nn.Linear(HIDDEN, 1)

    def forward(self, items: Tensor, beside: Tensor | None = None) -> Tensor:
        """items [B, columns, rows], beside [B, beside_dim] -> [B]."""
        x = 2 * items[:, None] - 1
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
        x = self.hidden(x.flatten(1))
        x = x if self.beside is None else x + self.beside(beside)
        return self.score(F.leaky_relu(x, SLOPE))[:, 0]


def check_item(columns: int, rows: int, channels: int, layers: int) -> None:
    """Raises ValueError for items that cannot be halved so often."""
    if channels < 1 or layers < 1:
        raise ValueError(f"channels and layers must be 1 or more, not {channels} and {layers}")
    for name, side in (("objective.columns", columns), ("features.height (or bins)", rows)):
        if side < 1 or side % 2**layers:
            raise ValueError(
                f"{name} is {side}, which cannot be halved {layers} times (objective.layers): "
                f"set it to a multiple of {2**layers}"
            )
