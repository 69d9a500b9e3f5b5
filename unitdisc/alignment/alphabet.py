"""The symbols of texts: characters with the marks that belong to them, and one blank for all white space."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unitdisc.corpus import Utterance
from unitdisc.evaluation.texts import SPACE, met, met_as_read

BLANK = 0  # of CTC


@dataclass(frozen=True)
class Alphabet:
    """The symbols that a network knows, from code 1 on; the code after the last stands for all others."""

    symbols: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[Sequence[str]]) -> "Alphabet":
        """The symbols of texts, and a blank whether they have one or not."""
        return cls(tuple(sorted({SPACE}.union(*texts))))

    @property
    def unknown(self) -> int:
        return len(self.symbols) + 1

    def codes(self, text: Sequence[str]) -> list[int]:
        index = {symbol: code for code, symbol in enumerate(self.symbols, start=BLANK + 1)}
        return [index.get(symbol, self.unknown) for symbol in text]

    def text(self, codes: Iterable[int]) -> list[str]:
        return [self.symbols[code - 1] for code in codes]


def spelled(utterance: Utterance) -> list[str]:
    """What a network writes of a text: its characters between two blanks, as lines and recordings have margins.

    In the order of time, or of columns from left to right, in which texts in Hebrew or Arabic are read backwards.
    """
    return [SPACE, *met(utterance), SPACE]


def labels(utterance: Utterance) -> list[str]:
    """What each symbol of `spelled` is in the text."""
    return [SPACE, *met_as_read(utterance), SPACE]
