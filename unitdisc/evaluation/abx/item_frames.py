"""The frames of items, as their distance needs them, in memory together."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from unitdisc.encodings import Encoding, Encodings, EncodingsError
from unitdisc.evaluation.abx.distances import (
    ANGULAR,
    DISTANCES,
    EPSILON,
    EUCLIDEAN,
    FINE,
    IDENTITY,
    KL,
    KL_SYMMETRIC,
    STEPS,
    TURN,
)
from unitdisc.evaluation.abx.items import AbxItems
from unitdisc.evaluation.abx.slicing import Slices, sliced
from unitdisc.evaluation.frame_checks import file_of

PIECE = 2**24  # bytes
POOLINGS: dict[str, Callable[[int], np.ndarray] | None] = {"none": None, "mean": np.ones, "hamming": np.hamming}


@dataclass
class Preparation:
    """Turns the frames of an utterance into what a distance compares."""

    distance: str
    pooling: str
    l2_normalise: bool
    symbols: dict[bytes, int] = field(default_factory=dict)  # rows seen, where encodings have no codes
    coded: str | None = None  # an utterance that has codes

    flat: bool = False  # frames of two dimensions, of which only the direction counts

    @property
    def kind(self) -> int:
        return TURN if self.flat else DISTANCES[self.distance].kind

    def __call__(self, encoding: Encoding) -> tuple[np.ndarray, np.ndarray]:
        """Frames, [T, D], and which of them are null, [T]."""
        nulls = np.zeros(len(encoding.frames), bool)
        if self.kind == IDENTITY:
            return self.codes(encoding)[:, None].astype(np.float64), nulls
        frames = encoding.frames
        self.flat = DISTANCES[self.distance].kind == ANGULAR and self.pooling == "none" and frames.shape[1] == 2
        if self.flat:
            return turns(frames)
        if self.kind == ANGULAR or self.l2_normalise:
            frames, nulls = unit_frames(frames)
        if self.kind == ANGULAR:
            return frames.astype(np.float64 if self.pooling != "none" else np.float32, copy=False), nulls
        return frames.astype(np.float64, copy=False), nulls

    def last(self, frames: np.ndarray, path: Path) -> np.ndarray:
        """What is done after pooling: probabilities get their logarithms beside them."""
        if self.kind not in (KL, KL_SYMMETRIC):
            return frames
        if frames.size and frames.min() < 0:
            raise EncodingsError(
                f"{path}: has values below 0, which are no probabilities; {self.distance} compares posteriors: "
                "choose another distance"
            )
        return np.concatenate([frames, np.log(frames + EPSILON)], axis=1)

    def codes(self, encoding: Encoding) -> np.ndarray:
        """The code of every frame; where there are none, rows that are the same are one code."""
        self.coded = self.coded if encoding.codes is None else encoding.utterance
        if self.coded and (encoding.codes is None or self.symbols):
            raise EncodingsError(
                f"{encoding.utterance}: units.jsonl has codes of {self.coded}, but not of every utterance; "
                "encode the corpus again into an empty folder"
            )
        if encoding.codes is not None:
            return encoding.codes
        rows = np.ascontiguousarray(encoding.frames, np.float64) + 0.0  # no -0.0
        return np.array([self.symbols.setdefault(row.tobytes(), len(self.symbols)) for row in rows], np.int64)

    def extent(self, frames: np.ndarray) -> np.ndarray:
        """The least and the largest of what bounds the distances between frames: [2, *], empty if nothing is needed."""
        if self.kind in (KL, KL_SYMMETRIC):  # sums of probabilities, and logarithms
            half = frames.shape[1] // 2
            frames = np.concatenate([frames[:, :half].sum(1, keepdims=True), frames[:, half:]], axis=1)
        elif self.kind != EUCLIDEAN:
            return np.empty((2, 0))
        return np.stack([frames.min(0, initial=np.inf), frames.max(0, initial=-np.inf)])

    def scale(self, extent: np.ndarray) -> float:
        """Steps to a distance of 1, a power of two: the largest distance there can be has at most FINE.

        Codes, and angles in single precision, are counted in STEPS.
        """
        if self.kind == IDENTITY or (self.kind == ANGULAR and self.pooling == "none"):
            return float(STEPS)
        low, high = extent
        bound = 1.0
        if self.kind == EUCLIDEAN:
            bound = float(np.linalg.norm(high - low))
        elif self.kind in (KL, KL_SYMMETRIC):
            bound = float(high[0] * (high[1:].max() - low[1:].min()))
        return float(2.0 ** np.floor(np.log2(FINE / bound))) if 0 < bound < np.inf else float(FINE)


def unit_frames(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frames of length one, or null, and which are null."""
    norms = np.sqrt(np.einsum("fd,fd->f", frames, frames, dtype=np.float64, casting="same_kind"))
    nulls = norms == 0
    return frames / np.where(nulls, 1, norms)[:, None], nulls


def turns(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions of frames in a plane, [T, 1] in half turns, whole numbers of FINE steps; and which are null: [T].

    Between them angles add up, so that many paths cost the same: rounded one by one, chance would choose among them.
    """
    x, y = frames.astype(np.float64).T
    nulls = (x == 0) & (y == 0)
    steps = np.rint(np.arctan2(y, x) / np.pi * FINE) / FINE
    return np.where(nulls, np.nan, steps)[:, None], nulls


@dataclass(frozen=True)
class Stock:
    """Frames, and where those of each item are."""

    frames: np.ndarray  # [F, D]
    nulls: np.ndarray  # [F]
    first: np.ndarray  # [items] the first frame of each item that is in stock


class Shelf:
    """Takes frames utterance by utterance, and lays them into large pieces of memory; into one, if it is told how many.

    Memory that is touched for the first time takes longer than what is done with most frames.
    """

    def __init__(self, items: int, expected: int = 0):
        """items: how many there are; expected: frames, as many or more."""
        self.expected = expected
        self.pieces: list[np.ndarray] = []  # [F, D], all full but the last
        self.nulls: list[np.ndarray] = []
        self.first = np.zeros(items, np.int64)
        self.count = self.bytes = self.left = 0  # left: rows of the last piece

    def add(self, frames: np.ndarray, nulls: np.ndarray, rows: np.ndarray, first: np.ndarray) -> None:
        self.first[rows] = self.count + first
        self.nulls.append(nulls)
        self.count += len(frames)
        self.bytes += frames.nbytes
        while len(frames) or not self.pieces:
            if not self.left:
                self.left = max(PIECE // (frames.shape[1] * frames.itemsize), self.expected, 1)
                self.pieces.append(np.empty((self.left, frames.shape[1]), frames.dtype))
            part, frames = frames[: self.left], frames[self.left :]
            free = self.pieces[-1][-self.left :]
            free[: len(part)] = part
            self.left -= len(part)

    def joined(self) -> Stock:
        """All in one array; the shelf is empty then, piece by piece, so that nothing is in memory twice."""
        pieces, self.pieces = self.pieces, []
        if self.left:
            pieces[-1] = pieces[-1][: -self.left]
        if len(pieces) == 1:
            return Stock(pieces[0], np.concatenate(self.nulls), self.first)
        joined = np.empty((self.count, pieces[0].shape[1]), pieces[0].dtype)
        end = self.count
        while pieces:
            piece = pieces.pop()
            joined[end - len(piece) : end] = piece
            end -= len(piece)
        return Stock(joined, np.concatenate(self.nulls), self.first)


@dataclass(frozen=True)
class ItemSurvey:
    """What is known of all items before they are compared."""

    lengths: np.ndarray  # [items] frames; one where they are pooled; 0 where there are none
    scale: float  # steps to a distance of 1
    frame_bytes: int
    null_frames: int
    stock: Stock | None  # of all items, if it fits into the memory


def survey(items: AbxItems, encodings: Encodings, slicing: str, prepare: Preparation, memory: float) -> ItemSurvey:
    """Reads every encoding once. Raises EncodingsError as `sliced` does, and if dimensions differ."""
    lengths = np.zeros(len(items), np.int64)
    shelf, fits, extent, null_frames, dims = None, True, None, 0, None
    for rows, encoding, slices in sliced(items, encodings, slicing):
        path = file_of(encodings, encoding.utterance)
        dims = dims or (encoding.utterance, encoding.frames.shape[1])
        if encoding.frames.shape[1] != dims[1]:
            raise EncodingsError(
                f"{path}: frames of {encoding.frames.shape[1]} dimensions, but {dims[0]} has {dims[1]}; "
                "encode the corpus again into an empty folder"
            )
        lengths[rows] = np.minimum(slices.lengths, 1) if POOLINGS[prepare.pooling] else slices.lengths
        frames, nulls, first = portion(encoding, slices, prepare, path)
        frame_bytes = frames.shape[1] * frames.itemsize
        here = prepare.extent(frames)
        extent = here if extent is None else np.stack([np.minimum(extent[0], here[0]), np.maximum(extent[1], here[1])])
        null_frames += int(nulls.sum())
        if shelf is None:
            most = int(memory // frame_bytes)
            shelf = Shelf(len(items), len(items) if POOLINGS[prepare.pooling] else min(at_most(items, encodings), most))
        if fits and shelf.bytes + frames.nbytes > memory:
            fits, shelf = False, Shelf(0)
        if fits:
            shelf.add(frames, nulls, rows, first)
    return ItemSurvey(lengths, prepare.scale(extent), frame_bytes, null_frames, shelf.joined() if fits else None)


def at_most(items: AbxItems, encodings: Encodings) -> int:
    """Frames from the first to the last item of every utterance, or a few more; 0 if they are not evenly spaced."""
    if not (stride := encodings.settings.get("stride")):
        return 0
    first, last = np.full(len(items.utterances.names), np.inf), np.zeros(len(items.utterances.names))
    np.minimum.at(first, items.utterances.codes, items.starts)
    np.maximum.at(last, items.utterances.codes, items.ends)
    return int((np.maximum(last - first, 0) / stride + 2).sum())


def restock(items: AbxItems, wanted: np.ndarray, encodings: Encodings, slicing: str, prepare: Preparation) -> Stock:
    """Reads the frames of some items, where all at once are too many. wanted: rows, in order."""
    shelf = Shelf(len(items))
    for rows, encoding, slices in sliced(items.only(wanted), encodings, slicing):
        path = file_of(encodings, encoding.utterance)
        frames, nulls, first = portion(encoding, slices, prepare, path)
        shelf.add(frames, nulls, wanted[rows], first)
    return shelf.joined()


def portion(
    encoding: Encoding, slices: Slices, prepare: Preparation, path: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The frames of an utterance that are in items, prepared; which are null; and the first of each item."""
    inside = np.zeros(len(encoding.frames) + 1, np.int64)
    some = slices.lengths > 0
    np.add.at(inside, slices.starts[some], 1)
    np.add.at(inside, slices.stops[some], -1)
    used = np.cumsum(inside[:-1]) > 0
    codes = None if encoding.codes is None else encoding.codes[used]
    frames, nulls = prepare(replace(encoding, frames=encoding.frames[used], codes=codes))
    place = np.append(np.cumsum(used) - used, used.sum())
    weights = POOLINGS[prepare.pooling]
    if weights is None:
        return prepare.last(frames, path), nulls, place[np.where(some, slices.starts, 0)]
    pooled = np.zeros((len(some), frames.shape[1]))
    for item in np.flatnonzero(some):
        start, count = place[slices.starts[item]], slices.lengths[item]
        weight = weights(count)
        pooled[item] = weight @ frames[start : start + count] / weight.sum()
    return prepare.last(pooled, path), np.zeros(len(some), bool), np.arange(len(some))
