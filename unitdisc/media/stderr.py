"""Keeping libraries written in C from writing to stderr, where what they say names no file."""

import ctypes
import os
import sys
import threading
from functools import cache


class Silence:
    """While any thread is within, nothing that C prints by way of its `stderr` is seen.

    libsndfile's MP3 decoder says there what it makes of a frame, of healthy files too. It is C's `stderr` that points
    elsewhere, not the file descriptor 2: what Python writes, and what other processes write, still comes through, and
    threads need not wait for each other. What cannot be decoded, the caller finds by what is missing.
    """

    def __init__(self):
        self.begin_anew()

    def begin_anew(self) -> None:
        self.lock, self.within = threading.Lock(), 0

    def __enter__(self) -> None:
        with self.lock:
            self.within += 1
            if self.within == 1:
                self.point(elsewhere=True)

    def __exit__(self, *_) -> None:
        with self.lock:
            self.within -= 1
            if self.within == 0:
                self.point(elsewhere=False)

    def point(self, elsewhere: bool) -> None:
        streams = pointers()
        if streams:
            variable, original, nowhere = streams
            variable.value = nowhere if elsewhere else original

    def after_fork(self) -> None:
        """In a child, no other thread goes on that might have been within."""
        if self.within:
            self.point(elsewhere=False)
        self.begin_anew()


@cache
def pointers() -> tuple[ctypes.c_void_p, int, int] | None:
    """C's variable `stderr`, what it holds, and a stream that goes nowhere; None where there is no such variable."""
    name = {"linux": "stderr", "darwin": "__stderrp"}.get(sys.platform)
    if name is None or (sys.platform == "linux" and not has_glibc()):
        return None
    try:
        library = ctypes.CDLL(None)
        variable = ctypes.c_void_p.in_dll(library, name)
        library.fopen.restype = ctypes.c_void_p
        nowhere = library.fopen(os.devnull.encode(), b"w")
    except (OSError, ValueError, AttributeError):
        return None
    return (variable, variable.value, nowhere) if nowhere and variable.value else None


def has_glibc() -> bool:
    """Whether this is the GNU C library: in others, such as musl, the variable must not be written to."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") is not None
    except (ValueError, OSError):
        return False


silence = Silence()
os.register_at_fork(after_in_child=silence.after_fork)
