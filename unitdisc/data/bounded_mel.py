"""Log mel energies between two bounds, as values in [0, 1]: spectrograms that networks of images can make."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.base import RecordingFeatures
from unitdisc.data.griffin_lim import log_mel_to_audio

DECIBEL = math.log(10) / 10  # in nats of power
FAINTEST = 12.0  # nats, of samples of 16 bits: a recording that nowhere is louder is not made as loud as others
USUAL = 23.0  # the loudest energy of what is made heard


@dataclass(frozen=True)
class BoundedLogMel(RecordingFeatures):
    """Log mel energies over those so many decibels below the loudest of the utterance: 0 is quieter, 1 the loudest.

    How loud an utterance is as a whole is lost. A frame depends on all of the utterance. What networks make of that
    form is heard by `to_audio`.

    rate: samples per second the recordings must have; hop: samples from one frame to the next; bins: of the mel
    filterbank, as of "log-mel". decibels: from 0 to 1 (as `top_db` of librosa). normalise: "none". resample: convert
    recordings of another rate.
    """

    kind: str = "bounded-log-mel"
    rate: int = 16_000
    hop: int = 160
    bins: int = 80
    decibels: float = 80.0
    normalise: str = "none"
    resample: bool = False

    adaptation: ClassVar[str] = ""
    margin: ClassVar[None] = None

    def __post_init__(self):
        if self.kind != "bounded-log-mel":
            raise ValueError(f"energies in [0, 1] are 'bounded-log-mel', not {self.kind!r}")
        if self.normalise != "none":
            raise ValueError(f"{self.kind!r} lie in [0, 1] as they are: leave normalise out, not {self.normalise!r}")
        if not self.decibels > 0:
            raise ValueError(f"decibels must be above 0, not {self.decibels:g}")
        self.energies  # noqa: B018  its options are checked there

    @property
    def energies(self) -> AcousticFeatures:
        """The same without bounds."""
        return AcousticFeatures("log-mel", self.rate, self.hop, self.bins, normalise="none")

    @property
    def range(self) -> float:
        """From 0 to 1, in nats."""
        return self.decibels * DECIBEL

    @property
    def dim(self) -> int:
        return self.bins

    def __call__(self, signal: np.ndarray, first: int = 0) -> np.ndarray:
        """wave: [ticks] in [-1, 1] -> [T, bins] in [0, 1], float32; low frequencies first."""
        frames = self.energies(signal, first)
        loudest = max(float(frames.max(initial=FAINTEST)), FAINTEST)
        return np.clip(1 + (frames - loudest) / self.range, 0, 1)

    def to_audio(self, frames: np.ndarray) -> np.ndarray:
        """Makes frames heard by Griffin-Lim: [T, bins] in [0, 1] -> [T * hop] in [-1, 1]."""
        return log_mel_to_audio(USUAL + (frames - 1) * self.range, self.rate, self.hop)
