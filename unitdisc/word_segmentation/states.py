"""Where an interrupted sampler goes on: its arrays, and what they are of."""

import hashlib
import json
import time
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from unitdisc.files import written_aside
from unitdisc.word_segmentation.stretches import Strings

SECONDS = 5.0  # between two writings, which change no byte of the result


class SamplerState:
    """The file of one sampler."""

    def __init__(self, path: Path, settings: dict, strings: Strings):
        self.path, self.written = path, time.monotonic()
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        digest.update(strings.codes.tobytes() + strings.firsts.tobytes())
        self.name = digest.hexdigest()

    def read(self) -> dict | None:
        """The arrays that were written, of the same strings and settings; None if there are none."""
        if not self.path.exists():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as file:
                arrays = dict(file)
        except (ValueError, OSError, BadZipFile, EOFError):  # damaged: begun anew
            return None
        if str(arrays.pop("of", "")) != self.name:
            return None
        return {name: int(array) if array.ndim == 0 else array for name, array in arrays.items()}

    def write(self, arrays: dict) -> None:
        """Now and then."""
        if time.monotonic() - self.written < SECONDS:
            return
        with written_aside(self.path) as aside, aside.open("wb") as file:
            np.savez(file, of=np.array(self.name), **arrays)
        self.written = time.monotonic()
