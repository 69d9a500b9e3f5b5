"""Crops: which stretches of a corpus make up the batch of every step, a pure function of the seed and the step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

BATCHES_IN_A_BUCKET = 16  # batches among which items of like length are brought together


@dataclass(frozen=True)
class Crop:
    """A stretch of an utterance, in feature frames."""

    index: int  # of the utterance
    start: int
    frames: int  # at most; the utterance may end before


class CropPlan:
    """Which crops make up the batch of every step.

    In an epoch every utterance gives one crop for each `crop` frames it is long, at random places, in random order;
    crops of like length share a batch. crop=None takes whole utterances. Everything follows from the seed.
    """

    jumps: ClassVar[bool] = True  # one crop may lie anywhere in the corpus, wherever the one before lay

    def __init__(self, frames: Sequence[int], batch_size: int, crop: int | None, stride: int, seed: int):
        if crop is not None and crop % stride:
            raise ValueError(
                f"training.crop is {crop} frames, which must be a multiple of the encoder's stride {stride}"
            )
        self.frames = np.asarray(frames)
        self.batch_size = batch_size
        self.crop = crop
        self.stride = stride
        self.seed = seed
        crops = 1 if crop is None else np.maximum(1, np.round(self.frames / crop)).astype(int)
        self.repeats = np.broadcast_to(crops, self.frames.shape)
        self.batches_per_epoch = max(1, int(self.repeats.sum()) // batch_size)
        self.current: tuple[int, Epoch | None] = (-1, None)

    def batch(self, step: int) -> list[Crop]:
        number, position = divmod(step, self.batches_per_epoch)
        if self.current[0] != number:
            self.current = (number, None)  # two epochs take twice the memory
            self.current = (number, self.epoch(number))
        return [
            Crop(index, start, self.crop or int(self.frames[index]))
            for index, start in self.current[1][position].tolist()
        ]

    def epoch(self, number: int) -> "Epoch":
        """Utterance and first frame of every crop of an epoch: [batches, batch_size, 2]."""
        rng = np.random.default_rng([self.seed, number])
        small = np.int32 if self.frames.max() < 2**31 > len(self.frames) else np.int64
        indices = np.repeat(np.arange(len(self.frames), dtype=small), self.repeats)
        rng.shuffle(indices)
        indices = np.resize(indices, self.batches_per_epoch * self.batch_size)
        bucket = BATCHES_IN_A_BUCKET * self.batch_size
        starts = np.empty_like(indices)
        for first in range(0, len(indices), bucket):
            some = indices[first : first + bucket]
            sizes = self.frames[some] if self.crop is None else np.minimum(self.frames[some], self.crop)
            some[:] = some[np.argsort(sizes, kind="stable")]
            places = np.maximum(0, self.frames[some] - (self.crop or self.frames[some])) // self.stride + 1
            starts[first : first + bucket] = self.stride * rng.integers(places)  # on the grid of the encoder's stride
        shape = (self.batches_per_epoch, self.batch_size)
        return Epoch(indices.reshape(shape), starts.reshape(shape), rng.permutation(self.batches_per_epoch))


@dataclass(frozen=True)
class Epoch:
    """The crops of an epoch: a sequence of batches of (utterance, first frame), [batch_size, 2] each."""

    indices: np.ndarray  # [batches, batch_size]
    starts: np.ndarray  # [batches, batch_size]
    order: np.ndarray  # [batches]   in which the batches come

    def __getitem__(self, position: int) -> np.ndarray:
        batch = self.order[position]
        return np.stack([self.indices[batch], self.starts[batch]], axis=-1)

    def __array__(self, dtype: type | None = None, copy: bool | None = None) -> np.ndarray:
        """All of it: [batches, batch_size, 2]."""
        return np.stack([self.indices[self.order], self.starts[self.order]], axis=-1).astype(dtype or np.int64)
