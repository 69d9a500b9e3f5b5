"""Gated convolutions over the pixels read before (gated PixelCNN, van den Oord et al., 2016), in column raster.

Columns are read one after the other, and the rows of a column from top to bottom. No kernel is masked: each has only
the taps it may have, and asymmetric padding puts them where they belong.

Computed in two ways that agree: all pixels at once, to train, and one column and one pixel at a time, to sample.
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.decoders.causal import steps_per_condition


class PixelLayer(nn.Module):
    """A step of both stacks: `past` sees the columns before, `above` these and the pixels above in the same column.

    past: 2 columns (its own too, which holds nothing but the columns before it) x 3 rows; above: 1 column x 2 rows.
    What past says before its gate goes across to above, so that no pixel of the columns before is missed.
    """

    def __init__(self, channels: int, condition_dim: int, last: bool):
        super().__init__()
        self.past = nn.Conv2d(channels, 2 * channels, (2, 3), bias=False)
        self.across = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.above = nn.Conv2d(channels, 2 * channels, (1, 2), bias=False)
        self.condition = nn.Linear(condition_dim, (2 if last else 4) * channels)  # to above, then to past
        self.residual = nn.Conv2d(channels, channels, 1)
        self.last = last  # nothing would read what past gives

    def forward(self, past: Tensor, above: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """past and above [B, C, S, H], projected condition [B, S, 2 or 4 times C] -> the same two of the next layer."""
        to_above, *to_past = condition.transpose(1, 2)[..., None].split(2 * past.shape[1], dim=1)
        gates = self.past(F.pad(past, (1, 1, 1, 0)))
        hidden = gated(self.above(F.pad(above, (1, 0))) + self.across(gates) + to_above)
        past = past if self.last else gated(gates + to_past[0])
        return past, above + self.residual(hidden)


def gated(gates: Tensor) -> Tensor:
    """[B, 2 * C, ...] -> [B, C, ...]."""
    signal, gate = gates.chunk(2, dim=1)
    return signal.tanh() * gate.sigmoid()


class PixelStacks(nn.Module):
    """From the ink of a line to what is known of every pixel from those read before it.

    height: rows of the image; first_kernel: rows seen by the first convolutions, odd; half as many columns before.
    Every row has a bias of its own: a convolution does not know which row it is in.
    """

    def __init__(self, height: int, condition_dim: int, channels: int, layers: int, first_kernel: int):
        super().__init__()
        if layers < 1 or first_kernel < 3 or first_kernel % 2 == 0:
            raise ValueError(
                f"a PixelCNN needs a layer and an odd first kernel of 3 at least, not {layers} and {first_kernel}"
            )
        self.channels = channels
        self.reach = first_kernel // 2  # of the first convolutions
        self.first_past = nn.Conv2d(1, channels, (self.reach, first_kernel), bias=False)
        self.first_above = nn.Conv2d(1, channels, (1, self.reach), bias=False)
        self.rows_past = nn.Parameter(0.1 * torch.randn(channels, 1, height))
        self.rows_above = nn.Parameter(0.1 * torch.randn(channels, 1, height))
        self.layers = nn.ModuleList(
            PixelLayer(channels, condition_dim, last=layer == layers - 1) for layer in range(layers)
        )

    @property
    def receptive_field(self) -> int:
        """How many columns before its own a pixel depends on, and how many rows above, and (there) below."""
        return self.reach + len(self.layers)

    def forward(self, ink: Tensor, condition: Tensor, order: Tensor | None = None) -> Tensor:
        """ink [B, S, H], condition [B, L, D] -> what is known before every pixel: [B, C, S, H], channels last.

        order [B, S]: which column of the condition's clock each column of the ink is, where not each its own.
        Raises ValueError if S is not a multiple of L.
        """
        repeats = steps_per_condition(ink.shape[1], condition.shape[1])
        x, reach = ink[:, None], self.reach
        past = self.first_past(F.pad(x[:, :, :-1], (reach, reach, reach, 0))) + self.rows_past
        above = self.first_above(F.pad(x[..., :-1], (reach, 0))) + self.rows_above
        past, above = (stack.contiguous(memory_format=torch.channels_last) for stack in (past, above))
        for layer in self.layers:
            # projected at the condition's own slow clock, then repeated
            projected = layer.condition(condition).repeat_interleave(repeats, dim=1)
            past, above = layer(past, above, projected if order is None else reordered(projected, order))
        return above

    def known_columns(self, ink: Tensor, condition: Tensor, order: Tensor | None = None) -> Iterator[Tensor]:
        """One column at a time: what the columns before it and the condition add to the gates of `above`.

        Arguments as in `forward`. Gives [B, layers, H, 2 * C] for every column, and reads of `ink` only what lies
        before that column: it can be filled in on the way. Each layer keeps the one column that it will need again.
        """
        batch, size, height = ink.shape
        reach = self.reach
        repeats = steps_per_condition(size, condition.shape[1])
        projected = [layer.condition(condition).repeat_interleave(repeats, dim=1) for layer in self.layers]
        projected = projected if order is None else [reordered(values, order) for values in projected]
        before = [ink.new_zeros(batch, self.channels, 1, height) for _ in self.layers]
        for column in range(size):
            seen = ink[:, None, max(0, column - reach) : column]
            past = self.first_past(F.pad(seen, (reach, reach, reach - seen.shape[2], 0))) + self.rows_past
            known = []
            for index, layer in enumerate(self.layers):
                to_above, *to_past = projected[index][:, column, :, None, None].split(2 * self.channels, dim=1)
                gates = layer.past(F.pad(torch.cat([before[index], past], dim=2), (1, 1)))
                known.append(layer.across(gates) + to_above)
                before[index] = past
                past = past if layer.last else gated(gates + to_past[0])
            yield torch.stack([gates[:, :, 0] for gates in known], dim=1).transpose(2, 3)

    def descend(self, known: Tensor, follow: Callable[[Tensor, int], Tensor]) -> None:
        """Down one column, pixel by pixel, given what `known_columns` says of it: [B, layers, H, 2 * C].

        follow: (what is known of a pixel [B, C, 1, 1], its row) -> the ink of that pixel [B].
        """
        batch, layers, height, _ = known.shape
        ink = known.new_zeros(batch, 1, 1, self.reach + height)  # as many rows above the first as the kernel sees
        before = [known.new_zeros(batch, self.channels, 1, 1) for _ in range(layers)]
        for row in range(height):
            x = self.first_above(ink[..., row : row + self.reach]) + self.rows_above[..., row : row + 1]
            for index, layer in enumerate(self.layers):
                gates = layer.above(torch.cat([before[index], x], dim=3)) + known[:, index, row, :, None, None]
                before[index] = x
                x = x + layer.residual(gated(gates))
            ink[:, 0, 0, self.reach + row] = follow(x, row)


def reordered(x: Tensor, order: Tensor) -> Tensor:
    """x [B, S, ...], order [B, S] -> x[b, order[b, s]]."""
    return x.gather(1, order.view(*order.shape, *[1] * (x.ndim - 2)).expand_as(x))


def backwards(lengths: Tensor, size: int) -> Tensor:
    """The order that reads every line from its own end, and leaves the padding after it where it is: [B, S].

    lengths [B]: columns of each line. Applied twice, it changes nothing.
    """
    columns = torch.arange(size, device=lengths.device).expand(len(lengths), -1)
    return torch.where(columns < lengths[:, None], lengths[:, None] - 1 - columns, columns)
