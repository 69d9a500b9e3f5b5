"""Words as the pieces of a lexicon: the unigram model and byte-pair encoding, as `sentencepiece` has them.

Unigram (Kudo, 2018): all substrings that occur twice, reestimated by expectation maximisation; those whose loss costs
least are taken out, a quarter at a time. Byte-pair encoding (Sennrich, Haddow & Birch, 2016): the commonest pair of
neighbours becomes one piece, again and again. Both end at a size of the lexicon, at a number of words, or, where
neither is asked, at the least description length: bits for the lexicon, unit by unit, and bits for the corpus.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from scipy.special import digamma

from unitdisc.word_segmentation.kernels import expected_counts, likeliest_cuts, losses
from unitdisc.word_segmentation.stretches import Strings, Substrings

KEPT = 0.75  # of a lexicon, from one size to the next
MOST_SEEDS = 1_000_000
SELDOM = 0.5  # expected tokens below which a word is dropped


@dataclass(frozen=True)
class Wanted:
    """How much there shall be; all None: the least description length."""

    lexicon: int | None = None  # words known
    words: int | None = None  # words found


@dataclass(frozen=True)
class Cut:
    cuts: np.ndarray  # [N] bool
    counts: np.ndarray  # tokens of each word
    lengths: np.ndarray  # its units

    @property
    def words(self) -> int:
        return int(self.counts.sum())

    def description_length(self, kinds: int) -> float:
        """Bits: every word of the lexicon spelled, and every token by its frequency."""
        there = self.counts > 0
        counts = self.counts[there]
        spelled = float((self.lengths[there] + 1).sum() * np.log2(kinds + 1))
        return spelled + float(-(counts * np.log2(counts / counts.sum())).sum())


@dataclass(frozen=True)
class Lexicon:
    """Words known, and the corpus cut into them."""

    scores: np.ndarray  # [M], log p; -inf of substrings that are no words
    cut: Cut

    @property
    def size(self) -> int:
        return int((self.scores > -np.inf).sum())


def unigram(
    strings: Strings, substrings: Substrings, wanted: Wanted, rounds: int, advance: Callable[..., None]
) -> tuple[np.ndarray, dict]:
    """Cuts [N] by the likeliest words of a lexicon, and the size of that."""

    def learned(scores: np.ndarray) -> Lexicon:
        scores = reestimated(strings, substrings, scores, rounds)
        cut = Cut(*likeliest_cuts(substrings.ids, strings.firsts, scores), substrings.lengths)
        found = Lexicon(scores, cut)
        advance(1, note=f"{found.size} words known, {cut.words} found")
        return found

    def smaller(lexicon: Lexicon, number: int) -> Lexicon:
        cost = losses(substrings.ids, substrings.places, substrings.lengths, lexicon.scores, lexicon.cut.counts)
        return learned(pruned(lexicon.scores, cost, number))

    now, best = learned(seeds(substrings)), None
    smallest = int((substrings.lengths == 1).sum())
    while True:
        price = now.cut.description_length(strings.kinds)
        if wanted.lexicon is not None or wanted.words is not None or best is None or price < best[0]:
            best = (price, now)
        if now.size <= max(smallest, wanted.lexicon or 0):
            break
        number = now.size - max(int(KEPT * now.size), smallest, wanted.lexicon or 0)
        after = smaller(now, number)
        if wanted.words is not None and after.cut.words >= wanted.words:
            best = (price, nearest(partial(smaller, now), number, wanted.words, [now, after]))
            break
        now = after
    return best[1].cut.cuts, {
        "lexicon": best[1].size,
        "description_length": best[1].cut.description_length(strings.kinds),
    }


def nearest(smaller: Callable[[int], Lexicon], most: int, words: int, known: list[Lexicon]) -> Lexicon:
    """The lexicon that finds as nearly so many words as any between two, by halving how many more are taken out."""
    low, high = 0, most
    while high - low > 1 and all(one.cut.words != words for one in known):
        middle = (low + high) // 2
        known = [*known, smaller(middle)]
        low, high = (middle, high) if known[-1].cut.words < words else (low, middle)
    return min(known, key=lambda one: abs(one.cut.words - words))


def seeds(substrings: Substrings) -> np.ndarray:
    """log p [M] to begin with: by how many units of the corpus each covers; of units alone and what occurs twice."""
    counts = substrings.counts
    weights = (counts * substrings.lengths).astype(np.float64)
    weights[(substrings.lengths > 1) & (counts < 2)] = 0
    if (weights > 0).sum() > MOST_SEEDS:
        least = np.partition(weights, -MOST_SEEDS)[-MOST_SEEDS]
        weights[(weights < least) & (substrings.lengths > 1)] = 0
    return logs(weights / weights.sum())


def logs(values: np.ndarray) -> np.ndarray:
    """-inf where there is nothing."""
    return np.log(values, out=np.full(len(values), -np.inf), where=values > 0)


def reestimated(strings: Strings, substrings: Substrings, scores: np.ndarray, rounds: int) -> np.ndarray:
    """log p [M] after so many rounds; as in sentencepiece, what is rare becomes rarer (a Dirichlet prior near 0)."""
    for _ in range(rounds):
        expected, _ = expected_counts(substrings.ids, strings.firsts, scores)
        seldom = expected < SELDOM
        expected[seldom] = 0
        single = (substrings.lengths == 1) & seldom
        expected[single] = SELDOM  # so that everything can be spelled
        there = expected > 0
        scores = np.full(len(expected), -np.inf)
        scores[there] = digamma(expected[there]) - digamma(expected.sum())
    return scores


def pruned(scores: np.ndarray, cost: np.ndarray, number: int) -> np.ndarray:
    """Without so many words, those of least cost; of equal ones the last."""
    there = np.flatnonzero((scores > -np.inf) & np.isfinite(cost))
    out = there[::-1][np.argsort(cost[there][::-1], kind="stable")][:number]
    scores = scores.copy()
    scores[out] = -np.inf
    return scores


def byte_pairs(strings: Strings, longest: int, wanted: Wanted, advance: Callable[..., None]) -> tuple[np.ndarray, dict]:
    """Cuts [N] by byte-pair encoding; no piece is longer than so many units."""
    pieces = [strings.codes[first:last].tolist() for first, last in zip(strings.firsts[:-1], strings.firsts[1:])]
    lengths = [1] * strings.kinds
    pairs, where = Counter(), {}
    for stretch, own in enumerate(pieces):
        for pair in pairwise(own):
            pairs[pair] += 1
            where.setdefault(pair, set()).add(stretch)
    best = (np.inf, None, 0)
    words = len(strings.codes)
    counts = Counter(strings.codes.tolist())
    while True:
        if wanted.lexicon is None and wanted.words is None:
            price = bits(counts, lengths, strings.kinds)
            if price < best[0]:
                best = (price, [list(own) for own in pieces], len(lengths))
        elif len(lengths) >= (wanted.lexicon or np.inf) or words <= (wanted.words or 0):
            break
        pair = commonest(pairs, lengths, longest)
        if pair is None:
            break
        lengths.append(lengths[pair[0]] + lengths[pair[1]])
        new = len(lengths) - 1
        for stretch in where.pop(pair):
            before = pieces[stretch]
            after = merged(before, pair, new)
            if len(after) == len(before):
                continue
            for one in pairwise(before):
                pairs[one] -= 1
            for one in pairwise(after):
                pairs[one] += 1
                where.setdefault(one, set()).add(stretch)
            gone = len(before) - len(after)
            words -= gone
            counts[new] += gone
            counts[pair[0]] -= gone
            counts[pair[1]] -= gone
            pieces[stretch] = after
        pairs.pop(pair, None)
        advance(1, note=f"{len(lengths)} pieces known, {words} found")
    if best[1] is not None:
        pieces, lengths = best[1], lengths[: best[2]]
    cuts = np.zeros(len(strings.codes), bool)
    for first, own in zip(strings.firsts, pieces):
        cuts[first + np.cumsum([0, *(lengths[piece] for piece in own[:-1])])] = True
    return cuts, {"lexicon": len(lengths)}


def bits(counts: Counter, lengths: list[int], kinds: int) -> float:
    """The description length of pieces."""
    there = [(piece, count) for piece, count in counts.items() if count > 0]
    own = np.array([count for _, count in there], np.float64)
    spelled = sum(lengths[piece] + 1 for piece, _ in there) * np.log2(kinds + 1)
    return float(spelled - (own * np.log2(own / own.sum())).sum())


def commonest(pairs: Counter, lengths: list[int], longest: int) -> tuple[int, int] | None:
    """The commonest pair that occurs twice and is not too long; of equal ones the smallest."""
    allowed = (
        (-count, pair) for pair, count in pairs.items() if count > 1 and lengths[pair[0]] + lengths[pair[1]] <= longest
    )
    return min(allowed, default=(0, None))[1]


def merged(pieces: list[int], pair: tuple[int, int], new: int) -> list[int]:
    """Pieces with every such pair, from the left, made one."""
    found, place = [], 0
    while place < len(pieces):
        if tuple(pieces[place : place + 2]) == pair:
            found.append(new)
            place += 2
        else:
            found.append(pieces[place])
            place += 1
    return found
