"""PixelCNN (van den Oord et al., 2016) over line images, pixel by pixel, as large as in Chorowski et al. (2019)."""

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn

from unitdisc.decoders.base import LearnsByLikelihood
from unitdisc.decoders.causal import check_history_dropout, steps_per_condition
from unitdisc.decoders.draws import categorical_draw, check_temperature, noise
from unitdisc.decoders.images import check_given, check_levels, levels_log_prob
from unitdisc.decoders.logistic_mixture import LogisticMixture
from unitdisc.decoders.pixels import PixelStacks, backwards, reordered
from unitdisc.training.distributed import uniform

DIRECTIONS = {
    "left-to-right": ("left-to-right",),
    "right-to-left": ("right-to-left",),
    "both": ("left-to-right", "right-to-left"),
}


class Softmax:
    """Any probabilities of the levels: [..., levels] parameters, their logits."""

    def __init__(self, levels: int):
        self.levels = self.dim = levels

    def first_bias(self) -> Tensor:
        return torch.zeros(self.dim)

    def log_prob(self, parameters: Tensor, levels: Tensor) -> Tensor:
        return levels_log_prob(parameters, levels)

    def logits(self, parameters: Tensor) -> Tensor:
        return parameters


OUTPUTS = {"softmax": Softmax, "logistic-mixture": LogisticMixture}


class PixelCNN(LearnsByLikelihood, nn.Module):
    """Predicts every pixel from the columns before, the pixels above it in its column, and the condition.

    target_dim: rows; levels: of grey, 0 the background. output: "softmax", or "logistic-mixture" for many levels.

    direction: "left-to-right", "right-to-left" (every line is read from its own end), or "both": two networks, and
    `log_prob` is the mean of their log-probabilities, so that both are trained and the loss stays in nats per pixel:
    what a pixel costs on average if either network codes every other line. Samples are drawn left to right if that
    is one of the directions.

    history_dropout: in training, every column is hidden with this probability from the columns after it and from its
    own pixels (a learned grey stands for it), and only the condition can say what was there.

    checkpoint: training takes less memory and more time; the inside of every layer is computed twice.
    """

    target = "grey"

    def __init__(
        self,
        condition_dim: int,
        target_dim: int,
        levels: int = 4,
        channels: int = 64,
        layers: int = 7,
        first_kernel: int = 7,
        output: str = "softmax",
        direction: str = "left-to-right",
        history_dropout: float = 0.0,
        checkpoint: bool = False,
    ):
        super().__init__()
        check_levels(levels)
        check_history_dropout(history_dropout)
        for name, value, known in (("output", output, OUTPUTS), ("direction", direction, DIRECTIONS)):
            if value not in known:
                raise ValueError(f"{name} is one of {', '.join(known)}, not {value!r}")
        self.target_dim = target_dim
        self.levels = levels
        self.history_dropout = history_dropout
        self.output = OUTPUTS[output](levels)
        self.networks = nn.ModuleDict()
        for side in DIRECTIONS[direction]:
            stacks = PixelStacks(target_dim, condition_dim, channels, layers, first_kernel, checkpoint)
            head = nn.Sequential(
                nn.ReLU(), nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, self.output.dim)
            )
            head[-1].bias.data.copy_(self.output.first_bias())
            self.networks[side] = nn.ModuleDict({"stacks": stacks, "head": head})
        self.hidden = nn.Parameter(torch.tensor(-1.0)) if history_dropout else None

    @property
    def sample_direction(self) -> str:
        return next(iter(self.networks))

    @property
    def stack(self) -> PixelStacks:
        """Of the direction that samples are drawn in, as its head."""
        return self.networks[self.sample_direction]["stacks"]

    @property
    def head(self) -> nn.Sequential:
        return self.networks[self.sample_direction]["head"]

    def log_prob(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """target int64 [B, S, H], condition [B, L, C] -> nats per column, summed over its rows: [B, S].

        lengths [B]: columns of each line, where some are padded; to read from right to left, one must know the end.
        """
        found = [self.log_prob_of(direction, target, condition, lengths) for direction in self.networks]
        return sum(found) / len(found)

    def log_prob_of(self, direction: str, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """As `log_prob`, of one of the networks."""
        order = self.order(direction, target, lengths)
        target = target if order is None else reordered(target, order)
        found = self.output.log_prob(self.parameters_of(direction, target, condition, order), target).sum(-1)
        return found if order is None else reordered(found, order)

    def order(self, direction: str, target: Tensor, lengths: Tensor | None) -> Tensor | None:
        """Which column of the line is read when, where not each at its own place: [B, S]."""
        if direction == "left-to-right":
            return None
        batch, size = target.shape[:2]
        lengths = torch.full((batch,), size) if lengths is None else lengths
        return backwards(lengths.to(target.device), size)

    def parameters_of(self, direction: str, target: Tensor, condition: Tensor, order: Tensor | None = None) -> Tensor:
        """What the output needs to know of every pixel, given those read before it: [B, S, H, P].

        target: columns in the order they are read in; order: as in `PixelStacks.forward`.
        """
        network = self.networks[direction]
        ink = target.to(network["stacks"].rows_past.dtype) / (self.levels - 1)
        if self.training and self.history_dropout:
            hide = uniform(*ink.shape[:2], device=ink.device) < self.history_dropout
            ink = torch.where(hide[..., None], self.hidden, ink)
        return network["head"](network["stacks"](ink, condition, order))

    @torch.no_grad()
    def sample(
        self,
        condition: Tensor,
        size: int,
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
        given: Tensor | None = None,
    ) -> Tensor:
        """condition [B, L, C] -> grey levels [B, size, H], int64; temperature 0 takes the likeliest level.

        given [B, P, H]: columns to keep; the first of the line, or the last where only right to left is known.
        Drawn on the CPU wherever the decoder is: see `on_cpu`.
        """
        if condition.device.type != "cpu":
            kept = None if given is None else given.cpu()
            return self.on_cpu().sample(condition.cpu(), size, generator, temperature, kept).to(condition.device)
        check_temperature(temperature)
        steps_per_condition(size, condition.shape[1])
        numbers = noise(
            "uniform", len(condition), size, self.target_dim, like=self.stack.rows_past, generator=generator
        )
        from unitdisc.decoders.sampling.pixelcnn_cpu import (
            ColumnSampler,  # numba is slow to load; training never needs it
        )

        draw_column = ColumnSampler(self.stack, self.head, self.output)
        return self.sample_columns(draw_column, condition, numbers, temperature, given)

    def on_cpu(self) -> "PixelCNN":
        """Itself, or a copy where its compiled loop is: a GPU would start thousands of kernels for every column."""
        return self if self.stack.rows_past.device.type == "cpu" else deepcopy(self).cpu()

    @torch.no_grad()
    def sample_columns(
        self,
        draw_column: Callable[[Tensor, Tensor, float], Tensor],
        condition: Tensor,
        numbers: Tensor,
        temperature: float = 1.0,
        given: Tensor | None = None,
    ) -> Tensor:
        """As `sample`, from uniform numbers [B, S, H]; draw_column as the method of that name."""
        levels = numbers.new_zeros(numbers.shape, dtype=torch.long)
        check_given(given, tuple(numbers.shape), self.levels)
        kept = 0 if given is None else given.shape[1]
        mirrored = self.sample_direction == "right-to-left"
        if kept:
            levels[:, :kept] = given.flip(1) if mirrored else given
        ink = levels.to(numbers.dtype) / (self.levels - 1)
        order = self.order(self.sample_direction, levels, None)
        for column, known in enumerate(self.stack.known_columns(ink, condition, order)):
            if column >= kept:
                levels[:, column] = draw_column(known, numbers[:, column], temperature)
                ink[:, column] = levels[:, column].to(ink.dtype) / (self.levels - 1)
        return levels.flip(1) if mirrored else levels

    def draw_column(self, known: Tensor, numbers: Tensor, temperature: float) -> Tensor:
        """known as from `PixelStacks.known_columns`, uniform numbers [B, H] -> levels [B, H]."""
        levels = []

        def follow(x: Tensor, row: int) -> Tensor:
            logits = self.output.logits(self.head(x))
            levels.append(categorical_draw(logits, numbers[:, row], temperature))
            return levels[-1].to(numbers.dtype) / (self.levels - 1)

        self.stack.descend(known, follow)
        return torch.stack(levels, dim=1)
