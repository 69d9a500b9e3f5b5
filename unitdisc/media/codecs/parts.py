"""The parts of a file, each decoded by itself: what its header says, where that can be believed, or what is found."""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import soundfile

from unitdisc.media.codecs import flac, headers, mpeg, ogg
from unitdisc.media.codecs.decoder import DecodedPart, Opened, Sequential, from_the_beginning, open_pieces
from unitdisc.media.codecs.spliced import Bytes, Piece
from unitdisc.media.decoding_errors import AGAIN, DecodingError
from unitdisc.media.open import bytes_missing

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
