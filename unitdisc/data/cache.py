"""Features kept on disk and in memory, so that they are computed once."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.data.sources import ARCHIVE
from unitdisc.files import written_aside

MEMORY = 1 << 30  # bytes


def file_of(utterance: Utterance) -> Path | None:
    """The file that holds a recording, be it an archive of many; None if there is none, as for a pipe."""
    archive = ARCHIVE.fullmatch(utterance.path)
    paths = (Path(utterance.path), *([Path(archive[1])] if archive else []))
    return next((path for path in paths if path.is_file()), None)


def key(utterance: Utterance, options: Any) -> str:
    """Names what was computed: the options (a dataclass), the file as it is now, and the stretch of it."""
    file = file_of(utterance)
    state = (file.stat().st_mtime_ns, file.stat().st_size) if file else None
    stretch = [utterance.start, utterance.ticks, utterance.rate]
    identity = [type(options).__name__, asdict(options), str(Path(utterance.path).resolve()), state, stretch]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]


class DiskCache:
    """Arrays in a folder that several processes may share: each file appears complete or not at all."""

    def __init__(self, folder: Path | None):
        self.folder = folder

    def get(self, utterance: Utterance, options: Any, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """The array kept under these options, or what `compute` gives, kept from now on."""
        if self.folder is None:
            return compute()
        name = key(utterance, options)
        path = self.folder / name[:2] / f"{name}.npy"
        try:
            return np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):  # not there, or damaged: compute it (again)
            array = compute()
            with written_aside(path) as aside, aside.open("wb") as file:
                np.save(file, array)
            return array


class MemoryCache:
    """The most recently used values, as many as fit into `MEMORY` bytes."""

    def __init__(self, size: int = MEMORY):
        self.size = size
        self.used = 0
        self.values: OrderedDict[int, tuple[np.ndarray, ...]] = OrderedDict()

    def get(self, index: int, compute: Callable[[], tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
        if index in self.values:
            self.values.move_to_end(index)
            return self.values[index]
        value = compute()
        self.values[index] = value
        self.used += sum(array.nbytes for array in value)
        while self.used > self.size and len(self.values) > 1:
            self.used -= sum(array.nbytes for array in self.values.popitem(last=False)[1])
        return value
