"""Crops of a corpus that is read shard by shard, from beginning to end: a pure function of the seed and the step.

Shards come in random order, their utterances as they lie in them, and their crops through a shuffle buffer. The stream
of all crops of an epoch is cut into lanes of equal length. A batch takes as many crops from each of its lanes, and
successive steps take turns at lanes of their own. So a process that has a share of every batch, and a worker that
prepares every n-th, read tars that nobody else reads, each at few places, and all have equally much to do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np

from unitdisc.batch import Batch
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.data.crops import BATCHES_IN_A_BUCKET, Crop, CropPlan
from unitdisc.data.loader import CropBatches
from unitdisc.media.open import ARCHIVE
from unitdisc.media.tars import MEMBER

LANES = 64  # of a batch, at most: so many processes share no recordings
TURNS = 4  # steps with lanes of their own: so many workers share none either, nor do two
BUFFER = 1 << 20  # frames of all lanes together among which crops are shuffled: three hours
CHAPTER = 1 << 21  # crops that are planned at a time: of 0.32 s, some 190 hours


def in_shards(order: str, utterances: Sequence[Utterance]) -> bool:
    """Whether a corpus is to be read shard by shard: if all of it lies in tars, and unless `order` says otherwise.

    Raises CorpusError if `order` asks for it, but recordings have files of their own.
    """
    pattern = ARCHIVE if order == "shards" else MEMBER  # Kaldi archives too, if asked for
    if order == "random":
        return False
    loose = next((utterance for utterance in utterances if not pattern.fullmatch(utterance.path)), None)
    if loose is not None and order == "shards":
        what = f"training.order is 'shards', but {loose.path} lies in no shard"
        raise CorpusError(f"{what}; pack the corpus with `unitdisc shards`, or set training.order to 'auto'")
    return loose is None


def places_of(utterances: Sequence[Utterance]) -> np.ndarray:
    """Shard, offset and first tick of every utterance: [N, 3]; shards are numbered by name."""
    numbers: dict[str, int] = {}

    def rows() -> Iterator[int]:
        for utterance in utterances:
            name, offset = ARCHIVE.fullmatch(utterance.path).groups()
            yield from (numbers.setdefault(name, len(numbers)), int(offset), utterance.start)

    places = np.fromiter(rows(), np.int64).reshape(-1, 3)
    by_name = {numbers[name]: place for place, name in enumerate(sorted(numbers))}
    places[:, 0] = np.array([by_name[number] for number in range(len(by_name))])[places[:, 0]]
    return places


@dataclass(frozen=True)
class CropCircle:
    """The order in which a corpus is read, as a circle of crops that is entered at a random place."""

    epoch: int
    order: np.ndarray  # [N]: utterances as they are read
    ends: np.ndarray  # [N]: how many crops there are up to the end of each
    entry: int


@dataclass(frozen=True)
class Chapter:
    """The crops of some steps in a row."""

    epoch: int
    number: int
    ranks: np.ndarray  # [steps, batch_size]: how many utterances are read before that of a crop, all epoch long
    indices: np.ndarray  # [steps, batch_size]: of utterances
    starts: np.ndarray  # [steps, batch_size]: first frames


class ShardPlan(CropPlan):
    """Which crops make up the batch of every step, if utterances are read in the order of their places.

    places: [N, 3] as `places_of` gives them. buffer: frames among which crops are shuffled; those that are needed at
    a time are about as many. As with CropPlan, every utterance gives a crop in an epoch for each `crop` frames it is
    long, less the few that would not fill a step: these are others in every epoch, and of different utterances.
    """

    jumps = False

    def __init__(
        self,
        frames: Sequence[int],
        places: np.ndarray,
        batch_size: int,
        crop: int | None,
        stride: int,
        seed: int,
        buffer: int = BUFFER,
        chapter: int = CHAPTER,
    ):
        super().__init__(frames, batch_size, crop, stride, seed)
        self.lanes = gcd(batch_size, LANES)
        enough = min(self.batches_per_epoch, len(self.frames) // self.lanes) >= 16 * TURNS
        self.turns = TURNS if enough else 1
        self.batches_per_epoch -= self.batches_per_epoch % self.turns
        self.steps = max(1, chapter // (batch_size * self.turns)) * self.turns  # of a chapter
        in_place = np.lexsort(places.T[::-1])
        self.shards = np.split(in_place, np.flatnonzero(np.diff(places[in_place, 0])) + 1)
        crops = buffer * self.repeats.sum() / max(1, self.frames.sum())
        self.window = crops / (self.lanes * self.turns)  # crops of a lane
        self.read: CropCircle | None = None
        self.planned: Chapter | None = None
        self.needs: dict[tuple[int, int, int], tuple[np.ndarray, np.ndarray]] = {}  # turn and rows -> see `needs`

    def batch(self, step: int) -> list[Crop]:
        chapter, place = self.chapter_at(step)
        found = zip(chapter.indices[place].tolist(), chapter.starts[place].tolist())
        return [Crop(index, start, self.crop or int(self.frames[index])) for index, start in found]

    def chapter_at(self, step: int) -> tuple[Chapter, int]:
        """The chapter a step belongs to, and its place in there."""
        epoch, position = divmod(step, self.batches_per_epoch)
        number, place = divmod(position, self.steps)
        if self.planned is None or (self.planned.epoch, self.planned.number) != (epoch, number):
            if self.read is None or self.read.epoch != epoch:
                self.read = self.stream(epoch)
            self.planned = self.chapter(self.read, number)
            self.needs = {}
        return self.planned, place

    def stream(self, number: int) -> CropCircle:
        rng = np.random.default_rng([self.seed, number])
        order = np.concatenate([self.shards[shard] for shard in rng.permutation(len(self.shards))])
        ends = np.cumsum(self.repeats[order])
        return CropCircle(number, order, ends, int(rng.integers(ends[-1])))

    def chapter(self, stream: CropCircle, number: int) -> Chapter:
        rng = np.random.default_rng([self.seed, stream.epoch, number])
        steps = min(self.steps, self.batches_per_epoch - number * self.steps)
        wanted, there = self.batches_per_epoch * self.batch_size, int(stream.ends[-1])
        crops = np.arange(steps * self.batch_size) + number * self.steps * self.batch_size
        rounds, crops = np.divmod(stream.entry + crops * there // wanted, there)  # leaves out one here and there
        ranks = np.searchsorted(stream.ends, crops, side="right") + rounds * len(stream.order)
        ranks = ranks.reshape(self.turns * self.lanes, -1)
        places = np.arange(ranks.shape[1]) + self.window * rng.random(ranks.shape)  # none moves farther than that
        ranks = np.take_along_axis(ranks, np.argsort(places, axis=1), axis=1)
        if self.crop is None:
            ranks = self.by_length(stream, ranks)
        ranks = ranks.reshape(self.turns, self.lanes, steps // self.turns, -1)
        if self.crop is None:  # or the last of every bucket would always be the longest
            bucket = np.arange(ranks.shape[2]) // BATCHES_IN_A_BUCKET
            order = np.argsort(bucket + rng.random((self.turns, ranks.shape[2])), axis=1)
            ranks = np.take_along_axis(ranks, order[:, None, :, None], axis=2)
        ranks = ranks.transpose(2, 0, 1, 3).reshape(steps, self.batch_size)
        indices = stream.order[ranks % len(stream.order)]
        frames = self.frames[indices]
        starts = self.stride * rng.integers(np.maximum(0, frames - (self.crop or frames)) // self.stride + 1)
        return Chapter(stream.epoch, number, ranks, indices, starts)

    def by_length(self, stream: CropCircle, ranks: np.ndarray) -> np.ndarray:
        """Sorts what a lane gives to so many batches: [lanes, crops]; lanes are alike, so their batches will be too."""
        rows = self.batch_size // self.lanes
        sizes = self.frames[stream.order[ranks % len(stream.order)]]
        bucket = np.broadcast_to(np.arange(ranks.shape[1]) // (BATCHES_IN_A_BUCKET * rows), ranks.shape)
        return np.take_along_axis(ranks, np.lexsort((sizes, bucket), axis=1), axis=1)

    def arrivals(self, step: int, share: tuple[int, int] = (0, 1)) -> list[int]:
        """The utterances that come into the buffer at a step, in the order in which they lie in their shards.

        Those that a part of the batch needs, and all before them that it will need. share: which part, of how many.
        """
        chapter, place = self.chapter_at(step)
        cycle, turn = divmod(place, self.turns)
        rank, parts = share
        size, rows = self.batch_size // parts, self.batch_size // self.lanes
        first, last = rank * size, (rank + 1) * size
        found = []
        for lane in range(first // rows, -(-last // rows)):
            columns = (max(first, lane * rows), min(last, (lane + 1) * rows))
            if (turn, *columns) not in self.needs:
                self.needs[turn, *columns] = needs(chapter.ranks[turn :: self.turns, slice(*columns)])
            ranks, counts = self.needs[turn, *columns]
            found += ranks[counts[cycle - 1] if cycle else 0 : counts[cycle]].tolist()
        order = self.read.order
        return [int(order[rank % len(order)]) for rank in found]


def needs(ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a lane reads, of what its batches take: [cycles, rows] -> ranks in order, and how many up to every cycle."""
    found = np.unique(ranks)
    return found, np.searchsorted(found, np.maximum.accumulate(ranks.max(1)), side="right")


class ShardBatches(CropBatches):
    """The batches of a ShardPlan: before a batch is made, what comes next in the shards is read in order."""

    def __getitem__(self, step: int) -> Batch:
        for index in self.plan.arrivals(step, self.share):
            self.memory.get(index, lambda index=index: self.load(index))
        return super().__getitem__(step)
