"""A gated layer over all steps at once, forward and backward by hand, in as few passes over memory as can be.

The numbers are those of the formulas in `GatedLayer`. What makes it fast:

- Steps come first, [S, B, C]. The inputs `delay` steps back are then the rows `delay * B` higher up, so every tap is
  one matrix product on rows as they lie: nothing is padded, shifted or laid side by side.
- Products are added to what is there: the condition, projected at its own slow clock, is written where the gates will
  be, and the skips of all layers pile up in one tensor.
- On a CPU the rows are taken in pieces that stay in its second-level cache from one pass to the next.
- Kept for the way back are the input and the two factors of the gate, or, with `keep` off, the input alone: a third
  of the memory, and a fifth more work, because the gates are computed again.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

NUMBERS = 2**17  # of the channels in a piece: with their gates, a megabyte and a half


class StepPiece(NamedTuple):
    """Steps [first, last) of all items; `conditions` hold for equally many of them each."""

    first: int
    last: int
    conditions: slice


def pieces(x: Tensor, conditions: int) -> Iterator[StepPiece]:
    """What of x [S, B, C] to take at once: whole conditions, or equal parts of one; everything on a GPU."""
    size, batch, channels = x.shape
    repeats = size // conditions
    fitting = size if x.device.type != "cpu" else NUMBERS * torch.get_num_threads() // (batch * channels)
    whole, parts = max(1, fitting // repeats), -(-repeats // max(1, fitting))
    for one in range(0, conditions, whole):
        until = min(one + whole, conditions)
        cuts = [one * repeats + (until - one) * repeats * part // parts for part in range(parts + 1)]
        yield from (StepPiece(first, last, slice(one, until)) for first, last in pairwise(cuts))


def gated_steps(
    x: Tensor,
    skips: Tensor,
    condition: Tensor,
    gates: Tensor,
    skip: Tensor,
    residual: Tensor | None,
    residual_bias: Tensor | None,
    delays: Sequence[int],
) -> tuple[Tensor | None, Tensor]:
    """The formulas of `GatedSteps`, with its arguments, for a compiler to fuse and derive; nothing is overwritten."""
    size, _, channels = x.shape
    sums = condition[:, None].expand(-1, size // len(condition), -1, -1).flatten(0, 1)
    for tap, delay in zip(gates.split(channels, dim=1), delays):
        if delay < size:
            sums = sums + F.pad(F.linear(x[: size - delay], tap), (0, 0, 0, 0, delay, 0))
    signal, gate = sums.chunk(2, dim=-1)
    hidden = signal.tanh() * gate.sigmoid()
    following = None if residual is None else x + F.linear(hidden, residual, residual_bias)
    return following, skips + F.linear(hidden, skip)


class GatedSteps(torch.autograd.Function):
    """x [S, B, C], skips [S, B, K], condition [L, B, 2 * C] -> the next layer's x, and skips, added to in place.

    gates [2 * C, kernel * C], skip [K, C], residual [C, C] and its bias [C], or None in the last layer, whose x is
    None. condition: what it and the bias give to the gates. delays: of the taps, oldest first.
    """

    @staticmethod
    def forward(
        ctx,
        x: Tensor,
        skips: Tensor,
        condition: Tensor,
        gates: Tensor,
        skip: Tensor,
        residual: Tensor | None,
        residual_bias: Tensor | None,
        delays: Sequence[int],
        keep: bool,
    ) -> tuple[Tensor | None, Tensor]:
        size, batch, channels = x.shape
        taps = gates.t().contiguous().split(channels)  # each [C, 2 * C]
        rows, skip_rows = x.flatten(0, 1), skips.flatten(0, 1)
        kept = x.new_empty(size * batch, 2 * channels) if keep else None
        following = None if residual is None else torch.empty_like(rows)
        for piece in pieces(x, len(condition)):
            here = slice(piece.first * batch, piece.last * batch)
            factors = factors_of(rows, condition, taps, delays, piece, None if kept is None else kept[here])
            signal, gate = factors.chunk(2, dim=1)
            hidden = signal * gate
            skip_rows[here].addmm_(hidden, skip.t())
            if following is not None:
                torch.add(rows[here], residual_bias, out=following[here]).addmm_(hidden, residual.t())
        ctx.mark_dirty(skips)
        ctx.save_for_backward(x, kept, condition, gates, skip, residual)
        ctx.delays = delays
        return None if following is None else following.view_as(x), skips

    @staticmethod
    @once_differentiable
    def backward(ctx, by_following: Tensor | None, by_skips: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients; those of the skips belong to all layers alike and are passed on as they are."""
        x, kept, condition, gates, skip, residual = ctx.saved_tensors
        _, batch, channels = x.shape
        by_skips = by_skips.contiguous()  # once: the layers below get it so
        rows, skip_rows = x.flatten(0, 1), by_skips.flatten(0, 1)
        forward_taps = gates.t().contiguous().split(channels)
        taps = [tap.contiguous() for tap in gates.split(channels, dim=1)]  # each [2 * C, C]
        of_condition, of_skip = torch.zeros_like(condition), torch.zeros_like(skip)
        of_taps = [torch.zeros_like(tap) for tap in taps]
        of_residual = of_bias = None
        if residual is None:
            of_x = torch.zeros_like(rows)
        else:
            next_rows = by_following.contiguous().flatten(0, 1)
            of_x, of_residual, of_bias = next_rows.clone(), torch.zeros_like(residual), next_rows.sum(0)
        for piece in pieces(x, len(condition)):
            here = slice(piece.first * batch, piece.last * batch)
            factors = factors_of(rows, condition, forward_taps, ctx.delays, piece) if kept is None else kept[here]
            signal, gate = factors.chunk(2, dim=1)
            hidden = signal * gate
            of_skip.addmm_(skip_rows[here].t(), hidden)
            of_hidden = skip_rows[here] @ skip
            if residual is not None:
                of_residual.addmm_(next_rows[here].t(), hidden)
                of_hidden.addmm_(next_rows[here], residual)
            of_gates = gradient_of_gates(of_hidden, signal, gate, spare=hidden)
            by_condition = of_gates.view(piece.conditions.stop - piece.conditions.start, -1, *condition.shape[1:])
            of_condition[piece.conditions] += by_condition.sum(1)
            for tap, of_tap, delay in zip(taps, of_taps, ctx.delays):
                heard, hearing = heard_at(piece, delay, batch)
                if heard is not None:
                    of_tap.addmm_(of_gates[hearing].t(), rows[heard])
                    of_x[heard].addmm_(of_gates[hearing], tap)
        return of_x.view_as(x), by_skips, of_condition, torch.cat(of_taps, 1), of_skip, of_residual, of_bias, None, None


def factors_of(
    rows: Tensor,
    condition: Tensor,
    taps: Sequence[Tensor],
    delays: Sequence[int],
    piece: StepPiece,
    place: Tensor | None = None,
) -> Tensor:
    """tanh of the signals and sigmoid of the gates of a piece: [rows, 2 * C], written to `place` if there is one."""
    batch = condition.shape[1]
    if place is None:
        place = rows.new_empty((piece.last - piece.first) * batch, condition.shape[2])
    own = condition[piece.conditions]
    place.view(len(own), -1, *own.shape[1:]).copy_(own[:, None])
    for tap, delay in zip(taps, delays):
        heard, hearing = heard_at(piece, delay, batch)
        if heard is not None:
            place[hearing].addmm_(rows[heard], tap)
    signal, gate = place.chunk(2, dim=1)
    if place.device.type == "cpu" and place.dtype in (torch.float32, torch.float64):
        signal.mul_(2)  # tanh(a) = 2 sigmoid(2 a) - 1: torch takes 3.6 times as long for a tanh on a CPU
        place.sigmoid_()
        signal.mul_(2).sub_(1)
    else:  # in 16 bits the difference from 1 would be too coarse
        signal.tanh_()
        gate.sigmoid_()
    return place


def heard_at(piece: StepPiece, delay: int, batch: int) -> tuple[slice | None, slice | None]:
    """The rows that a tap brings to a piece, and the rows of the piece that hear them; None before the first step."""
    first = max(piece.first, delay)
    if first >= piece.last:
        return None, None
    return slice((first - delay) * batch, (piece.last - delay) * batch), slice((first - piece.first) * batch, None)


def gradient_of_gates(of_hidden: Tensor, signal: Tensor, gate: Tensor, spare: Tensor) -> Tensor:
    """From the gradient of signal * gate [rows, C] to that of what tanh and sigmoid were taken of: [rows, 2 * C].

    spare: memory of the size of the signal, overwritten.
    """
    of_gates = of_hidden.new_empty(len(of_hidden), 2 * of_hidden.shape[1])
    of_signal, of_gate = of_gates.chunk(2, dim=1)
    torch.mul(of_hidden, gate, out=spare)
    torch.ops.aten.tanh_backward.grad_input(spare, signal, grad_input=of_signal)
    torch.mul(of_hidden, signal, out=spare)
    torch.ops.aten.sigmoid_backward.grad_input(spare, gate, grad_input=of_gate)
    return of_gates
