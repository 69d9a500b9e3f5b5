"""What is compared: frames in the scale of their speaker or of their corpus, or the codes that stand for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from unitdisc.clustering.frame_source import FrameSource, in_order
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.retrieval.hits import FrameSpan
from unitdisc.retrieval.subsequence_dtw import DISTANCES

Advance = Callable[[int], None]


class Material(Protocol):
    """What queries are taken from, and looked for in."""

    def take(self, stretch: FrameSpan) -> np.ndarray:
        """A query: whatever `distances` needs of a stretch."""

    def read(self, utterance: str) -> np.ndarray:
        """What `distances` needs of an utterance."""

    def distances(self, query: np.ndarray, content: np.ndarray) -> np.ndarray:
        """From what was taken to what was read: [N, M]."""


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of frames: [D], [D]."""

    mean: np.ndarray
    deviation: np.ndarray


def scales(frames: FrameSource, groups: Mapping[str, str], threads: int, advance: Advance) -> dict[str, Scale]:
    """The scale of every group of utterances (utterance -> group), read once from beginning to end."""
    sums: dict[str, tuple[int, np.ndarray, np.ndarray]] = {}
    for name, found in in_order(lambda name: (name, moments(frames[name])), frames.names, threads):
        group = groups[name]
        sums[group] = joined(sums[group], found) if group in sums else found
        advance(1)
    return {group: scale(*found) for group, found in sorted(sums.items())}


def moments(frames: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """Number, mean and summed squared deviations of frames [T, D]."""
    values = frames.astype(np.float64)
    mean = values.mean(0)
    return len(values), mean, np.square(values - mean).sum(0)


def joined(one: tuple, other: tuple) -> tuple[int, np.ndarray, np.ndarray]:
    """The moments of both (Chan, Golub and LeVeque, 1979)."""
    number = one[0] + other[0]
    apart = other[1] - one[1]
    squares = one[2] + other[2] + np.square(apart) * (one[0] * other[0] / number)
    return number, one[1] + apart * (other[0] / number), squares


def scale(number: int, mean: np.ndarray, squares: np.ndarray) -> Scale:
    """A dimension that hardly changes is left as wide as it is."""
    deviation = np.sqrt(squares / number)
    return Scale(mean, np.where(deviation > 1e-6 * (np.abs(mean) + 1e-6), deviation, 1.0))


@dataclass(frozen=True)
class ScaledFrames:
    """Frames by utterance, in the scale of their group (none: as they are); of unit length, if `spherical`."""

    frames: FrameSource
    scale_of: Callable[[str], Scale | None]
    spherical: bool

    def __getitem__(self, name: str) -> np.ndarray:
        values, scale = self.frames[name].astype(np.float64), self.scale_of(name)
        if scale is not None:
            values = (values - scale.mean) / scale.deviation
        if self.spherical:
            lengths = np.linalg.norm(values, axis=1, keepdims=True)
            values = values / np.where(lengths > 0, lengths, 1)  # a frame of zeros, such as blank paper, stays one
        return values


@dataclass(frozen=True)
class FrameMaterial:
    """Utterances as their frames."""

    frames: ScaledFrames
    distance: str = "angular"

    def take(self, stretch: FrameSpan) -> np.ndarray:
        return self.frames[stretch.utterance][stretch.first : stretch.last]

    def read(self, utterance: str) -> np.ndarray:
        return self.frames[utterance]

    def distances(self, query: np.ndarray, content: np.ndarray) -> np.ndarray:
        return DISTANCES[self.distance](query, content)


@dataclass(frozen=True)
class CodeMeans:
    """The codes that occur, in order, and the mean of the frames of each: [K], [K, D]."""

    codes: np.ndarray
    means: np.ndarray


@dataclass(frozen=True)
class CodeMaterial:
    """Utterances as their codes, which are as far apart as the means of their frames are."""

    codes: Mapping[str, Sequence[int] | None]
    codebook: CodeMeans
    distance: str = "angular"

    def take(self, stretch: FrameSpan) -> np.ndarray:
        """The distances of a stretch to every code: [N, K]."""
        codes = np.asarray(self.codes[stretch.utterance][stretch.first : stretch.last])
        means = self.codebook.means
        return DISTANCES[self.distance](means[np.searchsorted(self.codebook.codes, codes)], means)

    def read(self, utterance: str) -> np.ndarray:
        return np.searchsorted(self.codebook.codes, np.asarray(self.codes[utterance]))

    def distances(self, query: np.ndarray, content: np.ndarray) -> np.ndarray:
        return query[:, content]


@dataclass(frozen=True)
class FramesAsCodes:
    """Utterances with codes, and the frames that these stand for."""

    encodings: Encodings
    frames: ScaledFrames
    names: Sequence[str]

    def sums(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The codes of an utterance [K], the sum of the frames of each [K, D] and their number [K].

        Raises EncodingsError if it has no codes, or not one for every frame.
        """
        codes, values = self.encodings.codes[name], self.frames[name]
        if codes is None:
            raise EncodingsError(
                f"{self.encodings.folder}: {name} has no codes; look for frames, or take a point that has codes, "
                "such as `bottleneck` of a model with a codebook, or what `unitdisc segment` makes"
            )
        if len(codes) != len(values):
            what = f"{len(values)} frames, but {len(codes)} codes"
            raise EncodingsError(f"{self.encodings.folder}: {name} has {what}; encode the corpus again")
        used, places = np.unique(codes, return_inverse=True)
        sums = np.zeros((len(used), values.shape[1]))
        np.add.at(sums, places, values)
        return used, sums, np.bincount(places)


def codebook_of(sources: Sequence[FramesAsCodes], spherical: bool, threads: int, advance: Advance) -> CodeMeans:
    """The codes of all utterances with the mean frame of each, of unit length if `spherical`."""
    total: dict[int, list] = {}
    for source in sources:
        for used, sums, numbers in in_order(source.sums, source.names, threads):
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
