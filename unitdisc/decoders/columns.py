"""Autoregressive causal convolutions over the columns of a line image: a WaveNet whose steps are whole columns."""

import torch
from torch import Tensor, nn

from unitdisc.decoders.base import LearnsByLikelihood
from unitdisc.decoders.causal import CausalStack, check_history_dropout, heard, per_step
from unitdisc.decoders.draws import categorical_draw, check_temperature, noise
from unitdisc.decoders.images import check_given, check_levels, levels_log_prob


class ColumnWaveNet(LearnsByLikelihood, nn.Module):
    """Predicts every column from the columns before it and the condition: its pixels are independent given these.

    target_dim: rows; levels: of grey, 0 the background. Many times cheaper than a PixelCNN; what it cannot know is
    that a pixel is dark because the one above it is. channels: residual, gated and skip. Dilations go 1, 2, 4, ... and
    start again after `cycle` layers: 10 layers in cycles of 3 (Chorowski et al., 2019) see 23 columns.

    `history_dropout`: as in `Frames`, how often a past column is hidden in training, lest the latents be ignored.
    `checkpoint`: compute the gates a second time in training instead of keeping them.
    """

    target = "grey"
    sample_direction = "left-to-right"

    def __init__(
        self,
        condition_dim: int,
        target_dim: int,
        levels: int = 4,
        channels: int = 64,
        layers: int = 10,
        cycle: int = 3,
        history_dropout: float = 0.25,
        checkpoint: bool = False,
    ):
        super().__init__()
        check_levels(levels)
        check_history_dropout(history_dropout)
        if cycle < 1:
            raise ValueError(f"cycle is a number of layers, 1 or more, not {cycle}")
        self.target_dim = target_dim
        self.levels = levels
        self.history_dropout = history_dropout
        self.prenet = nn.Linear(target_dim, channels)
        self.start = nn.Parameter(0.1 * torch.randn(channels))  # before the first column
        self.hidden = nn.Parameter(0.1 * torch.randn(channels))  # instead of a column that is not shown
        dilations = [2 ** (layer % cycle) for layer in range(layers)]
        self.stack = CausalStack(channels, condition_dim, channels, dilations, checkpoint=checkpoint)
        self.head = nn.Sequential(
            nn.ReLU(), nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, target_dim * levels)
        )

    def log_prob(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """target int64 [B, S, H], condition [B, L, C] -> nats per column, summed over its rows: [B, S]."""
        return levels_log_prob(self.logits(target, condition), target).sum(-1)

    def logits(self, target: Tensor, condition: Tensor) -> Tensor:
        """Column s sees the columns before s, never s itself: [B, S, H, levels]."""
        dropout = self.history_dropout if self.training else None
        x = heard(self.embed(target[:, :-1]), self.start, self.hidden, dropout)[:, : target.shape[1]]
        return self.of_pixels(per_step(self.head, self.stack(x, condition)))

    def embed(self, columns: Tensor) -> Tensor:
        """Grey levels [..., H] -> what the stack hears of them [..., channels]."""
        return self.prenet(columns.to(self.prenet.weight.dtype) / (self.levels - 1))

    def of_pixels(self, logits: Tensor) -> Tensor:
        """[..., H * levels] -> [..., H, levels]."""
        return logits.unflatten(-1, (self.target_dim, self.levels))

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
        kept = 0 if given is None else given.shape[1]
        uniform = noise("uniform", len(condition), size, self.target_dim, like=self.start, generator=generator)

        def follow(skips: Tensor, step: int) -> tuple[Tensor, Tensor]:
            if step < kept:
                column = given[:, step]
            else:
                column = categorical_draw(self.of_pixels(self.head(skips)), uniform[:, step], temperature)
            return column, self.embed(column)

        return self.stack.unroll(self.start, condition, size, follow)
