"""The codes that an objective predicts, made ready before the first step: a codebook of the features, or read codes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unitdisc.clustering import KMeansOptions, Progress, kmeans
from unitdisc.clustering.codebook import read_codebook, write_codebook
from unitdisc.corpus import Utterance
from unitdisc.data.codes import FeatureCodes, mean_frames
from unitdisc.data.signals import Signals, fitted_of

CODEBOOK = "codebook.npy"  # in the folder of an experiment
PASSES = 20  # of k-means: nobody names units by these codes, and the last tenths of a per cent take as long again


class MeanFrames:
    """The features of some utterances, each `stride` frames as one: a source of frames for k-means."""

    def __init__(self, signals: Signals, utterances: Sequence[Utterance], stride: int, folder: Path):
        self.folder = folder  # for messages
        self.signals = signals
        self.utterances = {utterance.id: utterance for utterance in utterances}
        self.names = sorted(self.utterances)
        self.dim = signals.features.dim
        self.stride = stride

    def __getitem__(self, name: str) -> np.ndarray:
        return mean_frames(self.signals.features_of(self.utterances[name]), self.stride)


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
    if path.exists():
        return
    some = list(fitted_of(utterances, "global"))
    frames = MeanFrames(signals, some, stride, folder)
    options = KMeansOptions(num_codes, seed=seed, passes=PASSES)
    found = kmeans(frames, options, state_file=path.with_name(path.name + ".part"), progress=progress)
    card = {"frames": found.frames, "inertia": found.inertia, "passes": found.passes, "stride": stride}
    write_codebook(path, found.vectors, card)
    path.with_name(path.name + ".part").unlink(missing_ok=True)


def read_feature_codes(folder: Path, stride: int) -> FeatureCodes:
    """Raises CodebookError if the codebook of an experiment is missing or damaged."""
    return FeatureCodes(read_codebook(folder / CODEBOOK).vectors, stride)
