"""Which units and utterances to show: the most used units, each with examples from different speakers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from unitdisc.corpus import Interval, Utterance, labels_at
from unitdisc.encodings import Encodings
from unitdisc.evaluation import silences_of
from unitdisc.evaluation.units.clustering import Confusion, confusion
from unitdisc.exports.units import read_units

LEAST = 0.005  # of the frames of a unit: labels with fewer are not named


@dataclass(frozen=True)
class Occurrence:
    """One run of a unit."""

    utterance: Utterance
    interval: Interval  # ticks of the utterance

    @property
    def length(self) -> float:
        """Seconds of a recording, heights of a line image."""
        ticks = self.interval.end - self.interval.start
        return ticks / (self.utterance.height or self.utterance.rate)


@dataclass(frozen=True)
class Usage:
    """How one unit is used, and where to hear or see it."""

    code: int
    share: float  # of the frames that are not silent
    runs: int
    speakers: int
    length: float  # median of its runs: seconds, or heights of the line
    labels: list[tuple[str, float]]  # the most frequent ones under it, with their share of its frames
    examples: list[Occurrence]


def labels_in_units(utterances: Iterable[Utterance], encodings: Encodings, tier: str) -> Confusion:
    """Counts frames by label and unit; silence is left out. Frames of utterances without the tier count as `?`."""
    codes, labels = [], []
    for utterance in utterances:
        found = frame_labels(utterance, encodings, tier)
        of_frames = np.asarray(encodings.codes[utterance.id], dtype=int)
        said = ~np.isin(found, list(silences_of(utterance))) & (of_frames != blank_of(encodings))
        codes.append(of_frames[said])
        labels.append(found[said])
    codes, labels = np.concatenate(codes), np.concatenate(labels)
    if not len(codes):
        return Confusion([], [], np.zeros((0, 0), dtype=int))
    return confusion(codes, labels)


def blank_of(encodings: Encodings) -> int:
    """The code of frames that are of no unit; -1 if all are of one."""
    blank = encodings.settings.get("blank")
    return blank if isinstance(blank, int) else -1


def frame_labels(utterance: Utterance, encodings: Encodings, tier: str) -> np.ndarray:
    """The label under the centre of every frame: [T] array of str; `?` where the utterance has no such tier."""
    centres = encodings.centres(utterance.id, len(encodings.codes[utterance.id]))
    if tier not in utterance.alignment:
        return np.full(len(centres), "?")
    return labels_at(utterance.alignment[tier], centres).astype(str)


def most_used(
    found: Confusion, utterances: Sequence[Utterance], encodings: Encodings, tier: str, units: int, examples: int
) -> list[Usage]:
    """The units with most frames of `found`, the most used one first."""
    chosen = [found.codes[column] for column in np.argsort(-found.counts.sum(0), kind="stable")[:units]]
    occurrences = spoken_occurrences(chosen, utterances, encodings, tier)
    return [usage(found, code, occurrences[code], examples) for code in chosen]


def usage(found: Confusion, code: int, occurrences: list[Occurrence], examples: int) -> Usage:
    column = found.counts[:, found.codes.index(code)]
    top = np.argsort(-column, kind="stable")[:4]
    lengths = [occurrence.length for occurrence in occurrences]
    return Usage(
        code=code,
        share=column.sum() / found.counts.sum(),
        runs=len(occurrences),
        speakers=len({occurrence.utterance.speaker for occurrence in occurrences} - {None}),
        length=float(np.median(lengths)) if lengths else 0.0,
        labels=[(found.labels[row], column[row] / column.sum()) for row in top if column[row] >= LEAST * column.sum()],
        examples=by_different_speakers(occurrences, examples, seed=code),
    )


def spoken_occurrences(
    codes: Sequence[int], utterances: Iterable[Utterance], encodings: Encodings, tier: str
) -> dict[int, list[Occurrence]]:
    """Every run of the given units whose middle is not in silence."""
    found = {code: [] for code in codes}
    for utterance in utterances:
        for interval in read_units(encodings, utterance).intervals:
            if (code := int(interval.label)) in found and not silent(utterance, interval, tier):
                found[code].append(Occurrence(utterance, interval))
    return found


def silent(utterance: Utterance, interval: Interval, tier: str) -> bool:
    if tier not in utterance.alignment:
        return False
    middle = np.array([(interval.start + interval.end) / 2])
    return labels_at(utterance.alignment[tier], middle)[0] in silences_of(utterance)


def by_different_speakers(occurrences: Sequence[Occurrence], count: int, seed: int) -> list[Occurrence]:
    """Runs of typical length, one speaker after the other, women and men in turn where that is known.

    Labels play no part in the choice, so the examples are neither the best nor the worst ones.
    """
    if not occurrences:
        return []
    rng = np.random.default_rng(seed)
    typical = np.median([occurrence.length for occurrence in occurrences])
    voices: dict[str, list[Occurrence]] = {}
    for place in rng.permutation(len(occurrences)):
        occurrence = occurrences[place]
        voices.setdefault(occurrence.utterance.speaker or "", []).append(occurrence)
    for runs in voices.values():
        runs.sort(key=lambda occurrence: abs(occurrence.length - typical))  # stable: ties stay shuffled
    order = in_turn(voices)
    rounds = zip_longest(*(voices[speaker] for speaker in order))
    return [occurrence for turn in rounds for occurrence in turn if occurrence][:count]


def in_turn(voices: dict[str, list[Occurrence]]) -> list[str]:
    """The speakers, by turns of gender."""
    place: Counter[str | None] = Counter()
    ranked = []
    for speaker, runs in voices.items():
        gender = runs[0].utterance.gender
        place[gender] += 1
        ranked.append((place[gender], str(gender), speaker))
    return [speaker for _, _, speaker in sorted(ranked)]


def typical_utterances(utterances: Sequence[Utterance], count: int, first: Iterable[str] = ()) -> list[Utterance]:
    """Utterances to show whole: those named `first`, then some neither short nor long, of different speakers if
    possible.
    """
    wanted = set(first)
    short = [utterance for utterance in utterances if is_typical(utterance)] or list(utterances)
    chosen = [utterance for utterance in utterances if utterance.id in wanted]
    heard = {utterance.speaker for utterance in chosen}
    for utterance in short:
        if utterance.speaker not in heard:
            chosen.append(utterance)
            heard.add(utterance.speaker)
    chosen += [utterance for utterance in short if utterance not in chosen][:count]
    return chosen[:count]


def is_typical(utterance: Utterance) -> bool:
    """Whether it lasts 2 to 6 seconds, or is as wide as a line of a book is."""
    if utterance.height:
        return 6 <= utterance.ticks / utterance.height <= 24
    return 2 <= utterance.ticks / utterance.rate <= 6
