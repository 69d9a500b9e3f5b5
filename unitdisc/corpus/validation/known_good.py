"""Recordings that were listened to from beginning to end and are good, kept so that they need not be heard again."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import numpy as np

from unitdisc.files import take_away
from unitdisc.files.arrays import read_array, write_array
from unitdisc.media.open import state_of

SAVE_EVERY = 20_000  # recordings; an interrupted run has them again
UNKNOWN = bytes(16)
HEADER = 128  # bytes of a file that holds nothing
RULES = 2  # by which a recording is good: another number whenever they change, so that all are heard again
ATTEMPTS = 100  # at reading files while others put them together


def key(path: str, stretches: bytes) -> bytes:
    """Names a recording as its file is now, and what is used of it: 16 bytes, all 0 if it has no file, as a pipe."""
    state = state_of(path)
    if state is None:
        return UNKNOWN
    absolute = path if path.startswith("/") else f"{Path.cwd()}/{path}"
    facts = f"{RULES} {state.st_size} {state.st_mtime_ns} {absolute}\0".encode("utf-8", "surrogatepass")
    return blake2b(facts + stretches, digest_size=16).digest()


class GoodRecordings:
    """The keys of good recordings and their rates: [N, 3] in each of the files FOLDER/heard*.npy.

    Any number of processes may add to a folder at the same time, for a file appears complete, under a name that no
    other ever has, and stays as it is until all in it is in a larger one. Without a folder nothing is known, and
    nothing kept. A file that is damaged counts as none.
    """

    name = "heard"

    def __init__(self, folder: Path | None):
        self.folder = None if folder is None else Path(folder)
        self.known = self.read()
        self.new: list[tuple[int, int, int]] = []

    def read(self) -> np.ndarray:
        """Sorted by key: [N, 3] uint64."""
        for _ in range(ATTEMPTS):
            with suppress(FileNotFoundError):  # all in it has just been put into another one
                return merged(map(rows_in, self.files()))
        return nothing()  # so all recordings are heard again

    def files(self) -> list[Path]:
        return [] if self.folder is None else sorted(self.folder.glob(f"{self.name}*.npy"))

    def rates(self, keys: np.ndarray) -> np.ndarray:
        """The rate of every recording that is known to be good, 0 for others: keys [N, 2] uint64 -> [N] int64."""
        if not len(self.known):
            return np.zeros(len(keys), np.int64)
        places = np.searchsorted(self.known[:, 0], keys[:, 0]).clip(max=len(self.known) - 1)
        same = (self.known[places, :2] == keys).all(1) & keys.any(1)
        return np.where(same, self.known[places, 2], 0).astype(np.int64)

    def add(self, name: Sequence[int], rate: int) -> None:
        """Keeps a recording by its key, sooner or later; `save` at the end."""
        if self.folder is not None and any(name):
            self.new.append((int(name[0]), int(name[1]), rate))
            if len(self.new) >= SAVE_EVERY:
                self.save()

    def save(self) -> None:
        """Writes what is new in a file of its own, and all that smaller files hold, so that there are never many."""
        if not self.new:
            return
        rows, put_in, self.new = merged([np.array(self.new, dtype=np.uint64)]), [], []
        for size, path in sorted((size_of(path), path) for path in self.files()):
            if size > rows.nbytes + HEADER:
                break
            with suppress(FileNotFoundError):  # another process was quicker
                rows = merged([rows, rows_in(path)])
                put_in.append(path)
        write_array(self.folder / f"{self.name}.{os.urandom(8).hex()}.npy", rows)
        for path in put_in:
            take_away(path)


class Digests(GoodRecordings):
    """The same of what files hold: a digest of 63 bits in the place of a rate."""

    name = "digests"


def rows_in(path: Path) -> np.ndarray:
    """What a file holds, nothing if it is damaged: [N, 3] uint64. Raises OSError if there is none, or it is barred."""
    try:
        rows = read_array(path)
    except (ValueError, EOFError, TypeError):
        return nothing()
    return rows if rows.dtype == np.uint64 and rows.ndim == 2 and rows.shape[1] == 3 else nothing()


def size_of(path: Path) -> int:
    """In bytes; 0 if the file is gone."""
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def merged(parts: Iterable[np.ndarray]) -> np.ndarray:
    """The rows of all, sorted by key, once each: [N, 3]."""
    rows = np.concatenate([nothing(), *parts])
    _, first = np.unique(rows[:, 0], return_index=True)
    return rows[first]


def nothing() -> np.ndarray:
    return np.zeros((0, 3), np.uint64)
