"""Phone loops on disk: one file of safetensors, with the card that says what it was learned from."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from unitdisc.clustering.codebook_files import Codebook, CodebookError
from unitdisc.files import written_aside
from unitdisc.segmentation.phone_loop.model import PhoneLoop


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
    whole = {name: np.asarray(array, order="C") for name, array in loop.arrays().items()}
    with written_aside(path) as aside:
        safetensors.numpy.save_file(whole, aside, {"phone-loop": json.dumps(card)})


def read_phone_loop(path: Path) -> StoredPhoneLoop:
    """Reads what `write_phone_loop` wrote. Raises CodebookError naming the file if it is not there, or not whole."""
    if not path.exists():
        raise CodebookError(f"{path}: no such file; `unitdisc phone-loop` makes one")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            card = dict(json.loads(file.metadata()["phone-loop"]))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no dictionary
        if wrong := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
            raise ValueError(f"{wrong[0]} is not finite")
        if not isinstance(card.get("frames_of", {}), dict):
            raise ValueError("frames_of is no table")
        return StoredPhoneLoop(PhoneLoop.of_arrays(arrays), card, str(path))
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise CodebookError(f"{path}: is no phone loop, or damaged ({error}); make it again") from error
