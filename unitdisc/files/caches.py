"""Where libraries keep what they compiled or found, if the home of the user cannot be written, and how much of it.

numba refuses to load functions that it can keep nowhere; matplotlib looks for the fonts of the system every time.
oneDNN, with which torch convolves on a CPU, compiles a layer for every shape of a batch and keeps the last 1,024 of
them: where hardly any two batches are of one shape, these lie scattered among what is freed, and hold a gigabyte of it.
"""

import os
import stat
import sys
import tempfile
from pathlib import Path

CACHES = {"NUMBA_CACHE_DIR": "numba", "MPLCONFIGDIR": "matplotlib"}  # what else is set by a user holds
MOST_LAYERS = 64  # compiled, each of them in a fifth of a millisecond; a step of training has some 40


def keep_few_layers() -> None:
    """Those that come again from step to step; oneDNN asks once, when it first computes."""
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(MOST_LAYERS))


def keep_caches_somewhere() -> None:
    """In the temporary folder, for this user alone, if not at home."""
    if can_be_made(cache_home()):
        return
    folder = own_folder()
    if folder is not None:
        for variable, name in CACHES.items():
            os.environ.setdefault(variable, str(folder / name))
        if "numba" in sys.modules:  # it has looked already
            sys.modules["numba"].config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]


def cache_home() -> Path:
    """As numba and matplotlib find it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111 (Path raises)


def can_be_made(folder: Path) -> bool:
    """A folder that is there and can be written, or whose parents can; not one here, of a user without a home."""
    nearest = next((path for path in (folder, *folder.parents) if os.access(path, os.F_OK)), folder)
    return folder.is_absolute() and nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def own_folder() -> Path | None:
    """None where it cannot be made, or is not this user's alone: what is kept there is code."""
    folder = Path(tempfile.gettempdir()) / f"unitdisc-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    alone = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return folder if alone else None
