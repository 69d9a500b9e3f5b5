"""Acoustic features: from a waveform to frames, [ticks] -> [T, C], one frame for every `hop` ticks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from unitdisc.adaptation.steps import adapted_dim
from unitdisc.adaptation.vtln import factors
from unitdisc.data.base import LATER, RecordingFeatures, num_frames
from unitdisc.data.filterbank import WINDOW, cepstra, differences, log_mel_energies, log_mel_of, power_spectra
from unitdisc.data.normalisation import check_normalisation


def mfcc(wave: torch.Tensor, rate: int, hop: int, bins: int, warp: float = 1.0) -> torch.Tensor:
    """Kaldi's 13 mel-frequency cepstra with first and second differences: [ticks] -> [T, 39]."""
    return mfcc_of(log_mel_energies(wave, rate, hop, bins, warp))


def mfcc_of(energies: torch.Tensor) -> torch.Tensor:
    """[T, bins] -> [T, 39]"""
    frames = cepstra(energies, 13)
    first = differences(frames)
    return torch.cat([frames, first, differences(first)], dim=1)


def log_mel(wave: torch.Tensor, rate: int, hop: int, bins: int, warp: float = 1.0) -> torch.Tensor:
    """Kaldi's log mel filterbank energies: [ticks] -> [T, bins]."""
    return log_mel_energies(wave, rate, hop, bins, warp)


def waveform(wave: torch.Tensor, rate: int, hop: int, bins: int, warp: float = 1.0) -> torch.Tensor:
    """The samples themselves, `hop` to a frame, scaled to [-1, 1]: [ticks] -> [T, hop]; they have no axis to warp."""
    size = num_frames(len(wave), hop) * hop
    padded = torch.nn.functional.pad(wave, (0, max(0, size - len(wave))))[:size]
    return padded.reshape(-1, hop) / 32768


class Transform(NamedTuple):
    """What computes a kind of acoustic features: frames(wave, rate, hop, bins, warp), [ticks] -> [T, C]."""

    frames: Callable[[torch.Tensor, int, int, int, float], torch.Tensor]
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
    vtln: how many warps of the frequency axis are tried for each speaker, of whom the likeliest is taken: an odd number
    up to 13, in steps of 0.05 around 1; 0: none. warp: the same for all.
    adaptation: steps that normalised frames go through, as "affine": see `unitdisc normalise`; "": none.
    """

    kind: str = "mfcc"
    rate: int = 16_000
    hop: int = 160
    bins: int | None = None
    normalise: str = "speaker"
    resample: bool = False
    vtln: int = field(default=0, metadata=LATER)
    warp: float = field(default=1.0, metadata=LATER)
    adaptation: str = field(default="", metadata=LATER)

    def __post_init__(self):
        if self.kind not in ACOUSTIC:
            raise ValueError(f"recordings have no features {self.kind!r}: choose one of {sorted(ACOUSTIC)}")
        check_normalisation(self.normalise)
        if not 0 < self.hop <= self.rate:
            raise ValueError(f"hop must be between 1 and the rate ({self.rate}), not {self.hop}")
        fewest = ACOUSTIC[self.kind].fewest_bins
        if self.bins is not None and self.kind == "waveform":
            raise ValueError("a waveform has no mel bins; take kind 'mfcc' or 'log-mel', or leave bins out")
        if self.bins is not None and self.bins < fewest:
            raise ValueError(f"{self.kind} takes {fewest} bins or more, not {self.bins}")
        if self.vtln:
            factors(self.vtln)
        if not 0.5 <= self.warp <= 2:
            raise ValueError(f"warp must be a factor from 0.5 to 2, not {self.warp:g}")
        if (self.vtln or self.warp != 1) and self.kind == "waveform":
            raise ValueError(
                "a waveform has no frequency axis to warp; take kind 'mfcc' or 'log-mel', or leave vtln out"
            )
        if self.vtln and self.warp != 1:
            raise ValueError(f"vtln finds the warp of each speaker, and warp {self.warp:g} is that of all; give one")
        if self.adaptation:
            adapted_dim(self.adaptation, self.raw_dim)

    def __call__(self, wave: np.ndarray, first: int = 0) -> np.ndarray:
        """wave: [ticks] in [-1, 1] -> frames [T, C], float32, not normalised yet; it begins at tick `first`."""
        transform, scaled = ACOUSTIC[self.kind], self.scaled(wave, first)
        frames = transform.frames(scaled, self.rate, self.hop, self.num_bins, self.warp)
        return frames[: num_frames(len(wave), self.hop)].numpy().astype(np.float32)

    def scaled(self, wave: np.ndarray, first: int = 0) -> torch.Tensor:
        """In steps of 16 bits, with dither; a signal shorter than a window is extended by silence."""
        size = max(len(wave), round(self.rate * WINDOW))
        scaled = dither(size, first)
        scaled[: len(wave)] += torch.from_numpy(wave).float() * 32768
        return scaled

    def warped(self, factor: float) -> "AcousticFeatures":
        """The same, of a speaker with this factor, and as they are before they are adapted."""
        return replace(self, vtln=0, warp=factor, adaptation="")

    def mfcc_at(self, wave: np.ndarray, tried: Iterable[float]) -> dict[float, np.ndarray]:
        """What factors are told apart by, MFCC whatever the kind: [ticks] -> [T, 39] at every factor."""
        power = power_spectra(self.scaled(wave), self.rate, self.hop)[: num_frames(len(wave), self.hop)]
        bins = ACOUSTIC["mfcc"].bins
        return {factor: mfcc_of(log_mel_of(power, self.rate, bins, factor)).numpy() for factor in tried}

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
        return adapted_dim(self.adaptation, self.raw_dim)

    @cached_property
    def raw_dim(self) -> int:
        """The width of a frame before it is adapted."""
        return self(np.zeros(0, np.float32)).shape[1]


def dither(ticks: int, first: int = 0) -> torch.Tensor:
    """Noise of one 16-bit step, as Kaldi adds against the logarithm of digital silence, but always the same."""
    first %= len(_NOISE)
    if first + ticks > len(_NOISE):
        return _NOISE.repeat(-(-(first + ticks) // len(_NOISE)))[first : first + ticks].clone()
    return _NOISE[first : first + ticks].clone()


_NOISE = torch.randn(1 << 16, generator=torch.Generator().manual_seed(0))
