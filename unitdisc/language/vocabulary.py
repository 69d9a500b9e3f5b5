"""Vocabularies: the symbols that a language model knows, and their ids."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from unitdisc.language.sequences import BEGIN, END, SPECIAL, UNKNOWN, Sequences


@dataclass(frozen=True)
class Vocabulary:
    """symbols: `<unk>`, `<s>` and `</s>` first; their places are their ids."""

    symbols: Sequence[str]

    @classmethod
    def of(cls, symbols: Iterable[str]) -> "Vocabulary":
        """Numbers in their order, then other text in its order."""
        return cls((*SPECIAL, *sorted({*symbols} - {*SPECIAL}, key=natural)))

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def ids(self) -> dict[str, int]:
        return {symbol: place for place, symbol in enumerate(self.symbols)}

    def tokens(self, sequences: Sequences) -> np.ndarray:
        """The ids of the symbols of all utterances, those unknown as `<unk>`: [T]."""
        table = np.array([self.ids.get(symbol, UNKNOWN) for symbol in sequences.symbols] or [0], dtype=np.int64)
        return table[sequences.tokens]

    def stream(self, sequences: Sequences) -> "Stream":
        """The ids of all utterances, each between `<s>` and `</s>`."""
        starts = sequences.offsets[:-1] + 2 * np.arange(len(sequences))
        lengths = sequences.lengths + 2
        ids = np.empty(len(sequences.tokens) + 2 * len(sequences), dtype=np.int64)
        places = np.arange(len(ids)) - np.repeat(starts, lengths)
        inner = (places > 0) & (places < np.repeat(lengths, lengths) - 1)
        ids[inner] = self.tokens(sequences)
        ids[starts], ids[starts + lengths - 1] = BEGIN, END
        return Stream(ids, places, starts, lengths)


@dataclass(frozen=True)
class Stream:
    """Utterances one after the other, each with its `<s>` and `</s>`: S symbols."""

    ids: np.ndarray  # [S]
    places: np.ndarray  # [S] in the utterance; 0 is its `<s>`
    starts: np.ndarray  # [U]
    lengths: np.ndarray  # [U] with `<s>` and `</s>`

    def sums(self, values: np.ndarray) -> np.ndarray:
        """The sum over every utterance: [S] -> [U]."""
        return np.add.reduceat(values, self.starts) if len(self.starts) else np.zeros(0)


def natural(symbol: str) -> tuple:
    """Where a symbol stands among others: 2 before 10, 7x2 before 7x10."""
    parts = symbol.replace("+", "x").split("x")
    if all(part.isascii() and part.isdigit() for part in parts):
        return (0, *map(int, parts))
    return (1, symbol)
