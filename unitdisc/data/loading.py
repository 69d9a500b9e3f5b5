"""From a corpus to batches: a pure function of the seed and the step, so that a run can stop and go on anywhere."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from unitdisc.batch import Batch
from unitdisc.corpus import CorpusError, Utterance, is_pipe
from unitdisc.data.audio import read_stretch
from unitdisc.data.cache import DiskCache, MemoryCache
from unitdisc.data.columns import Columns
from unitdisc.data.features import Features
from unitdisc.data.normalisation import Normaliser, fit
from unitdisc.data.table import UtteranceTable
from unitdisc.data.targets import GreyTarget, LogMelTarget, MuLawTarget

ALL_ARE_FITTED = 1 << 17  # utterances; of more, some tell the statistics as well
FITTED, FITTED_OF_A_SPEAKER = 1 << 14, 64  # utterances, then
BATCHES_IN_A_BUCKET = 16  # batches among which items of like length are brought together


@dataclass(frozen=True)
class Signals:
    """Everything that turns an utterance into numbers: what the encoder reads and what the decoder predicts."""

    features: Features | Columns
    target: LogMelTarget | MuLawTarget | GreyTarget | None  # None where nothing is to be predicted
    feature_normaliser: Normaliser
    target_normaliser: Normaliser
    cache: DiskCache
    allow_pipes: bool = False

    @classmethod
    def fitted(
        cls,
        features: Features | Columns,
        target: LogMelTarget | MuLawTarget | GreyTarget,
        utterances: Sequence[Utterance],
        cache: Path | None = None,
        allow_pipes: bool = False,
    ) -> "Signals":
        """Gathers the statistics that the normalisations need from these utterances, one at a time.

        Of more than `ALL_ARE_FITTED`, a sample is taken, always the same: see `fitted_of`.
        """
        raw = cls(features, target, Normaliser("none", {}), Normaliser("none", {}), DiskCache(cache), allow_pipes)
        some = {kind: fitted_of(utterances, kind) for kind in {features.normalise, target.normalise}}
        feature_normaliser = fit(
            features.normalise, ((u.speaker, raw.features_of(u)) for u in some[features.normalise])
        )
        target_normaliser = fit(target.normalise, ((u.speaker, raw.target_of(u)) for u in some[target.normalise]))
        return replace(raw, feature_normaliser=feature_normaliser, target_normaliser=target_normaliser)

    def with_speakers_of(self, utterances: Sequence[Utterance]) -> "Signals":
        """The same, with statistics for the speakers among these utterances that are new to it.

        What cannot be read counts for nothing here: whoever wants its features finds out why.
        """
        knows = self.feature_normaliser.knows
        if isinstance(utterances, UtteranceTable) and all(map(knows, utterances.speakers())):
            return self
        new = some_of(utterances, [place for place, u in enumerate(utterances) if not knows(u.speaker)])
        if not new:
            return self
        raw = replace(self, feature_normaliser=Normaliser("none", {}))
        more = fit(self.features.normalise, raw.readable(fitted_of(new, self.features.normalise)))
        return replace(self, feature_normaliser=self.feature_normaliser.with_groups_of(more))

    def readable(self, utterances: Sequence[Utterance]) -> Iterator[tuple[str | None, np.ndarray]]:
        """The speaker and the features of every utterance that can be read."""
        for utterance in utterances:
            try:
                features = self.features_of(utterance)
            except CorpusError:
                continue
            yield utterance.speaker, features

    def features_of(self, utterance: Utterance) -> np.ndarray:
        """[T, C] float32, normalised."""
        return self.feature_normaliser(self.raw_features(utterance), utterance.speaker)

    def raw_features(self, utterance: Utterance) -> np.ndarray:
        """[T, C], not normalised."""
        return self.cache.get(utterance, self.features, lambda: self.features(self.signal(utterance)))

    def target_of(self, utterance: Utterance) -> np.ndarray:
        """[T * steps_per_frame, ...], normalised."""
        if isinstance(self.target, GreyTarget):  # levels of the very columns that the encoder reads
            return self.target(self.raw_features(utterance))
        target = self.cache.get(utterance, self.target, lambda: self.target(self.signal(utterance)))
        if self.target_normaliser.kind == "none":
            return target
        return self.target_normaliser(target, utterance.speaker)

    def both_of(self, utterance: Utterance) -> tuple[np.ndarray, np.ndarray]:
        """Features and target as above; the file is read once."""
        if isinstance(self.target, GreyTarget):
            return self.features_of(utterance), self.target_of(utterance)
        return self.normalised(utterance, *self.raw_both(utterance))

    def raw_both(self, utterance: Utterance, part: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Features and target of a recording, not normalised; part: of which only a part will be looked at."""
        signal = cache(lambda: self.signal(utterance))
        features = self.cache.get(utterance, self.features, lambda: self.features(signal()), part)
        target = self.cache.get(utterance, self.target, lambda: self.target(signal()), part)
        return features, target

    def normalised(
        self, utterance: Utterance, features: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        if self.target_normaliser.kind != "none":
            target = self.target_normaliser(target, utterance.speaker)
        return self.feature_normaliser(features, utterance.speaker), target

    def can_be_cut(self, utterance: Utterance) -> bool:
        """Whether a stretch of an utterance can be read without all of it."""
        whole = self.feature_normaliser.kind == "utterance" or (
            self.feature_normaliser.kind == "speaker" and utterance.speaker not in self.feature_normaliser.groups
        )
        return not (whole or self.features.images or is_pipe(utterance.path)) and utterance.rate == self.features.rate

    def stretch_of(self, utterance: Utterance, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """The same of frames [first, last) alone, to rounding, where `can_be_cut`: of the cache, or the file itself."""
        steps = self.target.steps_per_frame
        if self.cache.folder is not None:
            features, target = self.raw_both(utterance, part=True)
            return self.normalised(utterance, features[first:last], target[first * steps : last * steps])
        hop, margin, frames = self.features.hop, self.features.margin, self.frames_in(utterance)
        begin, end = max(0, first - margin), min(frames, last + margin)
        stop = utterance.ticks if end == frames else end * hop
        wave = read_stretch(utterance, begin * hop, stop, self.features.rate)
        features = self.features(wave, begin * hop)[first - begin : last - begin]
        target = self.target(wave, begin * hop)[(first - begin) * steps : (last - begin) * steps]
        return self.normalised(utterance, features, target)

    def bytes_of(self, frames: int) -> int:
        """How much memory so many frames take with their target."""
        return frames * (4 * self.features.dim + self.target.bytes_per_frame)

    def to_audio(self, target: np.ndarray) -> np.ndarray:
        """Makes a target heard: [S, ...] -> [ticks] in [-1, 1]."""
        kind = self.target_normaliser.kind
        if kind == "global":
            target = self.target_normaliser.groups[""].undo(target)
        return self.target.to_audio(target)

    def to_image(self, target: np.ndarray) -> np.ndarray:
        """Makes a target of line images seen: [S, height] -> ink in [0, 1], [columns, height]."""
        return self.target.to_image(target)

    def signal(self, utterance: Utterance) -> np.ndarray:
        """The samples [ticks], or the line [columns, height], that features and target are made of."""
        return self.features.signal(utterance, self.allow_pipes)

    def frames_in(self, utterance: Utterance) -> int:
        """How many feature frames an utterance has, without reading it."""
        return self.features.frames_in(utterance)


def fitted_of(utterances: Sequence[Utterance], kind: str) -> Sequence[Utterance]:
    """The utterances whose frames tell the statistics of a normalisation: all, or some of each speaker, or some."""
    if len(utterances) <= ALL_ARE_FITTED or kind not in ("speaker", "global"):
        return utterances
    order = np.random.default_rng(0).permutation(len(utterances))
    if kind == "global":
        order = order[:FITTED]
    else:
        left: defaultdict[str | None, int] = defaultdict(lambda: FITTED_OF_A_SPEAKER)
        speakers, chosen = [utterance.speaker for utterance in utterances], []
        for place in order.tolist():
            speaker = speakers[place]
            if speaker is not None and left[speaker]:
                left[speaker] -= 1
                chosen.append(place)
        order = np.array(chosen, dtype=np.int64)
    return some_of(utterances, np.sort(order).tolist())


def some_of(utterances: Sequence[Utterance], places: Sequence[int]) -> Sequence[Utterance]:
    if isinstance(utterances, UtteranceTable):
        return utterances.take(np.array(places, dtype=np.int64))
    return [utterances[place] for place in places]


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


class CropBatches(Dataset):
    """The batches of a plan, by step; `share` of the items of each for this process."""

    def __init__(
        self,
        utterances: Sequence[Utterance],
        signals: Signals,
        plan: CropPlan,
        context: int,
        speakers: Sequence[str],
        share: tuple[int, int] = (0, 1),
    ):
        self.utterances = utterances
        self.signals = signals
        self.plan = plan
        self.context = -(-context // plan.stride) * plan.stride
        self.speakers = {speaker: index for index, speaker in enumerate(speakers)}
        self.share = share
        self.memory = MemoryCache()
        # where hardly any utterance would be met again before it is forgotten, none is read for one crop of it
        jumping = type(plan) is CropPlan and not signals.features.images  # a plan may have an order that meets them
        self.in_parts = jumping and signals.bytes_of(int(plan.frames.sum())) > self.memory.size

    def __getitem__(self, step: int) -> Batch:
        crops = self.plan.batch(step)
        rank, processes = self.share
        size = len(crops) // processes
        longest = max(
            min(crop.frames, int(self.plan.frames[crop.index])) for crop in crops
        )  # the same for every process
        frames = self.plan.crop or longest
        return self.collate(crops[rank * size : (rank + 1) * size], -(-frames // self.plan.stride) * self.plan.stride)

    def collate(self, crops: Sequence[Crop], target_frames: int) -> Batch:
        pieces = [self.cut(crop) for crop in crops]
        return Batch(
            features=stacked([features for features, _, _ in pieces]),
            lengths=torch.tensor([len(features) for features, _, _ in pieces]),
            starts=torch.tensor([start for _, start, _ in pieces]),
            target=stacked([target for _, _, target in pieces], target_frames * self.signals.target.steps_per_frame),
            target_lengths=torch.tensor([len(target) for _, _, target in pieces]),
            target_frames=target_frames,
            speakers=torch.tensor([self.speakers.get(self.utterances[crop.index].speaker, -1) for crop in crops]),
        )

    def cut(self, crop: Crop) -> tuple[np.ndarray, int, np.ndarray]:
        """The features of a crop and its surroundings, the frame where the crop begins in them, and its target."""
        utterance = self.utterances[crop.index] if self.in_parts else None
        first = max(0, crop.start - self.context)
        steps = self.signals.target.steps_per_frame
        end = crop.start + crop.frames
        if utterance is not None and self.signals.can_be_cut(utterance):
            last = min(int(self.plan.frames[crop.index]), end + self.context)
            features, target = self.signals.stretch_of(utterance, first, last)
            return features, crop.start - first, target[(crop.start - first) * steps :][: crop.frames * steps]
        features, target = self.memory.get(crop.index, lambda: self.load(crop.index))
        return (
            features[first : end + self.context],
            crop.start - first,
            target[crop.start * steps : end * steps],
        )

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.signals.both_of(self.utterances[index])


class Attempts(Dataset):
    """Batches, or what was wrong with a recording: an error that a worker raised would arrive with its traceback."""

    def __init__(self, dataset: CropBatches):
        self.dataset = dataset

    def __getitem__(self, step: int) -> Batch | CorpusError:
        try:
            return self.dataset[step]
        except CorpusError as error:
            return error


def batches(dataset: CropBatches, first: int, last: int, workers: int) -> Iterator[Batch]:
    """The batches of steps first to last - 1, prepared by worker processes if there are any.

    Raises CorpusError naming the file if a recording went bad since it was checked.
    """
    own = torch.Generator()  # or the loader would draw a seed from the stream that training draws from
    steps = range(first, last)
    for batch in DataLoader(Attempts(dataset), batch_size=None, sampler=steps, num_workers=workers, generator=own):
        if isinstance(batch, CorpusError):
            raise batch
        yield batch


def stacked(pieces: Sequence[np.ndarray], size: int | None = None) -> torch.Tensor:
    """Arrays of different length in one tensor, zeros past their ends: [B, size, ...]; 8-bit levels become int64."""
    size = max(len(piece) for piece in pieces) if size is None else size
    dtype = np.int64 if pieces[0].dtype == np.uint8 else np.float32
    padded = np.zeros((len(pieces), size, *pieces[0].shape[1:]), dtype)
    for row, piece in zip(padded, pieces):
        row[: len(piece)] = piece
    return torch.from_numpy(padded)


def whole_utterances(utterances: Sequence[Utterance], signals: Signals, frames_in_a_batch: int) -> list[list[int]]:
    """Indices of utterances in batches of like length, none with more than about this many padded frames."""
    frames = frames_of(utterances, signals.features)
    order = sorted(range(len(utterances)), key=lambda i: utterances[i].id) if out_of_order(utterances) else None
    order = np.arange(len(frames)) if order is None else np.array(order, dtype=np.int64)
    order = order[np.argsort(frames[order], kind="stable")]
    groups: list[list[int]] = []
    for index, size in zip(order.tolist(), frames[order].tolist()):
        if groups and (len(groups[-1]) + 1) * size <= frames_in_a_batch:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def out_of_order(utterances: Sequence[Utterance]) -> bool:
    """Whether utterances are not sorted by id."""
    if isinstance(utterances, UtteranceTable):
        return not utterances.is_sorted()
    return any(one.id > other.id for one, other in pairwise(utterances))


def frames_of(utterances: Sequence[Utterance], features: Features | Columns) -> np.ndarray:
    """How many feature frames every utterance has, without reading it: [N]."""
    if isinstance(utterances, UtteranceTable):
        return utterances.measured(features.frames_in)
    return np.array([features.frames_in(utterance) for utterance in utterances], dtype=np.int64)
