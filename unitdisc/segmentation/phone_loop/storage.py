"""Phone loops on disk: one file of safetensors, with the card that says what it was learned from."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unitdisc.clustering.codebook_files import Codebook, CodebookError
from unitdisc.files.tensors import TensorFileError, read_tensors, write_tensors
from unitdisc.segmentation.phone_loop.model import PhoneLoop

KIND = "phone-loop"


@dataclass(frozen=True)
class StoredPhoneLoop:
    """A phone loop, and what it was learned from."""

    loop: PhoneLoop
    card: dict
    source: str  # where it is from, for messages

    @property
    def codebook(self) -> Codebook:
        """The mean frame of every unit."""
        means = self.loop.unit_means.astype(np.float32)
        return Codebook(means, self.card, self.source, made_by="unitdisc phone-loop")

    @property
    def checksum(self) -> str:
        digest = hashlib.sha256()
        for name, array in sorted(self.loop.arrays().items()):
            digest.update(f"{name} {array.shape}".encode() + array.tobytes())
        return digest.hexdigest()


def write_phone_loop(path: Path, loop: PhoneLoop, card: dict) -> None:
    write_tensors(path, loop.arrays(), {KIND: card})


def read_phone_loop(path: Path) -> StoredPhoneLoop:
    """Reads what `write_phone_loop` wrote. Raises CodebookError naming the file if it is not there, or not whole."""
    if not path.exists():
        raise CodebookError(f"{path}: no such file; `unitdisc phone-loop` makes one")
    try:
        arrays, card = read_tensors(path, KIND)
        return StoredPhoneLoop(PhoneLoop.of_arrays(arrays), card, str(path))
    except (TensorFileError, KeyError, ValueError, TypeError) as error:
        raise CodebookError(f"{path}: is no phone loop, or damaged ({error}); make it again") from error
