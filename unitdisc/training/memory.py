"""The C library's allocator, told to keep what is freed: a training step asks for the same sizes again and again."""

import ctypes
import os

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3  # glibc, malloc.h
SETTINGS = {
    MMAP_THRESHOLD: 32 * 2**20,  # blocks up to this size are not fetched from the system one by one; its upper bound
    TRIM_THRESHOLD: 2**31 - 1,  # nor handed back when the end of the heap is free
    TOP_PAD: 64 * 2**20,
}


def keep_freed_memory() -> bool:
    """Keeps freed memory for the next tensor instead of fetching empty pages anew; whether that could be set.

    For this process, and until it ends. Only glibc has these settings; where users have set their own by MALLOC_...
    or GLIBC_TUNABLES, theirs hold.
    """
    if any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, another system
        return False
    done = [mallopt(setting, value) for setting, value in SETTINGS.items()]
    return all(done)
