"""Sampling pixels on a CPU: `PixelStacks.descend` as one compiled loop, many times as fast, in 32-bit numbers."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numba import njit
from torch import Tensor, nn

from unitdisc.decoders.logistic_mixture import SMALLEST_LOG_SCALE, LogisticMixture
from unitdisc.decoders.pixels import PixelStacks
from unitdisc.decoders.sampling.kernels import (
    LANES,
    apply_dense,
    apply_gates,
    array,
    draw,
    multiply,
    padded_bias,
    panels,
    source_stamp,
)


class PixelCNNWeights(NamedTuple):
    """The stack of pixels above and its head, packed for the loop; matrices and biases are as `kernels` wants them."""

    first: np.ndarray  # [reach, C]                farthest row first
    rows: np.ndarray  # [H, C]
    gates: np.ndarray  # [layers, *, 2 * C, *]      the pixel above and the pixel itself -> 2 * C
    residual: np.ndarray  # [layers, *, C, *]       C -> C
    residual_bias: np.ndarray  # [layers, *]
    hidden: np.ndarray  # [*, C, *]                 first layer of the head, C -> C
    hidden_bias: np.ndarray  # [*]
    outputs: np.ndarray  # [*, C, *]                C -> P
    output_bias: np.ndarray  # [*]


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


def pack(stacks: PixelStacks, head: nn.Sequential) -> PixelCNNWeights:
    layers = stacks.layers
    return PixelCNNWeights(
        first=array(stacks.first_above.weight.T),
        rows=array(stacks.rows_above),
        gates=np.stack([panels(layer.above.weight[:, :, 0].transpose(1, 2).flatten(1)) for layer in layers]),
        residual=np.stack([panels(layer.residual.weight) for layer in layers]),
        residual_bias=np.stack([padded_bias(layer.residual.bias) for layer in layers]),
        hidden=panels(head[1].weight),
        hidden_bias=padded_bias(head[1].bias),
        outputs=panels(head[3].weight),
        output_bias=padded_bias(head[3].bias),
    )


def compiled(stamp: int) -> Callable[..., None]:
    """Makes `draw_rows`, which is kept on disk: see `source_stamp`."""

    @njit(cache=True, nogil=True)
    def draw_rows(weights, known, numbers, levels, num_levels, components, temperature):
        """Fills levels [B, H]; components of the mixture, 0 for a softmax.

        Copies are loops because numba takes a second to compile every assignment to a slice.
        """
        batch, layers, height = len(known), known.shape[1] + 0 * stamp, known.shape[2]
        reach, channels = weights.first.shape
        taps = np.zeros((layers, batch, 2 * channels), np.float32)  # the pixel above, then the pixel itself
        gates = np.zeros((batch, weights.gates.shape[1] * LANES), np.float32)
        gated = np.empty((batch, channels), np.float32)
        x = np.zeros((batch, weights.residual_bias.shape[1]), np.float32)
        hidden = np.empty((batch, len(weights.hidden_bias)), np.float32)
        parameters = np.empty((batch, len(weights.output_bias)), np.float32)
        mixture = np.empty((3, components), np.float64)
        logits = np.empty(num_levels, np.float64)
        likely = np.empty(num_levels, np.float64)
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
                multiply(taps[layer], weights.gates[layer], gates)
                apply_gates(gates, gated)
                for item in range(batch):
                    for channel in range(channels):
                        taps[layer, item, channel] = x[item, channel]  # seen from the next row
                        x[item, channel] += weights.residual_bias[layer, channel]
                multiply(gated, weights.residual[layer], x)
            apply_dense(x, weights.hidden, weights.hidden_bias, hidden)
            apply_dense(hidden, weights.outputs, weights.output_bias, parameters)
            for item in range(batch):
                if components:
                    measure(parameters[item], mixture)
                    if temperature == 1:
                        levels[item, row] = draw_mixed(mixture, numbers[item, row], num_levels)
                        continue
                    mix(mixture, logits)
                else:
                    for level in range(num_levels):
                        logits[level] = parameters[item, level]
                levels[item, row] = draw(logits, numbers[item, row], temperature, likely)

    return draw_rows


@njit(nogil=True)
def measure(parameters, mixture):
    """Weight, mean and one over the scale of every component: [3, components]."""
    components = mixture.shape[1]
    most, total = parameters[0], 0.0
    for component in range(components):
        most = max(most, parameters[component])
        for kind in range(3):
            mixture[kind, component] = parameters[kind * components + component]  # in 64 bits from here on
    for component in range(components):
        mixture[0, component] = math.exp(mixture[0, component] - most)
        mixture[2, component] = math.exp(-max(mixture[2, component], SMALLEST_LOG_SCALE))
        total += mixture[0, component]
    for component in range(components):
        mixture[0, component] /= total


@njit(nogil=True)
def mass_upto(level, mixture, num_levels):
    """The probability of a level and all below it."""
    edge = (2 * level + 1) / (num_levels - 1) - 1
    mass = 0.0
    for component in range(mixture.shape[1]):
        weight = mixture[0, component]
        far = (mixture[1, component] - edge) * mixture[2, component]
        mass += weight / (1 + math.exp(far)) if level < num_levels - 1 else weight
    return mass


@njit(nogil=True)
def mix(mixture, logits):
    """The log-probability of every level, as `LogisticMixture.logits`: differences of the mixture's distribution."""
    below = 0.0
    for level in range(len(logits)):
        upto = mass_upto(level, mixture, len(logits))
        logits[level] = math.log(max(upto - below, 1e-300))
        below = upto


@njit(nogil=True)
def draw_mixed(mixture, uniform, num_levels):
    """As `kernels.draw` from `mix` at temperature 1, of whose sums it looks at few: they grow with the level."""
    threshold = uniform * mass_upto(num_levels - 1, mixture, num_levels)
    first, last = 0, num_levels - 1
    while first < last:
        middle = (first + last) // 2
        if mass_upto(middle, mixture, num_levels) > threshold:
            last = middle
        else:
            first = middle + 1
    return first


draw_rows = compiled(source_stamp())
