"""Targets: the signal as the decoder predicts it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.base import Target, num_frames
from unitdisc.data.griffin_lim import log_mel_to_audio
from unitdisc.media.audio import inverse_mulaw, mulaw

LEVELS = 256  # of mu-law


@dataclass(frozen=True)
class LogMelTarget:
    """Log mel frames, one for every feature frame: [T, bins]."""

    rate: int
    hop: int
    bins: int = 80
    normalise: str = "global"  # or "none"

    of_frames: ClassVar[bool] = False

    def __post_init__(self):
        if self.normalise not in ("global", "none"):
            raise ValueError(
                f"normalise must be 'global' or 'none' (it is undone to hear the target), not {self.normalise!r}"
            )

    @property
    def steps_per_frame(self) -> int:
        return 1

    @property
    def dim(self) -> int:
        return self.bins

    @property
    def values_per_frame(self) -> int:
        return self.bins

    @property
    def decoder_sizes(self) -> dict[str, int]:
        return {"target_dim": self.dim}

    def __call__(self, wave: np.ndarray, first: int = 0) -> np.ndarray:
        return AcousticFeatures("log-mel", self.rate, self.hop, self.bins)(wave, first)

    @property
    def bytes_per_frame(self) -> int:
        return 4 * self.bins

    def to_audio(self, target: np.ndarray) -> np.ndarray:
        """[T, bins], not normalised -> [T * hop]."""
        return log_mel_to_audio(target, self.rate, self.hop)


@dataclass(frozen=True)
class OfSamples:
    """A target of `hop` samples for every feature frame."""

    rate: int
    hop: int

    normalise: ClassVar[str] = "none"
    of_frames: ClassVar[bool] = False

    @property
    def steps_per_frame(self) -> int:
        return self.hop

    @property
    def values_per_frame(self) -> int:
        return self.hop


@dataclass(frozen=True)
class MuLawTarget(OfSamples):
    """Samples on the 256 levels of mu-law, `hop` for every feature frame: [T * hop], uint8."""

    @property
    def dim(self) -> int:
        return LEVELS

    @property
    def decoder_sizes(self) -> dict[str, int]:
        return {"target_dim": self.dim, "hop": self.hop}

    @property
    def bytes_per_frame(self) -> int:
        return self.hop

    def __call__(self, wave: np.ndarray, first: int = 0) -> np.ndarray:
        return mulaw(whole_frames(wave, self.hop), LEVELS).astype(np.uint8)

    def to_audio(self, target: np.ndarray) -> np.ndarray:
        """[S] -> [S] in [-1, 1]."""
        return inverse_mulaw(target, LEVELS)


@dataclass(frozen=True)
class WaveTarget(OfSamples):
    """The samples as they are, `hop` for every feature frame: [T * hop] in [-1, 1], float32."""

    @property
    def dim(self) -> int:
        return 1

    @property
    def decoder_sizes(self) -> dict[str, int]:
        return {"target_dim": self.dim, "rate": self.rate, "hop": self.hop}

    @property
    def bytes_per_frame(self) -> int:
        return 4 * self.hop

    def __call__(self, wave: np.ndarray, first: int = 0) -> np.ndarray:
        return whole_frames(wave, self.hop).astype(np.float32)

    def to_audio(self, target: np.ndarray) -> np.ndarray:
        """[S] -> [S] in [-1, 1]; what is louder is clipped."""
        return np.clip(target, -1, 1)


def whole_frames(wave: np.ndarray, hop: int) -> np.ndarray:
    """A signal cut, or extended by silence, to its frames of `hop` samples: [ticks] -> [T * hop]."""
    size = num_frames(len(wave), hop) * hop
    return np.pad(wave, (0, max(0, size - len(wave))))[:size]


@dataclass(frozen=True)
class GreyTarget:
    """The columns of a line image on few levels of grey: [T, height], uint8; 0 is paper, the last level ink."""

    height: int
    levels: int = 4

    normalise: ClassVar[str] = "none"
    of_frames: ClassVar[bool] = True  # levels of the very columns that the encoder reads

    def __post_init__(self):
        if not 2 <= self.levels <= 256:
            raise ValueError(f"levels must be from 2 to 256, not {self.levels}")

    @property
    def steps_per_frame(self) -> int:
        return 1

    @property
    def dim(self) -> int:
        return self.height

    @property
    def values_per_frame(self) -> int:
        return self.height

    @property
    def bytes_per_frame(self) -> int:
        return self.height

    @property
    def decoder_sizes(self) -> dict[str, int]:
        return {"target_dim": self.dim, "levels": self.levels}

    def __call__(self, line: np.ndarray) -> np.ndarray:
        """Ink in [0, 1], [T, height] -> levels: each stands for an equally wide range."""
        return np.clip(np.floor(line * self.levels), 0, self.levels - 1).astype(np.uint8)

    def to_image(self, target: np.ndarray) -> np.ndarray:
        """[T, height] -> ink in [0, 1]."""
        return target.astype(np.float32) / (self.levels - 1)


@dataclass(frozen=True)
class NoTarget:
    """Steps without anything in them, one for every feature frame, where there is no decoder: [T, 0]."""

    normalise: ClassVar[str] = "none"
    of_frames: ClassVar[bool] = True
    steps_per_frame: ClassVar[int] = 1
    dim: ClassVar[int] = 0
    values_per_frame: ClassVar[int] = 0
    bytes_per_frame: ClassVar[int] = 0
    decoder_sizes: ClassVar[dict[str, int]] = {}

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        return np.zeros((len(frames), 0), np.float32)


TARGETS: dict[str, type[Target]] = {
    "grey": GreyTarget,
    "log-mel": LogMelTarget,
    "mu-law": MuLawTarget,
    "wave": WaveTarget,
}
