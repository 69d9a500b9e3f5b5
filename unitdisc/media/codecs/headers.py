"""Headers of WAV, RF64, AIFF, CAF, AU and NIST SPHERE that are wrong about how many bytes of samples follow them.

Those that do not know, as where they were written into a pipe, or where recording was interrupted, are mended, so that
all is read; those that say something else are refused.
"""

import re
from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from unitdisc.media.codecs.spliced import Bytes, Piece
from unitdisc.media.decoding_errors import AGAIN, DecodingError
from unitdisc.media.open import STREAMED

SLACK = 4096  # bytes beside the samples that are no reason to look closer
WIDTHS = {
    "PCM_S8": 1,
    "PCM_U8": 1,
    "ULAW": 1,
    "ALAW": 1,
    "PCM_16": 2,
    "PCM_24": 3,
    "PCM_32": 4,
    "FLOAT": 4,
    "DOUBLE": 8,
}
FORMATS = {"WAV", "WAVEX", "RF64", "AIFF", "CAF", "AU"}
SPHERE = ("sample_count", "sample_n_bytes", "channel_count")  # what tells the bytes of samples of NIST SPHERE
UNKNOWN = b"\xff\xff\xff\xff"  # a size that is not known
ANEW = "copy it again; if it is all there, write its header anew (sox --ignore-length OLD NEW)"


class ChunkLayout(NamedTuple):
    """How a format names its parts, which are called chunks."""

    order: str  # of the bytes of a size
    width: int  # bytes of a size
    first: int  # byte of the first chunk
    samples: bytes  # the chunk that holds them


LAYOUTS = {
    b"RIFF": ChunkLayout("little", 4, 12, b"data"),
    b"RF64": ChunkLayout("little", 4, 12, b"data"),
    b"FORM": ChunkLayout("big", 4, 12, b"SSND"),
    b"caff": ChunkLayout("big", 8, 8, b"data"),
}


class Chunk(NamedTuple):
    name: bytes
    start: int  # byte of its content
    size: int  # bytes of it, as listed


class Samples(NamedTuple):
    """Where the samples are, by the header."""

    start: int  # byte
    size: int  # bytes, as listed
    known: bool  # whether this means anything
    field: int  # byte where a size is listed that counts
    right: bytes  # what should be there
    followed: bool  # whether other chunks follow, as far as the file goes


def is_suspicious(format: str, subtype: str, samples: int, length: int) -> bool:
    """Whether a file of so many bytes has no samples (of all channels), or much beside them."""
    if format == "NIST":  # of which libsndfile believes the length of the file
        return True
    return format in FORMATS and (not samples or length - samples * WIDTHS.get(subtype, length) > SLACK)


def mended(file: Bytes) -> tuple[Piece, ...] | None:
    """The file as it would be if its header knew its length; None if there is nothing to mend, or of other formats.

    Raises DecodingError if the header promises more than there is, or much less.
    """
    samples, end = samples_of(file), file.size()
    if samples is None or (samples.size == 0 and samples.followed):
        return None
    there = end - samples.start
    if not samples.known:
        after = samples.field + len(samples.right)
        return ((0, samples.field), samples.right, (after, end)) if there > 0 else None
    if samples.size > there:
        raise DecodingError(f"is truncated: its last {samples.size - there} bytes are missing", AGAIN)
    if samples.size + SLACK < there and not samples.followed:
        what = f"has a header that lists {samples.size} bytes of samples, though {there} bytes follow"
        raise DecodingError(what, ANEW)
    return None


def samples_of(file: Bytes) -> Samples | None:
    magic, end = file.at(0, 4), file.size()
    if magic == b".snd":
        start, size = (int.from_bytes(file.at(place, 4)) for place in (4, 8))
        return Samples(start, size, 0 < size < STREAMED, 8, UNKNOWN, size > 0 and start + size == end)
    if magic == b"NIST":
        return samples_of_sphere(file.at(0, SLACK))
    if magic not in LAYOUTS:
        return None
    layout = LAYOUTS[magic]
    found = {chunk.name: chunk for chunk in chunks(file, layout, layout.first)}
    if layout.samples not in found:
        return None
    _, start, size = found[layout.samples]
    field, there = start - layout.width, end - start
    right = UNKNOWN if layout.order == "little" else there.to_bytes(layout.width, "big")
    if b"ds64" in found and size == 0xFFFFFFFF:  # of RF64: there are the sizes that are too large for their places
        field, right = found[b"ds64"].start + 8, there.to_bytes(8, "little")
        size = int.from_bytes(file.at(field, 8), "little")
    known = 0 < size <= there or 0 < size < STREAMED
    after = start + size + size % 2
    return Samples(start, size, known, field, right, after < end and whole(chunks(file, layout, after), end))


def samples_of_sphere(head: bytes) -> Samples | None:
    """A header of lines such as "sample_count -i 16000", of a length that its second line says."""
    length = re.match(rb"NIST_1A\s+(\d+)", head)
    counts = [re.search(rb"^%s -i (\d+)" % name.encode(), head, re.MULTILINE) for name in SPHERE]
    if length is None or counts[0] is None:
        return None
    return Samples(int(length[1]), prod(int(count[1]) for count in counts if count), True, 0, b"", True)


def chunks(file: Bytes, layout: ChunkLayout, position: int) -> Iterator[Chunk]:
    """The chunks from here on, as long as they have names."""
    end = file.size()
    while position < end:
        head = file.at(position, 4 + layout.width)
        if len(head) < 4 + layout.width or not all(32 <= byte < 127 for byte in head[:4]):
            return
        chunk = Chunk(head[:4], position + len(head), int.from_bytes(head[4:], layout.order))
        yield chunk
        position = chunk.start + chunk.size + chunk.size % 2


def whole(found: Iterator[Chunk], end: int) -> bool:
    """Whether the last of these chunks ends where the file does."""
    stop = 0
    for chunk in found:
        stop = chunk.start + chunk.size
    return abs(end - stop) <= 8
