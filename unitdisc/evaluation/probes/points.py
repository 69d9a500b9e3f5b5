"""A corpus at one probe point: every frame of every utterance, one after the other, as probes read them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.frame_checks import stacked, usable


@dataclass(frozen=True)
class PointFrames:
    """The frames of U utterances in order of their ids, so that the order in which they were listed changes nothing."""

    folder: str
    utterances: tuple[Utterance, ...]  # U
    frames: np.ndarray  # [N, D]
    bounds: np.ndarray  # [U + 1]: utterance u has the frames bounds[u] to bounds[u + 1]
    centres: np.ndarray  # [N]     ticks of the utterance
    is_training: np.ndarray | None = None  # [U] bool: another corpus to learn from; None: folds of this one

    def __len__(self) -> int:
        return len(self.utterances)

    def lengths(self) -> np.ndarray:
        """Frames of every utterance: [U]."""
        return np.diff(self.bounds)

    def span(self, utterance: int) -> slice:
        """Where the frames of an utterance are."""
        return slice(self.bounds[utterance], self.bounds[utterance + 1])


def read_point(encodings: Encodings, utterances: Iterable[Utterance]) -> PointFrames:
    """Reads the encodings of all utterances.

    Raises EncodingsError naming the file if one is missing or unusable or if dimensions differ, UnscorableError if
    there is no utterance, or no frame.
    """
    ordered = sorted(utterances, key=lambda utterance: utterance.id)
    read = [usable(encodings, utterance.id) for utterance in ordered]
    if not sum(len(encoding.frames) for encoding in read):
        raise UnscorableError(f"{encodings.folder}: not a single frame of {len(ordered)} utterances; encode the corpus")
    return PointFrames(
        folder=str(encodings.folder),
        utterances=tuple(ordered),
        frames=stacked(encodings.folder, [encoding.frames for encoding in read]),
        bounds=np.cumsum([0, *(len(encoding.frames) for encoding in read)]),
        centres=np.concatenate([encoding.centres for encoding in read]),
    )


def joined(training: PointFrames, test: PointFrames) -> PointFrames:
    """Two corpora as one: the first to learn from, the second to score.

    Raises EncodingsError if their frames differ in dimensions.
    """
    if training.frames.shape[1] != test.frames.shape[1]:
        raise EncodingsError(
            f"{test.folder}: frames have {test.frames.shape[1]} dimensions, but those to learn from, in "
            f"{training.folder}, have {training.frames.shape[1]}; encode both corpora at one point of one model"
        )
    return replace(
        test,
        utterances=training.utterances + test.utterances,
        frames=np.concatenate([training.frames, test.frames]),
        bounds=np.concatenate([training.bounds, training.bounds[-1] + test.bounds[1:]]),
        centres=np.concatenate([training.centres, test.centres]),
        is_training=np.repeat([True, False], [len(training), len(test)]),
    )
