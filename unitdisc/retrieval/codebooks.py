"""The codes of a corpus, and the mean of the frames that each stands for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from unitdisc.clustering.frame_source import in_order
from unitdisc.encodings import Encoding, Encodings, EncodingsError
from unitdisc.evaluation.frame_checks import usable
from unitdisc.retrieval.scales import ScaledFrames

Advance = Callable[[int], None]


@dataclass(frozen=True)
class CodeMeans:
    """The codes that occur, in order, and the mean of the frames of each: [K], [K, D]."""

    codes: np.ndarray
    means: np.ndarray


def codes_of(encodings: Encodings, name: str) -> np.ndarray:
    """The codes of an utterance, one for every frame. Raises EncodingsError if it has none."""
    return codes_in(encodings, usable(encodings, name))


def codes_in(encodings: Encodings, encoding: Encoding) -> np.ndarray:
    if encoding.codes is None or not len(encoding.codes):
        raise EncodingsError(
            f"{encodings.folder}: {encoding.utterance} has no codes; look for frames, or take a point that has codes, "
            "such as `bottleneck` of a model with a codebook, or what `unitdisc segment` makes"
        )
    return np.asarray(encoding.codes)


def known_codes(encodings: Encodings, names: Sequence[str], advance: Advance) -> np.ndarray:
    """The codes that occur, in order."""
    known: set[int] = set()
    for name in names:
        known.update(np.unique(codes_of(encodings, name)).tolist())
        advance(1)
    return np.array(sorted(known))


@dataclass(frozen=True)
class FramesAsCodes:
    """Utterances with codes, and the frames that these stand for."""

    encodings: Encodings
    frames: ScaledFrames

    def sums(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The codes of an utterance [K], the sum of the frames of each [K, D] and their number [K].

        Raises EncodingsError if it has no codes, or not one for every frame.
        """
        used, places = np.unique(codes_of(self.encodings, name), return_inverse=True)
        values = self.frames[name]
        sums = np.zeros((len(used), values.shape[1]))
        np.add.at(sums, places, values)
        return used, sums, np.bincount(places)


def codebook_of(sources: Sequence[FramesAsCodes], spherical: bool, threads: int, advance: Advance) -> CodeMeans:
    """The codes of all utterances with the mean frame of each, of unit length if `spherical`."""
    total: dict[int, list] = {}
    for source in sources:
        for used, sums, numbers in in_order(source.sums, source.frames.frames.names, threads):
            for code, row, number in zip(used.tolist(), sums, numbers.tolist()):
                mean = total.setdefault(code, [0.0, 0])
                mean[0], mean[1] = mean[0] + row, mean[1] + number
            advance(1)
    codes = np.array(sorted(total))
    means = np.stack([total[code][0] / total[code][1] for code in codes.tolist()])
    if spherical:
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        means = means / np.where(lengths > 0, lengths, 1)
    return CodeMeans(codes, means)
