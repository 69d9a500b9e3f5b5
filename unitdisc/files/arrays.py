"""Arrays in .npy files, read by several threads."""

import sys
from contextlib import nullcontext
from pathlib import Path
from threading import Lock

import numpy as np

# Python before 3.13 counts in one place for all threads how deeply it is in a literal, such as the header of a .npy
# file: of two threads that read one at a time, one may fail at a good file (CPython's issue 106905).
HEADERS = Lock() if sys.version_info < (3, 13) else nullcontext()


def read_array(path: Path, mapped: bool = False) -> np.ndarray:
    """The array in a .npy file. Raises what `numpy.load` raises.

    mapped: of which only a part will be looked at; the rest is not read.
    """
    with HEADERS:
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
