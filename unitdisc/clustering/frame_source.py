"""The frames of encodings, of any system, checked as they stream by: what codebooks and segments are made from."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from unitdisc.encodings import EncodingsError
from unitdisc.evaluation.foreign import AnyEncodings
from unitdisc.evaluation.frame_checks import usable

LARGEST = 1e15  # beyond, squares summed over dimensions and frames lose their meaning
GIB = 2**30

Item = TypeVar("Item")
Result = TypeVar("Result")


class FrameSource(Protocol):
    """Frames by utterance."""

    folder: Path
    names: Sequence[str]  # utterances in order of id
    dim: int

    def __getitem__(self, name: str) -> np.ndarray: ...  # [T, D], single precision


class StoredFrames:
    """Frames of some utterances of encodings, [T, D] of single precision; of unit length, if `spherical`.

    Reading raises EncodingsError naming the utterance whose frames are missing, none, not finite, too large, of
    another number of dimensions than the first or, where lengths must become one, zero.
    """

    def __init__(self, encodings: AnyEncodings, names: Iterable[str], spherical: bool = False):
        self.encodings = encodings
        self.folder = encodings.folder
        self.names = sorted(names)
        self.spherical = spherical
        if not self.names:
            raise EncodingsError(f"{self.folder}: holds none of the utterances; encode the corpus")
        self.first = first_readable(encodings, self.names)
        if encodings[self.first].frames.dtype.kind != "f" or is_codes(encodings, self.first):
            raise EncodingsError(
                f"{self.folder}: {self.first} has codes and no frames; give the frames that they were made from"
            )
        self.dim = encodings[self.first].frames.shape[1]

    def __getitem__(self, name: str) -> np.ndarray:
        frames = usable(self.encodings, name).frames
        if frames.shape[1] != self.dim:
            raise EncodingsError(
                f"{self.folder}: {name} has {frames.shape[1]} dimensions, but {self.first} has {self.dim}; "
                "encode the corpus again into an empty folder"
            )
        if not len(frames):
            raise EncodingsError(f"{self.folder}: {name} has no frames; take it off the list, or encode it again")
        if np.abs(frames).max() > LARGEST:
            raise EncodingsError(
                f"{self.folder}: {name} has values beyond {LARGEST:g}, too large to be compared; normalise the frames"
            )
        return self.unit(name, frames) if self.spherical else np.ascontiguousarray(frames, dtype=np.float32)

    def unit(self, name: str, frames: np.ndarray) -> np.ndarray:
        lengths = np.linalg.norm(frames.astype(np.float64), axis=1, keepdims=True)
        if not lengths.all():
            raise EncodingsError(
                f"{self.folder}: frame {np.argmin(lengths) + 1} of {name} is all zeros and points nowhere; "
                "take the utterance off the list, or compare frames by distance, not by angle"
            )
        return (frames / lengths).astype(np.float32)


def first_readable(encodings: AnyEncodings, names: Sequence[str]) -> str:
    """The first utterance whose frames can be read. Raises EncodingsError of the first of all if none can."""
    refused = None
    for name in names:
        try:
            encodings[name]
        except EncodingsError as error:
            refused = refused or error
        else:
            return name
    raise refused


def is_codes(encodings: AnyEncodings, name: str) -> bool:
    """Whether another system's file holds codes [T], which are read as frames of one dimension."""
    return encodings.settings.get("dim", 1) is None and encodings[name].codes is not None


class KeptFrames:
    """The same frames, kept in memory as far as `memory` GiB go, and read again beyond."""

    def __init__(self, frames: FrameSource, memory: float):
        self.frames, self.folder, self.names, self.dim = frames, frames.folder, frames.names, frames.dim
        self.kept: dict[str, np.ndarray] = {}
        self.left = int(memory * GIB)
        self.lock = threading.Lock()

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self.kept:
            return self.kept[name]
        frames = self.frames[name]
        with self.lock:
            if frames.nbytes <= self.left and name not in self.kept:
                self.left -= frames.nbytes
                self.kept[name] = frames
        return frames


class SomeFrames:
    """Those of some utterances of a source."""

    def __init__(self, frames: FrameSource, names: Sequence[str]):
        self.frames, self.folder, self.names, self.dim = frames, frames.folder, list(names), frames.dim

    def __getitem__(self, name: str) -> np.ndarray:
        return self.frames[name]


def in_order(function: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """The results of a function in the order of the items, a few of them ahead in other threads."""
    if threads == 1:
        yield from map(function, items)
        return
    pool, ahead = ThreadPoolExecutor(threads), deque()
    try:
        for item in items:
            ahead.append(pool.submit(function, item))
            if len(ahead) > 2 * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
