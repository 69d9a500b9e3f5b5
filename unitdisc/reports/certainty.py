"""How certain types of words are, by their signal alone: whether those of one are more alike than those of others.

Of two occurrences of a type, and one of another type, drawn by lot: how often are the first two nearer to each other
than the first is to that? Chance is one half. If the two are by different speakers, the third is by another one than
the first, too, so that the voice says nothing. An occurrence is its log-mel spectrogram less the mean of the utterance,
or its ink, brought to one size and strength; units and labels play no part in that.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.media.audio import read_audio
from unitdisc.media.image import read_line
from unitdisc.reports.clips import BINS, RATE, mel_power
from unitdisc.reports.examples import Occurrence, by_different_speakers

LEAST = 3  # occurrences of a type, to say how certain it is
TYPES = 300  # the commonest ones, of which it is said
EACH = 8  # occurrences of each that are compared
OTHERS = 300  # occurrences of any type that they are compared with
WIDTH, ROWS = 12, 16  # columns of every picture, and rows of one of writing
HOP = RATE // 100
FLOOR = 1e-8  # of power


@dataclass(frozen=True)
class Seen:
    """Pictures of occurrences, and whose they are."""

    pictures: np.ndarray  # [N, D]
    speakers: np.ndarray  # [N] str

    @classmethod
    def of(cls, occurrences: Sequence[Occurrence], pictures: Sequence[np.ndarray | None]) -> "Seen":
        """Of those that there are pictures of."""
        there = [(one, own) for one, own in zip(occurrences, pictures, strict=True) if own is not None]
        speakers = np.array([one.utterance.speaker or "" for one, _ in there], dtype=str)
        return cls(np.stack([own for _, own in there]) if there else np.zeros((0, 1)), speakers)

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, which: np.ndarray) -> "Seen":
        return Seen(self.pictures[which], self.speakers[which])


def certainties(
    occurrences: Mapping[int, Sequence[Occurrence]],
    problems: list[str],
    advance: Callable[[int], None] = lambda done: None,
) -> dict[int, float]:
    """Of the commonest types that occur often enough: from 0 to 1. advance: called for every utterance."""
    often = [code for code, own in occurrences.items() if len(own) >= LEAST]
    often = sorted(often, key=lambda code: (-len(occurrences[code]), code))[:TYPES]
    compared = {code: by_different_speakers(occurrences[code], EACH, seed=code) for code in often}
    everything = [(code, one) for code, own in sorted(occurrences.items()) for one in own]
    chosen = np.random.default_rng(0).permutation(len(everything))[:OTHERS]
    others = [everything[place] for place in sorted(chosen.tolist())]
    flat = [one for own in compared.values() for one in own] + [one for _, one in others]
    pictures = pictures_of(flat, problems, advance)
    theirs = pictures[len(flat) - len(others) :]
    codes = np.array([code for (code, _), own in zip(others, theirs) if own is not None], np.int64)
    beside = Seen.of([one for _, one in others], theirs)
    found, first = {}, 0
    for code, own in compared.items():
        seen = Seen.of(own, pictures[first : first + len(own)])
        first += len(own)
        if (share := nearer(seen, beside.take(codes != code))) is not None:
            found[code] = share
    return found


def nearer(own: Seen, others: Seen) -> float | None:
    """How often two of one type are nearer to each other than the first is to one of another; ties count half.

    Two of different speakers, if there are any, and then others of another speaker than the first, if there are any.
    None where there are no two, or no others.
    """
    if len(own) < 2 or not len(others):
        return None
    both = ~np.eye(len(own), dtype=bool)
    across = both & (own.speakers[:, None] != own.speakers[None])
    strange = own.speakers[:, None] != others.speakers[None]
    pairs, beside = (across, strange) if across.any() else (both, ~strange)
    near, far = distances(own.pictures, own.pictures), distances(own.pictures, others.pictures)
    wins = []
    for a, b in zip(*np.nonzero(pairs), strict=True):
        to = far[a, beside[a]] if beside[a].any() else far[a]
        wins.append(np.mean((near[a, b] < to) + (near[a, b] == to) / 2))
    return float(np.mean(wins))


def distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Squared Euclidean: [N, D], [M, D] -> [N, M]."""
    return np.square(left[:, None] - right[None]).sum(-1)


def pictures_of(
    occurrences: Sequence[Occurrence], problems: list[str], advance: Callable[[int], None]
) -> list[np.ndarray | None]:
    """A picture [D] of each, None where the file cannot be read; every utterance is read once."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(occurrences):
        places[one.utterance.id].append(place)
    found: list[np.ndarray | None] = [None] * len(occurrences)
    for own in places.values():
        utterance = occurrences[own[0]].utterance
        try:
            signal, per_tick = seen_or_heard(utterance)
        except CorpusError as error:
            problems.append(str(error))
        else:
            for place in own:
                interval = occurrences[place].interval
                found[place] = picture(signal, interval.start * per_tick, interval.end * per_tick, utterance.is_image)
        advance(1)
    return found


def seen_or_heard(utterance: Utterance) -> tuple[np.ndarray, float]:
    """Columns [T, D] of a whole utterance, and how many are in a tick. Raises CorpusError if it cannot be read."""
    if utterance.is_image:
        return read_line(utterance), 1.0
    power = mel_power(read_audio(utterance, rate=RATE, resample=True), hop=HOP)
    logs = np.log(power + FLOOR).T
    return logs - logs.mean(0), RATE / HOP / utterance.rate


def picture(signal: np.ndarray, start: float, end: float, written: bool) -> np.ndarray:
    """Columns [start, end) brought to one size, mean and length: [WIDTH * ROWS], or [WIDTH * BINS] of sound.

    So that the distances of two tell their correlation, and neither loudness nor ink does.
    """
    first = min(int(start), len(signal) - 1)
    part = signal[first : max(first + 1, round(end))]
    size = (ROWS if written else BINS, WIDTH)  # columns are the rows of the array
    flat = np.asarray(Image.fromarray(part.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)).ravel()
    centred = flat - flat.mean()
    return centred / max(float(np.linalg.norm(centred)), FLOOR)
