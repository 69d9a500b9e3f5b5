"""Batches of crops and of whole utterances, prepared by worker processes if there are any."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from unitdisc.batch import Batch
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.table import UtteranceTable
from unitdisc.data.augmentation import Views
from unitdisc.data.cache import MemoryCache
from unitdisc.data.codes import Codes
from unitdisc.data.crops import Crop, CropPlan
from unitdisc.data.signals import Signals


class CropBatches(Dataset):
    """The batches of a plan, by step; `share` of the items of each for this process.

    views: how the encoder hears them; None: as they are.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        signals: Signals,
        plan: CropPlan,
        context: int,
        speakers: Sequence[str],
        share: tuple[int, int] = (0, 1),
        codes: Codes | None = None,
        views: Views | None = None,
    ):
        self.utterances = utterances
        self.signals = signals
        self.plan = plan
        self.context = -(-context // plan.stride) * plan.stride
        self.speakers = {speaker: index for index, speaker in enumerate(speakers)}
        self.share = share
        self.codes = codes
        self.views = views
        self.memory = MemoryCache()
        # where hardly any utterance would be met again before it is forgotten, none is read for one crop of it
        jumping = plan.jumps and signals.features.margin is not None
        self.in_parts = jumping and signals.bytes_of(int(plan.frames.sum())) > self.memory.size

    def __getitem__(self, step: int) -> Batch:
        return self.batch(step)

    def batch(self, step: int) -> Batch:
        crops = self.plan.batch(step)
        frames = self.plan.crop or max(crop.frames for crop in crops)  # the same for every process
        clean = self.collate(self.own(crops), -(-frames // self.plan.stride) * self.plan.stride)
        return clean if self.views is None else self.heard(clean, step, self.own(crops))

    def heard(self, batch: Batch, step: int, crops: Sequence[Crop]) -> Batch:
        """A batch of these crops as the encoder hears it in training."""
        before = self.share[0] * len(crops)  # items of other processes
        views = []
        for place, crop in enumerate(crops):
            first = crop.start - int(batch.starts[place])
            clean = batch.features[place, : batch.lengths[place]].numpy()
            views.append(self.views.of(crop.index, self.utterances[crop.index], first, clean, step, before + place))
        features, *second = (stacked(view) for view in zip(*views))
        return replace(batch, features=features, second_view=second[0] if second else None)

    def own(self, crops: Sequence[Crop]) -> Sequence[Crop]:
        """The crops of a batch that are for this process."""
        rank, processes = self.share
        size = len(crops) // processes
        return crops[rank * size : (rank + 1) * size]

    def collate(self, crops: Sequence[Crop], target_frames: int) -> Batch:
        pieces = [self.cut(crop) for crop in crops]
        codes = None
        if self.codes is not None:
            behind = [self.codes_of(crop, features, start) for crop, (features, start, _) in zip(crops, pieces)]
            codes = stacked(behind, target_frames // self.plan.stride)
        return Batch(
            features=stacked([features for features, _, _ in pieces]),
            lengths=torch.tensor([len(features) for features, _, _ in pieces]),
            starts=torch.tensor([start for _, start, _ in pieces]),
            target=stacked([target for _, _, target in pieces], target_frames * self.signals.target.steps_per_frame),
            target_lengths=torch.tensor([len(target) for _, _, target in pieces]),
            target_frames=target_frames,
            speakers=torch.tensor([self.speakers.get(self.utterances[crop.index].speaker, -1) for crop in crops]),
            codes=codes,
        )

    def magnitudes(self, step: int) -> dict[str, float]:
        """The ids of the utterances in a batch, and how large the features and the target of each become."""
        found: dict[str, float] = {}
        batch = self.batch(step)
        parts = [part.numpy() for part in (batch.features, batch.second_view, batch.target) if part is not None]
        for place, crop in enumerate(self.own(self.plan.batch(step))):
            id = self.utterances[crop.index].id
            found[id] = max(found.get(id, 0.0), *(float(np.abs(part[place]).max(initial=0)) for part in parts))
        return found

    def cut(self, crop: Crop) -> tuple[np.ndarray, int, np.ndarray]:
        """The features of a crop and its surroundings, the frame where the crop begins in them, and its target."""
        first, last = max(0, crop.start - self.context), crop.start + crop.frames + self.context
        features, target = self.stretch(crop.index, first, min(last, int(self.plan.frames[crop.index])))
        start, steps = crop.start - first, self.signals.target.steps_per_frame
        return features, start, target[start * steps : (start + crop.frames) * steps]

    def codes_of(self, crop: Crop, features: np.ndarray, start: int) -> np.ndarray:
        """The codes of the latents behind a crop, whose features begin at frame `start` of those given: [S, N]."""
        return self.codes(self.utterances[crop.index], features[start : start + crop.frames], crop.start)

    def stretch(self, index: int, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """Features and target of frames [first, last) of an utterance."""
        if self.in_parts and self.signals.can_be_cut(utterance := self.utterances[index]):
            return self.signals.stretch_of(utterance, first, last)
        features, target = self.memory.get(index, lambda: self.load(index))
        steps = self.signals.target.steps_per_frame
        return features[first:last], target[first * steps : last * steps]

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


def batches(dataset: CropBatches, first: int, last: int, workers: int, pinned: bool = False) -> Iterator[Batch]:
    """The batches of steps first to last - 1, prepared by worker processes if there are any.

    pinned: in memory that a GPU copies from while the host goes on; for that there must be a GPU.
    Raises CorpusError naming the file if a recording went bad since it was checked.
    """
    own = torch.Generator()  # or the loader would draw a seed from the stream that training draws from
    steps = range(first, last)
    loader = DataLoader(
        Attempts(dataset), batch_size=None, sampler=steps, num_workers=workers, generator=own, pin_memory=pinned
    )
    for batch in loader:
        if isinstance(batch, CorpusError):
            raise batch
        yield batch


def stacked(pieces: Sequence[np.ndarray], size: int | None = None) -> torch.Tensor:
    """Arrays of different length in one tensor, zeros past their ends: [B, size, ...]; whole numbers become int64."""
    size = max(len(piece) for piece in pieces) if size is None else size
    dtype = np.float32 if pieces[0].dtype.kind == "f" else np.int64
    padded = np.zeros((len(pieces), size, *pieces[0].shape[1:]), dtype)
    for row, piece in zip(padded, pieces):
        row[: len(piece)] = piece
    return torch.from_numpy(padded)


def whole_utterances(utterances: Iterable[Utterance], signals: Signals, frames_in_a_batch: int) -> list[list[int]]:
    """Places of utterances in batches of like length, none with more than about this many padded frames."""
    table = UtteranceTable.of(utterances)
    frames = table.measured(signals.features.frames_in)
    order = table.by_id()
    order = order[np.argsort(frames[order], kind="stable")]
    groups: list[list[int]] = []
    for index, size in zip(order.tolist(), frames[order].tolist()):
        if groups and (len(groups[-1]) + 1) * size <= frames_in_a_batch:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


FRAMES_IN_A_BATCH = 20_000


def features_of(
    signals: Signals, utterances: Sequence[Utterance]
) -> tuple[list[np.ndarray], list[Utterance], list[str]]:
    """The features of the utterances that can be read, those utterances, and what is wrong with the others."""
    features, there, bad = [], [], []
    for utterance in utterances:
        try:
            features.append(signals.features_of(utterance))
            there.append(utterance)
        except CorpusError as error:
            bad.append(str(error))
    return features, there, bad
