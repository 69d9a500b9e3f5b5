"""Frames of one length."""

from dataclasses import dataclass

import numpy as np

from unitdisc.adaptation.base import AdaptationError, Arrays, OfAll, SpeakerFrames


@dataclass(frozen=True)
class FixedLength(OfAll):
    """length: that every frame gets, by which systems that are put side by side weigh more or less.

    A frame of zeros stays one.
    """

    length: float = 1.0

    def __post_init__(self):
        if not self.length > 0:
            raise AdaptationError(f"the length of frames must be above 0, not {self.length:g}")

    def fit(self, all_frames: SpeakerFrames) -> Arrays:
        return {}

    def apply(self, learnt: Arrays, own: Arrays, frames: np.ndarray) -> np.ndarray:
        lengths = np.linalg.norm(frames.astype(np.float64), axis=1, keepdims=True)
        directions = np.divide(frames, lengths, where=lengths > 0, out=np.zeros(frames.shape))
        return (self.length * directions).astype(np.float32)
