"""A lexicon that was found beside the true one: how pure types are, how the vocabulary grows, how frequencies fall.

Purity (Manning et al., 2008): tokens whose type has most of its tokens of their word. It is 1 where every token has a
type of its own, so it stands beside what it is where words are dealt to the types by lot, and beside the share of
tokens that are of the type that has most of their word.

Growth: how many different types so many tokens have, drawn without order from all (rarefaction; Baayen, 2001): it does
not depend on which utterance is first. Zipf's slope is that of the likeliest power law of ranks.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from unitdisc.corpus import Interval
from unitdisc.evaluation import UnscorableError, labelled
from unitdisc.evaluation.units.codes import CodedUtterance

DEALS = 20  # of words to types by lot
POINTS = 24  # of a curve of growth
STEEPEST = 20.0  # slope of ranks


@dataclass(frozen=True)
class Frequencies:
    """How often the types of a lexicon occur."""

    tokens: int
    types: int
    once: int  # types that occur once
    zipf_slope: float | None  # s of frequency ~ rank ^ -s; None of fewer than two types
    growth: list[list[float]]  # tokens and how many types these have, a pair for every point
    counts: list[int]  # tokens of each type, falling


@dataclass(frozen=True)
class VocabularyScores:
    """Types that were found, beside true words."""

    purity: float | None  # of tokens that are of a word; None if there are none
    purity_by_lot: float | None  # mean over deals of the same words to types of the same sizes
    purity_repeated: float | None  # of types that have two tokens or more
    words_together: float | None  # tokens that are of the type that has most of their word
    labelled_tokens: int  # that are of a word
    found: Frequencies
    true: Frequencies


def vocabulary_scores(coded: Iterable[CodedUtterance], tier: str, seed: int = 0) -> VocabularyScores:
    """Of units (or listed tokens) and the labels of a tier.

    A token is of the word that it shares most of its time with; one that shares none with any is of no word.
    Raises UnscorableError if no utterance has the tier, or nothing was found.
    """
    coded = [entry for entry in coded if tier in entry.utterance.alignment]
    if not coded:
        raise UnscorableError(f"no utterance has a tier {tier!r}")
    types, words, true = [], [], []
    for entry in coded:
        labels, tokens = labelled(entry.utterance, tier), entry.tokens
        true += [label.label for label in labels]
        found = words_of(tokens.intervals, labels)
        types += tokens.codes.tolist()
        words += found
    spoken = [(code, word) for code, word in zip(types, words) if word is not None]
    if not spoken:
        raise UnscorableError(f"no unit shares any time with a label of the tier {tier!r}")
    codes, labels = zip(*spoken)
    return VocabularyScores(
        purity=purity(codes, labels),
        purity_by_lot=purity_by_lot(codes, labels, seed),
        purity_repeated=purity_of_repeated(codes, labels),
        words_together=purity(labels, codes),
        labelled_tokens=len(spoken),
        found=frequencies(codes),
        true=frequencies(true),
    )


def words_of(tokens: np.ndarray, labels: Sequence[Interval]) -> list[str | None]:
    """The label that every token [N, 2] shares most time with, of equals the first; None where it is with none."""
    starts, ends = (np.array([label[side] for label in labels], np.int64) for side in (0, 1))
    found: list[str | None] = []
    for start, end in tokens.tolist():
        first, last = np.searchsorted(ends, start, side="right"), np.searchsorted(starts, end, side="left")
        shared = np.minimum(ends[first:last], end) - np.maximum(starts[first:last], start)
        found.append(labels[first + int(shared.argmax())].label if len(shared) else None)
    return found


def purity(clusters: Sequence[Hashable], labels: Sequence[Hashable]) -> float | None:
    """The share of items whose label is the commonest one of their cluster."""
    best: dict[Hashable, int] = {}
    for (cluster, _), count in Counter(zip(clusters, labels)).items():
        best[cluster] = max(best.get(cluster, 0), count)
    return sum(best.values()) / len(clusters) if len(clusters) else None


def purity_of_repeated(clusters: Sequence[Hashable], labels: Sequence[Hashable]) -> float | None:
    """The same of clusters that have more than one item; None if none has."""
    sizes = Counter(clusters)
    kept = [(cluster, label) for cluster, label in zip(clusters, labels) if sizes[cluster] > 1]
    return purity(*zip(*kept)) if kept else None


def purity_by_lot(clusters: Sequence[Hashable], labels: Sequence[Hashable], seed: int) -> float:
    """The mean of DEALS where the labels are dealt to the same places in any order."""
    rng = np.random.default_rng(seed)
    numbers = np.unique([*map(str, labels)], return_inverse=True)[1]
    return float(np.mean([purity(clusters, rng.permutation(numbers).tolist()) for _ in range(DEALS)]))


def frequencies(tokens: Iterable[Hashable]) -> Frequencies:
    counts = np.array(sorted(Counter(tokens).values(), reverse=True), np.int64)
    slope = zipf_slope(counts)
    return Frequencies(int(counts.sum()), len(counts), int((counts == 1).sum()), slope, growth(counts), counts.tolist())


def growth(counts: np.ndarray) -> list[list[float]]:
    """How many types n tokens have on average, which are drawn from all without putting them back; up to all.

    counts: [K] tokens of each type; it is missing among n of N with the probability C(N - count, n) / C(N, n).
    """
    total = int(counts.sum())
    sizes = np.unique(np.round(np.geomspace(1, total, POINTS)).astype(int)) if total else []
    return [[int(size), float((1 - missing(counts, int(size), total)).sum())] for size in sizes]


def missing(counts: np.ndarray, size: int, total: int) -> np.ndarray:
    """How probable it is that none of `size` tokens is of a type: [K]."""
    left = total - counts
    possible = left >= size
    most = np.where(possible, left, size).astype(float)
    logs = gammaln(most + 1) - gammaln(most - size + 1) - gammaln(total + 1) + gammaln(total - size + 1)
    return np.where(possible, np.exp(logs), 0.0)


def zipf_slope(counts: np.ndarray) -> float | None:
    """The s with which tokens are likeliest if the type of rank r has the probability r^-s / sum of all: by halving.

    counts: [K], falling. There the mean of log rank is what the law expects. None where K is below 2.
    """
    if len(counts) < 2:
        return None
    logs = np.log(np.arange(1, len(counts) + 1))
    mean = float(counts @ logs / counts.sum())

    def expected(slope: float) -> float:
        weights = np.exp(-slope * logs)
        return float(weights @ logs / weights.sum())

    low, high = 0.0, STEEPEST
    if expected(low) <= mean:
        return 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if expected(middle) > mean else (low, middle)
    return (low + high) / 2
