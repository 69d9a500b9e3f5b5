"""Codes that are made ready before the first step: those that an objective predicts, or that a bottleneck knows."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from unitdisc.batch import padding_mask
from unitdisc.clustering import KMeansOptions, Progress, kmeans
from unitdisc.clustering.codebook_files import read_codebook, write_codebook
from unitdisc.clustering.frame_source import FrameSource
from unitdisc.corpus import Utterance
from unitdisc.corpus.table import UtteranceTable
from unitdisc.data.codes import FeatureCodes, StoredCodes, mean_frames
from unitdisc.data.fitted_utterances import fitted_of
from unitdisc.data.loader import FRAMES_IN_A_BATCH, stacked, whole_utterances
from unitdisc.data.signals import FeatureFrames, Signals
from unitdisc.files import take_away
from unitdisc.files.tensors import read_tensors, write_tensors
from unitdisc.model import UnitModel

CODEBOOK = "codebook.npy"  # in the folder of an experiment
CODES, CARD = "codes.safetensors", "codes"  # of whole utterances, in the same folder
PASSES = 20  # of k-means: nobody names units by these codes, and the last tenths of a per cent take as long again


class MeanFrames:
    """The frames of a source, each `stride` of them as one."""

    def __init__(self, frames: FrameSource, stride: int):
        self.frames, self.folder, self.names, self.dim = frames, frames.folder, frames.names, frames.dim
        self.stride = stride

    def __getitem__(self, name: str) -> np.ndarray:
        return mean_frames(self.frames[name], self.stride)


def feature_codes(
    folder: Path,
    signals: Signals,
    utterances: Sequence[Utterance],
    num_codes: int,
    stride: int,
    seed: int,
    progress: Progress,
) -> None:
    """Finds a codebook of the features, and writes it to the folder of an experiment, unless it is there.

    Of a large corpus a sample of utterances is taken, as for statistics.
    """
    path = folder / CODEBOOK
    unfinished = path.with_name(path.name + ".part")
    if path.exists():
        take_away(unfinished)  # of a run that was killed before it could
        return
    frames = FeatureFrames(signals, fitted_of(utterances, "global"), signals.features.dim, folder=folder)
    options = KMeansOptions(num_codes, seed=seed, passes=PASSES)
    found = kmeans(MeanFrames(frames, stride), options, state_file=unfinished, progress=progress)
    card = {"frames": found.frames, "inertia": found.inertia, "passes": found.passes, "stride": stride}
    write_codebook(path, found.vectors, card)
    take_away(unfinished)


def read_feature_codes(folder: Path, stride: int) -> FeatureCodes:
    """Raises CodebookError if the codebook of an experiment is missing or damaged."""
    return FeatureCodes(read_codebook(folder / CODEBOOK).vectors, stride)


def find_codes(
    folder: Path,
    make: Callable[[], UnitModel],
    signals: Signals,
    *,
    utterances: UtteranceTable,
    device: str,
    progress: Progress,
) -> None:
    """Writes the cut that a model makes of whole utterances to the folder of an experiment, unless it is there.

    make: the model. Raises CorpusError for an utterance that cannot be read.
    """
    path, checksum = folder / CODES, utterances.checksum()
    if path.exists() and read_tensors(path, CARD)[1].get("utterances") == checksum:
        return
    model, found = make().eval().to(device), {}
    with progress("codes of whole utterances", len(utterances)) as advance, torch.inference_mode():
        for group in whole_utterances(utterances, signals, FRAMES_IN_A_BATCH):
            features = [signals.features_of(utterances[place]) for place in group]
            lengths = torch.tensor([len(frames) for frames in features])
            encoded, lengths = model.encoder(stacked(features).to(device), lengths.to(device))
            parts = model.bottleneck.cut(encoded, padding_mask(lengths, encoded.shape[1])).cpu()
            found |= {place: parts[row, :size] for row, (place, size) in enumerate(zip(group, lengths.tolist()))}
            advance(len(group))
    codes = [found[place].numpy().astype(np.int32) for place in range(len(utterances))]
    sizes = np.array([len(each) for each in codes])
    card = {"utterances": checksum, "stride": model.encoder.stride}
    write_tensors(path, {"codes": np.concatenate(codes), "sizes": sizes}, {CARD: card})


def read_found_codes(folder: Path, utterances: UtteranceTable) -> StoredCodes:
    """Raises TensorFileError if what `find_codes` wrote is missing or damaged."""
    arrays, card = read_tensors(folder / CODES, CARD)
    pieces = np.split(arrays["codes"], np.cumsum(arrays["sizes"])[:-1])
    codes = {utterance.id: each[:, None] for utterance, each in zip(utterances, pieces, strict=True)}
    return StoredCodes(codes, card["stride"])
