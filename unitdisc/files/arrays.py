"""Arrays in .npy files: read by several threads, and written whole or not at all."""

import sys
from contextlib import nullcontext
from pathlib import Path
from threading import Lock

import numpy as np

from unitdisc.files.atomic import written_aside

# Python before 3.13 counts in one place for all threads how deeply it is in a literal, such as the header of a .npy
# file: of two threads that read one at a time, one may fail at a good file (CPython's issue 106905).
HEADERS = Lock() if sys.version_info < (3, 13) else nullcontext()


def read_array(path: Path, mapped: bool = False) -> np.ndarray:
    """The array in a .npy file. Raises what `numpy.load` raises.

    mapped: of which only a part will be looked at; the rest is not read.
    """
    with HEADERS:
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes a .npy file as `written_aside` does."""
    with written_aside(path) as aside, aside.open("wb") as file:
        np.save(file, array)
