"""Frames averaged with those around them."""

from dataclasses import dataclass

import numpy as np

from unitdisc.adaptation.base import AdaptationError, Arrays, OfAll, SpeakerFrames


@dataclass(frozen=True)
class Smoothing(OfAll):
    """frames: how many are averaged, an odd number; the first and the last are repeated beyond the ends."""

    frames: int = 3

    def __post_init__(self):
        if self.frames < 1 or self.frames % 2 == 0:
            raise AdaptationError(f"frames are smoothed over an odd number of them, not {self.frames}")

    def fit(self, all_frames: SpeakerFrames) -> Arrays:
        return {}

    def apply(self, learnt: Arrays, own: Arrays, frames: np.ndarray) -> np.ndarray:
        around = self.frames // 2
        padded = np.pad(frames, ((around, around), (0, 0)), mode="edge")
        total = sum(padded[shift : shift + len(frames)] for shift in range(self.frames))
        return (total / self.frames).astype(np.float32)
