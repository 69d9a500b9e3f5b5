"""Templates on disk: one file of safetensors, with the card that says what they were learned from."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unitdisc.clustering.codebook_files import Codebook, CodebookError
from unitdisc.files.tensors import TensorFileError, read_tensors, write_tensors
from unitdisc.segmentation.templates.model import Templates

KIND = "templates"
SUMMARY = "discover.json"  # what `discover` writes beside its templates and units


@dataclass(frozen=True)
class StoredTemplates:
    """Templates, and what they were learned from."""

    templates: Templates
    card: dict
    source: str  # where they are from, for messages

    @property
    def codebook(self) -> Codebook:
        """The mean frame of every unit, and of blanks, if there are any."""
        own = self.templates
        means = own.means.mean(1) @ own.directions.T + own.centre
        if len(own.blank):
            means = np.concatenate([means, own.blank[None] @ own.directions.T + own.centre])
        return Codebook(means.astype(np.float32), self.card, self.source, made_by="unitdisc templates")

    @property
    def checksum(self) -> str:
        digest = hashlib.sha256()
        for name, array in sorted(self.templates.arrays().items()):
            digest.update(f"{name} {array.shape}".encode() + array.tobytes())
        return digest.hexdigest()


def write_templates(path: Path, templates: Templates, card: dict) -> None:
    write_tensors(path, templates.arrays(), {KIND: card})


def read_templates(path: Path) -> StoredTemplates:
    """Reads what `write_templates` wrote. Raises CodebookError naming the file if it is not there, or not whole."""
    if not path.exists():
        raise CodebookError(f"{path}: no such file; `unitdisc templates` makes one")
    try:
        arrays, card = read_tensors(path, KIND)
        return StoredTemplates(Templates.of_arrays(arrays), card, str(path))
    except (TensorFileError, KeyError, ValueError, TypeError) as error:
        raise CodebookError(f"{path}: holds no templates, or is damaged ({error}); make it again") from error
