"""How certain types of words are, by their signal alone: whether those of one are more alike than those of others.

Two occurrences of a type, by different speakers if there are any, and one of another type drawn by lot: how often are
the two nearer to each other? Chance is one half. An occurrence is its log-mel spectrogram less the mean of the
utterance, or its ink, brought to one size; units and labels play no part in that.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

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
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(everything))[:OTHERS]
    others = [everything[place] for place in sorted(chosen.tolist())]
    flat = [one for own in compared.values() for one in own] + [one for _, one in others]
    pictures = pictures_of(flat, problems, advance)
    theirs = [(code, picture) for (code, _), picture in zip(others, pictures[len(flat) - len(others) :])]
    theirs = [(code, picture) for code, picture in theirs if picture is not None]
    found, first = {}, 0
    for code, own in compared.items():
        seen = [(one, picture) for one, picture in zip(own, pictures[first:]) if picture is not None]
        first += len(own)
        if (share := nearer([picture for _, picture in seen], voices(seen), beside(theirs, code))) is not None:
            found[code] = share
    return found


def voices(seen: Sequence[tuple[Occurrence, np.ndarray]]) -> list[str]:
    return [one.utterance.speaker or "" for one, _ in seen]


def beside(theirs: Sequence[tuple[int, np.ndarray]], code: int) -> list[np.ndarray]:
    return [picture for other, picture in theirs if other != code]


def nearer(own: Sequence[np.ndarray], speakers: Sequence[str], others: Sequence[np.ndarray]) -> float | None:
    """How often two of one type are nearer to each other than the first is to one of another; ties count half.

    None where there are no two, or no others.
    """
    if len(own) < 2 or not others:
        return None
    both = ~np.eye(len(own), dtype=bool)
    across = both & (np.array(speakers)[:, None] != np.array(speakers)[None])
    pairs = across if across.any() else both
    own, others = np.stack(own), np.stack(others)
    near, far = distances(own, own), distances(own, others)
    wins = [
        np.mean((near[a, b] < far[a]) + (near[a, b] == far[a]) / 2) for a, b in zip(*np.nonzero(pairs), strict=True)
    ]
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
    """Columns [start, end) brought to one size: [WIDTH * ROWS], or [WIDTH * BINS] of sound."""
    first = min(int(start), len(signal) - 1)
    part = signal[first : max(first + 1, round(end))]
    size = (ROWS if written else BINS, WIDTH)  # columns are the rows of the array
    return np.asarray(Image.fromarray(part.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)).ravel()
