"""A normalising flow over samples: an utterance drawn all at once, by one pass backwards (WaveGlow).

As in WaveGlow (Prenger et al., 2019) groups of samples become the channels of a slower signal, which invertible steps
turn into noise, and some channels leave early. Couplings see the groups before, as those of `Flow` do.

What is told of are the levels of mu-law that `wavenet` predicts, so that bits of the two can be compared: a uniform
number within a level makes a real number of it, and the inverse of mu-law a sample. Of samples, not of their levels,
nearly linear functions of those before tell the next.
"""

import math

import torch
from torch import Tensor, nn

from unitdisc.decoders.base import LearnsByBound
from unitdisc.decoders.causal import steps_per_condition
from unitdisc.decoders.draws import check_temperature, noise, placed_noise
from unitdisc.decoders.flow import FlowSteps
from unitdisc.decoders.likelihoods import LOG_SQRT_2PI
from unitdisc.training.distributed import uniform
from unitdisc.training.precision import in_full

QUIETEST, LOUDEST = 2e-4, 1.0  # deviations of samples that can be told: a level around silence is 1.7e-4 wide
FIRST = 0.05  # what all conditions tell at first


class Loudness(nn.Module):
    """The logarithm of the deviation of samples, of a condition: what couplings are given has about 1."""

    def __init__(self, condition_dim: int):
        super().__init__()
        self.condition = nn.Linear(condition_dim, 1)
        self.middle, self.reach = math.log(QUIETEST * LOUDEST) / 2, math.log(LOUDEST / QUIETEST) / 2
        nn.init.zeros_(self.condition.weight)
        nn.init.constant_(self.condition.bias, self.reach * math.atanh((math.log(FIRST) - self.middle) / self.reach))

    def forward(self, condition: Tensor) -> Tensor:
        """[B, L, C] -> [B, L, 1]."""
        return self.middle + self.reach * (in_full(self.condition(condition)) / self.reach).tanh()


class FlowWave(LearnsByBound, nn.Module):
    """An invertible function between noise and samples, to whose levels of mu-law a number within them was added.

    log P(levels) >= E log p(levels + what is added), so that what is told of an utterance is a bound, by one draw for
    every sample, and so are its bits. Within a group samples are told together, and each has the same share.

    group: samples that are one step of the flow; divides those of a frame. flows: steps, each of normalisation, mixing
    and coupling; after every `early_every` of them `early` channels leave. channels, layers, kernel: as of `Flow`; of
    groups of 8, 12 flows of 2 layers see the 576 samples before. The temperature multiplies the noise.
    """

    target = "mu-law"

    def __init__(
        self,
        condition_dim: int,
        target_dim: int,
        hop: int = 160,
        group: int = 8,
        flows: int = 12,
        early_every: int = 4,
        early: int = 2,
        channels: int = 64,
        layers: int = 2,
        kernel: int = 3,
    ):
        super().__init__()
        check_group(group, hop)
        if early < 0 or early_every < 1:
            raise ValueError(f"`early` must be 0 or more and `early_every` 1 or more, not {early} and {early_every}")
        parts = range(0, flows, early_every) or (0,)
        if group - early * (len(parts) - 1) < 2:
            raise ValueError(
                f"of `group` = {group} channels {early * (len(parts) - 1)} leave early, and couplings need two: make "
                "`early` smaller, or `early_every` or `group` larger"
            )
        self.levels, self.group, self.early = target_dim, group, early
        self.loudness = Loudness(condition_dim)
        self.parts = nn.ModuleList(
            FlowSteps(
                group - early * part,
                condition_dim,
                flows=min(early_every, flows - first),
                channels=channels,
                layers=layers,
                kernel=kernel,
            )
            for part, first in enumerate(parts)
        )

    def log_prob_bound(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """target int64 [B, S], condition [B, L, C] -> nats per sample, at most: [B, S].

        What is added differs from place to place, and in training from time to time. An item that ends within a group
        is told with silence after it, which its last samples bear.
        """
        if self.training:
            numbers = uniform(*target.shape, device=target.device)
        else:
            numbers = placed_noise("uniform", target.shape[1], 1, like=in_full(condition[:1, :1, :1]))[:, 0]
        if lengths is None:
            _, nats = self.with_noise(target, condition, numbers)
            return (nats / self.group).repeat_interleave(self.group, dim=1)
        inside = torch.arange(target.shape[1], device=target.device) < lengths[:, None]
        _, nats = self.with_noise(torch.where(inside, target, self.levels // 2), condition, numbers)
        bearing = inside.unflatten(1, (-1, self.group)).sum(-1).clamp(min=1)
        return (nats / bearing).repeat_interleave(self.group, dim=1)

    def with_noise(self, target: Tensor, condition: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Levels [B, S], what is added, in [0, 1) [B, S] -> the noise of the flow [B, S], nats per group [B, S / G].

        Raises ValueError if the samples cannot be shared out evenly, or those of a condition are no whole groups.
        """
        loudness = self.per_group(self.loudness(condition), target.shape[1])
        wave, log_slope = to_wave(target + numbers.to(loudness.dtype), self.levels)
        x = self.grouped(wave) * (-loudness).exp()
        log_prob = (self.grouped(log_slope) - loudness).sum(-1)
        left = []
        for part in self.parts:
            if part is not self.parts[0]:
                left.append(x[..., : self.early])
                x = x[..., self.early :]
            x, log_det = part(x, condition)
            log_prob = log_prob + log_det
        z = torch.cat([*left, x], dim=-1)
        return z.flatten(1), log_prob + (-0.5 * z.square() - LOG_SQRT_2PI).sum(-1)

    def wave(self, z: Tensor, condition: Tensor) -> Tensor:
        """Noise [B, S] -> the samples that it is the noise of: [B, S]."""
        loudness = self.per_group(self.loudness(condition), z.shape[1])
        early = self.early * (len(self.parts) - 1)
        *left, x = self.grouped(z).split([self.early] * (len(self.parts) - 1) + [self.group - early], dim=-1)
        for part in reversed(self.parts):
            x = part.inverse(x, condition)
            if left:
                x = torch.cat([left.pop(), x], dim=-1)
        return (x * loudness.exp()).flatten(1)

    @torch.no_grad()
    def sample(
        self, condition: Tensor, size: int, generator: torch.Generator | None = None, temperature: float = 1.0
    ) -> Tensor:
        """condition [B, L, C] -> mu-law codes [B, size], int64; the noise is multiplied by the temperature."""
        check_temperature(temperature)
        normal = noise("normal", len(condition), size, like=condition, generator=generator)
        level = from_wave(self.wave(temperature * normal, condition), self.levels)
        return level.floor().clamp(0, self.levels - 1).long()

    def grouped(self, x: Tensor) -> Tensor:
        """[B, S] -> [B, S / group, group]."""
        return x.unflatten(1, (-1, self.group))

    def per_group(self, x: Tensor, size: int) -> Tensor:
        """What is told of conditions [B, L, D], told of the groups of `size` samples: [B, size / group, D]."""
        repeats = steps_per_condition(size, x.shape[1])
        if repeats % self.group:
            raise ValueError(f"{repeats} samples of a condition are no multiple of `group` = {self.group}")
        return x.repeat_interleave(repeats // self.group, dim=1)


def check_group(group: int, hop: int) -> None:
    """Raises ValueError unless a frame of `hop` samples is whole groups, of two samples at least."""
    if group < 2:
        raise ValueError(f"`group` must be 2 samples or more, not {group}")
    if hop % group:
        fitting = [number for number in range(2, hop + 1) if hop % number == 0]
        nearest = sorted(sorted(fitting, key=lambda number: abs(number - group))[:3])
        raise ValueError(
            f"`group` = {group} does not divide the {hop} samples of a frame: take "
            + ", or ".join([*filter(None, [", ".join(map(str, nearest))]), "another features.hop"])
        )


def to_wave(level: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """Levels of mu-law, and the numbers between them, l to l + 1 for level l -> samples, log of the derivative."""
    place = (2 * level - 1) / (levels - 1) - 1
    power = place.abs() * math.log(levels)
    log_slope = power + math.log(2 * math.log(levels) / (levels - 1) ** 2)
    return place.sign() * power.expm1() / (levels - 1), log_slope


def from_wave(wave: Tensor, levels: int) -> Tensor:
    """The inverse of `to_wave`."""
    place = wave.sign() * ((levels - 1) * wave.abs()).log1p() / math.log(levels)
    return ((levels - 1) * (place + 1) + 1) / 2
