"""Sampling codes on a CPU: `CausalStack.unroll` as one compiled loop, many times as fast, in 32-bit numbers."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numba import njit
from torch import Tensor

from unitdisc.decoders.causal import steps_per_condition
from unitdisc.decoders.sampling.kernels import (
    LANES,
    apply_dense,
    apply_gates,
    array,
    draw,
    multiply,
    padded_bias,
    padded_size,
    panels,
    source_stamp,
)
from unitdisc.decoders.wavenet import WaveNet

STRETCH = 2000  # steps, all items together, between two chances to be interrupted


class WaveNetWeights(NamedTuple):
    """The weights of a WaveNet, packed for the loop; matrices are as from `panels`, P is a width padded."""

    start: np.ndarray  # [C]
    embed: np.ndarray  # [codes, C]
    delays: np.ndarray  # [layers, kernel - 1]      oldest first
    places: np.ndarray  # [layers + 1]              where the queue of each layer starts, and all end
    condition: np.ndarray  # [layers, *, D, *]      D -> 2 * C
    gates: np.ndarray  # [layers, *, kernel * C, *] kernel * C -> 2 * C
    gates_bias: np.ndarray  # [layers, P]
    skip: np.ndarray  # [layers, *, C, *]           C -> K
    skip_bias: np.ndarray  # [P]                    of all layers together
    residual: np.ndarray  # [layers - 1, *, C, *]   C -> C
    residual_bias: np.ndarray  # [layers - 1, P]
    hidden: np.ndarray  # [*, K, *]                 first layer of the head, K -> H
    hidden_bias: np.ndarray  # [P]
    logits: np.ndarray  # [*, H, *]                 H -> codes
    logits_bias: np.ndarray  # [P]


def sample_codes(decoder: WaveNet, condition: Tensor, uniform: Tensor, temperature: float) -> Tensor:
    """Draws codes from uniform numbers [B, S], given condition [B, L, D]: [B, S].

    Items are shared out among torch's threads. Raises ValueError if S is not a multiple of L.
    """
    return torch.stack(sample_all(pack(decoder), list(condition), list(uniform), temperature))


def sample_all(
    weights: WaveNetWeights,
    conditions: Sequence[Tensor],
    uniforms: Sequence[Tensor],
    temperature: float,
    tick: Callable[[int], None] = lambda steps: None,
) -> list[Tensor]:
    """Draws the codes of several items from uniform numbers [S] of each, given conditions [L, D]: [S] of each.

    What is drawn for an item does not depend on those beside it. Items are shared out among torch's threads.
    tick(n): called, from any of them, as n more steps are drawn.
    Raises ValueError if an S is not a multiple of its L, or not the same one as of the others.
    """
    clocks = {steps_per_condition(len(own), len(condition)) for own, condition in zip(uniforms, conditions)}
    if len(clocks) > 1:
        raise ValueError(f"a condition must hold for as many steps in every item, not for {sorted(clocks)}")
    order = sorted(range(len(uniforms)), key=lambda item: -len(uniforms[item]))
    threads = min(torch.get_num_threads(), len(order))
    blocks = [order[thread::threads] for thread in range(threads)]
    stop = threading.Event()

    def draw_block(block: list[int]) -> list[np.ndarray]:
        own = [array(conditions[item]) for item in block], [uniforms[item].double().numpy() for item in block]
        return draw_together(weights, *own, *clocks, float(temperature), stop, tick)

    with ThreadPoolExecutor(threads) as pool:
        try:
            found = list(pool.map(draw_block, blocks))
        finally:
            stop.set()  # the others need not go on where one fails, or a person has had enough
    codes = {item: own for block, drawn in zip(blocks, found) for item, own in zip(block, drawn)}
    return [torch.from_numpy(codes[item]) for item in range(len(order))]


def draw_together(
    weights: WaveNetWeights,
    conditions: list[np.ndarray],
    uniforms: list[np.ndarray],
    repeats: int,
    temperature: float,
    stop: threading.Event,
    tick: Callable[[int], None],
) -> list[np.ndarray]:
    """As `sample_all`, in this thread, the longest item first; between two stretches it looks whether it is to stop."""
    sizes = np.array([len(uniform) for uniform in uniforms])
    queues = np.zeros((weights.places[-1], len(sizes), len(weights.start)), np.float32)
    condition, uniform = padded(conditions).transpose(1, 0, 2).copy(), padded(uniforms)
    codes = np.zeros(uniform.shape, np.int64)
    stretch = max(1, STRETCH // len(sizes))
    ends = sorted({*range(stretch, sizes[0], stretch), *sizes.tolist()})
    for first, last in pairwise([0, *ends]):
        if stop.is_set():
            break
        going_on = int((sizes > first).sum())
        draw_steps(weights, queues, condition, uniform, codes[:going_on], first, last, repeats, temperature)
        tick(going_on * (last - first))
    return [own[:size] for own, size in zip(codes, sizes)]


def padded(arrays: list[np.ndarray]) -> np.ndarray:
    """Side by side, zeros past the ends: [N, longest, ...]."""
    found = np.zeros((len(arrays), max(map(len, arrays)), *arrays[0].shape[1:]), arrays[0].dtype)
    for row, own in zip(found, arrays):
        row[: len(own)] = own
    return found


def pack(decoder: WaveNet) -> WaveNetWeights:
    stack, head, layers = decoder.stack, decoder.head, decoder.stack.layers
    residuals = [layer.residual for layer in layers if layer.residual is not None]
    wide = padded_size(stack.channels)
    return WaveNetWeights(
        start=array(decoder.start),
        embed=array(decoder.embed.weight),
        delays=np.array([layer.delays[:-1] for layer in layers]),
        places=np.cumsum([0] + [layer.reach for layer in layers]),
        condition=np.stack([panels(layer.condition.weight) for layer in layers]),
        gates=np.stack([panels(layer.gates.weight) for layer in layers]),
        gates_bias=np.stack([padded_bias(layer.gates.bias) for layer in layers]),
        skip=np.stack([panels(layer.skip.weight) for layer in layers]),
        skip_bias=padded_bias(sum(layer.skip.bias for layer in layers)),
        residual=stacked([panels(linear.weight) for linear in residuals], (wide // LANES, stack.channels, LANES)),
        residual_bias=stacked([padded_bias(linear.bias) for linear in residuals], (wide,)),
        hidden=panels(head[1].weight),
        hidden_bias=padded_bias(head[1].bias),
        logits=panels(head[3].weight),
        logits_bias=padded_bias(head[3].bias),
    )


def stacked(arrays: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Side by side, even where there are none: [N, *shape]."""
    return np.stack(arrays) if arrays else np.zeros((0, *shape), np.float32)


def compiled(stamp: int) -> Callable[..., None]:
    """Makes `draw_steps`, which is kept on disk: see `source_stamp`."""

    @njit(cache=True, nogil=True)
    def draw_steps(weights, queues, conditions, uniform, codes, first, last, repeats, temperature):
        """Draws steps [first, last) of codes [B, S]; queues [places, B or more, C] carry the past to the next call.

        conditions: [L, B or more, D]. Copies are loops because numba takes a second to compile an assignment to a
        slice.
        """
        batch, channels, layers = len(codes), queues.shape[2], len(weights.gates) + 0 * stamp
        by_condition = np.empty((layers, batch, weights.gates_bias.shape[1]), np.float32)
        x = np.zeros((batch, weights.residual_bias.shape[1]), np.float32)
        taps = np.empty((batch, weights.gates.shape[2]), np.float32)
        gates = np.empty((batch, weights.gates_bias.shape[1]), np.float32)
        gated = np.empty((batch, channels), np.float32)
        skips = np.empty((batch, len(weights.skip_bias)), np.float32)
        hidden = np.empty((batch, len(weights.hidden_bias)), np.float32)
        logits = np.empty((batch, len(weights.logits_bias)), np.float32)
        likely = np.empty(len(weights.embed), np.float64)
        for step in range(first, last):
            if step == first or step % repeats == 0:
                condition = conditions[step // repeats, :batch]
                for layer in range(layers):
                    set_rows(weights.gates_bias[layer], by_condition[layer])
                    multiply(condition, weights.condition[layer], by_condition[layer])
            set_rows(weights.skip_bias, skips)
            for item in range(batch):
                begin = weights.start if step == 0 else weights.embed[codes[item, step - 1]]
                for channel in range(channels):
                    x[item, channel] = begin[channel]
            for layer in range(layers):
                gather_taps(x, queues, weights.places[layer], weights.delays[layer], step, taps)
                for item in range(batch):
                    for channel in range(gates.shape[1]):
                        gates[item, channel] = by_condition[layer, item, channel]
                multiply(taps, weights.gates[layer], gates)
                apply_gates(gates, gated)
                multiply(gated, weights.skip[layer], skips)
                if layer < layers - 1:
                    for item in range(batch):
                        for channel in range(channels):
                            x[item, channel] += weights.residual_bias[layer, channel]
                    multiply(gated, weights.residual[layer], x)
            apply_dense(skips, weights.hidden, weights.hidden_bias, hidden)
            apply_dense(hidden, weights.logits, weights.logits_bias, logits)
            for item in range(batch):
                codes[item, step] = draw(logits[item], uniform[item, step], temperature, likely)

    return draw_steps


@njit(nogil=True)
def set_rows(row, out):
    for item in range(len(out)):
        for channel in range(len(row)):
            out[item, channel] = row[channel]


@njit(nogil=True)
def gather_taps(x, queues, place, delays, step, taps):
    """Lays the queued inputs and the present one side by side, and queues the present one where the oldest was."""
    channels = queues.shape[2]
    for item in range(len(taps)):
        for tap in range(len(delays)):
            past = queues[place + (step - delays[tap]) % delays[0], item]
            for channel in range(channels):
                taps[item, tap * channels + channel] = past[channel]
        now = queues[place + step % delays[0], item]
        for channel in range(channels):
            taps[item, len(delays) * channels + channel] = now[channel] = x[item, channel]


draw_steps = compiled(source_stamp())
