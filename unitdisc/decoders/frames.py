"""Autoregressive causal convolutions over log-mel frames: the decoder cheap enough to train on a CPU."""

import math

import torch
from torch import Tensor, nn

from unitdisc.decoders.base import LearnsByLikelihood
from unitdisc.decoders.causal import CausalStack, check_history_dropout, heard, per_step
from unitdisc.decoders.draws import check_temperature, noise, normal_draw
from unitdisc.decoders.likelihoods import normal_log_prob

FIRST_SCALE = 0.4  # about what a trained decoder ends with: from 1, Adam would take a thousand steps to get there


class Frames(LearnsByLikelihood, nn.Module):
    """Predicts every frame from the frames before it and the condition: independent Normal bins of learned scale.

    Frames resemble the ones before them, so a decoder that hears its whole past can do without the latents, and then
    they carry nothing. `history_dropout` is the cure: in training, every past frame is hidden with this probability
    (a learned vector stands for it), and only the condition can say what was there. If the loss is as good with
    shuffled latents as with the right ones, raise it. At evaluation and in sampling nothing is hidden.

    The log-mel bins should be normalised (mean 0, deviation 1): scales are kept between `scales[0]` and `scales[1]`.
    channels: residual, gated and skip; layers have dilations 1, 2, 4, ..., so 4 of them see 16 frames, 160 ms.
    checkpoint: compute the gates a second time in training instead of keeping them: less memory, a fifth more work.
    """

    target = "log-mel"

    def __init__(
        self,
        condition_dim: int,
        target_dim: int,
        channels: int = 128,
        layers: int = 4,
        history_dropout: float = 0.25,
        scales: tuple[float, float] = (0.05, 5.0),
        checkpoint: bool = False,
    ):
        super().__init__()
        check_history_dropout(history_dropout)
        if not 0 < scales[0] < FIRST_SCALE < scales[1]:
            raise ValueError(f"scales must be a lower and an upper bound around {FIRST_SCALE}, not {scales}")
        self.target_dim = target_dim
        self.history_dropout = history_dropout
        self.scale_bounds = tuple(math.log(scale) for scale in scales)
        self.prenet = nn.Linear(target_dim, channels)
        self.start = nn.Parameter(0.1 * torch.randn(channels))  # before the first frame
        self.hidden = nn.Parameter(0.1 * torch.randn(channels))  # instead of a frame that is not shown
        dilations = [2**layer for layer in range(layers)]
        self.stack = CausalStack(channels, condition_dim, channels, dilations, checkpoint=checkpoint)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, target_dim))
        lower, upper = self.scale_bounds
        share = (math.log(FIRST_SCALE) - lower) / (upper - lower)
        self.scale = nn.Parameter(torch.full((target_dim,), math.log(share / (1 - share))))

    @property
    def log_scale(self) -> Tensor:
        """The logarithm of every bin's scale, between its bounds: [bins]."""
        lower, upper = self.scale_bounds
        return lower + (upper - lower) * self.scale.sigmoid()

    def log_prob(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """target [B, S, bins], condition [B, L, C] -> nats per frame, summed over bins: [B, S]."""
        return normal_log_prob(self.means(target, condition), self.log_scale, target)

    def means(self, target: Tensor, condition: Tensor) -> Tensor:
        """What every frame is expected to be, given the frames before it: [B, S, bins]."""
        dropout = self.history_dropout if self.training else None
        x = heard(self.prenet(target[:, :-1]), self.start, self.hidden, dropout)[:, : target.shape[1]]
        return per_step(self.head, self.stack(x, condition))

    @torch.no_grad()
    def sample(
        self, condition: Tensor, size: int, generator: torch.Generator | None = None, temperature: float = 1.0
    ) -> Tensor:
        """condition [B, L, C] -> frames [B, size, bins]; temperature 0 makes every frame the expected one."""
        check_temperature(temperature)
        normal = noise("normal", len(condition), size, self.target_dim, like=self.start, generator=generator)

        def follow(skips: Tensor, step: int) -> tuple[Tensor, Tensor]:
            frame = normal_draw(self.head(skips), self.log_scale, normal[:, step], temperature)
            return frame, self.prenet(frame)

        return self.stack.unroll(self.start, condition, size, follow)
