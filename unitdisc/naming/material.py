"""What is named: the units of a corpus, how often each occurs and what it is like, halves of mixed units apart."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.corpus.turns import in_turns
from unitdisc.encodings import Encodings
from unitdisc.encodings.runs import Runs, refuse_span, runs_of
from unitdisc.encodings.tokens import read_tokens
from unitdisc.exports.units import coded
from unitdisc.naming.halves import Split, described_by, split_of
from unitdisc.naming.table import Answer, NamesError, code_of, halves_of

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Inventory:
    """The units that can be named. U of them."""

    units: tuple[str, ...]
    counts: np.ndarray  # [U] occurrences
    vectors: np.ndarray | None = None  # [U, D] what each is like: the mean of its frames

    def place(self, unit: str) -> int:
        return self.units.index(unit)


@dataclass(frozen=True)
class Occurrence:
    """Where a unit occurs: ticks [start, end) of an utterance."""

    utterance: Utterance
    start: int
    end: int


@dataclass
class Material:
    """The units of a corpus, utterance by utterance.

    runs: utterance id -> its units in time. names: utterance id -> what each of its runs is called: its code, or which
    half of it. frames: another folder that says what runs are like; None: that of the codes.
    """

    utterances: Sequence[Utterance]
    runs: dict[str, Runs]
    frames: Encodings | None
    blank: int | None = None
    splits: dict[str, Split] = field(default_factory=dict)
    names: dict[str, np.ndarray] = field(default_factory=dict)  # [N] str
    sums: dict[str, np.ndarray] = field(default_factory=dict)  # unit -> the means of its runs, added up
    counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        encodings: Encodings,
        utterances: Sequence[Utterance],
        frames: Encodings | None = None,
        splits: Mapping[str, Split] | None = None,
        advance: Advance = lambda done: None,
    ) -> "Material":
        """Reads the units of utterances, and what they are like. splits: those of mixed units.

        Raises EncodingsError where there are no codes, where they do not span an utterance, or where `frames` lack one.
        """
        tokens = read_tokens(encodings) if isinstance(encodings, Encodings) else None
        there = sorted(utterances, key=lambda utterance: utterance.id)
        runs = {each.id: tokens[each.id] if tokens else units_of(encodings, each) for each in there}
        return cls.made(there, runs, frames or encodings, encodings.settings.get("blank"), splits or {}, advance)

    @classmethod
    def made(
        cls,
        utterances: Sequence[Utterance],
        runs: Mapping[str, Runs],
        frames: Encodings | None,
        blank: int | None,
        splits: Mapping[str, Split],
        advance: Advance = lambda done: None,
    ) -> "Material":
        """Counts units, and adds up what they are like."""
        found = cls(utterances, {each.id: runs[each.id] for each in utterances}, frames, blank)
        for utterance in utterances:
            found.names[utterance.id] = found.runs[utterance.id].codes.astype(str).astype(object)
            means = found.means(utterance)
            for place, unit in enumerate(found.names[utterance.id]):
                found.counts[unit] = found.counts.get(unit, 0) + 1
                if means is not None:
                    found.sums[unit] = found.sums.get(unit, 0) + means[place]
            advance(1)
        for unit in sorted(splits, key=len):
            if unit in found.counts:
                found.divide(unit, splits[unit])
            found.splits[unit] = splits[unit]
        return found

    def of_utterances(self, chosen: Sequence[Utterance]) -> "Material":
        """The same of some utterances alone."""
        return Material.made(chosen, self.runs, self.frames, self.blank, self.splits)

    def copy(self) -> "Material":
        """The same, to be divided without a change to this one."""
        names = {id: own.copy() for id, own in self.names.items()}
        return replace(self, splits={**self.splits}, names=names, sums={**self.sums}, counts={**self.counts})

    def means(self, utterance: Utterance) -> np.ndarray | None:
        """The mean of the frames of every run: [N, D]; None where there are no frames but codes."""
        if self.frames is None or self.frames.settings.get("dim", 1) is None:
            return None
        encoding = self.frames[utterance.id]
        intervals = self.runs[utterance.id].intervals
        if not len(intervals):
            return np.zeros((0, encoding.frames.shape[1]))
        first, last = (
            np.searchsorted(encoding.centres, intervals[:, 0]),
            np.searchsorted(encoding.centres, intervals[:, 1]),
        )
        middle = np.searchsorted(encoding.centres, intervals.mean(1)).clip(max=len(encoding.centres) - 1)
        first, last = np.where(first < last, first, middle), np.where(first < last, last, middle + 1)
        summed = np.concatenate([np.zeros((1, encoding.frames.shape[1])), encoding.frames.cumsum(0, dtype=np.float64)])
        return (summed[last] - summed[first]) / (last - first)[:, None]

    def inventory(self) -> Inventory:
        """The units that occur, those with halves left out, in order of code."""
        units = tuple(sorted(self.counts, key=lambda unit: (code_of(unit), unit)))
        vectors = np.stack([self.sums[unit] / self.counts[unit] for unit in units]) if self.sums else None
        return Inventory(units, np.array([self.counts[unit] for unit in units]), vectors)

    def silent(self) -> tuple[str, ...]:
        """The units that are known to say nothing: that of blank paper, where templates have one."""
        return () if self.blank is None or str(self.blank) not in self.counts else (str(self.blank),)

    def occurrences(self, unit: str) -> Iterator[Occurrence]:
        """Where a unit occurs, in order of utterance id."""
        for utterance in self.utterances:
            for place in np.flatnonzero(self.names[utterance.id] == unit):
                start, end = self.runs[utterance.id].intervals[place].tolist()
                yield Occurrence(utterance, start, end)

    def examples(self, unit: str, count: int, seed: int = 0) -> list[Occurrence]:
        """Occurrences of a unit, drawn by lot, by as many speakers as there are."""
        found = list(self.occurrences(unit))
        order = [
            found[place] for place in np.random.default_rng([seed, code_of(unit), len(unit)]).permutation(len(found))
        ]
        return [order[place] for place in in_turns(each.utterance.speaker for each in order)[:count]]

    def described(self, unit: str) -> tuple[np.ndarray | None, np.ndarray, list[tuple[Utterance, np.ndarray]]]:
        """Of the runs of a unit: the means of their frames, their ticks, and where they are (places in utterances)."""
        where = [(each, np.flatnonzero(self.names[each.id] == unit)) for each in self.utterances]
        where = [(utterance, places) for utterance, places in where if len(places)]
        ticks = [np.diff(self.runs[each.id].intervals[places], axis=1)[:, 0] for each, places in where]
        own = [self.means(utterance) for utterance, _ in where] if self.sums else []
        means = np.concatenate([each[places] for each, (_, places) in zip(own, where)]) if own else None
        return means, np.concatenate(ticks) if ticks else np.zeros(0), where

    def split(self, unit: str) -> Split:
        """How the halves of a unit are told apart, by its occurrences here; nothing is changed.

        Raises NamesError where they are all alike.
        """
        if unit not in self.counts:
            raise NamesError(f"unit {unit} does not occur here, so it has no halves")
        try:
            means, ticks, _ = self.described(unit)
            return split_of(means, ticks)
        except NamesError as error:
            raise NamesError(f"unit {unit}: {error}") from error

    def divide(self, unit: str, split: Split) -> None:
        """Puts the halves of a unit in its place."""
        means, ticks, where = self.described(unit)
        sides = split.sides(described_by(split.by, means, ticks))
        position = 0
        for utterance, places in where:
            own = sides[position : position + len(places)]
            self.names[utterance.id][places] = np.where(own, *halves_of(unit)[::-1])
            position += len(places)
        del self.counts[unit]
        self.sums.pop(unit, None)
        for half, chosen in zip(halves_of(unit), (~sides, sides)):
            if chosen.any():
                self.counts[half] = int(chosen.sum())
                if means is not None:
                    self.sums[half] = means[chosen].sum(0)
        self.splits[unit] = split

    def unite(self, unit: str) -> None:
        """Takes halves, and what they were divided into, back."""
        below = [each for each in self.counts if is_below(each, unit)]
        for names in self.names.values():
            names[np.isin(names.astype(str), below)] = unit
        self.counts[unit] = sum(self.counts.pop(each) for each in below)
        if sums := [self.sums.pop(each) for each in below if each in self.sums]:
            self.sums[unit] = np.sum(sums, axis=0)
        self.splits = {name: split for name, split in self.splits.items() if not is_below(name, unit)}


def is_below(half: str, unit: str) -> bool:
    """Whether a unit is another one, or a part of it."""
    return code_of(half) == code_of(unit) and half.startswith(unit)


def units_of(encodings: Encodings, utterance: Utterance) -> Runs:
    """The units of an utterance, of ours or another tool's. Raises EncodingsError where there are none that can be."""
    codes, centres = coded(encodings, utterance)
    if len(centres):
        refuse_span(encodings.folder, utterance.id, utterance.ticks, centres=centres)
    return runs_of(codes, centres, utterance.ticks)


def mixed(answers: Iterable[Answer]) -> list[str]:
    return [answer.unit for answer in answers if answer.kind == "mixed"]
