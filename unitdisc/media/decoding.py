"""The one way to the samples of a recording: how many can be decoded, and any stretch of them, exactly.

What a header says is believed only where it cannot be wrong unnoticed (WAV, FLAC and the like). MP3 and Ogg are gone
through from frame to frame and from page to page, without decoding; what does not tell its length is decoded to its
end. What was found out about a file is remembered, so that it need not be found out again for every utterance in it.
"""

import io
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

import numpy as np
import soundfile

from unitdisc.media import flac, headers, mpeg, ogg
from unitdisc.media.decoding_errors import AGAIN, DecodingError
from unitdisc.media.open import AudioError, bytes_missing, source, state_of, unreadable
from unitdisc.media.spliced import Bytes, Piece, Spliced
from unitdisc.media.stderr import silence
from unitdisc.media.tars import TarError

BLOCK = 1 << 18  # samples in memory at a time where they are only passed by
NEAR = 1 << 13  # samples that are decoded in vain rather than beginning anew
REMEMBERED = 512  # facts about files
UNKNOWN = 1 << 60  # samples or more: a header that does not know
EXACT = {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"}  # where seeking is exact,
EXACT |= {"ALAC_16", "ALAC_20", "ALAC_24", "ALAC_32", "IMA_ADPCM", "MS_ADPCM"}  # but for
INEXACT = {"SDS"}  # this format
OPUS_SETTLES = 1  # seconds that are decoded before those that are wanted, so that the decoder is as it would be
WALKED = ("OGG", "MP3")  # formats that are gone through
TRUNCATED = re.compile("to be a truncated file|seems to be truncated")  # libsndfile on VOC and MAT4
FRAMES = re.compile(r"^  Frames *: (\d+)$", re.MULTILINE)
PROMISED = {  # how many samples the header promises, last, by what libsndfile says of formats that it cuts in silence
    "AVR": FRAMES,
    "MPC2K": FRAMES,
    "MAT5": re.compile(r"Cols : (\d+)$", re.MULTILINE),
    "WVE": re.compile(r"^Data length (\d+) should be", re.MULTILINE),
}
LENGTH = re.compile(r"^Length : (\d+)", re.MULTILINE)  # libsndfile on the bytes of a file


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


class OpenAudio:
    """A recording that is open: it knows how many samples can be decoded, and reads any of them exactly.

    frames: samples of each channel.
    is_cut: whether something follows them that looks like more, but is not all there.
    The attributes `samplerate`, `channels`, `subtype` and `format` are soundfile's.
    """

    def __init__(self, parts: Sequence[Opened], facts: "Known"):
        self.parts, self.facts = parts, facts
        self.edges = [0, *accumulate(each.part.frames for each in parts)]
        self.frames = self.edges[-1]
        first = parts[0].part
        self.samplerate, self.channels = first.samplerate, first.channels
        self.subtype, self.format = first.subtype, first.format
        self.is_cut = parts[-1].part.is_cut

    def read(self, first: int, last: int, dtype: str = "float32") -> np.ndarray:
        """The samples [first, last), of which there must be so many: [last - first, channels].

        They are those that a reading from the beginning gives, whatever was read before: of MP3 but for the last bit
        of a float (2^-23), of Opus in its mode for speech (SILK), whose decoder never quite forgets where it began, in
        most places, elsewhere to 2e-3. Raises DecodingError if they cannot be decoded.
        """
        found = []
        for number, each in enumerate(self.parts):
            start, stop = max(first, self.edges[number]), min(last, self.edges[number + 1])
            if start < stop:
                found.append(self.read_part(number, start - self.edges[number], stop - self.edges[number], dtype))
            elif len(self.parts) > 1:
                each.close()
        return found[0] if len(found) == 1 else np.concatenate(found or [np.zeros((0, self.channels), dtype)])

    def read_part(self, number: int, first: int, last: int, dtype: str) -> np.ndarray:
        each = self.parts[number]
        samples = each.try_to_read(first, last, dtype)
        if samples is None and self.facts.of(f"count {number}", each.count) >= last:
            samples = each.try_to_read(first, last, dtype)  # now from the beginning, where seeking went wrong
        if samples is None:
            there, promised = self.facts.of(f"count {number}", each.count), self.edges[number + 1]
            what = f"can be decoded up to sample {self.edges[number] + min(there, last - 1)}"
            raise DecodingError(f"{what}, though its header promises {promised}", AGAIN)
        return samples

    def close(self) -> None:
        for each in self.parts:
            each.close()


class Known:
    """What was found out about a file, for as long as it stays as it is; of one without a name, as a pipe's, nothing.

    The facts about the last files are kept for the whole process.
    """

    kept: ClassVar[OrderedDict[tuple, Any]] = OrderedDict()
    lock: ClassVar[Lock] = Lock()

    def __init__(self, path: str):
        self.path = path

    @cached_property
    def file(self) -> tuple | None:
        state = state_of(self.path)
        if state is None:
            return None
        return self.path, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns

    def of(self, what: str, find_out: Callable[[], Any]) -> Any:
        if self.file is None:
            return find_out()
        key = (*self.file, what)
        with self.lock:
            if key in self.kept:
                self.kept.move_to_end(key)
                return self.kept[key]
        found = find_out()
        with self.lock:
            self.kept[key] = found
            while len(self.kept) > REMEMBERED:
                self.kept.popitem(last=False)
        return found


def forget() -> None:
    """In a child process, whose parent may have been within at that moment."""
    Known.lock = Lock()
    Known.kept.clear()


os.register_at_fork(after_in_child=forget)


@contextmanager
def open_audio(path: str | Path, allow_pipes: bool = False) -> Iterator[OpenAudio]:
    """Opens a file, an entry of an archive (`x.ark:123`, `x.tar:512`) or, if allowed, a command's output (`cmd |`).

    Raises AudioError as `audio_info` does, also for what goes wrong while the file is open.
    """
    try:
        with source(str(path), allow_pipes) as stream, ExitStack() as stack:
            decoder = decoder_of(stream, Known(str(path)), stack)
            if not decoder.frames:
                raise AudioError.at(path, "holds no samples", "record it again, or take it off the list")
            yield decoder
    except TarError as error:
        raise AudioError.at(error.file, error.what, error.cure) from error
    except DecodingError as error:
        raise AudioError.at(path, error.what, error.cure) from error
    except (soundfile.SoundFileError, OSError) as error:
        raise unreadable(path, error) from error


def decoder_of(stream: str | io.IOBase, facts: Known, stack: ExitStack) -> OpenAudio:
    """Raises DecodingError if it cannot be decoded as it should, and soundfile's errors."""
    opened = refused = None
    try:
        opened = stack.enter_context(open_again(stream))
    except soundfile.SoundFileError as error:
        refused = error
    part = None if opened is None else plain(opened)
    if part is not None and part.format != "FLAC":
        return decoder(stack, facts, [Opened(part, stream, None, opened)])
    file = stack.enter_context(open(stream, "rb")) if isinstance(stream, str) else stream  # noqa: PTH123, SIM115
    if part is not None and facts.of("ends", lambda: flac.ends_as_listed(file)):
        return decoder(stack, facts, [Opened(part, stream, None, opened if isinstance(stream, str) else None)])
    parts = facts.of("parts", lambda: parts_of(file, opened))
    if not parts:
        raise refused
    whole = opened if parts[0].pieces is None else None
    return decoder(stack, facts, [Opened(part, stream, file, whole) for part in parts])


def decoder(stack: ExitStack, facts: Known, parts: Sequence[Opened]) -> OpenAudio:
    found = OpenAudio(parts, facts)
    stack.callback(found.close)
    return found


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


def plain(opened: Sequential) -> DecodedPart | None:
    """A file of which the header tells all; None where it is worth a closer look.

    Raises DecodingError if the header promises more than there is.
    """
    part = part_of(opened)
    if part.format in WALKED or part.frames >= UNKNOWN:
        return None
    if part.format != "FLAC":
        said = opened.extra_info
        if missing := bytes_missing(said):
            raise DecodingError(f"is truncated: its last {missing} bytes are missing", AGAIN)
        promised = PROMISED[part.format].findall(said) if part.format in PROMISED else []
        if TRUNCATED.search(said) or (promised and int(promised[-1]) > part.frames):
            raise DecodingError(f"is truncated after sample {part.frames}", AGAIN)
        length = LENGTH.search(said)
        samples = part.frames * part.channels
        if headers.is_suspicious(part.format, part.subtype, samples, int(length[1]) if length else 0):
            return None
    return part


def part_of(opened: Sequential, pieces: tuple[Piece, ...] | None = None) -> DecodedPart:
    """All of a file, as its header tells."""
    subtype, format = opened.subtype, opened.format
    exact = subtype in EXACT and format not in INEXACT and soundfile.SoundFile.seekable(opened)
    landing = None if exact else from_the_beginning
    return DecodedPart(opened.frames, opened.samplerate, opened.channels, subtype, format, pieces, landing=landing)


def parts_of(file: io.IOBase, opened: Sequential | None) -> list[DecodedPart]:
    """The streams of a file, one after another; none if it is nothing that is known here.

    opened: the file as soundfile reads it, or None if it cannot.
    """
    content = Bytes(file)
    if content.at(0, 4) == ogg.CAPTURE or (opened and opened.format == "OGG"):
        links = ogg.links(content)
        parts = [ogg_part(file, link, opened if len(links) == 1 else None) for link in links]
    elif streams := mpeg.streams(content) if opened is None or opened.format == "MP3" else []:
        parts = [mpeg_part(file, stream, opened if len(streams) == 1 else None) for stream in streams]
    elif content.at(0, 4) == flac.MARKER:
        edges = [*flac.beginnings(content), content.size()]
        parts = [flac_part(file, content, *stretch) for stretch in pairwise(edges)]
    else:
        parts = odd_parts(file, content, opened)
    refuse_different(parts)
    return parts


def odd_parts(file: io.IOBase, content: Bytes, opened: Sequential | None) -> list[DecodedPart]:
    """A file whose header is wrong about its length, or does not know it."""
    pieces = headers.mended(content)
    if pieces is not None:
        opened = open_pieces(file, pieces)
    if opened is None:
        return []
    part = part_of(opened, pieces)
    if part.frames < UNKNOWN:
        return [part]
    pieces = ((0, content.size()),)
    frames = Opened(replace(part, pieces=pieces), "", file, None).count()
    return [replace(part, frames=frames, pieces=pieces)]


def flac_part(file: io.IOBase, content: Bytes, start: int, stop: int) -> DecodedPart:
    """A FLAC file that lies between two bytes of a file, with as many samples as can be decoded.

    One that promises more is left as it is: whoever reads that far finds out.
    """
    header = flac.listed(content.at(start, flac.FIRST))
    last = max(start, stop - flac.END)
    ends = [*flac.ends(content.at(last, stop - last), header.block)]
    pieces = flac.with_total(content, start, stop, 0)
    part = part_of(open_pieces(file, pieces), pieces)
    frames = header.total
    if not frames or (ends and max(ends) > frames):
        frames = max(frames, Opened(part, "", file, None).count())
    is_cut = not header.total and bool(ends) and ends[0] > frames  # the head of a last frame that is not all there
    pieces = flac.with_total(content, start, stop, frames)  # for it is sought in by its length
    return replace(part, frames=frames, pieces=pieces, is_cut=is_cut)


def refuse_different(parts: Sequence[DecodedPart]) -> None:
    kinds = {(part.samplerate, part.channels): None for part in parts}
    if len(kinds) > 1:
        listed = ", then ".join(f"{rate} samples per second in {channels} channel(s)" for rate, channels in kinds)
        what = f"holds {len(parts)} recordings one after another that differ: {listed}"
        raise DecodingError(what, "split it, or bring them to one rate and number of channels")


def ogg_part(file: io.IOBase, link: ogg.Link, opened: Sequential | None) -> DecodedPart:
    """opened: the file as it is, if it holds nothing else."""
    as_it_is = opened is not None and len(link.ranges) == 1 and link.ranges[0][0] == 0
    pieces = None if as_it_is else tuple(link.ranges)
    read = opened if as_it_is else open_pieces(file, pieces)
    frames, rate, facts = read.frames, read.samplerate, (read.samplerate, read.channels, read.subtype, read.format)
    landing = {"Opus": lambda first: max(first - OPUS_SETTLES * rate, 0), "Vorbis": vorbis_landing(link, frames)}
    return DecodedPart(frames, *facts, pieces, landing=landing.get(link.codec, from_the_beginning))


def vorbis_landing(link: ogg.Link, frames: int) -> Callable[[int], int]:
    """libsndfile (1.2.2) knows where it is after a seek to any page but the last."""
    sought = link.granules[-2] - (link.granules[-1] - frames) if len(link.granules) > 1 else 0
    return lambda first: max(min(first, sought), 0)


def mpeg_part(file: io.IOBase, stream: mpeg.MpegStream, opened: Sequential | None) -> DecodedPart:
    """opened: the file as it is, if it holds nothing else."""
    lead, samples = stream.lead, stream.kind.samples
    pieces, skip = None if opened is not None else ((stream.start, stream.stop),), 0
    if opened is None and stream.is_as_promised:
        opened = open_pieces(file, pieces)
    if opened is None or opened.frames != stream.samples or (stream.tag and not stream.is_as_promised):
        pieces, skip = stream.from_frame(0), lead
        opened = open_pieces(file, pieces)

    def landing(first: int) -> int:
        frame = (first + lead) // samples - mpeg.SETTLE
        return (frame - frame % mpeg.STEP) * samples - lead if frame >= mpeg.STEP else 0

    def spliced(start: int) -> tuple[Piece, ...]:
        return stream.from_frame((start + lead) // samples)

    facts = (stream.kind.rate, opened.channels, opened.subtype, opened.format)
    return DecodedPart(stream.samples, *facts, pieces, skip, landing, spliced, stream.is_cut)
