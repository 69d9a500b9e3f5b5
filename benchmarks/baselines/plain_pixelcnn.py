"""A gated PixelCNN as public code writes it: masked convolutions, and a condition at every pixel.

As in the code around van den Oord et al. (2016, "Conditional image generation with PixelCNN decoders"): kernels are
square and a mask is multiplied in at every pass, channels come first, and the condition is repeated to the size of the
image and projected by a convolution of 1 x 1 in every layer. The network is that of unitdisc.decoders.PixelCNN with a
softmax, from left to right: `PlainPixelCNN.of` takes its weights.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.decoders import PixelCNN
from unitdisc.decoders.images import waves


class MaskedConv2d(nn.Conv2d):
    """As large as its input, with a mask [columns, rows] over the taps."""

    def __init__(self, inputs: int, outputs: int, mask: list[list[int]]):
        size = (len(mask), len(mask[0]))
        super().__init__(inputs, outputs, size, padding=(size[0] // 2, size[1] // 2), bias=False)
        self.register_buffer("mask", torch.tensor(mask, dtype=torch.float)[None, None])

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.mask, padding=self.padding)


class PlainLayer(nn.Module):
    """Vertical (here: the columns before) and horizontal (the pixels above) stack."""

    def __init__(self, channels: int, condition_dim: int, last: bool):
        super().__init__()
        self.vertical = MaskedConv2d(channels, 2 * channels, [[1, 1, 1], [1, 1, 1], [0, 0, 0]])
        self.to_horizontal = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.horizontal = MaskedConv2d(channels, 2 * channels, [[1, 1, 0]])
        self.condition_horizontal = nn.Conv2d(condition_dim, 2 * channels, 1)
        self.condition_vertical = None if last else nn.Conv2d(condition_dim, 2 * channels, 1)
        self.residual = nn.Conv2d(channels, channels, 1)

    def forward(self, vertical: Tensor, horizontal: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """[B, C, S, H] both, condition [B, D, S, H]."""
        v = self.vertical(vertical)
        h = self.horizontal(horizontal) + self.to_horizontal(v) + self.condition_horizontal(condition)
        horizontal = horizontal + self.residual(gated(h))
        if self.condition_vertical is not None:
            vertical = gated(v + self.condition_vertical(condition))
        return vertical, horizontal


def gated(x: Tensor) -> Tensor:
    signal, gate = x.chunk(2, dim=1)
    return torch.tanh(signal) * torch.sigmoid(gate)


class PlainPixelCNN(nn.Module):
    def __init__(self, condition_dim: int, rows: int, levels: int, channels: int, layers: int, first_kernel: int):
        super().__init__()
        self.levels, reach = levels, first_kernel // 2
        before = reach * [first_kernel * [1]] + (reach + 1) * [first_kernel * [0]]
        self.first_vertical = MaskedConv2d(1, channels, before)
        self.first_horizontal = MaskedConv2d(1, channels, [reach * [1] + (reach + 1) * [0]])
        self.rows_vertical = nn.Parameter(torch.zeros(channels, 1, rows))
        self.rows_horizontal = nn.Parameter(torch.zeros(channels, 1, rows))
        self.paint_condition = nn.Conv2d(condition_dim, 128, 1)
        self.paint_place = nn.Conv2d(8, 128, 1, bias=False)
        self.paint = nn.Conv2d(128, rows * channels, 1, bias=False)
        self.layers = nn.ModuleList(
            PlainLayer(channels, condition_dim, last=layer == layers - 1) for layer in range(layers)
        )
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv2d(channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, levels, 1)
        )

    @classmethod
    def of(cls, decoder: PixelCNN) -> "PlainPixelCNN":
        """The same network, with the same weights."""
        stack = decoder.stack
        sizes = decoder.levels, stack.channels, len(stack.layers), 2 * stack.reach + 1
        plain = cls(stack.painting.condition.in_features, decoder.target_dim, *sizes)
        for theirs, ours in zip(plain.parts(), parts(decoder), strict=True):
            theirs.data.copy_(ours.data.view_as(theirs))
        return plain

    def parts(self) -> list[Tensor]:
        """What each of `parts` of ours is here."""
        reach = self.first_horizontal.weight.shape[-1] // 2
        found = [
            self.first_vertical.weight[:, :, :reach],
            self.first_horizontal.weight[..., :reach],
            self.rows_vertical.permute(2, 1, 0),
            self.rows_horizontal.permute(2, 1, 0),
            *self.paint_condition.parameters(),
            self.paint_place.weight,
            self.paint.weight,
        ]
        for layer in self.layers:
            found += [layer.vertical.weight[:, :, :2], layer.to_horizontal.weight, layer.horizontal.weight[..., :2]]
            for condition in layer.condition_horizontal, layer.condition_vertical:
                found += [] if condition is None else [condition.weight, condition.bias]
            found += [layer.residual.weight, layer.residual.bias]
        return [*found, *self.head.parameters()]

    def log_prob(self, target: Tensor, condition: Tensor) -> Tensor:
        """target int64 [B, S, H], condition [B, L, D] -> nats per column: [B, S]."""
        ink = (target.float() / (self.levels - 1))[:, None]
        repeats = target.shape[1] // condition.shape[1]
        columns = condition.transpose(1, 2).repeat_interleave(repeats, dim=2)[..., None]  # [B, D, S, 1]
        places = waves(repeats, like=condition).T.repeat(1, condition.shape[1])[None, :, :, None]
        painted = self.paint(F.relu(self.paint_condition(columns) + self.paint_place(places)))
        painted = painted[..., 0].unflatten(1, (target.shape[2], -1)).permute(0, 2, 3, 1)  # [B, C, S, H]
        vertical = self.first_vertical(ink) + self.rows_vertical + painted
        horizontal = self.first_horizontal(ink) + self.rows_horizontal
        pixels = columns.expand(-1, -1, -1, target.shape[2]).contiguous()
        for layer in self.layers:
            vertical, horizontal = layer(vertical, horizontal, pixels)
        return -F.cross_entropy(self.head(horizontal), target, reduction="none").sum(-1)


def parts(decoder: PixelCNN) -> list[Tensor]:
    """The weights of a PixelCNN, cut up as the plain one has them."""
    stack = decoder.stack
    found = [stack.first_past.weight, stack.first_above.weight, stack.rows_past, stack.rows_above]
    found += stack.painting.parameters()
    for layer in stack.layers:
        found += [layer.past.weight, layer.across.weight, layer.above.weight]
        both = [layer.condition.weight.split(2 * stack.channels), layer.condition.bias.split(2 * stack.channels)]
        found += [part for pair in zip(*both) for part in pair]
        found += layer.residual.parameters()
    return [*found, *decoder.head.parameters()]
