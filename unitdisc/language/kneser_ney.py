"""Interpolated modified Kneser-Ney n-grams, as KenLM's `lmplz` estimates them (Chen & Goodman, 1999; Heafield, 2013).

Below the highest order, an n-gram counts as often as there are symbols before it, except that one that begins with
`<s>`, before which there is none, keeps its count. An order has three discounts, of n-grams counted once, twice, and
more often. Unigrams are interpolated with the uniform distribution over all symbols, `</s>` and `<unk>`.

One thing is not as in `lmplz`: of the last n-gram of every lower order, in its own order, that takes the plain count
into the statistics of which discounts are made (the end of `AdjustCounts::Run`), and here it is like all others. In
large text this changes nothing; with that line corrected, all figures are the same but for its 32 bits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from unitdisc.language.errors import LanguageError
from unitdisc.language.ngram import Grams, NgramModel
from unitdisc.language.sequences import BEGIN
from unitdisc.language.vocabulary import Stream, Vocabulary

FALLBACK = (0.5, 1.0, 1.5)  # the discounts that `lmplz --discount_fallback` takes
MOST = 2**62  # of a key of context and symbol


@dataclass(frozen=True)
class Counted:
    """The n-grams of one order with their counts; see `Grams`."""

    contexts: np.ndarray  # [G]
    last: np.ndarray  # [G]
    suffixes: np.ndarray  # [G] the place of the last n - 1 symbols among the n-grams below
    counts: np.ndarray  # [G]
    begins: np.ndarray  # [G] whether the first symbol is <s>


def count(stream: Stream, order: int, size: int) -> list[Counted]:
    """The n-grams of every order up to `order`. size: of the vocabulary."""
    every = np.arange(size)
    nothing = np.zeros(size, dtype=np.int64)
    counts = np.bincount(stream.ids, minlength=size)
    counts[BEGIN] = 0  # is never predicted
    found = [Counted(nothing, every, nothing, counts, every == BEGIN)]
    places = stream.ids
    for n in range(2, order + 1):
        if len(found[-1].last) * size > MOST:
            raise LanguageError(f"`order` {order} is too high for {size} symbols and so much text; take {n - 1}")
        ends = np.flatnonzero(stream.places >= n - 1)
        keys = places[ends - 1] * size + stream.ids[ends]
        different, first, inverse, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
        contexts, last = np.divmod(different, size)
        below = places[ends[first]]
        found.append(Counted(contexts, last, below, counts, found[-1].begins[contexts]))
        places = np.full(len(stream.ids), -1)
        places[ends] = inverse.reshape(-1)
    return found


def adjusted_counts(counted: Sequence[Counted]) -> list[np.ndarray]:
    """Of every order, how often its n-grams count."""
    adjusted = []
    for here, above in zip(counted, [*counted[1:], None]):
        if above is None:
            adjusted.append(here.counts)
        else:
            continuations = np.bincount(above.suffixes, minlength=len(here.counts))
            adjusted.append(np.where(here.begins, here.counts, continuations))
    return adjusted


def discounts_of(adjusted: np.ndarray, order: int, fallback: Sequence[float] | None) -> tuple[np.ndarray, bool]:
    """What is taken from counts of 1, 2, and 3 or more: [3]; and whether it had to be the fallback.

    Raises LanguageError where it cannot be estimated, as `lmplz` refuses, and there is no fallback.
    """
    ones, twos, threes, fours = ((adjusted == value).sum() for value in (1, 2, 3, 4))
    why = None
    if not (ones and twos and threes):
        times = next(value for value, many in ((1, ones), (2, twos), (3, threes)) if not many)
        why = f"no {order}-gram counts {times}"
    else:
        share = ones / (ones + 2 * twos)
        found = np.array([1 - 2 * share * twos / ones, 2 - 3 * share * threes / twos, 3 - 4 * share * fours / threes])
        if ((found >= 0) & (found <= [1, 2, 3])).all():
            return found, False
        why = f"the counts of {order}-grams are no text's, with discounts of {', '.join(f'{d:.3g}' for d in found)}"
    if fallback is None:
        raise LanguageError(f"{why}, so that its discounts cannot be estimated; allow `fallback` discounts")
    return np.asarray(fallback, dtype=float), True


def estimate(
    stream: Stream,
    vocabulary: Vocabulary,
    order: int,
    fallback: Sequence[float] | None = FALLBACK,
    advance: Callable[[int], None] = lambda order: None,
) -> tuple[NgramModel, dict]:
    """The model of some utterances; and its card: discounts, n-grams of every order, where the fallback was taken.

    fallback: discounts of an order whose own cannot be estimated, as those of few symbols that all occur often;
    None: refuse.
    """
    counted = count(stream, order, len(vocabulary))
    probs, grams, card = np.full(len(vocabulary), 1 / (len(vocabulary) - 1)), [], []
    for n, (here, adjusted) in enumerate(zip(counted, adjusted_counts(counted)), 1):
        discounts, is_fallback = discounts_of(adjusted, n, fallback)
        table = np.array([0, *discounts])
        taken = np.minimum(table[np.minimum(adjusted, 3)], adjusted)
        contexts = len(grams[-1].log_probs) if grams else 1
        totals = np.bincount(here.contexts, adjusted, contexts)
        removed = np.bincount(here.contexts, taken, contexts)
        with np.errstate(invalid="ignore", divide="ignore"):
            weights = np.where(totals > 0, removed / totals, 1.0)
            shorter = probs[here.suffixes] if n > 1 else probs
            probs = (adjusted - taken) / totals[here.contexts] + weights[here.contexts] * shorter
            if n > 1:
                grams[-1] = Grams(grams[-1].contexts, grams[-1].last, grams[-1].log_probs, np.log10(weights))
            else:
                probs[BEGIN] = 0
            grams.append(Grams(here.contexts, here.last, np.log10(probs), np.zeros(len(here.last))))
        card.append({"order": n, "ngrams": len(here.last), "discounts": discounts.tolist(), "fallback": is_fallback})
        advance(1)
    return NgramModel(vocabulary, grams), {"orders": card}
