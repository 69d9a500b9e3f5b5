"""The codes that an objective predicts, made ready before the first step: a codebook of the features, or read codes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unitdisc.clustering import KMeansOptions, Progress, kmeans
from unitdisc.clustering.codebook_files import read_codebook, write_codebook
from unitdisc.clustering.frame_source import FrameSource
from unitdisc.corpus import Utterance
from unitdisc.data.codes import FeatureCodes, mean_frames
from unitdisc.data.fitted_utterances import fitted_of
from unitdisc.data.signals import FeatureFrames, Signals

CODEBOOK = "codebook.npy"  # in the folder of an experiment
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
    if path.exists():
        return
    frames = FeatureFrames(signals, fitted_of(utterances, "global"), signals.features.dim, folder=folder)
    options = KMeansOptions(num_codes, seed=seed, passes=PASSES)
    unfinished = path.with_name(path.name + ".part")
    found = kmeans(MeanFrames(frames, stride), options, state_file=unfinished, progress=progress)
    card = {"frames": found.frames, "inertia": found.inertia, "passes": found.passes, "stride": stride}
    write_codebook(path, found.vectors, card)
    unfinished.unlink(missing_ok=True)


def read_feature_codes(folder: Path, stride: int) -> FeatureCodes:
    """Raises CodebookError if the codebook of an experiment is missing or damaged."""
    return FeatureCodes(read_codebook(folder / CODEBOOK).vectors, stride)
