"""Recordings that were listened to from beginning to end and are good, kept so that they need not be heard again."""

import os
import stat
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np

from unitdisc.data.sources import ARCHIVE
from unitdisc.files import written_aside

NAME = "heard.npy"
SAVE_EVERY = 20_000  # recordings; an interrupted run has them again
UNKNOWN = bytes(16)


def key(path: str, stretches: bytes) -> bytes:
    """Names a recording as its file is now, and what is used of it: 16 bytes, all 0 if it has no file, as a pipe."""
    state = state_of(path)
    if state is None:
        return UNKNOWN
    absolute = path if path.startswith("/") else f"{Path.cwd()}/{path}"
    facts = f"{state.st_size} {state.st_mtime_ns} {absolute}\0".encode("utf-8", "surrogatepass")
    return blake2b(facts + stretches, digest_size=16).digest()


def state_of(path: str) -> os.stat_result | None:
    """What the system says of the file that holds a recording, be it an archive of many; None if there is none."""
    try:
        state = os.stat(path)  # noqa: PTH116 (a Path takes longer to make than to ask)
    except (OSError, ValueError):  # a zero byte
        archive = ARCHIVE.fullmatch(path)
        return state_of(archive[1]) if archive else None
    return state if stat.S_ISREG(state.st_mode) else None


class GoodRecordings:
    """The keys of good recordings and their rates: [N, 3] in FOLDER/heard.npy, which appears complete or not at all.

    Without a folder nothing is known, and nothing kept. A file that is damaged counts as none.
    """

    def __init__(self, folder: Path | None):
        self.path = None if folder is None else Path(folder) / NAME
        self.known = self.read()
        self.new: list[tuple[int, int, int]] = []

    def read(self) -> np.ndarray:
        """Sorted by key: [N, 3] uint64."""
        try:
            known = np.load(self.path, allow_pickle=False)
            return known if known.dtype == np.uint64 and known.ndim == 2 and known.shape[1] == 3 else nothing()
        except (OSError, ValueError, EOFError, TypeError):
            return nothing()

    def rates(self, keys: np.ndarray) -> np.ndarray:
        """The rate of every recording that is known to be good, 0 for others: keys [N, 2] uint64 -> [N] int64."""
        if not len(self.known):
            return np.zeros(len(keys), np.int64)
        places = np.searchsorted(self.known[:, 0], keys[:, 0]).clip(max=len(self.known) - 1)
        same = (self.known[places, :2] == keys).all(1) & keys.any(1)
        return np.where(same, self.known[places, 2], 0).astype(np.int64)

    def add(self, key: Sequence[int], rate: int) -> None:
        """Keeps a recording, sooner or later; `save` at the end."""
        if self.path is not None and any(key):
            self.new.append((int(key[0]), int(key[1]), rate))
            if len(self.new) >= SAVE_EVERY:
                self.save()

    def save(self) -> None:
        if not self.new:
            return
        added = np.array(self.new, dtype=np.uint64)
        together = np.concatenate([self.read(), added])  # another process may have kept some meanwhile
        _, first = np.unique(together[:, 0], return_index=True)
        self.known, self.new = together[first], []
        with written_aside(self.path) as aside, aside.open("wb") as file:
            np.save(file, self.known)


def nothing() -> np.ndarray:
    return np.zeros((0, 3), np.uint64)
