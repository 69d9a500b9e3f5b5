"""The folder of a network as `transformers` writes it: config.json, preprocessor_config.json, *.safetensors.

Nothing in it is run: weights are safetensors, all else is JSON.
"""

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from unitdisc.files.text import read_json

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")  # whole, or in parts that the index lists
PREPROCESSORS = ("preprocessor_config.json", "processor_config.json")
PICKLED = "pytorch_model*.bin"
SAVE_AGAIN = "load it with transformers where you trust it, and `save_pretrained` it, which writes safetensors"


class PretrainedError(ValueError):
    """A network is not there, or cannot be used; the message says which file and the cure."""


def require_transformers() -> None:
    """Raises PretrainedError if the library that knows the networks is not installed."""
    if find_spec("transformers") is None:
        raise PretrainedError("pretrained networks need transformers: pip install 'unitdisc[hf]'")


@lru_cache
def located(model: str, revision: str) -> Path:
    """The folder of a network: `model` itself, or where the hub's copy of that name was downloaded to.

    Raises PretrainedError if there is neither.
    """
    if not model:
        raise PretrainedError("`model` is missing: give the folder of a network, or its name on the Hugging Face hub")
    if (folder := Path(model)).is_dir():
        return folder.resolve()
    require_transformers()
    from huggingface_hub import snapshot_download

    try:
        files = ["*.json", "*.safetensors"]
        return Path(snapshot_download(model, revision=revision, allow_patterns=files))
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        what = f"`model` {model!r}: no such folder, and the hub gave no network of this name ({reason})"
        raise PretrainedError(f"{what}; give the folder of a network that was downloaded before") from error


def config_of(folder: Path) -> dict:
    """config.json: what kind of network it is, and its sizes. Raises PretrainedError without one."""
    return part_of(folder / "config.json", "give the folder that `save_pretrained` wrote")


def preprocessor_of(folder: Path) -> dict:
    """How the signal is brought to the network. Raises PretrainedError if nothing says so."""
    feature_extractor, processor = (folder / name for name in PREPROCESSORS)
    if not feature_extractor.is_file() and processor.is_file():
        found = part_of(processor, "")
        return found.get("feature_extractor") or found.get("image_processor") or found
    return part_of(feature_extractor, "copy it from where the network came from: it says how the signal is normalised")


def part_of(path: Path, cure: str) -> dict:
    if not path.is_file():
        raise PretrainedError(f"{path}: not there; {cure}")
    try:
        found = read_json(path)
    except ValueError as error:
        raise PretrainedError(f"{path}: damaged ({error}); download it again") from error
    if not isinstance(found, dict):
        raise PretrainedError(f"{path}: damaged (no object); download it again")
    return found


def checksum_of(folder: Path) -> str:
    """Names a network: its weights, sizes and preprocessing. Raises PretrainedError without safe weights."""
    if not any((folder / name).is_file() for name in WEIGHTS):
        if any(folder.glob(PICKLED)):
            of_the_hub = "; on the hub, a revision such as refs/pr/1 may have them"
            raise PretrainedError(f"{folder}: its weights are pickled, and may run code; {SAVE_AGAIN}{of_the_hub}")
        raise PretrainedError(f"{folder}: no {WEIGHTS[0]}; give the folder that `save_pretrained` wrote")
    read = ("config.json", *PREPROCESSORS)
    files = [path for path in sorted(folder.iterdir()) if path.suffix == ".safetensors" or path.name in read]
    states = [(path, path.stat().st_mtime_ns, path.stat().st_size) for path in files]
    return checksum(tuple(states))


@lru_cache
def checksum(states: tuple[tuple[Path, int, int], ...]) -> str:
    """Of files as they are now, whose times and sizes let it be computed once."""
    digest = hashlib.sha256()
    for path, _, size in states:
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
