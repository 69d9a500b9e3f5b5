"""Whole items as arrays of one size, in [0, 1]: the ink of line images, or spectrograms of recordings."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.data.base import Features
from unitdisc.data.bounded_mel import BoundedLogMel
from unitdisc.experiment import Experiment
from unitdisc.media.image import read_line


def features_like(experiment: Path | None) -> Features | None:
    """The features of an experiment, by which recordings are compared; None: of line images.

    Raises CorpusError for features that are not in [0, 1].
    """
    if experiment is None:
        return None
    features = Experiment.read(experiment).features()
    if not features.images and not isinstance(features, BoundedLogMel):
        raise CorpusError(f"{experiment}: reads {features.kind!r}; give one that reads 'bounded-log-mel'")
    return None if features.images else features


def frames_of(utterances: Sequence[Utterance], features: Features | None, corpus: Path) -> np.ndarray:
    """[N, T, C]: of recordings, what is beyond their end is 0, and T is that of the longest.

    Raises CorpusError for line images of different sizes, and for recordings without features.
    """
    if features is None:
        if heard := next((each for each in utterances if not each.is_image), None):
            raise CorpusError(f"{corpus}: {heard.id} is a recording; --features says how recordings are compared")
        images = [read_line(utterance) for utterance in utterances]
        if odd := next((u for u, image in zip(utterances, images) if image.shape != images[0].shape), None):
            what = f"{odd.id} is of another size than {utterances[0].id}"
            raise CorpusError(f"{corpus}: {what}; items must be of one size")
        return np.array(images)
    items = [features(features.signal(utterance)) for utterance in utterances]
    found = np.zeros((len(items), max(map(len, items)), features.dim), np.float32)
    for row, item in zip(found, items, strict=True):
        row[: len(item)] = item
    return found
