"""Sequences of symbols: what a language model reads, in one array, and how codes become symbols."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

UNKNOWN, BEGIN, END = 0, 1, 2  # their ids in every vocabulary
SPECIAL = ("<unk>", "<s>", "</s>")


@dataclass(frozen=True)
class Sequences:
    """The symbols of U utterances, T together."""

    names: list[str]  # of utterances
    symbols: list[str]  # the different ones
    tokens: np.ndarray  # [T] int, places in `symbols`
    offsets: np.ndarray  # [U + 1] where each utterance begins, and the last one ends
    seconds: np.ndarray | None = None  # [U] how long each lasts; None: nothing says so

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[list[str]]:
        return (
            [self.symbols[token] for token in self.tokens[first:last]]
            for first, last in zip(self.offsets[:-1], self.offsets[1:])
        )

    @property
    def lengths(self) -> np.ndarray:
        """[U]"""
        return np.diff(self.offsets)

    def utterance_of_token(self) -> np.ndarray:
        """[T]"""
        return np.repeat(np.arange(len(self)), self.lengths)

    def take(self, places: Sequence[int]) -> "Sequences":
        """Some of the utterances, in this order."""
        places = np.asarray(places, dtype=int)
        lengths = self.lengths[places]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        index = np.repeat(self.offsets[places] - offsets[:-1], lengths) + np.arange(offsets[-1])
        seconds = None if self.seconds is None else self.seconds[places]
        return Sequences([self.names[i] for i in places], self.symbols, self.tokens[index], offsets, seconds)

    def reversed(self) -> "Sequences":
        """Every utterance from its end to its beginning."""
        index = np.repeat(self.offsets[:-1] + self.offsets[1:] - 1, self.lengths) - np.arange(len(self.tokens))
        return replace(self, tokens=self.tokens[index])

    def shuffled(self, seed: int) -> "Sequences":
        """The symbols of every utterance in any order."""
        chance = np.random.default_rng(seed).random(len(self.tokens))
        return replace(self, tokens=self.tokens[np.lexsort((chance, self.utterance_of_token()))])


def of_strings(names: Sequence[str], strings: Iterable[Iterable[str]], seconds: np.ndarray | None = None) -> Sequences:
    """Of symbols as text, one iterable per utterance."""
    known: dict[str, int] = {}
    tokens, lengths = [], []
    for string in strings:
        places = [known.setdefault(symbol, len(known)) for symbol in string]
        tokens.append(np.asarray(places, dtype=np.int64))
        lengths.append(len(places))
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
    return Sequences(list(names), list(known), np.concatenate([*tokens, np.zeros(0, np.int64)]), offsets, seconds)


def of_codes(names: Sequence[str], codes: Sequence[Sequence[int]], seconds: np.ndarray | None = None) -> Sequences:
    """Of the codes of frames, one sequence per utterance; symbols are the codes as text."""
    values = np.concatenate([*(np.asarray(each, dtype=np.int64) for each in codes), np.zeros(0, np.int64)])
    different, tokens = np.unique(values, return_inverse=True)
    offsets = np.concatenate([[0], np.cumsum([len(each) for each in codes], dtype=np.int64)]).astype(np.int64)
    return Sequences(list(names), [str(code) for code in different], tokens.reshape(-1), offsets, seconds)


def units_of(frames: Sequences) -> tuple[Sequences, np.ndarray]:
    """Every run of one code as one symbol, and how many frames each is long: [T]."""
    begins = np.ones(len(frames.tokens), dtype=bool)
    begins[1:] = frames.tokens[1:] != frames.tokens[:-1]
    begins[frames.offsets[:-1][frames.lengths > 0]] = True
    first = np.flatnonzero(begins)
    lengths = np.diff(np.append(first, len(frames.tokens)))
    offsets = np.concatenate([[0], np.cumsum(begins)])[frames.offsets]
    return replace(frames, tokens=frames.tokens[first], offsets=offsets), lengths


def with_durations(frames: Sequences, longest: int) -> tuple[Sequences, int]:
    """Units as CODExFRAMES, at most `longest` frames; and how many were longer."""
    units, lengths = units_of(frames)
    kept = np.minimum(lengths, longest)
    different, tokens = np.unique(units.tokens * (longest + 1) + kept, return_inverse=True)
    symbols = [f"{units.symbols[key // (longest + 1)]}x{key % (longest + 1)}" for key in different]
    return replace(units, symbols=symbols, tokens=tokens.reshape(-1)), int((lengths > longest).sum())


def frames_of(symbol: str) -> list[str]:
    """The codes of the frames of a unit with its duration: "7x3" -> 7 7 7."""
    code, _, frames = symbol.rpartition("x")
    return [code] * int(frames)
