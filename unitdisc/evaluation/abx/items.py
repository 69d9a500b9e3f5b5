"""What ABX compares: stretches of utterances with a label, a context and a speaker."""

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.evaluation import silences_of
from unitdisc.files.text import all_lines, fields_of

COLUMNS = ("file", "onset", "offset", "phone", "prev-phone", "next-phone", "speaker")  # of a ZeroSpeech item file
NANOSECONDS = 1e9


class AbxItem(NamedTuple):
    """A stretch of an utterance that ABX compares with others: ticks [start, end], both ends included."""

    utterance: str
    start: float  # a whole number, unless an item file in seconds says otherwise
    end: float
    label: str  # what A and X share and B does not (ON)
    context: tuple[str, ...]  # what all three share (BY); () for any
    speaker: str | None  # what X shares with A and B or does not (BY or ACROSS)


@dataclass(frozen=True)
class Column:
    """A column of names: the value of row i is names[codes[i]]. Names are sorted."""

    names: list
    codes: np.ndarray  # [N] int64

    @classmethod
    def of(cls, values: Iterable[Hashable]) -> "Column":
        values = list(values)
        names = sorted(set(values), key=lambda name: (name is not None, name))
        index = {name: code for code, name in enumerate(names)}
        return cls(names, np.fromiter(map(index.__getitem__, values), np.int64, len(values)))


@dataclass(frozen=True)
class AbxItems:
    """Items, one per row."""

    utterances: Column
    starts: np.ndarray  # [N] ticks, float64
    ends: np.ndarray  # [N]
    labels: Column
    contexts: Column
    speakers: Column
    source: str = ""  # the item file, if they are from one
    lines: np.ndarray | None = None  # [N] in that file

    @classmethod
    def of(cls, items: Iterable[AbxItem]) -> "AbxItems":
        utterances, starts, ends, labels, contexts, speakers = list(zip(*items, strict=True)) or [()] * 6
        return cls(
            Column.of(utterances),
            np.array(starts, float),
            np.array(ends, float),
            Column.of(labels),
            Column.of(contexts),
            Column.of(speakers),
        )

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[AbxItem]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, row: int) -> AbxItem:
        return AbxItem(
            self.utterances.names[self.utterances.codes[row]],
            float(self.starts[row]),
            float(self.ends[row]),
            self.labels.names[self.labels.codes[row]],
            self.contexts.names[self.contexts.codes[row]],
            self.speakers.names[self.speakers.codes[row]],
        )

    def where(self, row: int) -> str:
        """File and line of an item, for messages, and a colon; nothing if it is not from a file."""
        return "" if self.lines is None else f"{self.source}:{self.lines[row]}: "

    @cached_property
    def rows_of(self) -> dict[str, np.ndarray]:
        """The rows of every utterance that has any."""
        order = np.argsort(self.utterances.codes, kind="stable")
        counts = np.bincount(self.utterances.codes, minlength=len(self.utterances.names))
        rows = np.split(order, np.cumsum(counts)[:-1])
        return {name: found for name, found in zip(self.utterances.names, rows, strict=True) if len(found)}

    def only(self, rows: np.ndarray) -> "AbxItems":
        """Some of the rows."""
        columns = (self.utterances, self.labels, self.contexts, self.speakers)
        utterances, labels, contexts, speakers = (Column(column.names, column.codes[rows]) for column in columns)
        lines = None if self.lines is None else self.lines[rows]
        return AbxItems(utterances, self.starts[rows], self.ends[rows], labels, contexts, speakers, self.source, lines)


def triphone_items(utterances: Iterable[Utterance], tier: str = "phone") -> AbxItems:
    """Every phone between two others without a pause: the item is all three, the context the outer two.

    Raises CorpusError if an utterance has no such tier.
    """
    return AbxItems.of(
        AbxItem(utterance.id, before.start, after.end, phone.label, (before.label, after.label), utterance.speaker)
        for utterance, before, phone, after in triphones(utterances, tier)
    )


def phone_items(utterances: Iterable[Utterance], tier: str = "phone") -> AbxItems:
    """The middles of those triphones: the item is the phone alone, the context still its neighbours.

    Raises CorpusError if an utterance has no such tier.
    """
    return AbxItems.of(
        AbxItem(utterance.id, phone.start, phone.end, phone.label, (before.label, after.label), utterance.speaker)
        for utterance, before, phone, after in triphones(utterances, tier)
    )


def triphones(utterances: Iterable[Utterance], tier: str) -> Iterator[tuple[Utterance, Interval, Interval, Interval]]:
    """Three intervals without a pause in or between them."""
    for utterance in utterances:
        intervals = labelled(utterance, tier)
        for before, phone, after in zip(intervals, intervals[1:], intervals[2:], strict=False):
            joined = before.end == phone.start and phone.end == after.start
            if joined and not silences_of(utterance) & {before.label, phone.label, after.label}:
                yield utterance, before, phone, after


def label_items(utterances: Iterable[Utterance], tier: str) -> AbxItems:
    """Every interval of a tier but pauses, whatever its context: for words, digits and characters.

    Raises CorpusError if an utterance has no such tier.
    """
    return AbxItems.of(
        AbxItem(utterance.id, start, end, label, (), utterance.speaker)
        for utterance in utterances
        for start, end, label in labelled(utterance, tier)
        if label not in silences_of(utterance)
    )


CONTEXTS = {"triphone": triphone_items, "phone": phone_items, "any": label_items}


def labelled(utterance: Utterance, tier: str) -> list[Interval]:
    if tier not in utterance.alignment:
        raise CorpusError(
            f"{utterance.id}: has no tier {tier!r}, only {sorted(utterance.alignment) or 'none'}; "
            "ABX needs alignments: choose another tier or leave the utterance out"
        )
    return utterance.alignment[tier]


def read_items(
    path: Path,
    rate: int,
    on: str = "phone",
    by: Sequence[str] = ("prev-phone", "next-phone"),
    across: str = "speaker",
) -> AbxItems:
    """Reads a ZeroSpeech item file: a line of headings, then `file onset offset phone prev-phone next-phone speaker`.

    Onset and offset are in seconds; there may be more columns.
    rate: ticks per second of the encodings that go with it.
    on, by, across: the columns that are to be the label, the context and the speaker, whatever they mean: to ask how
    well voices are told apart in spite of the phone, on="speaker", by=(), across="phone".
    Raises CorpusError naming the line that is not an item, or the column that is not there.
    """
    lines = item_lines(Path(path))
    columns = positions(path, fields_of(lines[0]) if lines else [], (on, *by, across))
    numbers, table = table_of(path, lines[1:], width=max(*columns, len(COLUMNS) - 1) + 1)
    seconds = [times(path, numbers, table[column]) for column in (1, 2)]
    wrong = np.flatnonzero(~((seconds[0] >= 0) & (seconds[0] < seconds[1])))
    if len(wrong):
        onset, offset = (table[column][wrong[0]] for column in (1, 2))
        raise CorpusError(
            f"{path}:{numbers[wrong[0]]}: onset {onset} must be 0 or later and before offset {offset}, in seconds; "
            "correct the line"
        )
    label, *context, speaker = (table[column] for column in columns)
    return AbxItems(
        Column.of(table[0]),
        *(np.rint(time * NANOSECONDS) * rate / NANOSECONDS for time in seconds),  # as written, not as rounded
        Column.of(label),
        Column.of(zip(*context, strict=True) if context else [()] * len(label)),
        Column.of(speaker),
        str(path),
        np.array(numbers),
    )


def table_of(path: Path, lines: Sequence[str], width: int) -> tuple[Sequence[int], list[Sequence[str]]]:
    """The columns of the lines after the headings, blank ones left out, and the numbers of those lines.

    Raises CorpusError if there are none, or naming the first that has fewer than `width` columns.
    """
    if words := plain_words(lines):
        across = len(words) // len(lines)
        if across >= width:
            return range(2, len(lines) + 2), [words[column::across] for column in range(across)]
    numbers = [number for number, line in enumerate(lines, start=2) if line.strip()]
    rows = [fields_of(line) for line in lines if line.strip()]
    if not rows:
        raise CorpusError(f"{path}: no items in it; the first line of an item file is a line of headings")
    for number, row in zip(numbers, rows, strict=True):
        if len(row) < width:
            raise CorpusError(
                f"{path}:{number}: {len(row)} columns, must be {width}: {' '.join(COLUMNS)}; complete the line"
            )
    return numbers, list(zip(*rows, strict=False))


def plain_words(lines: Sequence[str]) -> list[str]:
    """The words of lines that have as many of them, one blank apart; none if they are not so plain.

    All at once: a list for every line takes five times as long.
    """
    text = " ".join(lines)
    if not text.isascii() or len({line.count(" ") for line in lines}) != 1:
        return []
    words = text.split(" ")
    return words if words == text.split() else []


def item_lines(path: Path) -> list[str]:
    """The lines of an item file. Raises CorpusError if it is none, or has no heading."""
    lines = all_lines(path, CorpusError, "give the path of an item file")
    if not lines:
        raise CorpusError(f"{path}: is empty; the first line must be {' '.join(COLUMNS)}, and each other line an item")
    if len(words := lines[0].split()) > 2 and all(number_in(word) >= 0 for word in words[1:3]):
        raise CorpusError(f"{path}:1: is an item, but must be a line of headings; add the line {' '.join(COLUMNS)}")
    return lines


def positions(path: Path, headings: Sequence[str], names: Sequence[str]) -> list[int]:
    """Where the columns of these names, on, by and across, are; those of ZeroSpeech may be called otherwise."""
    found = [heading.lstrip("#") for heading in headings]
    for place, name in enumerate(names):
        if name not in found and name not in COLUMNS:
            meant = {0: "on", len(names) - 1: "across"}.get(place, "by")
            raise CorpusError(
                f"{path}:1: no column {name!r} to compare {meant}; choose among its columns {' '.join(found)}"
            )
    return [found.index(name) if name in found else COLUMNS.index(name) for name in names]


def times(path: Path, numbers: Sequence[int], column: Sequence[str]) -> np.ndarray:
    """A column as numbers. Raises CorpusError naming the first line where it is none."""
    try:
        values = np.array(list(map(float, column)))
    except ValueError:
        values = np.array([number_in(word) for word in column])
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise CorpusError(f"{path}:{numbers[wrong[0]]}: {column[wrong[0]]!r} is no time in seconds; correct the line")
    return values


def number_in(word: str) -> float:
    """NaN where there is none."""
    try:
        return float(word)
    except ValueError:
        return math.nan
