"""Transposed convolutions from the condition to line images: independent pixels, the blurry baseline."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from unitdisc.decoders.base import LearnsByLikelihood
from unitdisc.decoders.causal import steps_per_condition
from unitdisc.decoders.draws import categorical_draw, check_temperature, noise
from unitdisc.decoders.images import WAVES, begun_with, check_given, check_levels, levels_log_prob, waves


class Deconv(LearnsByLikelihood, nn.Module):
    """Every pixel depends on the condition of its column alone: none sees another, so what is uncertain is blurred.

    target_dim: rows; levels: of grey, 0 the background. Each condition is painted over its own columns, which learn
    from cosines where among them they lie; what comes to the left and to the right is for the condition to tell.
    layers: transposed convolutions, each of which doubles the rows and halves the channels, from `channels` on.
    """

    target = "grey"
    sample_direction = "left-to-right"

    def __init__(self, condition_dim: int, target_dim: int, levels: int = 4, channels: int = 128, layers: int = 3):
        super().__init__()
        check_levels(levels)
        self.target_dim = target_dim
        self.levels = levels
        self.channels = channels
        self.rows = -(-target_dim // 2**layers)
        widths = [max(1, channels >> layer) for layer in range(layers + 1)]
        self.condition = nn.Linear(condition_dim, self.rows * channels)
        self.place = nn.Linear(WAVES, self.rows * channels, bias=False)
        self.layers = nn.ModuleList(
            nn.ConvTranspose2d(wide, narrow, (1, 4), (1, 2), (0, 1)).to(memory_format=torch.channels_last)
            for wide, narrow in pairwise(widths)
        )
        self.head = nn.Linear(widths[-1], levels)

    def log_prob(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """target int64 [B, S, H], condition [B, L, C] -> nats per column, summed over its rows: [B, S]."""
        return levels_log_prob(self.logits(condition, target.shape[1]), target).sum(-1)

    def logits(self, condition: Tensor, size: int) -> Tensor:
        """condition [B, L, C] -> [B, size, H, levels]. Raises ValueError if `size` is not a multiple of L."""
        places = self.place(waves(steps_per_condition(size, condition.shape[1]), like=condition))  # [S / L, rows * C]
        x = (self.condition(condition)[:, :, None] + places).flatten(1, 2)  # [B, S, rows * C]
        x = x.unflatten(-1, (self.rows, self.channels)).permute(0, 3, 1, 2).relu()
        for layer in self.layers:
            x = layer(x).relu()
        return self.head(x.permute(0, 2, 3, 1)[:, :, : self.target_dim])

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

        given [B, P, H]: the first columns of the line, which are kept. Raises ValueError if they do not fit.
        """
        check_temperature(temperature)
        check_given(given, (len(condition), size, self.target_dim), self.levels)
        uniform = noise("uniform", len(condition), size, self.target_dim, like=condition, generator=generator)
        return begun_with(given, categorical_draw(self.logits(condition, size), uniform, temperature))
