"""Ogg (RFC 3533): which streams of sound a file holds, and whether all of each is there.

Nothing is decoded. The checksum of every page is compared, so damage is found wherever it is.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from unitdisc.media.codecs.spliced import Bytes
from unitdisc.media.decoding_errors import AGAIN, CONVERT, DecodingError

CAPTURE = b"OggS"
HEADER = struct.Struct("<4sBBqIIIB")
BEGINS, ENDS = 2, 4  # flags of a page
NO_GRANULE = -1  # of a page on which no packet ends
LONGEST = HEADER.size + 255 + 255 * 255  # bytes of a page
PACKET = 19  # bytes of a first packet that say what is needed of it
SOUND = {b"\x01vorbis": "Vorbis", b"OpusHead": "Opus", b"\x7fFLAC": "FLAC", b"Speex   ": "Speex"}
OPUS_RATES = (8000, 12000, 16000, 24000)  # libsndfile decodes at the first that is no lower than the original's, or at
OPUS_GRANULES = 48_000  # the rate of granules
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
ANEW = "copy it again; if there is no more of it, write it anew (ffmpeg -i OLD -c copy NEW)"


class OggPage(NamedTuple):
    start: int  # byte
    stop: int
    flags: int
    granule: int  # samples up to its end, or such
    serial: int  # of its stream
    sequence: int
    packet: bytes  # the first bytes of its first packet


@dataclass
class Link:
    """A stream of sound, from its first page to its last."""

    codec: str
    first: OggPage
    ranges: list[tuple[int, int]] = field(default_factory=list)  # bytes [start, stop) of its pages; neighbours joined
    granules: list[int] = field(default_factory=list)  # of the last two pages that have one
    sequence: int = 0  # of the next page
    ended: bool = False

    def add(self, page: OggPage, samples: int) -> None:
        """Raises DecodingError if pages before this one, after so many samples, are missing."""
        if self.ranges and page.sequence != self.sequence:
            what = f"pages are missing before byte {page.start}"
            raise DecodingError(f"is damaged after sample {samples}: {what}", AGAIN)
        if self.ranges and self.ranges[-1][1] == page.start:
            self.ranges[-1] = (self.ranges[-1][0], page.stop)
        else:
            self.ranges.append((page.start, page.stop))
        if page.granule != NO_GRANULE:
            self.granules = [*self.granules[-1:], page.granule]
        self.sequence, self.ended = page.sequence + 1, bool(page.flags & ENDS)

    @property
    def samples(self) -> int:
        """How many there are up to the last page seen, as far as granules tell."""
        granule = self.granules[-1] if self.granules else 0
        if self.codec != "Opus":
            return granule
        skipped, original = struct.unpack_from("<HI", self.first.packet, 10)
        rate = next((rate for rate in OPUS_RATES if original <= rate), OPUS_GRANULES)
        return max(granule - skipped, 0) * rate // OPUS_GRANULES


def checksum(page: bytes) -> int:
    """Ogg's CRC-32: that of zlib, but for the order of the bits, and without its inversions."""
    mirrored = zlib.crc32(page.translate(REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def page_at(file: Bytes, start: int) -> OggPage | None:
    """The page that begins at a byte; None if none does, or if it is damaged or cut off."""
    content = file.at(start, LONGEST)
    if content[:4] != CAPTURE or len(content) < HEADER.size:
        return None
    _, _, flags, granule, serial, sequence, listed, segments = HEADER.unpack_from(content)
    body = HEADER.size + segments
    size = body + sum(content[HEADER.size : body])
    if len(content) < size or checksum(content[:22] + bytes(4) + content[26:size]) != listed:
        return None
    return OggPage(start, start + size, flags, granule, serial, sequence, content[body : min(size, body + PACKET)])


def pages(file: Bytes) -> Iterator[OggPage | tuple[int, int]]:
    """The whole pages of a file, and the bytes [start, stop) between them, and after them, that are none."""
    end = position = 0
    while (position := file.find(CAPTURE, position)) >= 0:
        page = page_at(file, position)
        if page is None:
            position += 1
            continue
        if end < position:
            yield end, position
        yield page
        end = position = page.stop
    if rest := len(file.at(end, LONGEST)):
        yield end, end + rest


def links(file: Bytes) -> list[Link]:
    """The streams of sound of a file, one after another.

    Raises DecodingError if one is damaged or cut off, if none is there, and if some run side by side.
    """
    walk = OggWalk()
    for part in pages(file):
        if isinstance(part, OggPage):
            walk.add(part)
        else:
            walk.pass_by(*part)
    walk.finish(bool(file.find(CAPTURE, walk.stop) >= 0))
    return walk.found


class OggWalk:
    """What the pages of a file show, one after another."""

    def __init__(self):
        self.found: list[Link] = []
        self.others: set[int] = set()  # streams beside the sound: pictures, subtitles
        self.beginning = False  # whether the last page began a stream, so that the next to begin runs beside it
        self.beside: str | None = None  # what sound began there
        self.stop = 0  # of the last page
        self.gap: tuple[int, int] | None = None  # the bytes after it, if they are no page

    def add(self, page: OggPage) -> None:
        """Raises DecodingError where pages are missing or damaged, and where sound runs beside other sound."""
        if self.gap and self.found:
            where = f"bytes {self.gap[0]} to {self.gap[1] - 1} are no whole Ogg page"
            raise DecodingError(f"is damaged after sample {self.samples}: {where}", AGAIN)
        self.gap, self.stop = None, page.stop
        if page.flags & BEGINS:
            self.begin(page)
        self.beginning = bool(page.flags & BEGINS)
        if page.serial in self.others:
            return
        if not self.found or page.serial != self.found[-1].first.serial:
            raise DecodingError(
                f"is damaged: its Ogg page at byte {page.start} is of a stream without beginning", AGAIN
            )
        self.found[-1].add(page, self.samples)

    def begin(self, page: OggPage) -> None:
        if not self.beginning:
            self.refuse_open_end()
            self.others, self.beside = set(), None
        codec = next((name for magic, name in SOUND.items() if page.packet.startswith(magic)), None)
        if codec is None:
            self.others.add(page.serial)
            return
        if self.beside:
            what = f"holds two streams of sound side by side ({self.beside} and {codec})"
            raise DecodingError(what, "write each into a file of its own")
        self.beside = codec
        self.found.append(Link(codec, page))

    def pass_by(self, start: int, stop: int) -> None:
        self.gap = (start, stop)

    @property
    def samples(self) -> int:
        """How many samples come up to here."""
        return sum(link.samples for link in self.found)

    def finish(self, cut: bool) -> None:
        """Raises DecodingError if nothing was found, or if it does not end as it should."""
        if not self.found:
            raise DecodingError("holds no Ogg stream of sound", CONVERT)
        if self.gap and cut:
            what = f"its Ogg page at byte {self.gap[0]} is not all there"
            raise DecodingError(f"is truncated or damaged after sample {self.samples}: {what}", AGAIN)
        self.refuse_open_end()

    def refuse_open_end(self) -> None:
        if self.found and not self.found[-1].ended:
            raise DecodingError(f"is truncated after sample {self.samples}: its Ogg stream has no last page", ANEW)
