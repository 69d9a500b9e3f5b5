"""How far two waves are apart to the ear: log-mel spectra at several resolutions, in which phases do not count."""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.training.precision import full_products, in_full

WINDOWS = (0.008, 0.016, 0.032, 0.064)  # seconds, of spectra
OVERLAP = 4  # windows that a sample is in
FAINT = 1e-8  # power that counts as silence, of full scale: 80 dB below it
SAMPLES_PER_BIN = 6.4  # of a window; as many mel bins as of the Descript audio codec (Kumar et al., 2023)


class Spectrum(nn.Module):
    """Power in the bins of windows of one size, one window for every `hop` samples; it has no weights.

    A window sees zeros beyond both ends. Window t is centred on sample (t + 1/2) * hop.
    """

    def __init__(self, window: int):
        super().__init__()
        self.window, self.hop = window, max(1, window // OVERLAP)
        shape = torch.hann_window(window)
        self.register_buffer("shape", shape / shape.square().sum().sqrt(), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """[B, S] -> [B, ceil(S / hop), window / 2 + 1]; white noise of variance v has power v everywhere."""
        windows = -(-wave.shape[1] // self.hop)
        before = (self.window - self.hop) // 2
        missing = (windows - 1) * self.hop + self.window - before - wave.shape[1]
        framed = F.pad(wave, (before, missing)).unfold(1, self.window, self.hop)
        found = torch.fft.rfft(framed * self.shape.to(wave.dtype))
        return found.real.square() + found.imag.square()


class SpectralDistance(nn.Module):
    """The mean absolute difference of logarithms of mel spectra, in nats of amplitude, at several resolutions.

    A mean of what Yamamoto et al. (2020) add up for waveforms, of mel bins as of Kumar et al. (2023). rate: samples per
    second.
    """

    def __init__(self, rate: int):
        super().__init__()
        sizes = sorted({max(8, 1 << round(math.log2(rate * seconds))) for seconds in WINDOWS})
        self.spectra = nn.ModuleList(Spectrum(size) for size in sizes)
        for number, size in enumerate(sizes):
            self.register_buffer(f"bins{number}", mel_bins(rate, size), persistent=False)

    def forward(self, made: Tensor, target: Tensor) -> Tensor:
        """[B, S] twice, zeros in the padding -> [B, S]: of every sample, the distance of the windows centred there."""
        with torch.autocast(made.device.type, enabled=False), full_products():
            found = [
                (one - other).abs().mean(-1).repeat_interleave(spectrum.hop, dim=1)[:, : made.shape[1]]
                for spectrum, one, other in zip(self.spectra, *map(self.log_mel, (made, target)))
            ]
        return sum(found) / len(found)

    def log_mel(self, wave: Tensor) -> Iterator[Tensor]:
        """[B, S] -> logarithms of amplitude [B, T, bins] at every resolution."""
        wave = in_full(wave)
        for number, spectrum in enumerate(self.spectra):
            bins = getattr(self, f"bins{number}").to(wave.dtype)
            yield (spectrum(wave) @ bins + FAINT).log() / 2


def mel_bins(rate: int, window: int) -> Tensor:
    """Triangles as wide as mel bins, or at least as bins of the spectrum, of sum 1 each: [window / 2 + 1, bins]."""
    number = max(1, round(window / SAMPLES_PER_BIN))
    highest = 2595 * math.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, highest, number + 2, dtype=torch.double) / 2595) - 1)
    places = torch.arange(window // 2 + 1) * rate / window
    apart = rate / window  # a triangle narrower than that might lie between two bins
    below, above = (edges[1:-1] - edges[:-2]).clamp(min=apart), (edges[2:] - edges[1:-1]).clamp(min=apart)
    off = places[:, None] - edges[1:-1]
    triangles = (1 - torch.where(off < 0, -off / below, off / above)).clamp(min=0)
    return (triangles / triangles.sum(0)).float()
