"""A row of the time line, of all utterances: units, words or the labels of a tier, and where each of them occurs."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.files.arrays import read_array
from unitdisc.files.text import read_json


class Stretch(NamedTuple):
    """Ticks [start, end) of an utterance, by its place in the index."""

    place: int
    start: int
    end: int


@dataclass(frozen=True)
class Row:
    """Symbols of all utterances, one after the other; the arrays are mapped files of the index."""

    number: int  # of the row
    kind: str  # "units", "words" or "tier"
    title: str
    symbols: np.ndarray  # [M] places in `names`
    starts: np.ndarray  # [M] ticks of their utterances
    ends: np.ndarray
    at: np.ndarray  # [N + 1] where each utterance begins
    order: np.ndarray  # [M] positions of the first symbol, then of the second, ...
    order_at: np.ndarray  # [K + 1]
    names_file: Path

    @classmethod
    def open(cls, folder: Path, number: int, kind: str, title: str) -> "Row":
        parts = ("symbols", "starts", "ends", "at", "order", "order_at")
        arrays = (np.asarray(read_array(folder / f"{name}.npy", mapped=True)) for name in parts)
        return cls(number, kind, title, *arrays, names_file=folder / "names.json")

    @cached_property
    def names(self) -> list[str]:
        """What the symbols are called, [K]."""
        return list(read_json(self.names_file))

    @cached_property
    def symbol_of(self) -> dict[str, int]:
        return {name: symbol for symbol, name in enumerate(self.names)}

    @cached_property
    def counts(self) -> np.ndarray:
        """How often each symbol occurs: [K]."""
        return np.diff(self.order_at)

    def positions(self, symbol: int) -> np.ndarray:
        """Where a symbol occurs, in order: [n] places in the arrays of the row."""
        return np.asarray(self.order[self.order_at[symbol] : self.order_at[symbol + 1]])

    def places(self, positions: np.ndarray) -> np.ndarray:
        """The utterances of positions."""
        return np.searchsorted(self.at, positions, side="right") - 1

    def within(self, place: int) -> slice:
        """The positions of an utterance."""
        return slice(int(self.at[place]), int(self.at[place + 1]))

    def stretch(self, first: int, last: int) -> Stretch:
        """From the first to the last of positions in one utterance."""
        place = int(self.places(np.array([first]))[0])
        return Stretch(place, int(self.starts[first]), int(self.ends[last]))

    def label_at(self, place: int, tick: float) -> str | None:
        """What stands at a tick of an utterance; None where nothing does."""
        own = self.within(place)
        position = own.start + int(np.searchsorted(self.starts[own], tick, side="right")) - 1
        if position < own.start or self.ends[position] <= tick:
            return None
        return self.names[int(self.symbols[position])]

    def labels_within(self, place: int, start: float, end: float) -> list[str]:
        """What has its middle in ticks [start, end), or else holds the middle of that."""
        own = self.within(place)
        first = own.start + int(np.searchsorted(self.ends[own], start, side="right"))
        last = own.start + int(np.searchsorted(self.starts[own], end, side="left"))
        middles = (self.starts[first:last] + self.ends[first:last]) / 2
        inside = np.asarray(self.symbols[first:last])[(start <= middles) & (middles < end)].tolist()
        if not inside:
            return [label] if (label := self.label_at(place, (start + end) / 2)) is not None else []
        return [self.names[symbol] for symbol in inside]

    def neighbours(self, positions: np.ndarray, step: int) -> np.ndarray:
        """Counts of the symbols right before (step -1) or after (1) positions, in their utterances: [K]."""
        others = positions + step
        there = (others >= 0) & (others < len(self.symbols))
        own, others = positions[there], others[there]
        others = others[self.places(own) == self.places(others)]
        return np.bincount(self.symbols[others], minlength=len(self.names))
