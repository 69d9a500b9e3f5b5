"""Gated convolutions over the pixels read before (gated PixelCNN, van den Oord et al., 2016), in column raster.

Columns are read one after the other, and the rows of a column from top to bottom. No kernel is masked: each has only
the taps it may have, and asymmetric padding puts them where they belong.

Computed in two ways that agree: all pixels at once, to train, and one column and one pixel at a time, to sample.
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from unitdisc.decoders.causal import steps_per_condition
from unitdisc.decoders.images import WAVES, waves
from unitdisc.decoders.pixel_layers import convolved, gated, pointwise

PALETTE = 128  # hidden units between a condition and what it paints


class PixelLayer(nn.Module):
    """A step of both stacks: `past` sees the columns before, `above` these and the pixels above in the same column.

    past: 2 columns (its own too, which knows nothing but the columns before it) x 3 rows; above: 1 column x 2 rows.
    What past says before its gate goes across to above, so that no pixel of the columns before is missed.
    """

    def __init__(self, channels: int, condition_dim: int, last: bool):
        super().__init__()
        self.past = nn.Conv2d(channels, 2 * channels, (2, 3), bias=False)
        self.across = nn.Linear(2 * channels, 2 * channels, bias=False)
        self.above = nn.Conv2d(channels, 2 * channels, (1, 2), bias=False)
        self.condition = nn.Linear(condition_dim, (2 if last else 4) * channels)  # to above, then to past
        self.residual = nn.Linear(channels, channels)
        self.last = last  # nothing would read what past gives

    def forward(self, past: Tensor, above: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """past and above [B, S, H, C], projected condition [B, S, 2 or 4 times C] -> the two of the next layer."""
        to_above, *to_past = condition[:, :, None].split(self.across.out_features, dim=-1)
        past = F.pad(past, (0, 0, 1, 1, 1, 0))
        if self.last:
            kernel = torch.einsum("ki,ichw->kchw", self.across.weight, self.past.weight)  # two products in one
            known = convolved(past, kernel)
        else:
            gates = convolved(past, self.past.weight)
            past, known = gated(gates, to_past[0]), pointwise(gates, self.across)
        hidden = gated(convolved(F.pad(above, (0, 0, 1, 0)), self.above.weight) + known, to_above)
        return past, above + pointwise(hidden, self.residual)

    def look_back(self, past: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """past [B, 1 + S, 1 + H + 1, C] -> past of the next layer [B, S, H, C], gates of above so far [B, S, H, 2C]."""
        to_above, *to_past = condition[:, :, None].split(self.across.out_features, dim=-1)
        gates = convolved(past, self.past.weight)
        return past if self.last else gated(gates, to_past[0]), self.across(gates) + to_above


class Painting(nn.Module):
    """What every condition paints over its own columns, from top to bottom, before anything there has been read.

    Without it a condition would say the same to every row (Conditional PixelCNN, van den Oord et al., 2016, has the
    same cure). Each column learns from cosines where among those of its condition it lies.
    """

    def __init__(self, height: int, condition_dim: int, channels: int):
        super().__init__()
        self.height = height
        self.condition = nn.Linear(condition_dim, PALETTE)
        self.place = nn.Linear(WAVES, PALETTE, bias=False)
        self.paint = nn.Linear(PALETTE, height * channels, bias=False)

    def forward(self, condition: Tensor, size: int) -> Tensor:
        """condition [B, L, D] -> [B, size, H, C]."""
        places = self.place(waves(steps_per_condition(size, condition.shape[1]), like=condition))
        columns = (self.condition(condition)[:, :, None] + places).flatten(1, 2).relu()
        return self.paint(columns).unflatten(-1, (self.height, -1))


class PixelStacks(nn.Module):
    """From the ink of a line to what is known of every pixel from those read before it.

    height: rows of the image; first_kernel: rows seen by the first convolutions, odd; half as many columns before.
    Every row has a bias of its own: a convolution does not know which row it is in.
    checkpoint: what is inside a layer is computed again for its gradients, and not kept till then.
    """

    def __init__(
        self,
        height: int,
        condition_dim: int,
        channels: int,
        layers: int,
        first_kernel: int,
        checkpoint: bool = False,
    ):
        super().__init__()
        if layers < 1 or first_kernel < 3 or first_kernel % 2 == 0:
            raise ValueError(
                f"a PixelCNN needs a layer and an odd first kernel of 3 at least, not {layers} and {first_kernel}"
            )
        self.channels = channels
        self.checkpoint = checkpoint
        self.reach = first_kernel // 2  # of the first convolutions
        self.first_past = nn.Linear(self.reach * first_kernel, channels, bias=False)  # a product over the few taps
        self.first_above = nn.Linear(self.reach, channels, bias=False)
        self.rows_past = nn.Parameter(0.1 * torch.randn(height, channels))
        self.rows_above = nn.Parameter(0.1 * torch.randn(height, channels))
        self.painting = Painting(height, condition_dim, channels)
        self.layers = nn.ModuleList(
            PixelLayer(channels, condition_dim, last=layer == layers - 1) for layer in range(layers)
        )

    @property
    def receptive_field(self) -> int:
        """How many columns before its own a pixel depends on, and how many rows above, and (there) below."""
        return self.reach + len(self.layers)

    def forward(self, ink: Tensor, condition: Tensor, order: Tensor | None = None) -> Tensor:
        """ink [B, S, H], condition [B, L, D] -> what is known before every pixel: [B, S, H, C].

        order [B, S]: which column of the condition's clock each column of the ink is, where not each its own.
        Raises ValueError if S is not a multiple of L.
        """
        conditions = self.projected(condition, ink.shape[1], order)
        past = self.columns_before(F.pad(ink[:, :-1], (0, 0, self.reach, 0)))
        past = past + self.painted(condition, ink.shape[1], order)
        above = self.pixels_above(F.pad(ink[..., :-1], (self.reach, 0))) + self.rows_above
        for layer, projected in zip(self.layers, conditions):
            if self.checkpoint and torch.is_grad_enabled():
                past, above = checkpoint(layer, past, above, projected, use_reentrant=False, preserve_rng_state=False)
            else:
                past, above = layer(past, above, projected)
        return above

    def projected(self, condition: Tensor, size: int, order: Tensor | None) -> list[Tensor]:
        """What every layer adds to its gates, projected at the condition's own slow clock, then repeated: [B, S, *]."""
        repeats = steps_per_condition(size, condition.shape[1])
        repeated = [layer.condition(condition).repeat_interleave(repeats, dim=1) for layer in self.layers]
        return repeated if order is None else [reordered(values, order) for values in repeated]

    def painted(self, condition: Tensor, size: int, order: Tensor | None) -> Tensor:
        """What the condition says to every row of every column, `order` as in `forward`: [B, S, H, C]."""
        painted = self.painting(condition, size)
        return painted if order is None else reordered(painted, order)

    def columns_before(self, ink: Tensor) -> Tensor:
        """ink [B, reach + S - 1, H] -> the first past, of the `reach` columns before each of S: [B, S, H, C]."""
        taps = F.pad(ink, (self.reach, self.reach)).unfold(1, self.reach, 1).unfold(2, 2 * self.reach + 1, 1)
        return self.first_past(taps.flatten(-2)) + self.rows_past

    def pixels_above(self, ink: Tensor) -> Tensor:
        """ink [..., reach + H - 1] -> the first above, but for the bias of the rows: [..., H, C]."""
        return self.first_above(ink.unfold(-1, self.reach, 1))

    def known_columns(self, ink: Tensor, condition: Tensor, order: Tensor | None = None) -> Iterator[Tensor]:
        """One column at a time: what the columns before it and the condition add to the gates of `above`.

        Arguments as in `forward`. Gives [B, layers, H, 2 * C] for every column, and reads of `ink` only what lies
        before that column: it can be filled in on the way. Each layer keeps the one column that it will need again.
        """
        batch, size, height = ink.shape
        conditions, painted = self.projected(condition, size, order), self.painted(condition, size, order)
        before = [ink.new_zeros(batch, 1, height, self.channels) for _ in self.layers]
        for column in range(size):
            seen = ink[:, max(0, column - self.reach) : column]
            past = self.columns_before(F.pad(seen, (0, 0, self.reach - seen.shape[1], 0)))
            past = past + painted[:, column : column + 1]
            columns = []
            for index, layer in enumerate(self.layers):
                pair = F.pad(torch.cat([before[index], past], dim=1), (0, 0, 1, 1))
                before[index] = past
                past, known = layer.look_back(pair, conditions[index][:, column : column + 1])
                columns.append(known)
            yield torch.cat(columns, dim=1)

    def descend(self, known: Tensor, follow: Callable[[Tensor, int], Tensor]) -> None:
        """Down one column, pixel by pixel, given what `known_columns` says of it: [B, layers, H, 2 * C].

        follow: (what is known of a pixel [B, C], its row) -> the ink of that pixel [B].
        """
        batch, layers, height, _ = known.shape
        ink = known.new_zeros(batch, self.reach + height)  # as many rows above the first as the kernel sees
        before = [known.new_zeros(batch, 1, 1, self.channels) for _ in range(layers)]
        for row in range(height):
            x = (self.pixels_above(ink[:, row : row + self.reach]) + self.rows_above[row])[:, None]
            for index, layer in enumerate(self.layers):
                gates = convolved(torch.cat([before[index], x], dim=2), layer.above.weight)
                before[index] = x
                x = x + layer.residual(gated(gates, known[:, index, None, row, None]))
            ink[:, self.reach + row] = follow(x[:, 0, 0], row)


def reordered(x: Tensor, order: Tensor) -> Tensor:
    """x [B, S, ...], order [B, S] -> x[b, order[b, s]]."""
    return x.gather(1, order.view(*order.shape, *[1] * (x.ndim - 2)).expand_as(x))


def backwards(lengths: Tensor, size: int) -> Tensor:
    """The order that reads every line from its own end, and leaves the padding after it where it is: [B, S].

    lengths [B]: columns of each line. Applied twice, it changes nothing.
    """
    columns = torch.arange(size, device=lengths.device).expand(len(lengths), -1)
    return torch.where(columns < lengths[:, None], lengths[:, None] - 1 - columns, columns)
