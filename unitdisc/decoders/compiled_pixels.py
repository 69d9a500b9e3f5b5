"""Sampling pixels on a CPU: `PixelStacks.descend` as one compiled loop, many times as fast, in 32-bit numbers."""

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numba import njit
from torch import Tensor, nn

from unitdisc.decoders.logistic_mixture import SMALLEST_LOG_SCALE, LogisticMixture
from unitdisc.decoders.pixels import PixelStacks

# What follows down to B0, and the functions from `apply_dense` on, are those of compiled.py: numba keeps what it has
# compiled until the file of the function changes, and would not see a change in another file.

# Eigen's rational approximation of tanh: odd powers above, even powers below, highest first
LIMIT = np.float32(7.90531110763549805)  # beyond, tanh is 1 in 32 bits
A13, A11, A9 = np.float32(-2.76076847742355e-16), np.float32(2.00018790482477e-13), np.float32(-8.60467152213735e-11)
A7, A5 = np.float32(5.12229709037114e-08), np.float32(1.48572235717979e-05)
A3, A1 = np.float32(6.37261928875436e-04), np.float32(4.89352455891786e-03)
B6, B4 = np.float32(1.19825839466702e-06), np.float32(1.18534705686654e-04)
B2, B0 = np.float32(2.26843463243900e-03), np.float32(4.89352518554385e-03)


class Weights(NamedTuple):
    """The stack of pixels above and its head, packed for the loop; matrices are [inputs, outputs]."""

    first: np.ndarray  # [reach, C]                farthest row first
    rows: np.ndarray  # [H, C]
    gates: np.ndarray  # [layers, 2 * C, 2 * C]     the pixel above, then the pixel itself
    residual: np.ndarray  # [layers, C, C]
    residual_bias: np.ndarray  # [layers, C]
    hidden: np.ndarray  # [C, C]                    first layer of the head
    hidden_bias: np.ndarray  # [C]
    outputs: np.ndarray  # [C, P]
    output_bias: np.ndarray  # [P]


class ColumnSampler:
    """Draws the pixels of a column from top to bottom; items are shared out among torch's threads."""

    def __init__(self, stacks: PixelStacks, head: nn.Sequential, output: object):
        self.weights = pack(stacks, head)
        self.levels = output.levels
        self.components = output.components if isinstance(output, LogisticMixture) else 0
        self.threads = torch.get_num_threads()
        self.pool = ThreadPoolExecutor(self.threads) if self.threads > 1 else None

    def __call__(self, known: Tensor, numbers: Tensor, temperature: float) -> Tensor:
        """known [B, layers, H, 2 * C], uniform numbers [B, H] -> levels int64 [B, H]."""
        known, numbers = array(known), numbers.double().contiguous().numpy()
        levels = np.zeros(numbers.shape, dtype=np.int64)
        edges = np.linspace(0, len(levels), min(self.threads, len(levels)) + 1).astype(int)
        jobs = [
            (self.weights, known[i:j], numbers[i:j], levels[i:j], self.levels, self.components, float(temperature))
            for i, j in pairwise(edges)
        ]  # levels are views, written in place
        run = map if len(jobs) == 1 else self.pool.map
        list(run(lambda job: draw_rows(*job), jobs))
        return torch.from_numpy(levels)


def array(tensor: Tensor) -> np.ndarray:
    """A contiguous array of 32-bit numbers."""
    return tensor.detach().float().contiguous().numpy()


def pack(stacks: PixelStacks, head: nn.Sequential) -> Weights:
    layers = stacks.layers
    return Weights(
        first=array(stacks.first_above.weight.T),
        rows=array(stacks.rows_above),
        gates=np.stack([array(layer.above.weight[:, :, 0].permute(2, 1, 0).flatten(0, 1)) for layer in layers]),
        residual=np.stack([array(layer.residual.weight.T) for layer in layers]),
        residual_bias=np.stack([array(layer.residual.bias) for layer in layers]),
        hidden=array(head[1].weight.T),
        hidden_bias=array(head[1].bias),
        outputs=array(head[3].weight.T),
        output_bias=array(head[3].bias),
    )


@njit(cache=True, nogil=True)
def draw_rows(weights, known, numbers, levels, num_levels, components, temperature):
    """Fills levels [B, H]; components of the mixture, 0 for a softmax.

    Copies are loops because numba takes a second to compile every assignment to a slice.
    """
    batch, layers, height, _ = known.shape
    reach, channels = weights.first.shape
    taps = np.zeros((layers, batch, 2 * channels), np.float32)  # the pixel above, then the pixel itself
    gates = np.empty((batch, 2 * channels), np.float32)
    gated = np.empty((batch, channels), np.float32)
    x = np.empty((batch, channels), np.float32)
    hidden = np.empty((batch, channels), np.float32)
    parameters = np.empty((batch, len(weights.output_bias)), np.float32)
    logits = np.empty(num_levels, np.float64)
    for row in range(height):
        for item in range(batch):
            for channel in range(channels):
                x[item, channel] = weights.rows[row, channel]
            for tap in range(max(0, reach - row), reach):
                ink = np.float32(levels[item, row - reach + tap] / (num_levels - 1))
                for channel in range(channels):
                    x[item, channel] += ink * weights.first[tap, channel]
        for layer in range(layers):
            for item in range(batch):
                for channel in range(channels):
                    taps[layer, item, channels + channel] = x[item, channel]
                for channel in range(2 * channels):
                    gates[item, channel] = known[item, layer, row, channel]
            add_product(taps[layer], weights.gates[layer], gates)
            apply_gates(gates, gated)
            for item in range(batch):
                for channel in range(channels):
                    taps[layer, item, channel] = x[item, channel]  # seen from the next row
                    x[item, channel] += weights.residual_bias[layer, channel]
            add_product(gated, weights.residual[layer], x)
        apply_dense(x, weights.hidden, weights.hidden_bias, hidden)
        apply_dense(hidden, weights.outputs, weights.output_bias, parameters)
        for item in range(batch):
            if components:
                mix(parameters[item], components, logits)
            else:
                for level in range(num_levels):
                    logits[level] = parameters[item, level]
            levels[item, row] = draw(logits, numbers[item, row], temperature)


@njit(cache=True, nogil=True)
def mix(parameters, components, logits):
    """The log-probability of every level, as `LogisticMixture.logits`: differences of the mixture's distribution."""
    num_levels = len(logits)
    most = parameters[0]
    for component in range(components):
        most = max(most, parameters[component])
    total = 0.0
    for component in range(components):
        total += math.exp(parameters[component] - most)
    below = 0.0
    for level in range(num_levels):
        upto = 0.0
        for component in range(components):
            weight = math.exp(parameters[component] - most) / total
            scale = math.exp(max(np.float64(parameters[2 * components + component]), SMALLEST_LOG_SCALE))
            edge = (2 * level + 1) / (num_levels - 1) - 1 - parameters[components + component]
            upto += weight / (1 + math.exp(-edge / scale)) if level < num_levels - 1 else weight
        logits[level] = math.log(max(upto - below, 1e-300))
        below = upto


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
