"""Templates, and the scores of states, on disk: a file of safetensors each, with a card."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unitdisc.clustering.codebook_files import Codebook, CodebookError
from unitdisc.files.tensors import TensorFileError, read_tensors, write_tensors
from unitdisc.segmentation.templates.model import Templates
from unitdisc.segmentation.templates.states import StateScores, arrays_of, scores_of

KIND = "templates"
SCORES, STATES = "states.safetensors", "states"  # beside the experiment of a round, and the name of its card
ASKED = "options.json"  # what `discover` writes first
SUMMARY = "discover.json"  # what `discover` writes beside its templates and units
LEARNED = "learned.json"  # the same, where units were found by what another folder has
VECTORS = Path("units", "units", "codebook.npy")  # of units, in the folder that `discover` fills


def round_folder(folder: Path, number: int) -> Path:
    """Of a round, in the folder that `discover` fills."""
    return folder / f"round-{number}"


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


def write_scores(path: Path, scores: StateScores, finer: int) -> None:
    """finer: how many frames are cut for every one of the network."""
    write_tensors(path, arrays_of(scores), {STATES: {"finer": finer}})


def read_scores(path: Path) -> tuple[StateScores, int]:
    """What `write_scores` wrote. Raises CodebookError naming the file if it is not there, or not whole."""
    try:
        arrays, card = read_tensors(path, STATES)
        return scores_of(arrays), int(card["finer"])
    except (TensorFileError, KeyError, ValueError) as error:
        raise CodebookError(f"{path}: not there, or damaged ({error}); run `discover` there again") from error
