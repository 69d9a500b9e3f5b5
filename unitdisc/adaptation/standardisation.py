"""Zero mean and unit variance, of an utterance, of a speaker or of all."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from unitdisc.adaptation.base import AdaptationError, Arrays, OfAll, Read, SpeakerFrames
from unitdisc.data.normalisation import Moments, Statistics

BY = ("global", "speaker", "utterance")


@dataclass(frozen=True)
class Standardisation(OfAll):
    """by: whose mean and variance they are: "speaker", "utterance" or "global"."""

    by: str = "speaker"

    def __post_init__(self):
        if self.by not in BY:
            raise AdaptationError(f"frames are standardised by one of {list(BY)}, not {self.by!r}")

    def fit(self, all_frames: SpeakerFrames) -> Arrays:
        frames = all_frames.frames
        return learnt_of(frames[name] for name in frames.names) if self.by == "global" else {}

    def fit_speaker(self, learnt: Arrays, read: Read) -> Arrays:
        return learnt_of(read()) if self.by == "speaker" else {}

    def apply(self, learnt: Arrays, own: Arrays, frames: np.ndarray) -> np.ndarray:
        known = {"global": learnt, "speaker": own}.get(self.by) or learnt_of([frames])
        return Moments(known["mean"], known["deviation"]).apply(frames)


def learnt_of(frames: Iterable[np.ndarray]) -> Arrays:
    statistics = Statistics("global")
    for values in frames:
        statistics.add(None, values)
    found = statistics.normaliser().groups[""]
    return {"mean": found.mean, "deviation": found.deviation}
