"""A chain of steps that was fitted to frames: applied to any frames of the same kind, and kept in one file."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import safetensors
from threadpoolctl import threadpool_limits

from unitdisc.adaptation.base import AdaptationError, Arrays, named, under
from unitdisc.adaptation.chain import Chain
from unitdisc.adaptation.places import Place
from unitdisc.adaptation.steps import parse, written_out
from unitdisc.clustering.codebook_files import kind_of_frames
from unitdisc.files.tensors import write_tensors
from unitdisc.files.text import json_in

FILE = "adaptation.safetensors"


@dataclass(frozen=True)
class Adaptation:
    """What steps have learnt from all frames, and of what frames."""

    steps: str  # as `steps.parse` reads them
    in_dim: int
    learnt: Arrays
    card: dict  # what it was fitted to

    @classmethod
    def fitted(cls, steps: str, place: Place, card: dict) -> "Adaptation":
        """Raises AdaptationError if the steps cannot be taken with these frames."""
        chain = parse(steps)
        chain.dim(place.source.dim)
        with threadpool_limits(1):  # threads work on utterances, so that each is counted in one way
            learnt = chain.fit(place)
        return cls(written_out(steps), place.source.dim, learnt, card)

    @cached_property
    def chain(self) -> Chain:
        return parse(self.steps)

    @property
    def dim(self) -> int:
        return self.chain.dim(self.in_dim)

    @property
    def checksum(self) -> str:
        """Names what is done to frames."""
        digest = hashlib.sha256(f"{self.steps} {self.in_dim}".encode())
        for name, array in sorted(self.learnt.items()):
            digest.update(f"{name} {array.shape} {array.dtype}".encode() + array.tobytes())
        return digest.hexdigest()[:16]

    def of_speaker(self, frames: Iterable[np.ndarray]) -> Arrays:
        """What is to be known of a speaker whose frames [T, D] these are, all of them, utterance by utterance."""
        frames = list(frames)
        return self.chain.fit_speaker(self.learnt, lambda: frames)

    def __call__(self, frames: np.ndarray, own: Arrays) -> np.ndarray:
        """The frames of an utterance, [T, D] -> [T, D'], float32. own: what is known of its speaker."""
        return self.chain.apply(self.learnt, own, frames)

    def refuse_other(self, source: Path, folder: Path, settings: dict, dim: int) -> str | None:
        """Returns what could not be checked, as a message.

        Raises AdaptationError naming both if the frames of a folder are not of the kind that it was fitted to.
        """
        cure = "give the frames it was fitted to, or fit the steps to these"
        if dim != self.in_dim:
            told = f"was fitted to frames of {self.in_dim} dimensions, but those of {folder} have {dim}"
            raise AdaptationError(f"{source}: {told}; {cure}")
        fitted_to, here = kind_of_frames(self.card.get("frames_of", {})), kind_of_frames(settings)
        if not fitted_to or not here:
            return f"{source}: nothing says what the frames are, so only their dimensions could be compared"
        different = sorted(key for key in fitted_to.keys() | here.keys() if fitted_to.get(key) != here.get(key))
        if different:
            told = "; ".join(f"{key}: {fitted_to.get(key)} there, {here.get(key)} here" for key in different)
            raise AdaptationError(f"{source}: was fitted to other frames than those of {folder} ({told}); {cure}")
        return None

    def write(self, path: Path) -> None:
        """Writes a file of safetensors."""
        said = {"steps": self.steps, "in_dim": self.in_dim, "card": self.card}
        write_arrays(path, said, named("learnt", self.learnt))

    @classmethod
    def read(cls, path: Path) -> "Adaptation":
        """Reads what `write` wrote. Raises AdaptationError naming the file if it is not there, or not whole."""
        if not path.exists():
            raise AdaptationError(
                f"{path}: no such file; `unitdisc normalise` writes one into the folder that it fills"
            )
        said, arrays = read_arrays(path)
        try:
            found = cls(str(said["steps"]), int(said["in_dim"]), under("learnt", arrays), dict(said["card"]))
            found.chain.dim(found.in_dim)
        except (ValueError, KeyError, TypeError) as error:
            raise damaged(path, error) from error
        return found


@dataclass(frozen=True)
class AdaptedSpeakers:
    """An adaptation, and what it knows of speakers; of any other it learns from the utterance that it is given."""

    adaptation: Adaptation
    own: Mapping[str, Arrays]  # by key: see `places.speaker_key`

    def __call__(self, frames: np.ndarray, key: str) -> np.ndarray:
        own = self.own[key] if key in self.own else self.adaptation.of_speaker([frames])
        return self.adaptation(frames, own)

    def with_speakers(self, frames: Mapping[str, Iterable[np.ndarray]]) -> "AdaptedSpeakers":
        """The same, knowing these speakers too, by all of the frames of each; of whom there are none stays unknown."""
        own = dict(self.own)
        with threadpool_limits(1):  # here, not for every speaker: it takes milliseconds
            for key in frames.keys() - own.keys():
                if values := list(frames[key]):
                    own[key] = self.adaptation.of_speaker(values)
        return AdaptedSpeakers(self.adaptation, own)

    def write(self, path: Path) -> None:
        """Writes a file of safetensors, which `Adaptation.read` reads as well."""
        keys = sorted(self.own)
        said = {"steps": self.adaptation.steps, "in_dim": self.adaptation.in_dim, "card": self.adaptation.card}
        arrays = named("learnt", self.adaptation.learnt)
        for number, key in enumerate(keys):
            arrays |= named(f"own.{number}", self.own[key])
        write_arrays(path, said | {"speakers": keys}, arrays)

    @classmethod
    def read(cls, path: Path) -> "AdaptedSpeakers":
        """Reads what `write` wrote. Raises AdaptationError as `Adaptation.read` does."""
        adaptation, (said, arrays) = Adaptation.read(path), read_arrays(path)
        keys = said.get("speakers")
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise damaged(path, "it lists no speakers")
        own = under("own", arrays)
        return cls(adaptation, {key: under(number, own) for number, key in enumerate(keys)})


def write_arrays(path: Path, said: dict, arrays: Arrays) -> None:
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_tensors(path, whole, {"adaptation": said})


def read_arrays(path: Path) -> tuple[dict, Arrays]:
    """What is said in a file, and its arrays. Raises AdaptationError."""
    if not path.exists():
        raise AdaptationError(f"{path}: no such file; `unitdisc normalise` writes one into the folder that it fills")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            said = dict(json_in(file.metadata()["adaptation"]))
            names = file.keys()
            arrays = {name: file.get_tensor(name) for name in names}
        if wrong := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
            raise ValueError(f"{wrong[0]} is not finite")
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise damaged(path, error) from error
    return said, arrays


def damaged(path: Path, why: object) -> AdaptationError:
    return AdaptationError(f"{path}: is no adaptation, or damaged ({why}); make it again")
