"""Sampling codes on a CPU: `CausalStack.unroll` as one compiled loop, many times as fast, in 32-bit numbers."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numba import njit
from torch import Tensor, nn

from unitdisc.decoders.causal import CausalStack, GatedLayer, steps_per_condition

STRETCH = 2000  # steps between two chances to be interrupted

# Eigen's rational approximation of tanh: odd powers above, even powers below, highest first
LIMIT = np.float32(7.90531110763549805)  # beyond, tanh is 1 in 32 bits
A13, A11, A9 = np.float32(-2.76076847742355e-16), np.float32(2.00018790482477e-13), np.float32(-8.60467152213735e-11)
A7, A5 = np.float32(5.12229709037114e-08), np.float32(1.48572235717979e-05)
A3, A1 = np.float32(6.37261928875436e-04), np.float32(4.89352455891786e-03)
B6, B4 = np.float32(1.19825839466702e-06), np.float32(1.18534705686654e-04)
B2, B0 = np.float32(2.26843463243900e-03), np.float32(4.89352518554385e-03)


class Weights(NamedTuple):
    """A stack, its input and its head, packed for the loop; matrices are [inputs, outputs]."""

    start: np.ndarray  # [C]
    embed: np.ndarray  # [codes, C]
    delays: np.ndarray  # [layers, kernel - 1]      oldest first
    places: np.ndarray  # [layers + 1]              where the queue of each layer starts, and all end
    gates: np.ndarray  # [layers, kernel * C, 2 * C]
    outputs: np.ndarray  # [layers, C, K + C]        skip, then residual (zero in the last layer)
    output_biases: np.ndarray  # [layers, K + C]
    hidden: np.ndarray  # [K, H]                    first layer of the head
    hidden_bias: np.ndarray  # [H]
    logits: np.ndarray  # [H, codes]
    logits_bias: np.ndarray  # [codes]


def sample_codes(
    stack: CausalStack,
    start: Tensor,
    embed: Tensor,
    head: nn.Sequential,
    condition: Tensor,
    uniform: Tensor,
    temperature: float,
) -> Tensor:
    """Draws codes from uniform numbers [B, S], given start [C], embed [codes, C] and condition [B, L, D]: [B, S].

    head: ReLU, linear, ReLU, linear. Items are shared out among torch's threads.
    Raises ValueError if S is not a multiple of L.
    """
    batch, size = uniform.shape
    repeats = steps_per_condition(size, condition.shape[1])
    weights = pack(stack, start, embed, head)
    biases = [layer.condition(condition) + layer.gates.bias for layer in stack.layers]
    by_condition = np.stack([array(bias.transpose(0, 1)) for bias in biases], axis=1)  # [L, layers, B, 2 * C]
    codes = np.zeros((batch, size), dtype=np.int64)
    threads = min(torch.get_num_threads(), batch)
    blocks = np.array_split(np.arange(batch), threads)
    jobs = [
        (
            weights,
            np.zeros((weights.places[-1], len(block), stack.channels), dtype=np.float32),
            np.ascontiguousarray(by_condition[:, :, block]),
            uniform.numpy()[block].astype(np.float64),
            codes[block[0] : block[-1] + 1],  # a view, written in place
        )
        for block in blocks
    ]
    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, size, STRETCH):
            last = min(first + STRETCH, size)
            list(pool.map(lambda job: draw_steps(*job, first, last, repeats, float(temperature)), jobs))  # noqa: B023
    return torch.from_numpy(codes)


def array(tensor: Tensor) -> np.ndarray:
    """A contiguous array of 32-bit numbers."""
    return tensor.detach().float().contiguous().numpy()


def pack(stack: CausalStack, start: Tensor, embed: Tensor, head: nn.Sequential) -> Weights:
    outputs, biases = zip(*[outputs_of(layer, stack.channels) for layer in stack.layers])
    return Weights(
        start=array(start),
        embed=array(embed),
        delays=np.array([layer.delays[:-1] for layer in stack.layers]),
        places=np.cumsum([0] + [layer.reach for layer in stack.layers]),
        gates=np.stack([array(layer.gates.weight.T) for layer in stack.layers]),
        outputs=np.stack([array(matrix.T) for matrix in outputs]),
        output_biases=np.stack([array(bias) for bias in biases]),
        hidden=array(head[1].weight.T),
        hidden_bias=array(head[1].bias),
        logits=array(head[3].weight.T),
        logits_bias=array(head[3].bias),
    )


def outputs_of(layer: GatedLayer, channels: int) -> tuple[Tensor, Tensor]:
    """The skip and the residual connection as one matrix [K + C, C] and bias; zeros where there is no residual."""
    if layer.residual is None:
        return F.pad(layer.skip.weight, (0, 0, 0, channels)), F.pad(layer.skip.bias, (0, channels))
    return torch.cat([layer.skip.weight, layer.residual.weight]), torch.cat([layer.skip.bias, layer.residual.bias])


@njit(cache=True, nogil=True)
def draw_steps(weights, queues, by_condition, uniform, codes, first, last, repeats, temperature):
    """Draws steps [first, last) of codes [B, S]; queues [places, B, C] carry the past from one call to the next.

    Copies are loops because numba takes a second to compile every assignment to a slice.
    """
    batch, channels = queues.shape[1:]
    skip_channels = len(weights.hidden)
    taps = np.empty((batch, weights.gates.shape[1]), np.float32)
    gates = np.empty((batch, 2 * channels), np.float32)
    gated = np.empty((batch, channels), np.float32)
    stream = np.empty((batch, skip_channels + channels), np.float32)  # the sum of the skips, then the layer's input
    hidden = np.empty((batch, len(weights.hidden_bias)), np.float32)
    logits = np.empty((batch, len(weights.logits_bias)), np.float32)
    for step in range(first, last):
        for item in range(batch):
            x = weights.start if step == 0 else weights.embed[codes[item, step - 1]]
            for channel in range(skip_channels):
                stream[item, channel] = 0
            for channel in range(channels):
                stream[item, skip_channels + channel] = x[channel]
        for layer in range(len(weights.gates)):
            gather_taps(stream, queues, weights.places[layer], weights.delays[layer], step, taps)
            for item in range(batch):
                for channel in range(2 * channels):
                    gates[item, channel] = by_condition[step // repeats, layer, item, channel]
            add_product(taps, weights.gates[layer], gates)
            apply_gates(gates, gated)
            for item in range(batch):
                for channel in range(stream.shape[1]):
                    stream[item, channel] += weights.output_biases[layer, channel]
            add_product(gated, weights.outputs[layer], stream)
        apply_dense(stream[:, :skip_channels], weights.hidden, weights.hidden_bias, hidden)
        apply_dense(hidden, weights.logits, weights.logits_bias, logits)
        for item in range(batch):
            codes[item, step] = draw(logits[item], uniform[item, step], temperature)


@njit(cache=True, nogil=True)
def gather_taps(stream, queues, place, delays, step, taps):
    """Lays the queued inputs and the present one side by side, and queues the present one where the oldest was."""
    batch, channels = queues.shape[1:]
    skip_channels = stream.shape[1] - channels
    for item in range(batch):
        for tap in range(len(delays)):
            past = queues[place + (step - delays[tap]) % delays[0], item]
            for channel in range(channels):
                taps[item, tap * channels + channel] = past[channel]
        now = queues[place + step % delays[0], item]
        for channel in range(channels):
            x = stream[item, skip_channels + channel]
            taps[item, len(delays) * channels + channel] = x
            now[channel] = x


@njit(cache=True, nogil=True)
def apply_dense(x, matrix, bias, out):
    """out = relu(x) @ matrix + bias; x is left rectified."""
    for item in range(len(x)):
        for channel in range(x.shape[1]):
            x[item, channel] = max(x[item, channel], np.float32(0))
        for channel in range(len(bias)):
            out[item, channel] = bias[channel]
    add_product(x, matrix, out)


@njit(cache=True, nogil=True, fastmath={"contract"})
def add_product(x, matrix, out):
    """out += x @ matrix; four rows of the matrix at a time, so that `out` is loaded and stored less often."""
    inputs, outputs = matrix.shape
    fours = inputs - inputs % 4
    for row in range(0, fours, 4):
        for item in range(len(x)):
            a, b, c, d = x[item, row], x[item, row + 1], x[item, row + 2], x[item, row + 3]
            for column in range(outputs):
                out[item, column] += (
                    a * matrix[row, column]
                    + b * matrix[row + 1, column]
                    + c * matrix[row + 2, column]
                    + d * matrix[row + 3, column]
                )
    for row in range(fours, inputs):
        for item in range(len(x)):
            for column in range(outputs):
                out[item, column] += x[item, row] * matrix[row, column]


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def apply_gates(gates, gated):
    channels = gated.shape[1]
    half = np.float32(0.5)
    for item in range(len(gated)):
        for channel in range(channels):
            sigmoid = half + half * tanh(half * gates[item, channels + channel])
            gated[item, channel] = tanh(gates[item, channel]) * sigmoid


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy", inline="always")
def tanh(x):
    """Right to 4e-7, and plain arithmetic, so that the compiler does 8 of them at once."""
    x = min(max(x, -LIMIT), LIMIT)
    y = x * x
    above = x * ((((((A13 * y + A11) * y + A9) * y + A7) * y + A5) * y + A3) * y + A1)
    below = ((B6 * y + B4) * y + B2) * y + B0
    return above / below


@njit(cache=True, nogil=True)
def draw(logits, uniform, temperature):
    """As `likelihoods.categorical_draw`."""
    most = logits[0]
    for logit in logits:
        most = max(most, logit)
    cumulative = np.empty(len(logits), np.float64)
    total = 0.0
    for code in range(len(logits)):
        total += math.exp(np.float64(logits[code] - most) / max(temperature, 1e-9))
        cumulative[code] = total
    for code in range(len(logits)):
        if cumulative[code] > uniform * total:
            return code
    return len(logits) - 1
