"""The directions in which speakers differ on average, removed (Liu et al., 2023)."""

from dataclasses import dataclass

import numpy as np

from unitdisc.adaptation.base import AdaptationError, Arrays, OfAll, SpeakerFrames


@dataclass(frozen=True)
class SpeakerDirections(OfAll):
    """Removes the principal directions of the means of speakers that frames were fitted to, from anybody's frames.

    share: of the variance of these means, which the directions make up.
    """

    share: float = 0.95

    def __post_init__(self):
        if not 0 < self.share <= 1:
            raise AdaptationError(f"a share of the variance is above 0 and at most 1, not {self.share:g}")

    def fit(self, all_frames: SpeakerFrames) -> Arrays:
        speakers = all_frames.speakers()
        if len(speakers) < 2:
            raise AdaptationError(
                f"{all_frames.frames.folder}: the corpus names {len(speakers)} speakers, and directions in which they "
                "differ take 2 or more; give every utterance its speaker"
            )
        means = np.stack([mean_of(all_frames, speaker) for speaker in speakers])
        _, lengths, directions = np.linalg.svd(means - means.mean(0), full_matrices=False)
        shares = np.cumsum(lengths**2) / max(np.square(lengths).sum(), np.finfo(float).tiny)
        number = int(np.searchsorted(shares, self.share - 1e-12)) + 1
        number = min(number, int((lengths > 1e-9 * lengths[0]).sum()), means.shape[1] - 1)
        return {"directions": directions[:number]}

    def apply(self, learnt: Arrays, own: Arrays, frames: np.ndarray) -> np.ndarray:
        directions = learnt["directions"]
        return (frames - frames.astype(np.float64) @ directions.T @ directions).astype(np.float32)


def mean_of(all_frames: SpeakerFrames, speaker: str) -> np.ndarray:
    """The mean [D] of all frames of a speaker."""
    total, count = 0.0, 0
    for frames in all_frames.of_speaker(speaker):
        total, count = total + frames.sum(0, dtype=np.float64), count + len(frames)
    return total / count
