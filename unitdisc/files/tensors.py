"""Arrays and what is said of them, in one file of safetensors: reading one runs no code."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from unitdisc.files import written_aside
from unitdisc.files.text import json_in


class TensorFileError(ValueError):
    """A file that is none such, or damaged."""


def write_tensors(path: Path, arrays: Mapping[str, np.ndarray], cards: Mapping[str, dict]) -> None:
    import safetensors.numpy  # here, for few commands need it

    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    content = safetensors.numpy.save(whole, {name: json.dumps(card) for name, card in cards.items()})
    with written_aside(path) as aside:  # its save_file has temporary files of its own, and no OSError of a full disk
        aside.write_bytes(content)


def read_tensors(path: Path, card: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays, and the card of this name. Raises TensorFileError for another file, or numbers that are none."""
    import safetensors

    try:
        with safetensors.safe_open(path, "numpy") as file:
            said = dict(json_in(file.metadata()[card]))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no dictionary
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise TensorFileError(str(error)) from error
    if wrong := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
        raise TensorFileError(f"{wrong[0]} is not finite")
    if not isinstance(said.get("frames_of", {}), dict):
        raise TensorFileError("frames_of is no table")
    return arrays, said
