"""What is cut: stretches of utterances between silences, as strings of units or as frames."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encoding, EncodingsError
from unitdisc.encodings.runs import refuse_span, runs_of
from unitdisc.evaluation import silences_of


@dataclass(frozen=True)
class Stretch:
    """A stretch of speech in items, n of them, units or frames, which a word holds one or more of."""

    utterance: str
    edges: np.ndarray  # [n + 1], ticks: where items begin, and the last one ends
    codes: np.ndarray | None = None  # [n], of units

    def __len__(self) -> int:
        return len(self.edges) - 1


def of_tier(utterance: Utterance, tier: str, symbols: dict[str, int], spans: Iterable[tuple[int, int]]):
    """The labels of a tier as strings of units, silences left out: `symbols` grows by what it did not know."""
    silences = silences_of(utterance)
    intervals = [interval for interval in utterance.alignment[tier] if interval.label not in silences]
    for first, last in spans:
        inside = [one for one in intervals if first <= (one.start + one.end) / 2 < last]
        for part in without_gaps(inside):
            edges = [*(one.start for one in part), part[-1].end]
            codes = [symbols.setdefault(one.label, len(symbols)) for one in part]
            yield Stretch(utterance.id, np.array(edges), np.array(codes))


def without_gaps(intervals: Sequence) -> list[list]:
    """Intervals in parts, each without a gap."""
    parts: list[list] = []
    for interval in intervals:
        if parts and parts[-1][-1].end == interval.start:
            parts[-1].append(interval)
        else:
            parts.append([interval])
    return parts


def of_codes(utterance: Utterance, encoding: Encoding, spans: Iterable[tuple[int, int]]):
    """Runs of one code as units. Raises EncodingsError where frames do not span the utterance."""
    refuse_span(encoding.utterance, utterance.id, utterance.ticks, centres=encoding.centres)
    runs = runs_of(encoding.codes, encoding.centres, utterance.ticks)
    middles = runs.intervals.mean(1)
    for first, last in spans:
        inside = np.flatnonzero((middles >= first) & (middles < last))
        if len(inside):
            edges = np.append(runs.intervals[inside, 0], runs.intervals[inside[-1], 1])
            yield Stretch(utterance.id, clipped(edges, first, last), runs.codes[inside])


def of_frames(utterance: Utterance, encoding: Encoding, spans: Iterable[tuple[int, int]]):
    """Frames as items, each from halfway to its neighbours."""
    refuse_span(encoding.utterance, utterance.id, utterance.ticks, centres=encoding.centres)
    centres = np.asarray(encoding.centres, np.float64)
    borders = np.concatenate([[0], np.ceil((centres[1:] + centres[:-1]) / 2), [utterance.ticks]]).astype(int)
    for first, last in spans:
        inside = np.flatnonzero((centres >= first) & (centres < min(last, utterance.ticks)))
        if len(inside):
            edges = np.append(borders[inside], borders[inside[-1] + 1])
            yield Stretch(utterance.id, clipped(edges, first, last))


def clipped(edges: np.ndarray, first: int, last: int) -> np.ndarray:
    """The same, from the first tick to the last."""
    return np.concatenate([[first], edges[1:-1], [last]]).astype(int)


def numbered(stretches: Sequence[Stretch]) -> tuple[list[Stretch], list[str]]:
    """The same with the codes that occur counted from 0, and what each was before."""
    there = np.unique(np.concatenate([stretch.codes for stretch in stretches]))
    found = [Stretch(one.utterance, one.edges, np.searchsorted(there, one.codes)) for one in stretches]
    return found, [str(code) for code in there.tolist()]


@dataclass(frozen=True)
class Strings:
    """All stretches of a corpus as one array; boundaries can be before units that are not the first of a stretch."""

    codes: np.ndarray  # [N], 0 to kinds - 1
    firsts: np.ndarray  # [S + 1], the first unit of every stretch, and N
    kinds: int

    @classmethod
    def of(cls, stretches: Sequence[Stretch], kinds: int) -> "Strings":
        """Raises EncodingsError if there are no units."""
        if not stretches:
            raise EncodingsError("there is no unit in any utterance, so there is nothing to cut into words")
        firsts = np.cumsum([0, *map(len, stretches)])
        return cls(np.concatenate([stretch.codes for stretch in stretches]).astype(np.int64), firsts, kinds)

    @property
    def inner(self) -> np.ndarray:
        """[N] bool: units that a boundary can be before."""
        found = np.ones(len(self.codes), bool)
        found[self.firsts[:-1]] = False
        return found

    def starts(self, cuts: np.ndarray) -> list[np.ndarray]:
        """Cuts [N] bool -> for every stretch, which of its units begin a word, but for the first."""
        return [np.flatnonzero(cuts[first + 1 : last]) + 1 for first, last in zip(self.firsts[:-1], self.firsts[1:])]


@dataclass(frozen=True)
class Substrings:
    """Every substring of a corpus of up to L units within a stretch, numbered: M different ones."""

    ids: np.ndarray  # [N, L] int32: of the substring of l + 1 units that begins at unit n; -1 beyond the stretch
    lengths: np.ndarray  # [M], units
    places: np.ndarray  # [M], a unit where it begins

    @classmethod
    def of(cls, strings: Strings, longest: int) -> "Substrings":
        codes, number = strings.codes, len(strings.codes)
        left = np.repeat(strings.firsts[1:], np.diff(strings.firsts)) - np.arange(number)
        ids = np.full((number, min(longest, int(left.max()))), -1, np.int32)
        lengths, places, known = [], [], 0
        before = np.zeros(number, np.int64)
        for length in range(1, ids.shape[1] + 1):
            there = np.flatnonzero(left >= length)
            keys = before[there] * strings.kinds + codes[there + length - 1]
            _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
            before[there] = inverse
            ids[there, length - 1] = known + inverse
            known += len(first)
            lengths.append(np.full(len(first), length))
            places.append(there[first])
        return cls(ids, np.concatenate(lengths), np.concatenate(places))

    @property
    def counts(self) -> np.ndarray:
        """How often each occurs, overlapping: [M]."""
        return np.bincount(self.ids[self.ids >= 0], minlength=len(self.lengths))
