"""Codebooks on disk: CODEBOOK.npy [K, D], and CODEBOOK.json, the card that says what they were made from.

A codebook is worth something only with the frames it was made for: of the same model, the same layer, normalised in
the same way. So the card goes with it, and what does not fit is refused.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unitdisc.clustering.frame_source import LARGEST
from unitdisc.encodings import load_array
from unitdisc.files import write_json
from unitdisc.files.arrays import write_array
from unitdisc.files.text import read_json


class CodebookError(ValueError):
    """A codebook cannot be used, or not for these frames; the message names both, and the cure."""


@dataclass(frozen=True)
class Codebook:
    vectors: np.ndarray  # [K, D], single precision
    card: dict  # {} where none came with it
    source: str  # where it is from, for messages
    made_by: str = "unitdisc kmeans"  # the command

    @property
    def spherical(self) -> bool:
        """Whether codes are unit vectors, for frames of unit length."""
        return bool(self.card.get("spherical", False))


def write_codebook(path: Path, vectors: np.ndarray, card: dict) -> None:
    """Writes the card NAME.json, and then NAME.npy: what is there has a card, also after a run that was killed."""
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    facts = {"num_codes": len(vectors), "dim": vectors.shape[1], "checksum": checksum(vectors)}
    write_json(card_of(path), facts | card)
    write_array(path, vectors)


def read_codebook(path: Path) -> Codebook:
    """Reads a codebook, and its card if there is one.

    Raises CodebookError if it is no array [codes, dimensions] of finite numbers, or not the one the card was made for.
    """
    try:
        vectors = load_array(path)
    except (ValueError, OSError) as error:
        cure = "numpy.save an array [codes, dimensions], such as the cluster_centers_ of scikit-learn"
        reason = "no such file" if isinstance(error, FileNotFoundError) else error
        raise CodebookError(f"{path}: is no codebook ({reason}); {cure}") from error
    if vectors.ndim != 2 or not vectors.size or vectors.dtype.kind not in "fiu":
        raise CodebookError(f"{path}: has shape {vectors.shape} of {vectors.dtype}; must be [codes, dimensions]")
    vectors = vectors.astype(np.float32)
    refuse_beyond(vectors, str(path), "make the codebook again")
    card = read_card(card_of(path))
    if card and card.get("checksum") != checksum(vectors):
        raise CodebookError(f"{path}: is not the codebook that {card_of(path)} is about; make both again")
    return Codebook(vectors, card, str(path))


def refuse_beyond(vectors: np.ndarray, source: str, cure: str) -> None:
    """Raises CodebookError naming the first code [K, D] that no frame could be compared with."""
    bad = ~(np.abs(vectors) <= LARGEST)
    if bad.any():
        code, column = np.argwhere(bad)[0]
        told = f"value {column + 1} of code {code} is {vectors[code, column]:g}, not a number up to {LARGEST:g}"
        raise CodebookError(f"{source}: {told}; {cure}")


def read_card(path: Path) -> dict:
    if not path.exists():
        return {}
    try:
        card = dict(read_json(path))
        if not isinstance(card.get("frames_of", {}), dict):
            raise ValueError("frames_of is no table")
    except (ValueError, TypeError, OSError, RecursionError) as error:
        raise CodebookError(f"{path}: damaged ({error}); make the codebook again") from error
    return card


def card_of(path: Path) -> Path:
    return path.with_suffix(".json")


def adaptation_of(codebook: Path) -> Path:
    """Where that lies by which the frames of NAME.npy were normalised."""
    return codebook.with_suffix(".adaptation.safetensors")


def checksum(vectors: np.ndarray) -> str:
    return hashlib.sha256(repr(vectors.shape).encode() + vectors.tobytes()).hexdigest()


def kind_of_frames(settings: dict) -> dict:
    """What makes frames comparable, of an encodings.json: model and point, or features; {} where it is not known."""
    if settings.get("features"):
        features = settings["features"]
        facts = dict(features) if isinstance(features, dict) else {"features": features}
    elif settings.get("model"):
        facts = {"model": settings["model"], "point": settings.get("point")}
    else:
        return {}
    if "segmentation" in settings:  # frames that are codes or means of segments
        facts["segmentation"] = settings["segmentation"]
    if "beside" in settings:  # frames of others
        facts["beside"] = settings["beside"]
    if "normalised" in settings:  # one after the other, by whatever speakers
        facts["normalised"] = [each["adaptation"] for each in settings["normalised"]]
    return json.loads(json.dumps(facts))


def refuse_unfit(codebook: Codebook, folder: Path, settings: dict, dim: int) -> str | None:
    """Returns what could not be checked, as a message.

    Raises CodebookError naming codebook and encodings if their frames are not of the same kind.
    """
    width = codebook.vectors.shape[1]
    if width != dim:
        raise CodebookError(
            f"{codebook.source}: its codes have {width} dimensions, but the frames of {folder} have {dim}; "
            f"give the encodings it was made from, or make a codebook of these (`{codebook.made_by}`)"
        )
    refuse_other_steps(codebook, folder, settings)
    made_for, here = kind_of_frames(codebook.card.get("frames_of", {})), kind_of_frames(settings)
    if {"format"} <= codebook.card.get("frames_of", {}).keys() & settings.keys():
        return None  # both are another system's, which says no more
    if not made_for or not here:
        what = "the codebook" if not made_for else f"{folder}"
        return f"{what} does not say what its frames are, so only its dimensions could be compared"
    different = sorted(key for key in made_for.keys() | here.keys() if made_for.get(key) != here.get(key))
    if different:
        told = "; ".join(f"{key}: {made_for.get(key)} there, {here.get(key)} here" for key in different)
        raise CodebookError(
            f"{codebook.source}: was made for other frames than those of {folder} ({told}); "
            f"give the encodings it was made from, or make a codebook of these (`{codebook.made_by}`)"
        )
    return None


def refuse_other_steps(codebook: Codebook, folder: Path, settings: dict) -> None:
    """Raises CodebookError if the frames of a codebook were normalised and those of a folder were not, or otherwise."""
    if "frames_of" not in codebook.card:
        return
    there, here = (each.get("normalised", []) for each in (codebook.card["frames_of"], settings))
    if [each.get("adaptation") for each in there] == [each.get("adaptation") for each in here]:
        return
    cure = "give the frames as they were before"
    if there:
        beside = adaptation_of(Path(codebook.source))
        cure = f"give {beside if beside.exists() else 'what was learnt then'} as `normalise_like`"
    raise CodebookError(
        f"{codebook.source}: was made for frames normalised by {steps_said(there)}, but those of {folder} are by "
        f"{steps_said(here)}, or by what other frames taught; {cure}, or make a codebook of these "
        f"(`{codebook.made_by}`)"
    )


def steps_said(normalised: list[dict]) -> str:
    return " and then ".join(str(each.get("steps")) for each in normalised) or "nothing"


def codebook_of_model(weights: dict[str, np.ndarray], card: dict, source: str) -> Codebook:
    """The codebook among the weights of a model. Raises CodebookError if there is not exactly one."""
    found = sorted(name for name in weights if name.startswith("bottleneck.") and name.endswith("codebook.vectors"))
    if len(found) != 1:
        what = "no codebook" if not found else f"{len(found)} codebooks"
        raise CodebookError(f"{source}: its bottleneck has {what}; give an experiment of kind vq, or `codebook`")
    vectors = np.ascontiguousarray(weights[found[0]], dtype=np.float32)
    refuse_beyond(vectors, f"{source}: its codebook", "train again")
    return Codebook(vectors, card, source)
