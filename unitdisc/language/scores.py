"""What a language model makes of utterances: bits, perplexity, and whether it tells words from what is none."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from unitdisc.evaluation.intervals import interval
from unitdisc.files.text import read_tsv
from unitdisc.language.errors import LanguageError
from unitdisc.language.sequences import UNKNOWN, Sequences, of_strings
from unitdisc.language.vocabulary import Stream, Vocabulary


class Predicts(Protocol):
    """A language model, of whatever kind."""

    vocabulary: Vocabulary

    def to(self, device: str | None) -> None:
        """Computes there; None: on a GPU, if there is one and it would do."""

    def log2_probs(self, stream: Stream) -> np.ndarray:
        """Of every symbol after those before it in its utterance: [S], 0 at `<s>`."""


@dataclass(frozen=True)
class Bits:
    """How many bits utterances take, their ends included."""

    bits: np.ndarray  # [U]
    symbols: np.ndarray  # [U], without `</s>`
    unknown: np.ndarray  # [U] symbols that the model does not know, which count as `<unk>`
    seconds: np.ndarray | None  # [U]

    def figures(self) -> dict:
        """bits per symbol and perplexity count one end for every utterance among the symbols, as KenLM does."""
        predicted = int(self.symbols.sum()) + len(self.symbols)
        bits = float(self.bits.sum())
        found = {
            "utterances": len(self.bits),
            "symbols": int(self.symbols.sum()),
            "unknown": int(self.unknown.sum()),
            "bits": bits,
            "bits_per_symbol": bits / predicted,
            "perplexity": float(2 ** (bits / predicted)),
        }
        if self.seconds is not None:
            found |= {"seconds": float(self.seconds.sum()), "bits_per_second": bits / float(self.seconds.sum())}
        return found


def bits_of(model: Predicts, sequences: Sequences) -> Bits:
    """Of every utterance."""
    stream = model.vocabulary.stream(sequences)
    unknown = stream.sums(stream.ids == UNKNOWN)
    return Bits(-stream.sums(model.log2_probs(stream)), sequences.lengths, unknown, sequences.seconds)


@dataclass(frozen=True)
class PartBits:
    """How many bits what comes after the beginning of an utterance takes."""

    bits: float
    symbols: int  # that were told, the end among them if it is there
    unknown: int  # symbols of these that the model does not know

    @property
    def per_symbol(self) -> float:
        return self.bits / self.symbols if self.symbols else float("nan")


def bits_after(
    model: Predicts, strings: Sequence[Sequence[str]], skipped: Sequence[int], ended: Sequence[bool]
) -> list[PartBits]:
    """Of symbols after the first ones of every utterance, given these. ended: whether its end counts, too."""
    stream = model.vocabulary.stream(of_strings([*map(str, range(len(strings)))], strings))
    lengths = np.repeat(stream.lengths, stream.lengths)
    told = stream.places > np.repeat(np.asarray(skipped, dtype=int), stream.lengths)
    told &= (stream.places < lengths - 1) | np.repeat(np.asarray(ended, dtype=bool), stream.lengths)
    bits = stream.sums(np.where(told, -model.log2_probs(stream), 0.0))
    counts = (stream.sums(told.astype(int)), stream.sums((told & (stream.ids == UNKNOWN)).astype(int)))
    return [PartBits(float(own), int(number), int(strange)) for own, number, strange in zip(bits, *counts)]


@dataclass(frozen=True)
class Pair:
    """A word, and what is like one and is none: names of utterances."""

    word: str
    nonword: str
    kind: str = ""  # what pairs are told apart by in the result: a voice, or how common a word is
    spelt: str = ""  # the word itself, where several voices say it


def read_pairs(path: Path, names: Sequence[str]) -> list[Pair]:
    """A table with the columns `word` and `nonword`, and perhaps `kind` and `spelt`.

    Raises LanguageError for a name that is no utterance.
    """
    cure = "give a .tsv with the columns word and nonword"
    known, pairs = {*names}, []
    for row in read_tsv(path, ("word", "nonword"), LanguageError, cure=cure):
        for column in ("word", "nonword"):
            if row.cells[column] not in known:
                raise LanguageError(
                    f"{path}:{row.line}: {row.cells[column]!r} is none of the {len(known)} utterances that are scored; "
                    "name them as they are called there"
                )
        more = {name: row.cells.get(name, "") for name in ("kind", "spelt")}
        pairs.append(Pair(row.cells["word"], row.cells["nonword"], **more))
    if not pairs:
        raise LanguageError(f"{path}: has no pairs; {cure}")
    return pairs


def spotted(pairs: Sequence[Pair], names: Sequence[str], found: Bits) -> dict:
    """How often the word is the likelier of a pair (half where both are alike); and with bits per symbol.

    As the lexical task of ZeroSpeech 2021 has it (Nguyen et al., 2020); chance is one half. Per symbol, because what
    has fewer symbols is likelier: `fewer_symbols` is how often the word has, for which no model is needed. Intervals
    are over words: pairs of one that is `spelt` stand or fall together.
    """
    whole = dict(zip(names, found.bits))
    per_symbol = dict(zip(names, found.bits / (found.symbols + 1)))
    fewer = dict(zip(names, found.symbols))
    words = np.array([pair.spelt or str(place) for place, pair in enumerate(pairs)])

    def won(bits: dict) -> np.ndarray:
        both = np.array([(bits[pair.word], bits[pair.nonword]) for pair in pairs])
        return (both[:, 0] < both[:, 1]) + (both[:, 0] == both[:, 1]) / 2

    result: dict[str, Any] = {"pairs": len(pairs), "words": len({*words})}
    for name, bits in (("", whole), ("_per_symbol", per_symbol)):
        result["accuracy" + name] = float(won(bits).mean())
        result["interval" + name] = interval(won(bits), np.ones(len(pairs)), words, seed=0)
    result["fewer_symbols"] = float(won(fewer).mean())
    kinds = np.array([pair.kind for pair in pairs])
    if named := sorted({*kinds} - {""}):
        result["kinds"] = {str(kind): float(won(whole)[kinds == kind].mean()) for kind in named}
    return result
