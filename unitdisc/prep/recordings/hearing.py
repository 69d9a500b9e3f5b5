"""One pass over a recording, a block at a time: levels of its frames, and whether its channels are of one sound."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from unitdisc.corpus import CorpusError
from unitdisc.corpus.validation.recordings import ALIKE, Levels
from unitdisc.media.audio import averaged
from unitdisc.media.decoding import open_audio
from unitdisc.prep.recordings.pauses import FRAMES, Track, bleed, level_frames

if TYPE_CHECKING:
    from unitdisc.prep.recordings.silero import SileroDetector

SECONDS = 10  # of a recording in memory at a time


class HeardRecording(NamedTuple):
    """What a pass over a recording showed: levels in dB of the frames of every channel, [C, F], and of their mean, [F].

    hop: ticks of a frame. differ: whether the channels are of different sounds, as those of two microphones. likely:
    how likely somebody speaks in each frame of every channel and of their mean, [C + 1, F], if a network was asked.
    """

    levels: np.ndarray
    mean: np.ndarray
    hop: int
    differ: bool
    likely: np.ndarray | None = None

    def track(self, channel: int | None, apart: bool) -> Track:
        """That of a channel, None for the mean of all; if `apart`, with the frames in which others are louder."""
        likely = None if self.likely is None else self.likely[-1 if channel is None else channel]
        if channel is None:
            return Track(self.mean, likely=likely)
        return Track(self.levels[channel], bleed(self.levels)[channel] if apart else None, likely)


def hear(path: Path, vad: str = "energy") -> HeardRecording:
    """vad: "energy", or "silero", whose network is asked, too.

    Raises AudioError if it cannot be decoded, CorpusError if it is silent, or holds what can be no samples.
    """
    with open_audio(path) as file:
        hop = max(file.samplerate // FRAMES, 1)
        network = silero(file.samplerate, file.channels + 1) if vad == "silero" else None
        facts, levels, means = Levels(file.frames), [], []
        step = hop * FRAMES * SECONDS
        for first in range(0, file.frames, step):
            samples = file.read(first, min(first + step, file.frames))
            facts.add(samples)
            mean = averaged(samples)[:, None]
            levels.append(level_frames(samples, hop))
            means.append(level_frames(mean, hop)[0])
            if network:
                network.add(np.concatenate([samples, mean], axis=1))
    faults = [fault for fault in facts.faults(path.stem) if fault[0] == "error"]
    differ = facts.least_alike() < ALIKE if np.isfinite(facts.highs).all() else False
    if faults and not (differ and "cancel" in faults[0][1]):  # which channels by themselves do not
        _, what, cure = faults[0]
        raise CorpusError(f"{path}: {what}; {cure}")
    whole = np.concatenate(levels, axis=1)
    likely = network.likely(hop, whole.shape[1]) if network else None
    return HeardRecording(whole, np.concatenate(means), hop, differ, likely)


def silero(rate: int, channels: int) -> "SileroDetector":
    """Imported where it is asked for: it needs torch, which takes seconds."""
    from unitdisc.prep.recordings.silero import SileroDetector

    return SileroDetector(rate, channels)
