"""Boundaries where it is hard to say which unit comes next: transitional probabilities and branching entropy.

Transitional probabilities (Saffran, Newport & Aslin, 1996) are counted as `wordseg` counts them (Bernard et al.,
2020): utterances are joined by one symbol, which is neither before the first nor after the last. Branching entropy is
that of Tanaka-Ishii (2005): of the unit after so many, plus that of the unit before so many.
"""

import numpy as np

from unitdisc.word_segmentation.stretches import Strings


def joined(strings: Strings) -> tuple[np.ndarray, np.ndarray]:
    """All units with a symbol between stretches, and where in it each unit is: [N + S - 1], [N]."""
    stretches = np.repeat(np.arange(len(strings.firsts) - 1), np.diff(strings.firsts))
    places = np.arange(len(strings.codes)) + stretches
    line = np.full(int(places[-1]) + 1, strings.kinds, np.int64)
    line[places] = strings.codes
    return line, places


def transitions(line: np.ndarray, kinds: int, dependency: str) -> tuple[np.ndarray, float]:
    """How probable every unit is after the one before [M - 1], and the mean over different pairs.

    dependency: "ftp", of the second given the first; "btp", of the first given the second; "mi", log2 of the count of
    the pair over those of both.
    """
    pairs = line[:-1] * (kinds + 1) + line[1:]
    different, inverse, counts = np.unique(pairs, return_inverse=True, return_counts=True)
    units = np.bincount(line, minlength=kinds + 1)
    first, second = np.divmod(different, kinds + 1)
    if dependency == "mi":
        values = np.log2(counts / (units[first] * units[second]))
    else:
        values = counts / units[first if dependency == "ftp" else second]
    return values[inverse], float(values.mean())


def tp_strengths(strings: Strings, dependency: str) -> tuple[np.ndarray, np.ndarray, float]:
    """How improbable the step to every unit is [N], the same of the whole line, and of the mean pair."""
    line, places = joined(strings)
    if len(line) < 2:
        return np.zeros(len(strings.codes)), np.zeros(0), 0.0
    values, mean = transitions(line, strings.kinds, dependency)
    return -values[np.maximum(places - 1, 0)], -values, -mean


def entropy_strengths(strings: Strings, context: int) -> tuple[np.ndarray, np.ndarray, float]:
    """The same by entropies in nats: after up to `context` units, and before as many."""
    line, places = joined(strings)
    if len(line) < 2:
        return np.zeros(len(strings.codes)), np.zeros(0), 0.0
    forward = next_entropies(line, context, strings.kinds)  # after each symbol
    backward = next_entropies(line[::-1], context, strings.kinds)[::-1]  # before each
    values = forward[:-1] + backward[1:]
    return values[np.maximum(places - 1, 0)], values, float(values.mean())


def next_entropies(line: np.ndarray, context: int, kinds: int) -> np.ndarray:
    """The entropy of what follows the last so many symbols, not reaching across the symbol between stretches: [M]."""
    border = line == kinds
    since = np.arange(len(line)) - np.maximum.accumulate(np.where(border, np.arange(len(line)), -1))
    keys, found = np.zeros(len(line), np.int64), np.zeros(len(line))
    for length in range(1, context + 1):
        before = np.concatenate([[0], keys[:-1]])
        _, keys = np.unique(before * (kinds + 1) + line, return_inverse=True)
        here = np.flatnonzero((since >= length) | (length == 1))
        here = here[here < len(line) - 1]
        if not len(here):
            break
        pairs, counts = np.unique(keys[here] * (kinds + 1) + line[here + 1], return_counts=True)
        owner = pairs // (kinds + 1)
        totals = np.bincount(owner, counts)
        shares = counts / totals[owner]
        entropies = np.bincount(owner, -shares * np.log(shares))
        found[here] = entropies[keys[here]]
    return found


def chosen(strings: Strings, strengths: tuple[np.ndarray, np.ndarray, float], threshold: str) -> np.ndarray:
    """Which units begin a word [N] bool, where no number is asked.

    threshold: "relative", above both neighbours, symbols between stretches counting; "absolute", at least the mean.
    """
    own, line, mean = strengths
    if threshold == "absolute":
        return strings.inner & (own >= mean)
    peaks = np.zeros(len(line) + 1, bool)
    if len(line) > 2:
        peaks[2:-1] = (line[1:-1] > line[:-2]) & (line[1:-1] > line[2:])
    return strings.inner & peaks[joined(strings)[1]]
