"""FLAC (RFC 9639): whether a file ends where its header says, and where others begin in it. Nothing is decoded."""

import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from unitdisc.media.codecs.spliced import Bytes, read_all

MARKER = b"fLaC"
BEGINNING = re.compile(MARKER + rb"[\x00\x80]\x00\x00\x22")  # with the head of the block after it
TOTAL = 18  # where a FLAC file has 8 bytes of which the last 36 bits are its length
FIRST = 26  # bytes that hold it and what else is wanted of a header
LENGTHS = (1 << 36) - 1
SMALL = 1 << 20  # bytes of a file that is looked at whole
END = 1 << 16  # bytes at the end of others
SYNC = re.compile(rb"\xff[\xf8\xf9]")  # what a frame begins with
SIZES = {1: 192, 2: 576, 3: 1152, 4: 2304, 5: 4608, **{code: 1 << code for code in range(8, 16)}}  # of blocks, by code
RATES = {12: 1, 13: 2, 14: 2}  # bytes of a rate that has no code of its own


class FlacHeader(NamedTuple):
    """What a header tells."""

    block: int  # samples of a frame, of which the last may have fewer
    longest: int  # bytes of a frame; 0 if it is not known
    total: int  # samples; 0 if it is not known


def listed(head: bytes) -> FlacHeader:
    """head: its first bytes."""
    lengths = int.from_bytes(head[TOTAL : TOTAL + 8])
    return FlacHeader(int.from_bytes(head[10:12]), int.from_bytes(head[15:18]), lengths & LENGTHS)


def ends_as_listed(file: io.IOBase) -> bool:
    """Whether the last frames are those that the header promises, so far as can be seen without reading a large file.

    True of what does not begin as FLAC does, as where tags come first.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    content = read_all(file, size if size <= SMALL else FIRST)
    if content[:4] != MARKER:
        return True
    header = listed(content)
    if size <= SMALL:
        if BEGINNING.search(content, len(MARKER)):
            return False
    else:
        frames = -(-header.total // max(header.block, 1))
        if header.longest and size > SMALL + frames * header.longest:  # beside frames: pictures and the like
            return False
        file.seek(max(size - END, 0))
        content = read_all(file, END)
    first = next(found := ends(content[-END:], header.block), None)
    return first in (None, header.total) or header.total in found


def ends(content: bytes, block: int) -> Iterator[int]:
    """Where frames end, in samples, of which there seem to be heads, from the last one on."""
    for place in reversed([match.start() for match in SYNC.finditer(content)]):
        if (end := end_of(content[place : place + 16], block)) is not None:
            yield end


def end_of(head: bytes, block: int) -> int | None:
    """Where a frame ends, in samples, by its head; None if this is no head of a frame."""
    if len(head) < 6 or head[1] & 0xFE != 0xF8 or head[3] & 1:
        return None
    ones = f"{head[4]:08b}".find("0")  # the number is coded as characters are in UTF-8
    size, rate = divmod(head[2], 16)
    if ones in (1, -1) or rate == 15 or size == 0:
        return None
    number, after = head[4] & (0x7F >> ones), 4 + max(ones, 1)
    for byte in head[5:after]:
        number = number << 6 | byte & 0x3F
    count, more = SIZES.get(size, 0), {6: 1, 7: 2}.get(size, 0)
    if more:
        count = int.from_bytes(head[after : after + more]) + 1
    after += more + RATES.get(rate, 0)
    if len(head) <= after or checksum(head[:after]) != head[after]:
        return None
    return number * (1 if head[1] & 1 else block) + count


def checksum(head: bytes) -> int:
    """CRC-8 of x^8 + x^2 + x + 1."""
    found = 0
    for byte in head:
        found ^= byte
        for _ in range(8):
            found = (found << 1) ^ (0x107 if found & 0x80 else 0)
    return found


def beginnings(file: Bytes, position: int = 0) -> Iterator[int]:
    """The bytes at which FLAC files begin, one after another, from a position on."""
    while (position := file.find(MARKER, position)) >= 0:
        if BEGINNING.match(file.at(position, 8)):
            yield position
        position += 1


def with_total(file: Bytes, start: int, stop: int, total: int) -> tuple[tuple[int, int] | bytes, ...]:
    """The bytes [start, stop) of a file, with so many samples in their header; 0: not known."""
    place = start + TOTAL
    lengths = int.from_bytes(file.at(place, 8)) & ~LENGTHS | total
    return (start, place), lengths.to_bytes(8), (place + 8, stop)
