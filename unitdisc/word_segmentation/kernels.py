"""Words of a known or a growing lexicon, compiled: forward-backward, cheapest cuts, and blocked Gibbs sampling.

Substrings are numbered (`stretches.Substrings`), so a lexicon is an array; ids: [N, L], -1 beyond the end of a stretch.
"""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def log_sum(values, count):
    """log of the sum of exp of the first `count` values."""
    highest = -np.inf
    for place in range(count):
        highest = max(highest, values[place])
    if highest == -np.inf:
        return highest
    total = 0.0
    for place in range(count):
        total += np.exp(values[place] - highest)
    return highest + np.log(total)


@numba.njit(cache=True, nogil=True)
def forward(ids, first, last, scores, reached, terms):
    """reached[t]: log of the summed probability of all ways to cut the first t units of a stretch into words."""
    longest = ids.shape[1]
    reached[0] = 0.0
    for time in range(1, last - first + 1):
        count = min(longest, time)
        for length in range(1, count + 1):
            terms[length - 1] = reached[time - length] + scores[ids[first + time - length, length - 1]]
        reached[time] = log_sum(terms, count)


@numba.njit(cache=True, nogil=True)
def expected_counts(ids, firsts, scores):
    """How often each substring is a word, in expectation [M], and the log likelihood; scores: log p [M]."""
    longest = ids.shape[1]
    expected = np.zeros(len(scores))
    most = np.max(firsts[1:] - firsts[:-1])
    reached, left, terms = np.empty(most + 1), np.empty(most + 1), np.empty(longest)
    likelihood = 0.0
    for stretch in range(len(firsts) - 1):
        first, last = firsts[stretch], firsts[stretch + 1]
        size = last - first
        forward(ids, first, last, scores, reached, terms)
        likelihood += reached[size]
        left[size] = 0.0
        for time in range(size - 1, -1, -1):
            count = min(longest, size - time)
            for length in range(1, count + 1):
                terms[length - 1] = left[time + length] + scores[ids[first + time, length - 1]]
            left[time] = log_sum(terms, count)
            for length in range(1, count + 1):
                word = ids[first + time, length - 1]
                part = reached[time] + scores[word] + left[time + length] - reached[size]
                if part > -700.0:
                    expected[word] += np.exp(part)
    return expected, likelihood


@numba.njit(cache=True, nogil=True)
def likeliest(ids, first, last, scores, without, best, lasting):
    """The likeliest cut of units [first, last), where the word `without` may not be; returns log p.

    lasting[t]: units of the word that ends before unit first + t.
    """
    longest = ids.shape[1]
    best[0] = 0.0
    for time in range(1, last - first + 1):
        best[time], lasting[time] = -np.inf, 1
        for length in range(1, min(longest, time) + 1):
            word = ids[first + time - length, length - 1]
            price = best[time - length] + scores[word]
            if price > best[time] and word != without:
                best[time], lasting[time] = price, length
    return best[last - first]


@numba.njit(cache=True, nogil=True)
def likeliest_cuts(ids, firsts, scores):
    """Which units begin a word [N] bool, in the likeliest cut of every stretch; and how often each is a word [M]."""
    most = np.max(firsts[1:] - firsts[:-1])
    best, lasting = np.empty(most + 1), np.empty(most + 1, np.int64)
    cuts = np.zeros(len(ids), np.bool_)
    counts = np.zeros(len(scores), np.int64)
    for stretch in range(len(firsts) - 1):
        first, last = firsts[stretch], firsts[stretch + 1]
        likeliest(ids, first, last, scores, -1, best, lasting)
        time = last - first
        while time > 0:
            length = lasting[time]
            time -= length
            cuts[first + time] = True
            counts[ids[first + time, length - 1]] += 1
    return cuts, counts


@numba.njit(cache=True, nogil=True)
def losses(ids, places, lengths, scores, counts):
    """What log p of the corpus loses if a word is taken out of the lexicon: [M], for words with scores above -inf.

    As sentencepiece counts it: tokens of the word become those of its likeliest cut into others. 0 where that cut is
    likelier than the word itself, infinity where there is none.
    """
    longest = ids.shape[1]
    best, lasting = np.empty(longest + 1), np.empty(longest + 1, np.int64)
    total = np.sum(counts)
    found = np.full(len(scores), np.inf)
    for word in range(len(scores)):
        if scores[word] == -np.inf or lengths[word] == 1:
            continue
        first, size = places[word], lengths[word]
        other = likeliest(ids, first, first + size, scores, word, best, lasting)
        if other == -np.inf:
            continue
        if other > scores[word] or counts[word] == 0:
            found[word] = 0.0
            continue
        pieces, time, spread = 0, size, 0.0
        while time > 0:
            length = lasting[time]
            time -= length
            spread += np.log(counts[ids[first + time, length - 1]] + counts[word])
            pieces += 1
        spread -= pieces * np.log(total + counts[word] * (pieces - 1.0))
        found[word] = counts[word] * (np.log(counts[word]) - np.log(total) - spread)
    return found


@numba.njit(cache=True, nogil=True)
def count_words(ids, firsts, cuts, counts, step, stretch):
    """Adds `step` to the counts of the words of a stretch; returns how many words it has."""
    begun, words = firsts[stretch], 0
    last = firsts[stretch + 1]
    for unit in range(begun + 1, last + 1):
        if unit == last or cuts[unit]:
            counts[ids[begun, unit - begun - 1]] += step
            begun, words = unit, words + 1
    return words


@numba.njit(cache=True, nogil=True)
def sample_unigram(ids, firsts, cuts, counts, base, concentration, power, uniforms, order):
    """One sweep of blocked Gibbs sampling under a Dirichlet process; cuts [N] and counts [M] are changed.

    Every stretch in turn is cut anew, given the words of all others (Goldwater, Griffiths & Johnson, 2009; as a whole:
    Mochihashi, Yamada & Ueda, 2009). base: [M], of the base distribution; power: 1 / temperature; uniforms: [N].
    """
    longest = ids.shape[1]
    most = np.max(firsts[1:] - firsts[:-1])
    reached, scores = np.empty(most + 1), np.empty((most, longest))
    total = np.sum(counts)
    for stretch in order:
        first, last = firsts[stretch], firsts[stretch + 1]
        size = last - first
        total -= count_words(ids, firsts, cuts, counts, -1, stretch)
        normaliser = np.log(total + concentration)
        others = len(firsts) - 2
        going_on = power * (np.log(total - others + 1.0) - np.log(total + 2.0))
        reached[0] = 0.0
        for time in range(1, size + 1):
            count = min(longest, time)
            for length in range(1, count + 1):
                word = ids[first + time - length, length - 1]
                score = power * (np.log(counts[word] + concentration * base[word]) - normaliser)
                scores[time - 1, length - 1] = reached[time - length] + score + (going_on if time < size else 0.0)
            reached[time] = log_sum(scores[time - 1], count)
        cuts[first:last] = False
        time = size
        while time > 0:
            left = uniforms[first + time - 1]
            length, count = 1, min(longest, time)
            while length < count:
                left -= np.exp(scores[time - 1, length - 1] - reached[time])
                if left < 0:
                    break
                length += 1
            time -= length
            cuts[first + time] = True
        total += count_words(ids, firsts, cuts, counts, 1, stretch)
