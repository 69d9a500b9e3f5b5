"""Critics of waves: of what repeats after so many samples, and of spectra (Kong et al., 2020; Jang et al., 2021)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.decoders.spectra import FAINT, Spectrum
from unitdisc.training.precision import in_full

PERIODS = (2, 3, 5, 7, 11)  # samples, as in HiFi-GAN: primes, so that no two critics see the same pairs
WINDOWS = (256, 512, 1024)  # samples, of spectra
SLOPE = 0.1  # of negative values


@dataclass(frozen=True)
class Judgement:
    """What one critic makes of waves: a score for each patch, the higher the more it is taken for real."""

    scores: Tensor  # [B, T, P]
    inside: Tensor  # [B, T, 1], False in the padding
    maps: Sequence[Tensor]  # what its layers make, [B, C, T', P'] each, zeros in the padding

    def mean(self, values: Tensor) -> Tensor:
        """Of values of patches [B, T, P], over those that are no padding: [B]."""
        inside = self.inside.expand_as(values)
        return (values * inside).sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)


class PatchCritic(nn.Module):
    """Convolutions over time and one dimension more; after each, what lies in the padding is zero again."""

    def __init__(self, channels: int, kernel: tuple[int, int], stride: tuple[int, int], widening: Sequence[int]):
        super().__init__()
        self.stride = stride[0]
        widths = [1, *(channels * factor for factor in widening)]
        padding = (kernel[0] // 2, kernel[1] // 2)
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, kernel, stride, padding) for before, after in pairwise(widths)
        )
        self.last = nn.Conv2d(widths[-1], 1, (3, kernel[1]), padding=(1, kernel[1] // 2))

    def judged(self, seen: Tensor, lengths: Tensor) -> Judgement:
        """seen [B, T, P], lengths [B]: steps before padding."""
        x, maps = seen[:, None] * within(seen.shape[1], lengths), []
        for layer in self.layers:
            lengths = -(-lengths // self.stride)
            x = F.leaky_relu(layer(x), SLOPE)
            x = x * within(x.shape[2], lengths)
            maps.append(in_full(x))
        return Judgement(in_full(self.last(x)[:, 0]), within(x.shape[2], lengths)[:, 0], maps)


class PeriodCritic(PatchCritic):
    """Sees every `period`-th sample side by side, and no sample between them."""

    def __init__(self, period: int, channels: int):
        super().__init__(channels, (5, 1), (3, 1), (1, 2, 4, 4))
        self.period = period

    def forward(self, wave: Tensor, lengths: Tensor) -> Judgement:
        rows = F.pad(wave, (0, -wave.shape[1] % self.period)).unflatten(1, (-1, self.period))
        return self.judged(rows, -(-lengths // self.period))


class SpectrumCritic(PatchCritic):
    """Sees logarithms of amplitude, from about -1 to 1."""

    def __init__(self, window: int, channels: int):
        super().__init__(channels, (3, 7), (1, 2), (1, 1, 2))
        self.spectrum = Spectrum(window)

    def forward(self, wave: Tensor, lengths: Tensor) -> Judgement:
        with torch.autocast(wave.device.type, enabled=False):
            levels = (self.spectrum(in_full(wave)) + FAINT).log() / 10 + 1
        return self.judged(levels, -(-lengths // self.spectrum.hop))


class WaveCritics(nn.Module):
    """Critics of periods and of spectra; channels: of their first layers."""

    def __init__(self, channels: int):
        super().__init__()
        of_periods = [PeriodCritic(period, channels) for period in PERIODS]
        self.critics = nn.ModuleList([*of_periods, *(SpectrumCritic(window, channels) for window in WINDOWS)])

    def forward(self, wave: Tensor, lengths: Tensor) -> list[Judgement]:
        """wave [B, S], zeros past the lengths [B]: what each makes of it."""
        return [critic(wave, lengths) for critic in self.critics]


def within(size: int, lengths: Tensor) -> Tensor:
    """True where there is no padding: [B, 1, size, 1]."""
    return (torch.arange(size, device=lengths.device) < lengths[:, None])[:, None, :, None]


def unlike(real: Sequence[Judgement], made: Sequence[Judgement]) -> list[Tensor]:
    """How far apart every critic's layers are, over the size of the real ones' (feature matching): [B] each.

    As Défossez et al. (2023) have it: no layer counts for more because its numbers are larger.
    """
    return [
        sum(relative(one.detach(), other) for one, other in zip(r.maps, m.maps)) / len(r.maps)
        for r, m in zip(real, made)
    ]


def relative(real: Tensor, made: Tensor) -> Tensor:
    """[B, ...] twice -> the mean difference over the mean size of the real one: [B]."""
    apart, size = ((real - made).abs(), real.abs())
    return apart.flatten(1).mean(1) / size.flatten(1).mean(1).clamp(min=1e-6)
