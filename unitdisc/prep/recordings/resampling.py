"""Copies of recordings at another rate, a block at a time."""

from pathlib import Path

import numpy as np
import soundfile
import soxr

from unitdisc.files import written_aside
from unitdisc.media.decoding import open_audio

BLOCK = 1 << 18  # ticks in memory at a time


def write_resampled(source: Path, target: Path, rate: int) -> None:
    """Writes a recording at another rate, as FLAC of 16 bits with all its channels. Raises AudioError as reading does.

    By soxr in its best quality; what is louder than full scale is clipped.
    """
    with open_audio(source) as file, written_aside(target) as aside:
        stream = soxr.ResampleStream(file.samplerate, rate, file.channels, dtype="float32", quality="VHQ")
        with soundfile.SoundFile(aside, "w", rate, file.channels, "PCM_16", format="FLAC") as out:
            for first in range(0, file.frames, BLOCK):
                last = min(first + BLOCK, file.frames)
                samples = stream.resample_chunk(file.read(first, last), last=last == file.frames)
                out.write(np.clip(samples, -1, 1))
