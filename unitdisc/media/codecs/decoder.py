"""Decodes a stretch of a file: any samples of it, exactly, and how many there are."""

import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import soundfile

from unitdisc.media.codecs.spliced import Piece, Spliced
from unitdisc.media.stderr import silence

BLOCK = 1 << 18  # samples in memory at a time where they are only passed by
NEAR = 1 << 13  # samples that are decoded in vain rather than beginning anew


@dataclass(frozen=True)
class DecodedPart:
    """A stretch of a file that is decoded by itself: of most files all."""

    frames: int
    samplerate: int
    channels: int
    subtype: str
    format: str
    pieces: tuple[Piece, ...] | None = None  # what is decoded, if that is not the file as it is
    skip: int = 0  # samples before the first of the part
    landing: Callable[[int], int] | None = None  # where to begin, so that from `first` on all is as from 0; None: there
    spliced: Callable[[int], Sequence[Piece]] | None = None  # what to decode from there; default: seek there
    is_cut: bool = False  # whether something that cannot be decoded follows its last sample


def from_the_beginning(first: int) -> int:
    """The landing where nothing else is sure."""
    return 0


class Sequential(soundfile.SoundFile):
    """Reads on and on: soundfile itself seeks after every read to where it is, which fails in FLAC that is cut off."""

    def seekable(self) -> bool:
        return False


class Opened:
    """A part that is being read."""

    def __init__(self, part: DecodedPart, stream: str | io.IOBase, file: io.IOBase | None, opened: Sequential | None):
        self.part, self.stream, self.file = part, stream, file
        self.opened, self.position = opened, -part.skip
        self.landing = part.landing

    def try_to_read(self, first: int, last: int, dtype: str) -> np.ndarray | None:
        """[last - first, channels]; None if they cannot be decoded."""
        with silence, suppress(soundfile.SoundFileError):
            self.reach(first)
            samples = self.take(last - first, dtype)
            if len(samples) == last - first:
                return samples
        self.close()
        self.landing = from_the_beginning
        return None

    def reach(self, first: int) -> None:
        start = first if self.landing is None else self.landing(first)
        near = self.landing is not None and first - NEAR <= self.position
        if self.opened is None or first < self.position or not (near or start <= self.position):
            self.begin_at(start)
        while self.position < first and len(self.take(min(BLOCK, first - self.position), "float32")):
            pass

    def take(self, count: int, dtype: str) -> np.ndarray:
        samples = self.opened.read(count, dtype, always_2d=True)
        self.position += len(samples)
        return samples

    def begin_at(self, start: int) -> None:
        """A decoder that has read before may seek to another place than one that has not (libsndfile's of Vorbis)."""
        spliced = self.part.spliced if start else None
        if self.landing is not None or self.opened is None:
            self.open(spliced(start) if spliced else self.part.pieces)
        if self.position != start and not spliced and self.opened.seek(start) != start:
            raise soundfile.SoundFileRuntimeError(f"sample {start} cannot be sought")
        self.position = start or -self.part.skip

    def open(self, pieces: Sequence[Piece] | None) -> None:
        self.close()
        self.opened = open_again(self.stream) if pieces is None else open_pieces(self.file, pieces)
        self.position = 0

    def close(self) -> None:
        if self.opened is not None:
            self.opened.close()
            self.opened = None

    def count(self) -> int:
        """How many samples can be decoded from the beginning, whatever a header says."""
        there, size = 0, BLOCK
        with silence:
            while size:  # what is read together with something damaged is lost, so: less and less at a time
                self.close()
                self.landing = from_the_beginning
                with suppress(soundfile.SoundFileError):
                    self.reach(there)
                    while got := len(self.take(size, "float32")):
                        there += got
                    size = 0
                size //= 64
            self.close()
        return there


def open_again(stream: str | io.IOBase) -> Sequential:
    if not isinstance(stream, str):
        stream.seek(0)
    try:
        with silence:
            return Sequential(stream)
    except TypeError as error:  # soundfile's way to say so
        raise OSError("raw samples without a header") from error


def open_pieces(file: io.IOBase, pieces: Sequence[Piece]) -> Sequential:
    with silence:
        return Sequential(Spliced(file, pieces))
