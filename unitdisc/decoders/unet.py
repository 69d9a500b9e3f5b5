"""A small U-Net (Ronneberger et al., 2015) over line images: what diffusion asks where there are strokes."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.decoders.causal import steps_per_condition
from unitdisc.decoders.convolutions import FIRST_WEIGHTS
from unitdisc.decoders.likelihoods import working_type

PATCH = 2  # rows and columns of a cell of the finest level
QUIET = 0.1  # how much of the usual deviation the weights have that end a block: it begins as next to nothing


class Block(nn.Module):
    """x + two 3 x 3 convolutions of x, which each column's condition scales and shifts (FiLM, Perez et al., 2018)."""

    def __init__(self, channels: int, condition_dim: int):
        super().__init__()
        self.condition = nn.Linear(condition_dim, 2 * channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        with torch.no_grad():
            self.condition.weight *= QUIET
            self.second.weight *= QUIET

    def forward(self, x: Tensor, condition: Tensor, inside: Tensor) -> Tensor:
        """x [B, C, H, S], condition [B, S, D], inside [B, 1, 1, S], 0 in the padding -> [B, C, H, S]."""
        scale, shift = self.condition(condition).transpose(1, 2)[:, :, None].chunk(2, dim=1)
        hidden = self.first(F.silu(x + x * scale + shift) * inside)
        return x + self.second(F.silu(hidden) * inside)


class UNet(nn.Module):
    """Rows and columns, halved `depth` times, and back; on every level `layers` blocks on the way down and up.

    channels: of cells of 2 x 2 pixels, which are the finest level; every level below has twice as many, up to four
    times. Every level has a bias for each of its rows, for a convolution does not know which row it is in; on the
    deepest one, conditions say something else to every row.
    """

    def __init__(self, height: int, out_dim: int, condition_dim: int, *, channels: int, layers: int, depth: int):
        super().__init__()
        if min(channels, layers) < 1 or depth < 0:
            raise ValueError(
                f"a U-Net needs a channel, a layer and a depth of 0 at least, not {channels}, {layers} and {depth}"
            )
        self.height, self.depth = height, depth
        self.factor = PATCH * 2**depth
        rows = -(-height // self.factor) * 2**depth  # of the finest level
        widths = [channels * min(2**level, 4) for level in range(depth + 1)]
        self.first = nn.Conv2d(1, channels, 2 * PATCH, stride=PATCH, padding=PATCH // 2)
        self.rows = nn.ParameterList(
            nn.Parameter(0.1 * torch.randn(width, rows >> level, 1)) for level, width in enumerate(widths)
        )
        self.paint = nn.Linear(condition_dim, widths[-1] * (rows >> depth))
        self.down = nn.ModuleList(nn.Conv2d(wide, deep, 2, stride=2) for wide, deep in pairwise(widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(deep, wide, 2, stride=2) for wide, deep in pairwise(widths))
        self.descent = nn.ModuleList(
            nn.ModuleList(Block(width, condition_dim) for _ in range(layers)) for width in widths
        )
        self.ascent = nn.ModuleList(
            nn.ModuleList(Block(width, condition_dim) for _ in range(layers)) for width in widths[:-1]
        )
        self.last = nn.ConvTranspose2d(channels, out_dim, PATCH, stride=PATCH)
        nn.init.normal_(self.last.weight, std=FIRST_WEIGHTS)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, condition: Tensor, mask: Tensor | None = None) -> Tensor:
        """x [B, S, H], condition [B, L, D], mask [B, S], True inside the items -> [B, S, H, O], in the type of x.

        Raises ValueError if S is not a multiple of L.
        """
        size, kind = x.shape[1], working_type(x)
        condition = condition.repeat_interleave(steps_per_condition(size, condition.shape[1]), dim=1)
        inside = x.new_ones(x.shape[:2]) if mask is None else mask.to(x.dtype)
        more = -size % self.factor  # columns, up to whole cells of the deepest level
        image = F.pad(x * inside[..., None], (0, -self.height % self.factor, 0, more)).transpose(1, 2)[:, None]
        inside, condition = F.pad(inside, (0, more)), F.pad(condition * inside[..., None], (0, 0, 0, more))
        cells = [PATCH * 2**level for level in range(self.depth + 1)]
        conditions = [pooled(condition, columns).to(kind) for columns in cells]
        masks = [(pooled(inside, columns) > 0).to(kind)[:, None, None] for columns in cells]
        signal = self.first(image.to(kind))
        kept = []
        for level, blocks in enumerate(self.descent):
            signal = signal + self.rows[level].to(kind)
            if level == self.depth:
                signal = signal + self.paint(conditions[-1]).unflatten(-1, (-1, signal.shape[2])).permute(0, 2, 3, 1)
            for block in blocks:
                signal = block(signal, conditions[level], masks[level])
            if level < self.depth:
                kept.append(signal)
                signal = self.down[level](signal * masks[level])
        for level in reversed(range(self.depth)):
            signal = kept[level] + self.up[level](signal)
            for block in self.ascent[level]:
                signal = block(signal, conditions[level], masks[level])
        return self.last(F.silu(signal))[:, :, : self.height, :size].permute(0, 3, 2, 1).to(x.dtype)


def pooled(values: Tensor, columns: int) -> Tensor:
    """[B, S, ...] -> means of so many columns: [B, S / columns, ...]."""
    return values.unflatten(1, (-1, columns)).mean(2)
