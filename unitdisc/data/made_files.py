"""Features that were made, as files of a corpus: line images, or recordings."""

from pathlib import Path

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.data.base import Features
from unitdisc.media.audio import write_audio
from unitdisc.media.image import write_image


def file_type(features: Features) -> str:
    """The suffix of what is written of features, or of what is predicted beside them."""
    return ".png" if features.images else ".wav"


def write_features(path: Path, features: Features, frames: np.ndarray, ticks: int | None = None) -> None:
    """Writes features in [0, 1] that a network made, [T, C]: the ink of a line image, or a recording.

    ticks: samples of the recording, which may end within its last frame (default: all).
    """
    if features.images:
        write_image(path, frames)
        return
    wave = features.to_audio(frames)[:ticks]
    write_audio(path, np.pad(wave, (0, max(0, (ticks or 0) - len(wave)))), features.rate)


def made_utterance(name: str, path: Path, features: Features, frames: int, speaker: str | None = None) -> Utterance:
    """A file that so many frames were written to, as part of a corpus."""
    grid = features.grid()
    ticks = round(frames * grid["stride"])
    return Utterance(name, str(path.absolute()), speaker, ticks=ticks, rate=grid["rate"], height=grid.get("height"))
