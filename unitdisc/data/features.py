"""Features: from a waveform to frames, [ticks] -> [T, C], one frame for every `hop` ticks.

Frame i is centred on tick (i + 1/2) * hop (Kaldi's snip-edges=false), so the frames tile the signal and there are
(ticks + hop // 2) // hop of them.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch

from unitdisc.corpus import Utterance
from unitdisc.data.filterbank import WINDOW, cepstra, differences, log_mel_energies
from unitdisc.data.normalisation import check_normalisation
from unitdisc.media.audio import read_audio
from unitdisc.media.open import AudioError


def num_frames(ticks: int, hop: int) -> int:
    return (ticks + hop // 2) // hop


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


FEATURES = {"mfcc": mfcc, "log-mel": log_mel, "waveform": waveform}
MEL_BINS = {"mfcc": 23, "log-mel": 80, "waveform": 0}
FEWEST_BINS = {"mfcc": 13, "log-mel": 1, "waveform": 0}


@dataclass(frozen=True)
class Features:
    """How a signal becomes the frames an encoder reads.

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

    images: ClassVar[bool] = False

    def __post_init__(self):
        if self.kind not in FEATURES:
            kinds = sorted(["columns", *FEATURES])
            raise ValueError(f"unknown features {self.kind!r}: choose one of {kinds} (columns: of line images)")
        check_normalisation(self.normalise)
        if not 0 < self.hop <= self.rate:
            raise ValueError(f"hop must be between 1 and the rate ({self.rate}), not {self.hop}")
        if self.bins is not None and self.bins < FEWEST_BINS[self.kind]:
            raise ValueError(f"{self.kind} takes {FEWEST_BINS[self.kind]} bins or more, not {self.bins}")

    def signal(self, utterance: Utterance, allow_pipes: bool = False) -> np.ndarray:
        """The samples of an utterance: [ticks] in [-1, 1].

        Raises AudioError as `read_audio` does, and if the utterance is a line image.
        """
        if utterance.is_image:
            what = f"{utterance.id} is a line image"
            raise AudioError.at(utterance.path, what, "set features.kind to 'columns' for handwriting")
        return read_audio(utterance, self.rate, self.resample, allow_pipes)

    def __call__(self, wave: np.ndarray, first: int = 0) -> np.ndarray:
        """wave: [ticks] in [-1, 1] -> frames [T, C], float32, not normalised yet; it begins at tick `first`."""
        size = max(len(wave), round(self.rate * WINDOW))  # a signal shorter than a window is extended by silence
        scaled = dither(size, first)
        scaled[: len(wave)] += torch.from_numpy(wave).float() * 32768
        frames = FEATURES[self.kind](scaled, self.rate, self.hop, self.bins or MEL_BINS[self.kind])
        return frames[: num_frames(len(wave), self.hop)].numpy().astype(np.float32)

    @property
    def margin(self) -> int:
        """How many frames on either side another part of the signal could change, or hardly: window and differences."""
        return 4 + -(-round(self.rate * WINDOW) // self.hop)

    def frames_in(self, utterance: Utterance) -> int:
        """How many frames an utterance has, without reading it."""
        ticks = utterance.ticks
        if utterance.rate not in (None, self.rate):
            ticks = round(ticks * self.rate / utterance.rate)
        return num_frames(ticks, self.hop)

    def grid(self, stride: int = 1, offset: float = 0.0) -> dict:
        """When frames happen of which frame t is centred on ours `stride * t + offset`; as encodings.json says it."""
        return {"stride": stride * self.hop, "offset": (offset + 0.5) * self.hop, "rate": self.rate}

    def frame_rates(self, stride: int) -> dict[str, float]:
        """How many frames a second of recording has if an encoder takes every `stride`-th."""
        return {"frame_rate": self.rate / (self.hop * stride)}

    def scale(self, utterance: Utterance) -> float:
        """How many ticks of the utterance make one at our rate."""
        return 1.0 if utterance.rate in (None, self.rate) else utterance.rate / self.rate

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
