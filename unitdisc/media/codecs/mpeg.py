"""MPEG audio (ISO 11172-3, 13818-3; MP3): its frames, counted from header to header. Nothing is decoded.

MP3 has no header of its own: what a file holds is what its frames hold. A first frame may carry a tag (Xing or Info, of
which LAME's is one; VBRI) that promises how many there are, and how many samples at both ends are an encoder's padding.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from unitdisc.media.codecs.spliced import Bytes, Piece
from unitdisc.media.decoding_errors import AGAIN, DecodingError

BITRATES = {  # (MPEG 1, layer) -> kbit/s by their index, from 1 on
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by the bits of the version
DECODER_DELAY = 529  # samples by which a decoder is late, which a tag does not count
STEP = 16  # frames; where every so many begin is kept
SETTLE = 32  # frames to decode before those that are wanted: bits of a frame may lie in some of those before it
CHAIN = 3  # frames in a row that are no accident
LOOKED_AT = 48  # bytes of a frame, among which a tag begins
LONGEST_FREE = 6000  # bytes of a frame of free format
BEFORE = 1 << 20  # bytes before the first frame that are searched for it


class Kind(NamedTuple):
    """What all frames of a stream have in common."""

    version: int  # bits: 3 is MPEG 1, 2 is MPEG 2, 0 is "MPEG 2.5"
    layer: int
    rate: int
    channels: int

    @property
    def samples(self) -> int:
        """Samples of a frame, of each channel."""
        return 384 if self.layer == 1 else 576 if self.layer == 3 and self.version != 3 else 1152

    @property
    def side(self) -> int:
        """Where a tag of Xing's kind begins in a frame."""
        return 4 + ((17, 32) if self.version == 3 else (9, 17))[self.channels - 1]


class Header(NamedTuple):
    kind: Kind
    size: int  # bytes of the frame; 0 in free format, where no header says it
    padding: int  # bytes of these


class Tag(NamedTuple):
    """What the first frame of a stream promises; None where it does not say."""

    frames: int | None
    bytes: int | None  # from this frame on
    delay: int | None = None  # samples at the beginning that an encoder added; None of a tag that knows no such thing
    padding: int = 0  # and at the end


@dataclass
class MpegStream:
    """Frames of one kind, one after another."""

    kind: Kind
    tag: Tag | None
    start: int  # byte, the tag's frame included
    stop: int
    frames: int = 0  # without the tag's
    largest: int = 0  # bytes
    is_cut: bool = False  # whether another frame begins after the last one, but does not end
    steps: array = field(default_factory=lambda: array("q"))  # where every `STEP`th frame begins

    def add(self, position: int, size: int) -> None:
        if self.frames % STEP == 0:
            self.steps.append(position)
        self.frames += 1
        self.largest = max(self.largest, size)
        self.stop = position + size

    @property
    def raw(self) -> int:
        """How many samples the frames hold, those that an encoder added included."""
        return self.frames * self.kind.samples

    @property
    def lead(self) -> int:
        """How many samples decoders leave out at the beginning."""
        return self.tag.delay + DECODER_DELAY if self.tag and self.tag.delay is not None else 0

    @property
    def samples(self) -> int:
        """How many samples there are without those that an encoder added, as far as the tag is right."""
        added = self.tag.padding - DECODER_DELAY if self.is_as_promised else 0
        return max(self.raw - self.lead - max(added, 0), 0)

    @property
    def is_as_promised(self) -> bool:
        """Whether decoders that believe the tag give all there is."""
        return self.tag is not None and self.tag.frames == self.frames and self.tag.delay is not None

    def missing(self) -> int:
        """How many frames the tag promises that are not there: 0 if it is but wrong about its own file."""
        if self.tag is None or not self.tag.frames or self.tag.frames <= self.frames + 1:
            return 0
        if self.tag.bytes and self.start + self.tag.bytes <= self.stop + self.largest:
            return 0
        return self.tag.frames - self.frames

    def from_frame(self, first: int) -> tuple[Piece, ...]:
        """A file of the frames from here on, of which `first` is a multiple of `STEP`.

        Without a tag, libsndfile takes the number of bytes for what tells the length: zeros at the end make it enough.
        """
        start = self.steps[first // STEP]
        zeros = (self.frames - first + 2) * self.largest - (self.stop - start)
        return ((start, self.stop), max(zeros, 0))


@lru_cache(1 << 12)
def header_of(head: bytes) -> Header | None:
    """What the first four bytes of a frame say; None if no frame begins with them."""
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    index, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or index == 15 or rate == 3 or head[3] & 3 == 2:
        return None
    kind = Kind(version, layer, RATES[version][rate], 1 if head[3] >> 6 == 3 else 2)
    padding = (head[2] >> 1 & 1) * (4 if layer == 1 else 1)
    if index == 0:
        return Header(kind, 0, padding)
    bits = BITRATES[version == 3, layer][index - 1] * 1000
    if layer == 1:
        return Header(kind, 12 * bits // kind.rate * 4 + padding, padding)
    return Header(kind, kind.samples // 8 * bits // kind.rate + padding, padding)


def tag_of(frame: bytes, kind: Kind, more: Callable[[int, int], bytes]) -> Tag | None:
    """The tag in a frame of which the first bytes are given, `more(offset, size)` the others; None if it has none."""
    if kind.layer != 3:
        return None
    if frame[36:40] == b"VBRI":
        return Tag(int.from_bytes(more(50, 4)), int.from_bytes(more(46, 4)))
    if frame[kind.side : kind.side + 4] not in (b"Xing", b"Info"):
        return None
    flags, position, found = int.from_bytes(more(kind.side + 4, 4)), kind.side + 8, []
    for bit, size in ((1, 4), (2, 4), (4, 100), (8, 4)):
        there = flags & bit
        found.append(int.from_bytes(more(position, 4)) if there else None)
        position += size if there else 0
    added = int.from_bytes(more(position + 21, 3)) if more(position, 1) != b"\0" else 0
    return Tag(*found[:2], added >> 12, added & 0xFFF)


def other_tag(file: Bytes, position: int) -> int:
    """How many bytes a tag of ID3 or APE has that begins here; 0 if none does."""
    head = file.at(position, 32)
    if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 128:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        return size + (20 if head[5] & 16 else 10)
    if head[:3] == b"TAG":
        return 227 if head[3:4] == b"+" else 128
    if head[:8] == b"APETAGEX":
        is_header = int.from_bytes(head[20:24], "little") >> 29 & 1
        return 32 + (int.from_bytes(head[12:16], "little") if is_header else 0)
    return 0


class Frame(NamedTuple):
    kind: Kind
    stop: int
    tag: Tag | None


def streams(file: Bytes) -> list[MpegStream]:
    """The streams of a file, one after another: none if there are no frames at its beginning.

    Raises DecodingError if there is something else between two frames, and if frames are missing that a tag promises.
    """
    return MpegWalk(file).streams()


class MpegWalk:
    """Goes from frame to frame through a file."""

    def __init__(self, file: Bytes):
        self.file, self.end = file, file.size()
        self.found: list[MpegStream] = []
        self.free: dict[Kind, int] = {}  # bytes of frames in free format, without padding

    def streams(self) -> list[MpegStream]:
        position = self.search(self.after_tags(0), BEFORE, None)
        while position is not None:
            position = self.go_on(self.along(position))
        for stream in self.found:
            if missing := stream.missing():
                what = f"is truncated after sample {self.samples}: its last {missing} frames are missing"
                raise DecodingError(what, AGAIN)
        return [stream for stream in self.found if stream.frames]

    @property
    def samples(self) -> int:
        """How many samples come up to here."""
        return sum(max(stream.raw - stream.lead, 0) for stream in self.found)

    def along(self, position: int) -> int:
        """Takes the frames that follow each other from here on; where the last one ends."""
        while frame := self.frame_at(position):
            if frame.tag or not self.found or frame.kind != self.found[-1].kind:
                self.found.append(MpegStream(frame.kind, frame.tag, position, frame.stop))
            if not frame.tag:
                self.found[-1].add(position, frame.stop - position)
            position = frame.stop
        return position

    def frame_at(self, position: int) -> Frame | None:
        """The frame that begins here, if it is whole, and no accident where it is unlike the last one."""
        first = self.file.at(position, LOOKED_AT)
        header = header_of(first[:4])
        if header is None:
            return None
        stop = position + (header.size or self.free_size(position, header))
        if stop == position or stop > self.end:
            return None
        tag = tag_of(first, header.kind, lambda offset, size: self.file.at(position + offset, size))
        if tag is None and self.found and header.kind != self.found[-1].kind and not self.is_chain(position, None):
            return None
        return Frame(header.kind, stop, tag)

    def free_size(self, position: int, header: Header) -> int:
        """Bytes of a frame in free format: that from one header to the next, and to the next; 0 if it is none."""
        if header.kind in self.free:
            return self.free[header.kind] + header.padding
        block = self.file.at(position, 2 * LONGEST_FREE + 8)
        for size in range(LOOKED_AT, min(LONGEST_FREE, len(block)) + 1):
            following = header_of(block[size : size + 4])
            if following is None or following.size or following.kind != header.kind:
                continue
            again = header_of(block[2 * size + following.padding - header.padding :][:4])
            if again and again.kind == header.kind and not again.size:
                self.free[header.kind] = size - header.padding
                return size
        return 0

    def is_chain(self, position: int, kind: Kind | None) -> bool:
        """Whether some frames of one kind follow each other from here on, or as many as there are before the end."""
        for _ in range(CHAIN):
            header = header_of(self.file.at(position, 4))
            if header is None or kind not in (None, header.kind):
                return False
            kind, size = header.kind, header.size or self.free_size(position, header)
            position += size
            if not size or position > self.end:
                return False
            if position == self.end or other_tag(self.file, position):
                return True
        return True

    def search(self, position: int, most: int, kind: Kind | None) -> int | None:
        """Where the next frames begin, of this kind if one is given, within so many bytes."""
        last = min(position + most, self.end)
        while 0 <= (position := self.file.find(b"\xff", position)) < last:
            if self.is_chain(position, kind):
                return position
            position += 1
        return None

    def after_tags(self, position: int) -> int:
        while tag := other_tag(self.file, position):
            position += tag
        return position

    def go_on(self, position: int) -> int | None:
        """Where frames go on after something else; None if they do not."""
        after = self.after_tags(position)
        following = self.search(after, self.end, self.found[-1].kind)
        if following is None:
            header = header_of(self.file.at(position, 4))
            self.found[-1].is_cut = header is not None and header.kind == self.found[-1].kind
            return None
        frame = self.frame_at(following)
        if after == position and frame and not frame.tag:  # no recording begins there
            where = f"bytes {position} to {following - 1} are no MPEG frames"
            raise DecodingError(f"is damaged after sample {self.samples}: {where}", AGAIN)
        return following
