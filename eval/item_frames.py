"""Whole items as arrays of one size, in [0, 1]: the ink of line images, or spectrograms of recordings."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.data.bounded_mel import BoundedLogMel
from unitdisc.media.image import read_line


def add_spectrograms(parser: argparse.ArgumentParser) -> None:
    """Adds the option by which recordings are compared."""
    parser.add_argument(
        "--spectrograms",
        type=int,
        nargs=3,
        metavar=("RATE", "HOP", "BINS"),
        help='how recordings are compared, by features of the kind "bounded-log-mel", as 8000 160 32',
    )


def spectrograms(sizes: Sequence[int] | None) -> BoundedLogMel | None:
    """RATE, HOP and BINS -> features; None: of line images. Raises ValueError for sizes that cannot be."""
    return None if sizes is None else BoundedLogMel(rate=sizes[0], hop=sizes[1], bins=sizes[2])


def frames_of(utterances: Sequence[Utterance], features: BoundedLogMel | None, corpus: Path) -> np.ndarray:
    """[N, T, C]: of recordings, what is beyond their end is 0, and T is that of the longest.

    Raises CorpusError for line images of different sizes, and for recordings without features.
    """
    if features is None:
        if heard := next((each for each in utterances if not each.is_image), None):
            raise CorpusError(f"{corpus}: {heard.id} is a recording; --spectrograms says how recordings are compared")
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


def as_seen(frames: np.ndarray, features: BoundedLogMel | None) -> np.ndarray:
    """An item [T, C] as ink [columns, rows]: of a spectrogram, low frequencies are below."""
    return frames if features is None else frames[:, ::-1]
