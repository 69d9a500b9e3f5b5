"""One pass over a recording, a block at a time: levels of its frames, and whether its channels are of one sound."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import CorpusError
from unitdisc.corpus.validation.recordings import ALIKE, Levels
from unitdisc.media.audio import averaged
from unitdisc.media.decoding import open_audio
from unitdisc.prep.recordings.pauses import FRAMES, level_frames

SECONDS = 10  # of a recording in memory at a time


class HeardRecording(NamedTuple):
    """What a pass over a recording showed: levels in dB of the frames of every channel, [C, F], and of their mean, [F].

    hop: ticks of a frame. differ: whether the channels are of different sounds, as those of two microphones.
    """

    levels: np.ndarray
    mean: np.ndarray
    hop: int
    differ: bool


def hear(path: Path) -> HeardRecording:
    """Raises AudioError if it cannot be decoded, CorpusError if it is silent, or holds what can be no samples."""
    with open_audio(path) as file:
        hop = max(file.samplerate // FRAMES, 1)
        facts, levels, means = Levels(file.frames), [], []
        step = hop * FRAMES * SECONDS
        for first in range(0, file.frames, step):
            samples = file.read(first, min(first + step, file.frames))
            facts.add(samples)
            levels.append(level_frames(samples, hop))
            means.append(level_frames(averaged(samples)[:, None], hop)[0])
    faults = [fault for fault in facts.faults(path.stem) if fault[0] == "error"]
    differ = facts.least_alike() < ALIKE if np.isfinite(facts.highs).all() else False
    if faults and not (differ and "cancel" in faults[0][1]):  # which channels by themselves do not
        _, what, cure = faults[0]
        raise CorpusError(f"{path}: {what}; {cure}")
    return HeardRecording(np.concatenate(levels, axis=1), np.concatenate(means), hop, differ)
