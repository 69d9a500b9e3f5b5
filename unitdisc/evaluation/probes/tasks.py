"""What probes are asked: a label under every frame, the speaker or the gender, the sound itself."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from unitdisc.corpus import Interval, labels_at
from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError, silences_of
from unitdisc.evaluation.frame_checks import stacked, usable
from unitdisc.evaluation.probes.points import PointFrames
from unitdisc.evaluation.probes.splits import TWO_SPEAKERS, Split


@dataclass(frozen=True)
class Items:
    """M things to be told apart, each a frame (in its context) or the average of an utterance."""

    frames: np.ndarray  # [N, D]      what is read
    centre: np.ndarray  # [M]         the frame of each item
    first: np.ndarray  # [M]          the first frame it may see as context
    last: np.ndarray  # [M]           the last one
    targets: np.ndarray  # [M] str    or [M, C] values
    utterances: np.ndarray  # [M]     index
    speakers: np.ndarray  # [M] str   "" where not known
    split: Split
    is_training: np.ndarray | None  # [M] bool
    carriers: np.ndarray  # [M]       what a label belongs to as a whole: frame, utterance or speaker
    types: np.ndarray | None = None  # [M]  what the control task gives a random label of its own


@dataclass(frozen=True)
class LabelTask:
    """The label at the centre of every frame, pauses left out, on speakers the probe has not heard."""

    tier: str = "phone"
    unseen_speakers: bool = True  # False: on other utterances, by whomever, as for the lines of a single scribe

    def items(self, point: PointFrames) -> Items:
        """Raises UnscorableError if no utterance has labels."""
        found, kinds, spoken = [], [], []
        for number, utterance in enumerate(point.utterances):
            intervals = utterance.alignment.get(self.tier, [])
            centres = point.centres[point.span(number)]
            found.append(labels_at(intervals, centres))
            kinds.append(labels_at(in_context(intervals), centres))
            silences = silences_of(utterance)
            spoken.append(np.array([label not in silences for label in found[-1]], dtype=bool))
        labels, types, said = np.concatenate(found), np.concatenate(kinds), np.concatenate(spoken)
        split = labels_split(self.unseen_speakers)
        known = np.repeat([can_be_grouped(point, number, split) for number in range(len(point))], point.lengths())
        if not said.any():
            raise UnscorableError(f"no utterance has labels in tier {self.tier!r}")
        return frame_items(point, np.flatnonzero(said & known), labels.astype(str), split, types.astype(str))


@dataclass(frozen=True)
class SpeakerTask:
    """Who speaks, on utterances the probe has not heard, by speakers it has; those heard once are left out."""

    per_frame: bool = False  # instead of off the time average of the utterance

    def items(self, point: PointFrames) -> Items:
        """Raises UnscorableError if there are not two speakers to tell apart."""
        speakers = [utterance.speaker for utterance in point.utterances]
        if point.is_training is None:
            counts = Counter(speakers)
            chosen = [speaker is not None and counts[speaker] > 1 for speaker in speakers]
            need = "a speaker probe takes two speakers with two utterances each, or more"
        else:
            heard = [{s for s, mine in zip(speakers, point.is_training) if mine == side} for side in (True, False)]
            shared = (heard[0] & heard[1]) - {None}
            chosen = [speaker in shared for speaker in speakers]
            need = "a speaker probe takes two speakers or more that are in both corpora"
        if len({speaker for speaker, keep in zip(speakers, chosen) if keep}) < 2:
            raise UnscorableError(need)
        return utterance_items(
            point, np.array(chosen), np.array(speakers).astype(str), Split.UTTERANCES, self.per_frame
        )


@dataclass(frozen=True)
class GenderTask:
    """The gender, on speakers the probe has not heard."""

    per_frame: bool = False

    def items(self, point: PointFrames) -> Items:
        """Raises UnscorableError if there are not two speakers of each gender."""
        known = [bool(u.gender) and can_be_grouped(point, number) for number, u in enumerate(point.utterances)]
        speakers = {u.speaker: u.gender for u, keep in zip(point.utterances, known) if keep}
        counts = Counter(speakers.values())
        if len(counts) < 2 or (point.is_training is None and min(counts.values()) < 2):
            raise UnscorableError("a gender probe takes two speakers of each gender, or more")
        genders = np.array([utterance.gender or "" for utterance in point.utterances])
        return utterance_items(point, np.array(known), genders, Split.GENDERS, self.per_frame)


@dataclass(frozen=True)
class ReconstructionTask:
    """The frame of the original nearest to every frame, pauses too, on speakers the probe has not heard or seen."""

    original: Encodings | None  # log-mel frames of recordings, pixel columns of line images
    training_original: Encodings | None = None  # of the corpus to learn from, where that is another
    kind: str = "log-mel"  # what the frames of the original are called
    unseen_speakers: bool = True  # False: on other utterances, by whomever

    def items(self, point: PointFrames) -> Items:
        """Raises UnscorableError without an original, EncodingsError if it is of another corpus or length."""
        if self.original is None or (point.is_training is not None and self.training_original is None):
            raise UnscorableError(f"no {self.kind} frames to reconstruct were given")
        split = labels_split(self.unseen_speakers)
        heard, targets = [], []
        for number, utterance in enumerate(point.utterances):
            training = point.is_training is not None and point.is_training[number]
            sound = usable(self.training_original if training else self.original, utterance.id)
            there = bool(len(sound.frames)) and can_be_grouped(point, number, split)
            centres = point.centres[point.span(number)]
            heard.append(np.full(len(centres), there))
            if there:
                targets.append(sound.frames[nearest(sound.centres, centres)])
        heard = np.concatenate(heard)
        if not any(can_be_grouped(point, number, split) for number in range(len(point))):
            raise UnscorableError(TWO_SPEAKERS)
        if not heard.any():
            raise UnscorableError(f"no utterance has both frames to read and {self.kind} frames to reconstruct")
        sounds = stacked(self.original.folder, targets)
        values = np.zeros((len(heard), sounds.shape[1]), sounds.dtype)
        values[heard] = sounds
        return frame_items(point, np.flatnonzero(heard), values, split)


def labels_split(unseen_speakers: bool) -> Split:
    return Split.SPEAKERS if unseen_speakers else Split.OTHERS


def can_be_grouped(point: PointFrames, utterance: int, split: Split = Split.SPEAKERS) -> bool:
    """Whether one can keep this utterance's speaker out of training: not if nobody knows who it is."""
    return split is Split.OTHERS or point.is_training is not None or point.utterances[utterance].speaker is not None


def in_context(intervals: Iterable[Interval]) -> list[Interval]:
    """The same intervals, labelled by the label and its neighbours."""
    labels = ["", *(interval.label for interval in intervals), ""]
    return [
        Interval(interval.start, interval.end, "\t".join(labels[place : place + 3]))
        for place, interval in enumerate(intervals)
    ]


def nearest(centres: np.ndarray, to: np.ndarray) -> np.ndarray:
    """The index of the centre nearest to each tick; the earlier of two as near."""
    return np.searchsorted((centres[1:] + centres[:-1]) / 2, to, side="left")


def frame_items(
    point: PointFrames, centre: np.ndarray, targets: np.ndarray, split: Split, types: np.ndarray | None = None
) -> Items:
    """Items that are frames, [M]. targets and types: of all frames, [N]."""
    owner = np.repeat(np.arange(len(point)), point.lengths())[centre]
    return Items(
        frames=point.frames,
        centre=centre,
        first=point.bounds[owner],
        last=point.bounds[owner + 1] - 1,
        targets=targets[centre],
        utterances=owner,
        speakers=speaker_names(point)[owner],
        split=split,
        is_training=None if point.is_training is None else point.is_training[owner],
        carriers=np.arange(len(centre)),
        types=None if types is None else types[centre],
    )


def utterance_items(point: PointFrames, chosen: np.ndarray, labels: np.ndarray, split: Split, per_frame: bool) -> Items:
    """Items that are utterances, or their frames, with one label each: [U] bool, [U] str."""
    speakers = speaker_names(point)
    carriers = np.unique(speakers, return_inverse=True)[1] if split is Split.GENDERS else np.arange(len(point))
    if per_frame:
        owner = np.repeat(np.arange(len(point)), point.lengths())
        items = frame_items(point, np.flatnonzero(chosen[owner]), labels[owner], split)
        return replace(items, carriers=carriers[items.utterances])
    which = np.flatnonzero(chosen)
    place = np.arange(len(which))
    return Items(
        frames=time_averages(point)[which],
        centre=place,
        first=place,
        last=place,
        targets=labels[which],
        utterances=which,
        speakers=speakers[which],
        split=split,
        is_training=None if point.is_training is None else point.is_training[which],
        carriers=carriers[which],
    )


def time_averages(point: PointFrames) -> np.ndarray:
    """The mean frame of every utterance, zeros where there is none: [U, D]."""
    return np.stack(
        [point.frames[point.span(number)].sum(0) / max(1, length) for number, length in enumerate(point.lengths())]
    )


def speaker_names(point: PointFrames) -> np.ndarray:
    return np.array([utterance.speaker or "" for utterance in point.utterances])
