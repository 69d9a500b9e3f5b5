"""A generator of whole items whose noise is a style, told to every layer (StyleGAN: Karras et al., 2019, 2020)."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.objectives.item_networks import SLOPE, check_item

MAPPING = 3  # layers from noise to style
PACE = 0.1  # at which the mapping learns, of that of all other layers
EPSILON = 1e-8  # beside the square of a norm
LOUD = 2.0  # variance of what layers say, which a leaky ReLU halves


class StyleGenerator(nn.Module):
    """A learned image is made larger by layers, in each of which a style weighs channels and noise moves pixels.

    The noise of an item and what is told become a style by a small network (mapping). Layers are modulated and
    demodulated as of StyleGAN2, so that no item is normalised by another; every side's ink is added to that of half
    the side. Neither styles of two items in one, nor a penalty of long paths.

    style_dim: numbers of a style, and of each layer of the mapping.
    """

    def __init__(self, in_dim: int, columns: int, rows: int, *, channels: int, layers: int, style_dim: int):
        super().__init__()
        check_item(columns, rows, channels, layers)
        if style_dim < 1:
            raise ValueError(f"style_dim must be 1 or more, not {style_dim}")
        widths = [*(channels << layer for layer in reversed(range(layers))), max(1, channels // 2)]
        first = (columns >> layers, rows >> layers)
        self.in_dim = in_dim
        self.places = [first, *((first[0] << layer, first[1] << layer) for layer in range(1, layers + 1))]
        self.pixels = sum(columns * rows for columns, rows in self.places)
        self.mapping = nn.ModuleList(
            SlowLinear(narrow, wide) for narrow, wide in pairwise([in_dim, *[style_dim] * MAPPING])
        )
        self.start = nn.Parameter(torch.randn(1, widths[0], *first))
        sizes = [StyledConvolution(style_dim, widths[0], widths[0], size=3)]
        sizes += [StyledConvolution(style_dim, wide, narrow, size=4) for wide, narrow in pairwise(widths)]
        self.layers = nn.ModuleList(sizes)
        self.biases = nn.ParameterList(torch.zeros(width, 1, 1) for width in widths)
        self.strengths = nn.Parameter(torch.zeros(len(widths)))
        self.inks = nn.ModuleList(StyledInk(style_dim, width) for width in widths)
        self.paper = nn.Parameter(torch.zeros(()))

    def forward(self, told: Tensor, pixels: Tensor) -> Tensor:
        """told [B, in_dim], pixels [B, P], normal noise of one layer after the other -> [B, columns, rows]."""
        style = told
        for layer in self.mapping:
            style = F.leaky_relu(layer(style), SLOPE)
        noises = pixels.split([columns * rows for columns, rows in self.places], dim=1)
        x, made = self.start.expand(len(told), -1, -1, -1), self.paper
        for number, (layer, ink) in enumerate(zip(self.layers, self.inks)):
            noise = self.strengths[number] * noises[number].unflatten(1, (1, *self.places[number]))
            x = F.leaky_relu(layer(x, style) + (noise + self.biases[number]), SLOPE)
            made = ink(x, style) + (twice_as_large(made) if number else made)
        return made.sigmoid()


class SlowLinear(nn.Linear):
    """A linear layer whose weights are kept so much larger that they learn more slowly, by the factor PACE."""

    def __init__(self, in_dim: int, out_dim: int):
        super().__init__(in_dim, out_dim)
        nn.init.kaiming_normal_(self.weight, SLOPE)
        self.weight.data /= PACE
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, PACE * self.weight, PACE * self.bias)


class StyledConvolution(nn.Module):
    """A convolution whose channels in are weighed by a style, and its channels out brought back to the same variance.

    size: 3; or 4, transposed, which doubles both sides.
    Weights are shared and what comes in is weighed: the same as weights of every item's own, and cheaper.
    """

    def __init__(self, style_dim: int, width: int, out_width: int, *, size: int):
        super().__init__()
        self.style = nn.Linear(style_dim, width)
        nn.init.normal_(self.style.weight, std=style_dim**-0.5)
        nn.init.ones_(self.style.bias)
        shape = (width, out_width) if size == 4 else (out_width, width)
        self.weight = nn.Parameter(torch.randn(*shape, size, size) / (3 * width**0.5))
        self.size = size

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """x [B, W, T, H], style [B, D] -> [B, V, T, H], or [B, V, 2 T, 2 H]."""
        scales = self.style(style)
        x = x * scales[..., None, None]
        if self.size == 4:
            x = F.conv_transpose2d(x, self.weight, stride=2, padding=1)
            squares = self.weight.square().sum((2, 3)) / 4  # a pixel sees one in four of the weights
        else:
            x = F.conv2d(x, self.weight, padding=1)
            squares = self.weight.square().sum((2, 3)).T
        return x * (scales.square() @ squares / LOUD + EPSILON).rsqrt()[..., None, None]


class StyledInk(nn.Module):
    """A sum of channels that a style weighs."""

    def __init__(self, style_dim: int, width: int):
        super().__init__()
        self.style = nn.Linear(style_dim, width)
        nn.init.normal_(self.style.weight, std=(style_dim * width) ** -0.5)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """x [B, W, T, H], style [B, D] -> [B, T, H]."""
        return (self.style(style)[:, None] @ x.flatten(2)).unflatten(2, x.shape[2:])[:, 0]


def twice_as_large(x: Tensor) -> Tensor:
    """Each pixel four times: [B, T, H] -> [B, 2 T, 2 H]."""
    return x.repeat_interleave(2, 1).repeat_interleave(2, 2)
