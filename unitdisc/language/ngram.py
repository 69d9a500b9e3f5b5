"""N-gram models with back-off: how probable every symbol is, by those before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from unitdisc.language.sequences import BEGIN
from unitdisc.language.vocabulary import Stream, Vocabulary

LOG2_10 = np.log2(10)


@dataclass(frozen=True)
class Grams:
    """The n-grams of one order, G of them, sorted by their first n - 1 symbols, then by their last one."""

    contexts: np.ndarray  # [G] int, the place of the first n - 1 symbols among the n-grams below; of order 1: 0
    last: np.ndarray  # [G] int, symbol
    log_probs: np.ndarray  # [G] of the last symbol after the others, log10
    backoffs: np.ndarray  # [G] log10 of what a symbol's probability is multiplied by that does not follow in the table

    def __len__(self) -> int:
        return len(self.last)


@dataclass(frozen=True)
class NgramModel:
    """A back-off model; the grams of order 1 are all symbols of the vocabulary, in its order.

    What probability a symbol has after others: that of the longest n-gram in the table that ends in it, times the
    back-off weights of the longer contexts that are in the table without it.
    """

    vocabulary: Vocabulary
    grams: Sequence[Grams]  # of order 1, 2, ...

    @property
    def order(self) -> int:
        return len(self.grams)

    def to(self, device: str | None) -> None:
        """Stays where it is: tables are looked up in memory."""

    @cached_property
    def keys(self) -> list[np.ndarray]:
        """Of every order: context and last symbol as one number, in order."""
        return [grams.contexts * len(self.vocabulary) + grams.last for grams in self.grams]

    def places(self, order: int, contexts: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Where n-grams are in the table, -1 where they are not; contexts: places in the order below, or -1."""
        if order == 1:
            return last
        wanted, keys = contexts * len(self.vocabulary) + last, self.keys[order - 1]
        found = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        there = (contexts >= 0) & (keys[found] == wanted) if len(keys) else np.zeros(len(wanted), bool)
        return np.where(there, found, -1)

    def log2_probs(self, stream: Stream) -> np.ndarray:
        """Of every symbol after those before it in its utterance: [S], 0 at `<s>`."""
        found = stream.ids
        total = self.grams[0].log_probs[found].copy()
        for order in range(2, self.order + 1):
            contexts = np.concatenate([[-1], found[:-1]])
            contexts[stream.places < order - 1] = -1
            found = self.places(order, contexts, stream.ids)
            total = self.extended(order, total, contexts, found)
        total[stream.starts] = 0
        return total * LOG2_10

    def extended(self, order: int, shorter: np.ndarray, contexts: np.ndarray, found: np.ndarray) -> np.ndarray:
        """Log probabilities by n - 1 symbols more, of those by fewer."""
        known = np.where(contexts >= 0, self.grams[order - 2].backoffs[contexts], 0.0)
        listed = self.grams[order - 1].log_probs[found] if len(self.grams[order - 1]) else shorter
        return np.where(found >= 0, listed, shorter + known)

    def next_probs(self, history: Sequence[int]) -> np.ndarray:
        """How probable every symbol is after these ids, of which `<s>` is the first: [V], 0 for `<s>`."""
        total = self.grams[0].log_probs.copy()
        history = list(history)[-(self.order - 1) :] if self.order > 1 else []
        for order in range(2, len(history) + 2):
            context = self.place_of(history[len(history) - order + 1 :])
            if context < 0:
                break
            total += self.grams[order - 2].backoffs[context]
            size = len(self.vocabulary)
            first, end = np.searchsorted(self.keys[order - 1], [context * size, (context + 1) * size])
            total[self.grams[order - 1].last[first:end]] = self.grams[order - 1].log_probs[first:end]
        total[BEGIN] = -np.inf
        return 10.0**total

    def place_of(self, ids: Sequence[int]) -> int:
        """Where an n-gram is in the table of its order, -1 if it is not."""
        place = np.array([-1])
        for order, id in enumerate(ids, 1):
            place = self.places(order, place, np.array([id]))
        return int(place[0])
