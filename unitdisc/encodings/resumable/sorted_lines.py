"""Any number of lines in the order of their names, with few of them in memory (an external merge sort)."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from heapq import merge
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from unitdisc.files import writing

IN_MEMORY = 1 << 26  # bytes of lines, and what keeping them takes
KEEPING = 300  # bytes a line
AT_ONCE = 1 << 16  # bytes of a run that are read at a time


class SortedLines:
    """Takes lines in any order and gives them in that of their names; of several with one name the last that came.

    folder: where those that memory does not hold are kept, in a file without a name that goes with the process.
    name_of: the name of a line.
    """

    def __init__(self, folder: Path, name_of: Callable[[bytes], str]):
        self.folder, self.name_of = folder, name_of
        self.newest: dict[str, bytes] = {}
        self.size = 0
        self.file: BinaryIO | None = None
        self.runs: list[tuple[int, int]] = []  # where each begins in the file, and ends

    def __enter__(self) -> "SortedLines":
        return self

    def __exit__(self, *_: object) -> None:
        if self.file is not None:
            with suppress(OSError):  # of a full disk, which was told of before
                self.file.close()

    def add(self, name: str, line: bytes) -> None:
        """line: without its end."""
        self.newest[name] = line
        self.size += len(line) + KEEPING
        if self.size >= IN_MEMORY:
            self.write_run()

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """Name and line of each."""
        runs = [self.read_run(*run) for run in self.runs] + [iter(sorted(self.newest.items()))]
        for _, same in groupby(merge(*runs, key=itemgetter(0)), key=itemgetter(0)):  # what came last is given last
            *_, last = same
            yield last

    def write_run(self) -> None:
        if self.file is None:
            self.file = TemporaryFile(dir=self.folder)  # noqa: SIM115 (closed by __exit__)
        start = self.file.tell()
        with writing(self.folder):
            self.file.writelines(self.newest[name] + b"\n" for name in sorted(self.newest))
            self.file.flush()
        self.runs.append((start, self.file.tell()))
        self.newest, self.size = {}, 0

    def read_run(self, place: int, end: int) -> Iterator[tuple[str, bytes]]:
        while place < end:
            self.file.seek(place)  # others read elsewhere meanwhile
            for line in self.file.readlines(AT_ONCE):
                if place < end:
                    place += len(line)
                    yield self.name_of(line), line[:-1]
