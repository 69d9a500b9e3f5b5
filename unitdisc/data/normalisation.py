"""Zero mean and unit variance: per utterance, per speaker or over the whole corpus."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

KINDS = ("none", "utterance", "speaker", "global")
SMALLEST_DEVIATION = 1e-3


def check_normalisation(kind: str) -> None:
    """Raises ValueError for a kind that is not there."""
    if kind not in KINDS:
        raise ValueError(f"unknown normalisation {kind!r}: choose one of {list(KINDS)}")


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of every channel."""

    mean: np.ndarray  # [C]
    deviation: np.ndarray  # [C]

    def apply(self, frames: np.ndarray) -> np.ndarray:
        return ((frames - self.mean) / self.deviation).astype(np.float32)

    @property
    def is_finite(self) -> bool:
        return bool(np.isfinite(self.mean).all() and np.isfinite(self.deviation).all())

    def undo(self, frames: np.ndarray) -> np.ndarray:
        return (frames * self.deviation + self.mean).astype(np.float32)


@dataclass(frozen=True)
class Normaliser:
    """Normalises frames by the statistics of the group they belong to.

    kind: "none", "utterance" (statistics of the frames themselves), "speaker" (of all that the speaker says) or
    "global". Utterances without a known speaker fall back on their own statistics.
    """

    kind: str
    groups: dict[str, Moments]  # speaker -> moments; "" -> moments of the whole corpus

    def __call__(self, frames: np.ndarray, speaker: str | None) -> np.ndarray:
        """frames: [T, C] -> [T, C], float32."""
        if self.kind == "none":
            return frames.astype(np.float32)
        return (self.group_of(speaker) or moments([frames])).apply(frames)

    def group_of(self, speaker: str | None) -> Moments | None:
        """The moments by which frames of a speaker are normalised; None where these are the utterance's own."""
        return self.groups.get("" if self.kind == "global" else speaker) if self.kind in ("global", "speaker") else None

    def knows(self, speaker: str | None) -> bool:
        """Whether a speaker's frames can be normalised without looking at more of them."""
        return self.kind != "speaker" or speaker is None or speaker in self.groups

    def with_groups_of(self, other: "Normaliser") -> "Normaliser":
        """The same, knowing the speakers of the other one too."""
        return Normaliser(self.kind, other.groups | self.groups)

    def to_json(self) -> dict:
        groups = {
            name: {"mean": group.mean.tolist(), "deviation": group.deviation.tolist()}
            for name, group in sorted(self.groups.items())
        }
        return {"kind": self.kind, "groups": groups}

    @classmethod
    def from_json(cls, fields: dict) -> "Normaliser":
        groups = {
            name: Moments(np.array(group["mean"]), np.array(group["deviation"]))
            for name, group in fields["groups"].items()
        }
        if wrong := sorted(name for name, group in groups.items() if not group.is_finite):
            raise ValueError(f"the moments of {wrong[0] or 'the corpus'} are not finite")
        return cls(fields["kind"], groups)


class Statistics:
    """Gathers, utterance by utterance, what a kind of normalisation needs to know of a corpus."""

    def __init__(self, kind: str):
        self.kind = kind
        self.sums: dict[str, list] = {}  # by speaker, or "": frames, their sum and that of their squares

    @property
    def are_needed(self) -> bool:
        return self.kind in ("speaker", "global")

    def add(self, speaker: str | None, frames: np.ndarray) -> None:
        """frames: [T, C]."""
        if self.kind == "speaker" and speaker is None:
            return
        sums = self.sums.setdefault("" if self.kind == "global" else speaker, [0, 0.0, 0.0])
        frames = frames.astype(np.float64)
        sums[0] += len(frames)
        sums[1] += frames.sum(0)
        sums[2] += np.square(frames).sum(0)

    def normaliser(self) -> Normaliser:
        return Normaliser(self.kind, {name: from_sums(*sums) for name, sums in self.sums.items()})


def fit(kind: str, frames_by_speaker: Iterable[tuple[str | None, np.ndarray]]) -> Normaliser:
    """A normaliser of the statistics of (speaker, frames [T, C]), gone through once if there is something to know."""
    statistics = Statistics(kind)
    for speaker, frames in frames_by_speaker if statistics.are_needed else ():
        statistics.add(speaker, frames)
    return statistics.normaliser()


def moments(parts: Iterable[np.ndarray]) -> Moments:
    frames = np.concatenate(list(parts)).astype(np.float64)
    return from_sums(len(frames), frames.sum(0), np.square(frames).sum(0))


def from_sums(count: int, total: np.ndarray, squares: np.ndarray) -> Moments:
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return Moments(mean, np.maximum(deviation, SMALLEST_DEVIATION))
