"""Copies of recordings at another rate, a block at a time."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from unitdisc.files import written_aside
from unitdisc.media.decoding import open_audio

BLOCK = 1 << 18  # ticks in memory at a time


class Target:
    """A file for soundfile, which would not tell that the disk is full: what goes wrong is kept, until it is asked."""

    def __init__(self, file: BinaryIO):
        self.file = file
        self.error: OSError | None = None

    def write(self, content: bytes) -> int:
        try:
            return self.file.write(content)
        except OSError as error:
            self.error = self.error or error
            return 0

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self.file.seek(offset, whence)
        except OSError as error:  # of what is still to be written
            self.error = self.error or error
            return self.tell()

    def tell(self) -> int:
        return self.file.tell()

    def refuse(self) -> None:
        """Raises what went wrong."""
        if self.error is not None:
            raise self.error


def write_resampled(source: Path, target: Path, rate: int) -> None:
    """Writes a recording at another rate, as FLAC of 16 bits with all its channels. Raises AudioError as reading does.

    By soxr in its best quality; what is louder than full scale is clipped. Raises UnwritableError where the copy cannot
    be written.
    """
    with written_aside(target) as aside, aside.open("wb") as file:
        written = Target(file)
        try:
            write_to(written, source, rate)
        except Exception:  # soundfile asserts, too, that all was written
            written.refuse()  # which is why
            raise
        written.refuse()


def write_to(target: Target, source: Path, rate: int) -> None:
    with open_audio(source) as file:
        stream = soxr.ResampleStream(file.samplerate, rate, file.channels, dtype="float32", quality="VHQ")
        with soundfile.SoundFile(target, "w", rate, file.channels, "PCM_16", format="FLAC") as out:
            for first in range(0, file.frames, BLOCK):
                last = min(first + BLOCK, file.frames)
                samples = stream.resample_chunk(file.read(first, last), last=last == file.frames)
                out.write(np.clip(samples, -1, 1))
                if target.error is not None:
                    return
