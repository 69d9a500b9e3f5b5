"""Files as bytes: looked at here and there without reading all, and put together anew from pieces of others."""

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

AT_ONCE = 1 << 18  # bytes
Piece = tuple[int, int] | int | bytes  # bytes [start, stop) of a file, so many zeros, or bytes


class Bytes:
    """The bytes of a file that is walked through from its beginning to its end, some at a time in memory."""

    def __init__(self, file: io.IOBase):
        self.file, self.start, self.block = file, 0, b""

    def at(self, position: int, size: int) -> bytes:
        """The bytes [position, position + size), fewer at the end of the file."""
        first = position - self.start
        if first < 0 or first + size > len(self.block):
            self.file.seek(position)
            self.start, self.block, first = position, read_all(self.file, max(size, AT_ONCE)), 0
        return self.block[first : first + size]

    def size(self) -> int:
        return self.file.seek(0, io.SEEK_END)

    def find(self, wanted: bytes, position: int) -> int:
        """Where `wanted` comes next; -1 if it does not."""
        while len(block := self.at(position, AT_ONCE)) >= len(wanted):
            if (found := block.find(wanted)) >= 0:
                return position + found
            position += len(block) - len(wanted) + 1
        return -1


def read_all(file: io.IOBase, size: int) -> bytes:
    """So many bytes, fewer only at the end: a raw file may give fewer at a time."""
    parts = []
    while size > 0 and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


class FileView(io.RawIOBase):
    """What lies elsewhere, in a file, as a file of its own: `size` bytes, from `position` on the next to be read."""

    def __init__(self, file: io.IOBase, size: int):
        self.file, self.size, self.position = file, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        return self.position


class Window(FileView):
    """The bytes [start, start + size) of a file, as a file."""

    def __init__(self, file: io.BufferedReader, start: int, size: int):
        super().__init__(file, size)
        self.start = start

    def readinto(self, buffer) -> int:
        view = memoryview(buffer).cast("B")[: max(self.size - self.position, 0)]
        self.file.seek(self.start + self.position)
        count = self.file.readinto(view)
        self.position += count
        return count


class Spliced(FileView):
    """Pieces, one after another, as a file; those of `file` are read only when they are wanted."""

    def __init__(self, file: io.IOBase, pieces: Sequence[Piece]):
        self.edges = [0, *accumulate(size_of(piece) for piece in pieces)]
        self.pieces = pieces
        super().__init__(file, self.edges[-1])

    def readinto(self, buffer) -> int:
        view = memoryview(buffer).cast("B")
        count = 0
        while count < len(view) and 0 <= self.position < self.size:
            part = self.part(len(view) - count)
            if not part:
                break
            view[count : count + len(part)] = part
            count += len(part)
            self.position += len(part)
        return count

    def part(self, size: int) -> bytes:
        """Bytes from here on, at most to the end of the piece."""
        number = bisect_right(self.edges, self.position) - 1
        within, piece = self.position - self.edges[number], self.pieces[number]
        if isinstance(piece, int):
            return bytes(min(size, piece - within))
        if isinstance(piece, bytes):
            return piece[within : within + size]
        self.file.seek(piece[0] + within)
        return self.file.read(min(size, piece[1] - piece[0] - within))


def size_of(piece: Piece) -> int:
    if isinstance(piece, int):
        return piece
    return len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
