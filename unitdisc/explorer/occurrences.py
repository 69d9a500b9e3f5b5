"""What is to be said of one unit, word or label: how often, by whom, how long, beside what, and on average."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from unitdisc.corpus import CorpusError
from unitdisc.corpus.turns import in_turns
from unitdisc.explorer.index import CorpusIndex
from unitdisc.explorer.pictures import BINS, RANGE, mel_power, png
from unitdisc.explorer.rows import Row, Stretch
from unitdisc.explorer.sounds import read_wave
from unitdisc.explorer.storage import TIER

LISTED = 12  # speakers, neighbours
COUNTED = 2000  # occurrences whose labels are looked up
AVERAGED = 100  # occurrences that means are of
AROUND, COLUMNS = 0.15, 60  # seconds before and after the middle in a mean spectrogram, and columns of it
BARS = 30  # of a histogram


@dataclass(frozen=True)
class Share:
    """Something that was counted."""

    name: str
    count: int
    share: float  # of all
    symbol: int | None = None
    lift: float | None = None  # how many times as often as if neighbours knew nothing of each other


@dataclass(frozen=True)
class Histogram:
    """How many occurrences last from `edges[i]` to `edges[i + 1]`."""

    counts: list[int]
    edges: list[float]  # seconds, or columns
    median: float
    unit: str


@dataclass(frozen=True)
class MeanSound:
    """A mean spectrogram around the middle of occurrences, and the mean spectrum within them."""

    picture: bytes  # PNG
    spectrum: list[float]  # decibels below the loudest bin, low frequencies first
    occurrences: int


def by_speaker(index: CorpusIndex, row: Row, positions: np.ndarray) -> list[Share]:
    """Those who have most of it; shares are of the symbols of the speaker."""
    whose = index.speaker[row.places(positions)]
    counts = np.bincount(whose, minlength=len(index.speakers))
    sizes = np.bincount(index.speaker, np.diff(row.at), minlength=len(index.speakers))
    order = np.argsort(-counts, kind="stable")[:LISTED]
    return [Share(index.speakers[n], int(counts[n]), float(counts[n] / sizes[n])) for n in order.tolist() if counts[n]]


def speakers_with(index: CorpusIndex, row: Row, positions: np.ndarray) -> int:
    return len(np.unique(index.speaker[row.places(positions)]))


def durations(index: CorpusIndex, row: Row, positions: np.ndarray) -> Histogram:
    """In seconds, or columns of line images, or samples where no rate is listed: as the first utterance has it."""
    first = index.utterance(0)
    unit = "columns" if first.is_image else "s" if first.rate else "samples"
    lengths = (row.ends[positions] - row.starts[positions]) / (first.rate or 1)
    longest = float(np.quantile(lengths, 0.99)) or 1.0
    counts, edges = np.histogram(np.minimum(lengths, longest), bins=BARS, range=(0, longest))
    return Histogram(counts.tolist(), edges.tolist(), float(np.median(lengths)), unit)


def neighbours(row: Row, positions: np.ndarray, step: int) -> list[Share]:
    """What stands right before (-1) or after (1), the most frequent first."""
    counts = row.neighbours(positions, step)
    total = max(1, int(counts.sum()))
    expected = row.counts / max(1, len(row.symbols))
    order = np.argsort(-counts, kind="stable")[:LISTED]
    return [
        Share(row.names[n], int(counts[n]), counts[n] / total, n, float(counts[n] / total / expected[n]))
        for n in order.tolist()
        if counts[n]
    ]


def labels_under(index: CorpusIndex, row: Row, positions: np.ndarray) -> dict[str, list[Share]]:
    """Of every tier, the labels in the middle of occurrences all over the corpus, COUNTED at most."""
    chosen = positions[np.unique(np.linspace(0, len(positions) - 1, min(COUNTED, len(positions))).astype(int))]
    places = row.places(chosen).tolist()
    middles = ((row.starts[chosen] + row.ends[chosen]) / 2).tolist()
    found = {}
    for tier in index.rows:
        if tier.kind == TIER and tier is not row:
            counts = Counter(tier.label_at(place, middle) for place, middle in zip(places, middles))
            counts.pop(None, None)
            if total := sum(counts.values()):
                found[tier.title] = [Share(name, n, n / total) for name, n in counts.most_common(6)]
    return found


def spread(index: CorpusIndex, row: Row, positions: np.ndarray, most: int) -> list[int]:
    """Positions of occurrences of typical length, one speaker after the other, the same ones every time."""
    lengths = row.ends[positions] - row.starts[positions]
    if len(positions) > 50 * most:
        step = len(positions) // (50 * most)
        positions, lengths = positions[::step], lengths[::step]
    typical = np.argsort(np.abs(lengths - np.median(lengths)), kind="stable") if len(positions) else []
    ranked = positions[typical]
    return ranked[in_turns(index.speaker[row.places(ranked)].tolist())[:most]].tolist()


def mean_sound(index: CorpusIndex, row: Row, positions: np.ndarray, problems: list[str]) -> MeanSound | None:
    """Of recordings: mean log-mel power. What cannot be read is added to `problems`."""
    found = []
    for position in spread(index, row, positions, AVERAGED):
        place, start, end = row.stretch(position, position)
        utterance = index.utterance(place)
        if not utterance.rate:
            continue
        middle, reach = (start + end) / 2, round((AROUND + 0.05) * utterance.rate)
        first, last = max(0, round(middle) - reach), min(utterance.ticks, round(middle) + reach)
        try:
            wave = read_wave(utterance, first, last)
        except CorpusError as error:
            problems.append(str(error))
            continue
        scale = wave.rate / utterance.rate
        places = (middle - first) * scale + np.linspace(-AROUND, AROUND, COLUMNS) * wave.rate
        found.append(10 * np.log10(mel_power(wave, places, BINS) + 1e-9))
    if not found:
        return None
    mean = np.mean(found, axis=0)
    mean -= mean.max()
    half = max(1, round(COLUMNS * min(1.0, durations(index, row, positions).median / (2 * AROUND)) / 2))
    inside = mean[COLUMNS // 2 - half : COLUMNS // 2 + half].mean(0)
    levels = 255 * np.clip(-mean.T[::-1] / (RANGE * 0.6), 0, 1)
    return MeanSound(png(np.repeat(levels, 4, axis=1)), (inside - inside.max()).tolist(), len(found))


def mean_writing(index: CorpusIndex, row: Row, positions: np.ndarray, problems: list[str]):
    """Of line images: the mean image, and where occurrences differ, as reports have it."""
    from unitdisc.corpus import Interval
    from unitdisc.reports.examples import Occurrence
    from unitdisc.reports.mean_images import mean_image

    chosen = []
    for position in spread(index, row, positions, AVERAGED):
        place, start, end = row.stretch(position, position)
        chosen.append(Occurrence(index.utterance(place), Interval(start, end, "")))
    return mean_image(chosen, problems)


def stretches(row: Row, positions: list[int]) -> list[Stretch]:
    return [row.stretch(position, position) for position in positions]
