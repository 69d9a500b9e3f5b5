"""Features kept on disk and in memory, so that they are computed once."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.data.base import facts_of
from unitdisc.files.arrays import read_array, write_array
from unitdisc.media.open import ARCHIVE, state_of

MEMORY = 1 << 30  # bytes


def file_of(utterance: Utterance) -> Path | None:
    """The file that holds a recording, be it an archive of many; None if there is none, as for a pipe."""
    archive = ARCHIVE.fullmatch(utterance.path)
    paths = (Path(utterance.path), *([Path(archive[1])] if archive else []))
    return next((path for path in paths if path.is_file()), None)


def key(utterance: Utterance, options: Any) -> str:
    """Names what was computed: the options (a dataclass), the file as it is now, and the stretch of it."""
    file = state_of(utterance.path)
    state = (file.st_mtime_ns, file.st_size) if file else None
    stretch = [utterance.start, utterance.ticks, utterance.rate]
    stretch += [] if utterance.channel is None else [utterance.channel]
    path = Path(utterance.path)
    resolved = str(path.resolve()) if path.is_symlink() else f"{resolved_folder(path.parent)}/{path.name}"
    identity = f"{named(options)[:-1]}, {json.dumps([resolved, state, stretch])[1:]}"
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


@lru_cache(1 << 14)
def resolved_folder(folder: Path) -> str:
    return str(folder.resolve()).rstrip("/")


FORMER_NAMES = {"AcousticFeatures": "Features", "ColumnFeatures": "Columns"}  # by which caches know them


@lru_cache(64)
def named(options: Any) -> str:
    name = type(options).__name__
    return json.dumps([FORMER_NAMES.get(name, name), facts_of(options)], sort_keys=True)


class DiskCache:
    """Arrays in a folder that several processes may share: each file appears complete or not at all."""

    def __init__(self, folder: Path | None):
        self.folder = folder

    def get(
        self, utterance: Utterance, options: Any, compute: Callable[[], np.ndarray], part: bool = False
    ) -> np.ndarray:
        """The array kept under these options, or what `compute` gives, kept from now on.

        part: of which only a part will be looked at; the rest is not read.
        """
        if self.folder is None:
            return compute()
        name = key(utterance, options)
        path = self.folder / name[:2] / f"{name}.npy"
        try:
            return read_array(path, mapped=part)
        except (OSError, ValueError, EOFError):  # not there, or damaged: compute it (again)
            array = compute()
            write_array(path, array)
            return array


class KeptCache(DiskCache):
    """The same, which keeps in memory what is computed of one kind of options, as far as `MEMORY` goes."""

    def __init__(self, folder: Path | None, kind: type):
        super().__init__(folder)
        self.kind = kind
        self.kept: dict[str, np.ndarray] = {}
        self.left = MEMORY

    def get(
        self, utterance: Utterance, options: Any, compute: Callable[[], np.ndarray], part: bool = False
    ) -> np.ndarray:
        if not isinstance(options, self.kind):
            return super().get(utterance, options, compute, part)
        name = key(utterance, options)
        if name in self.kept:
            return self.kept[name]
        array = super().get(utterance, options, compute)
        if array.nbytes <= self.left:
            self.left -= array.nbytes
            self.kept[name] = array
        return array


class MemoryCache:
    """The most recently used values, as many as fit into `MEMORY` bytes."""

    def __init__(self, size: int = MEMORY):
        self.size = size
        self.used = 0
        self.values: OrderedDict[Hashable, tuple[np.ndarray, ...]] = OrderedDict()

    def get(self, index: Hashable, compute: Callable[[], tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
        if index in self.values:
            self.values.move_to_end(index)
            return self.values[index]
        value = compute()
        self.values[index] = value
        self.used += sum(array.nbytes for array in value)
        while self.used > self.size and len(self.values) > 1:
            self.used -= sum(array.nbytes for array in self.values.popitem(last=False)[1])
        return value
