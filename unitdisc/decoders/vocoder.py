"""A vocoder: sound out of frames or units at once, by a short Fourier transform that a network tells (Vocos)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.decoders.causal import steps_per_condition
from unitdisc.decoders.draws import check_temperature
from unitdisc.decoders.spectra import SpectralDistance
from unitdisc.training.precision import full_products, in_full

FRAME = 0.010  # seconds that the network takes a frame for, or somewhat less
OVERLAP = 4  # frames that a sample is made of
LOUDEST = 5.0  # logarithm of the largest amplitude of a bin that can be told
FIRST_SCALE = 0.1  # of what a block adds


class Block(nn.Module):
    """A ConvNeXt block over time (Liu et al., 2022): a convolution for each channel, then two dense layers."""

    def __init__(self, channels: int, kernel: int, widening: int):
        super().__init__()
        self.along = nn.Conv1d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.wide = nn.Linear(channels, widening * channels)
        self.narrow = nn.Linear(widening * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), FIRST_SCALE))

    def forward(self, x: Tensor, inside: Tensor) -> Tensor:
        """x [B, T, C], inside [B, T, 1] -> [B, T, C]."""
        seen = self.along((x * inside).transpose(1, 2)).transpose(1, 2)
        return x + self.scale * self.narrow(F.gelu(self.wide(self.norm(seen))))


class Vocoder(nn.Module):
    """Tells a wave all at once: amplitude and phase of every bin of every frame of 10 ms, which overlap and add up.

    As Vocos (Siuzdak, 2023), but smaller: no layer works at the rate of samples, which makes it some hundred times as
    fast as real time on one core. What it learns by itself is a distance of log-mel spectra at several resolutions,
    which bounds no likelihood: it has no bits. The objective `vocoder` adds critics, who hear what that does not.

    channels, layers, kernel, widening: of the ConvNeXt blocks, whose hidden layers are `widening` times as wide; a
    frame is told of `layers * (kernel // 2) + 3` others on either side. Nothing is drawn: it says the same at every
    temperature and seed.
    """

    target = "wave"

    def __init__(
        self,
        condition_dim: int,
        target_dim: int,
        rate: int = 16_000,
        hop: int = 160,
        channels: int = 192,
        layers: int = 6,
        kernel: int = 7,
        widening: int = 3,
    ):
        super().__init__()
        if layers < 1 or kernel % 2 == 0:
            raise ValueError(f"a vocoder needs a layer and an odd kernel, not {layers} and {kernel}")
        if min(channels, widening) < 1:
            raise ValueError(f"`channels` and `widening` of a vocoder must be 1 or more, not {channels} and {widening}")
        self.hop = samples_of_a_frame(rate, hop)
        self.condition = nn.Conv1d(condition_dim, channels, 7, padding=3)
        self.first_norm = nn.LayerNorm(channels)
        self.blocks = nn.ModuleList(Block(channels, kernel, widening) for _ in range(layers))
        self.last_norm = nn.LayerNorm(channels)
        self.window = OVERLAP * self.hop
        self.bins = self.window // 2 + 1
        self.last = nn.Linear(channels, 2 * self.bins)
        self.distance_of = SpectralDistance(rate)
        self.register_buffer("shape", torch.hann_window(self.window), persistent=False)

    def wave(self, condition: Tensor, size: int, lengths: Tensor | None = None) -> Tensor:
        """condition [B, L, C] -> samples [B, size], zeros past the lengths [B] (default: there is no padding).

        Raises ValueError where `size` is not a multiple of L, or the samples of a condition not whole frames.
        """
        repeats = steps_per_condition(size, condition.shape[1])
        if repeats % self.hop:
            raise ValueError(f"{repeats} samples of a condition are no multiple of the {self.hop} of a frame")
        frames = size // self.hop
        if lengths is None:
            lengths = torch.full((len(condition),), size, device=condition.device)
        inside = (torch.arange(frames, device=lengths.device) < -(-lengths[:, None] // self.hop))[..., None]
        told = condition.repeat_interleave(repeats // self.hop, dim=1) * inside
        x = self.first_norm(self.condition(told.transpose(1, 2)).transpose(1, 2))
        for block in self.blocks:
            x = block(x, inside)
        amplitude, phase = in_full(self.last(self.last_norm(x))).chunk(2, dim=-1)
        with torch.autocast(condition.device.type, enabled=False), full_products():
            made = self.added_up(torch.polar(amplitude.clamp(max=LOUDEST).exp(), phase), inside)
        return made * (torch.arange(size, device=lengths.device) < lengths[:, None])

    def added_up(self, spectra: Tensor, inside: Tensor) -> Tensor:
        """Spectra [B, T, bins] of frames that overlap, inside [B, T, 1] -> samples [B, T * hop]."""
        shape = self.shape.to(spectra.real.dtype)
        frames = torch.fft.irfft(spectra, n=self.window) * shape * inside
        weights = shape.square() * inside
        return self.laid(frames) / self.laid(weights).clamp(min=1e-3)

    def laid(self, frames: Tensor) -> Tensor:
        """The sum of frames [B, T, window], frame t with its middle at (t + 1/2) * hop: [B, T * hop]."""
        parts = frames.unflatten(2, (OVERLAP, self.hop)).unbind(2)  # [B, T, hop] each
        total = sum(F.pad(part, (0, 0, place, OVERLAP - 1 - place)) for place, part in enumerate(parts)).flatten(1)
        before = (self.window - self.hop) // 2
        return total[:, before : before + frames.shape[1] * self.hop]

    def distance(self, made: Tensor, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Waves [B, S], the made one zero past the lengths [B] -> nats of amplitude around each sample: [B, S]."""
        if lengths is not None:
            target = target * (torch.arange(target.shape[1], device=lengths.device) < lengths[:, None])
        return self.distance_of(made, target)

    def loss(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """target [B, S], condition [B, L, C] -> how far its spectra are from those of what is told: [B, S]."""
        return self.distance(self.wave(condition, target.shape[1], lengths), target, lengths)

    @torch.no_grad()
    def sample(
        self, condition: Tensor, size: int, generator: torch.Generator | None = None, temperature: float = 1.0
    ) -> Tensor:
        """condition [B, L, C] -> samples [B, size]; always the same."""
        check_temperature(temperature)
        return self.wave(condition, size)


def samples_of_a_frame(rate: int, hop: int) -> int:
    """Those between two frames of features, or a whole part of them of at most `FRAME` seconds."""
    parts = max(1, math.ceil(hop / (rate * FRAME)))
    while hop % parts:
        parts += 1
    return hop // parts
