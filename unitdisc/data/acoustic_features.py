"""Acoustic features: from a waveform to frames, [ticks] -> [T, C], one frame for every `hop` ticks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from unitdisc.data.base import RecordingFeatures, num_frames
from unitdisc.data.filterbank import WINDOW, cepstra, differences, log_mel_energies
from unitdisc.data.normalisation import check_normalisation


def mfcc(wave: torch.Tensor, rate: int, hop: int, bins: int) -> torch.Tensor:
    """Kaldi's 13 mel-frequency cepstra with first and second differences: [ticks] -> [T, 39]."""
    frames = cepstra(log_mel_energies(wave, rate, hop, bins), 13)
    first = differences(frames)
    return torch.cat([frames, first, differences(first)], dim=1)


def log_mel(wave: torch.Tensor, rate: int, hop: int, bins: int) -> torch.Tensor:
    """Kaldi's log mel filterbank energies: [ticks] -> [T, bins]."""
    return log_mel_energies(wave, rate, hop, bins)


def waveform(wave: torch.Tensor, rate: int, hop: int, bins: int) -> torch.Tensor:
    """The samples themselves, `hop` to a frame, scaled to [-1, 1]: [ticks] -> [T, hop]."""
    size = num_frames(len(wave), hop) * hop
    padded = torch.nn.functional.pad(wave, (0, max(0, size - len(wave))))[:size]
    return padded.reshape(-1, hop) / 32768


class Transform(NamedTuple):
    """What computes a kind of acoustic features: frames(wave, rate, hop, bins), [ticks] -> [T, C]."""

    frames: Callable[[torch.Tensor, int, int, int], torch.Tensor]
    bins: int  # unless said otherwise
    fewest_bins: int


ACOUSTIC = {
    "mfcc": Transform(mfcc, 23, 13),
    "log-mel": Transform(log_mel, 80, 1),
    "waveform": Transform(waveform, 0, 0),
}


@dataclass(frozen=True)
class AcousticFeatures(RecordingFeatures):
    """Features that are a formula of the samples of a recording.

    kind: "mfcc" (Kaldi's 13 with deltas, the paper's), "log-mel" or "waveform".
    rate: samples per second the recordings must have; hop: samples from one frame to the next.
    bins: mel bins (default: Kaldi's 23 under MFCC, 80 for log-mel).
    normalise: "none", or to zero mean and unit variance per "utterance", per "speaker", or "global"ly.
    resample: convert recordings of another rate instead of refusing them.
    """

    kind: str = "mfcc"
    rate: int = 16_000
    hop: int = 160
    bins: int | None = None
    normalise: str = "speaker"
    resample: bool = False

    def __post_init__(self):
        if self.kind not in ACOUSTIC:
            raise ValueError(f"recordings have no features {self.kind!r}: choose one of {sorted(ACOUSTIC)}")
        check_normalisation(self.normalise)
        if not 0 < self.hop <= self.rate:
            raise ValueError(f"hop must be between 1 and the rate ({self.rate}), not {self.hop}")
        fewest = ACOUSTIC[self.kind].fewest_bins
        if self.bins is not None and self.bins < fewest:
            raise ValueError(f"{self.kind} takes {fewest} bins or more, not {self.bins}")

    def __call__(self, wave: np.ndarray, first: int = 0) -> np.ndarray:
        """wave: [ticks] in [-1, 1] -> frames [T, C], float32, not normalised yet; it begins at tick `first`."""
        size = max(len(wave), round(self.rate * WINDOW))  # a signal shorter than a window is extended by silence
        scaled = dither(size, first)
        scaled[: len(wave)] += torch.from_numpy(wave).float() * 32768
        transform = ACOUSTIC[self.kind]
        frames = transform.frames(scaled, self.rate, self.hop, self.num_bins)
        return frames[: num_frames(len(wave), self.hop)].numpy().astype(np.float32)

    @property
    def num_bins(self) -> int:
        """Bins of the mel filterbank; 0 where there is none."""
        return self.bins or ACOUSTIC[self.kind].bins

    @property
    def margin(self) -> int:
        """How many frames on either side another part of the signal could change, or hardly: window and differences."""
        return 4 + -(-round(self.rate * WINDOW) // self.hop)

    @cached_property
    def dim(self) -> int:
        """C, the width of a frame."""
        return self(np.zeros(0, np.float32)).shape[1]


def dither(ticks: int, first: int = 0) -> torch.Tensor:
    """Noise of one 16-bit step, as Kaldi adds against the logarithm of digital silence, but always the same."""
    first %= len(_NOISE)
    if first + ticks > len(_NOISE):
        return _NOISE.repeat(-(-(first + ticks) // len(_NOISE)))[first : first + ticks].clone()
    return _NOISE[first : first + ticks].clone()


_NOISE = torch.randn(1 << 16, generator=torch.Generator().manual_seed(0))
