"""Arrays in .npy files: read by several threads, and written whole or not at all."""

import re
import sys
from contextlib import nullcontext
from pathlib import Path
from threading import Lock

import numpy as np

from unitdisc.files.atomic import written_aside

# Python before 3.13 counts in one place for all threads how deeply it is in a literal, such as the header of a .npy
# file: of two threads that read one at a time, one may fail at a good file (CPython's issue 106905).
HEADERS = Lock() if sys.version_info < (3, 13) else nullcontext()
LONGEST_HEADER = 128  # bytes, of a plain file
PLAIN = re.compile(
    rb"\x93NUMPY\x01\x00v\x00\{'descr': '(<[fiu][248])', 'fortran_order': False, 'shape': \((\d+), (\d+)\), \} *\n"
)


def read_array(path: Path, mapped: bool = False) -> np.ndarray:
    """The array in a .npy file. Raises what `numpy.load` raises.

    mapped: of which only a part will be looked at; the rest is not read.
    """
    if not mapped and (plain := read_plain(path)) is not None:
        return plain
    with HEADERS:
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)


def read_plain(path: Path) -> np.ndarray | None:
    """The matrix in a whole .npy file as numpy writes most; None where there is anything else: ask `numpy.load`.

    It takes a third of the time of `numpy.load`, which reads the header as Python, and threads need not wait in line.
    """
    with Path(path).open("rb", buffering=0) as file:
        header = PLAIN.fullmatch(file.read(LONGEST_HEADER))
        if header is None:
            return None
        kind, rows, columns = header[1].decode(), int(header[2]), int(header[3])
        left = Path(path).stat().st_size - LONGEST_HEADER
        if not 0 < rows * columns * np.dtype(kind).itemsize <= left:
            return None
        array = np.empty((rows, columns), kind)
        return array if file.readinto(memoryview(array).cast("B")) == array.nbytes else None


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes a .npy file as `written_aside` does."""
    with written_aside(path) as aside, aside.open("wb") as file:
        np.save(file, array)
