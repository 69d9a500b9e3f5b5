"""Blocked Gibbs sampling of words under a hierarchical Dirichlet process of bigrams, compiled.

Every word is a customer of the restaurant of the word before it; its table, if new, is a customer of the lexicon
(Goldwater, Griffiths & Johnson, 2009). Word M, beyond the M substrings, is the end of a stretch, and what is before it.

    tokens   a word by the unit that it begins with; the end of stretch s by N + s
    seats    [N + S], of each token its table; -1 where nobody has sat down
"""

import numba
import numpy as np
from numba import types
from numba.typed import Dict


@numba.njit(cache=True, nogil=True)
def base_probability(word, base, tables, served, concentration, ending):
    """Of a word as a customer of the lexicon. tables: [M], of each word; ending: of the end of a stretch."""
    if word == len(base):
        return ending
    return (1 - ending) * (tables[word] + concentration * base[word]) / (served[0] + concentration)


@numba.njit(cache=True, nogil=True)
def sit(before, word, token, chance, known, restaurant, table, totals, fixed):
    """A customer comes: at a table of its pair, as likely as it has guests, or at a new one."""
    counts, heads = restaurant
    sizes, following, seats, free = table
    tables, guests, served = totals
    base, concentration, bigram_concentration, ending = fixed
    key = before * (len(base) + 1) + word
    if key not in known:
        known[key] = len(known)
    pair = known[key]
    new = bigram_concentration * base_probability(word, base, tables, served, concentration, ending)
    left = chance * (counts[pair] + new) - new
    counts[pair] += 1
    guests[before] += 1
    chosen = -1
    if left >= 0:
        chosen = heads[pair]
        left -= sizes[chosen]
        while left >= 0 and following[chosen] >= 0:
            chosen = following[chosen]
            left -= sizes[chosen]
    if chosen < 0:
        free[0] -= 1
        chosen = free[free[0]]
        sizes[chosen], following[chosen] = 0, heads[pair]
        heads[pair] = chosen
        if word < len(base):
            tables[word] += 1
            served[0] += 1
    sizes[chosen] += 1
    seats[token] = chosen


@numba.njit(cache=True, nogil=True)
def leave(before, word, token, known, restaurant, table, totals, fixed):
    """A customer goes; an empty table, too."""
    counts, heads = restaurant
    sizes, following, seats, free = table
    tables, guests, served = totals
    size = len(fixed[0])
    pair = known[before * (size + 1) + word]
    counts[pair] -= 1
    guests[before] -= 1
    own = seats[token]
    sizes[own] -= 1
    seats[token] = -1
    if sizes[own] > 0:
        return
    if heads[pair] == own:
        heads[pair] = following[own]
    else:
        one = heads[pair]
        while following[one] != own:
            one = following[one]
        following[one] = following[own]
    free[free[0]] = own
    free[0] += 1
    if word < size:
        tables[word] -= 1
        served[0] -= 1


@numba.njit(cache=True, nogil=True)
def probability(before, word, known, counts, totals, fixed, power):
    """Of a word after another, to the power of 1 / temperature."""
    tables, guests, served = totals
    base, concentration, bigram_concentration, ending = fixed
    value = bigram_concentration * base_probability(word, base, tables, served, concentration, ending)
    if guests[before] > 0 and (word == len(base) or tables[word] > 0):
        key = before * (len(base) + 1) + word
        if key in known:
            value += counts[known[key]]
    value /= guests[before] + bigram_concentration
    return value if power == 1.0 else value**power


@numba.njit(cache=True, nogil=True)
def sample_bigram(ids, firsts, cuts, seats, fixed, power, uniforms, chances, order):
    """One sweep: every stretch in turn is cut anew, given all others; cuts [N] and seats [N + S] are changed.

    fixed: base distribution [M], concentration, that of bigrams, and the probability of an end; uniforms: [N + S], for
    lengths; chances: [2 (N + S)], for tables. Returns tables of each word [M + 1] and guests after each [M + 1].
    """
    units, longest = ids.shape
    size, stretches = len(fixed[0]), len(firsts) - 1
    known = Dict.empty(types.int64, types.int64)
    room = 2 * (units + stretches) + 2
    restaurant = (np.zeros(room, np.int64), np.full(room, -1, np.int64))
    places = units + stretches + 1
    free = np.empty(places + 1, np.int64)
    for number in range(places):
        free[number + 1] = places - 1 - number
    free[0] = places + 1
    table = (np.zeros(places, np.int64), np.full(places, -1, np.int64), seats, free)
    totals = (np.zeros(size, np.int64), np.zeros(size + 1, np.int64), np.zeros(1, np.int64))
    seat_all(ids, firsts, cuts, chances[units + stretches :], known, restaurant, table, totals, fixed)
    most = np.max(firsts[1:] - firsts[:-1])
    ways, scales = np.zeros((most + 1, longest + 1)), np.zeros(most + 1)
    logs, weights = np.empty(longest + 1), np.empty(longest + 1)
    for stretch in order:
        first, last = firsts[stretch], firsts[stretch + 1]
        length = last - first
        begun, before = first, size
        for unit in range(first + 1, last + 1):
            if unit == last or cuts[unit]:
                word = ids[begun, unit - begun - 1]
                leave(before, word, begun, known, restaurant, table, totals, fixed)
                begun, before = unit, word
        leave(before, size, units + stretch, known, restaurant, table, totals, fixed)
        counts = restaurant[0]
        for time in range(1, length + 1):
            highest = -np.inf
            for own in range(1, min(longest, time) + 1):
                word, there = ids[first + time - own, own - 1], time - own
                summed = 0.0
                if there == 0:
                    summed = probability(size, word, known, counts, totals, fixed, power)
                for past in range(1, min(longest, there) + 1):
                    if ways[there, past] > 0:
                        previous = ids[first + there - past, past - 1]
                        summed += ways[there, past] * probability(previous, word, known, counts, totals, fixed, power)
                logs[own] = np.log(summed) + scales[there] if summed > 0 else -np.inf
                highest = max(highest, logs[own])
            scales[time] = highest
            for own in range(1, longest + 1):
                ways[time, own] = np.exp(logs[own] - highest) if own <= time else 0.0
        cuts[first:last] = False
        time, word = length, size
        while time > 0:
            total = 0.0
            for own in range(1, min(longest, time) + 1):
                previous = ids[first + time - own, own - 1]
                weights[own] = 0.0
                if ways[time, own] > 0:
                    weights[own] = ways[time, own] * probability(previous, word, known, counts, totals, fixed, power)
                total += weights[own]
            left = uniforms[first + time - 1] * total
            own = 1
            while own < min(longest, time):
                left -= weights[own]
                if left < 0:
                    break
                own += 1
            while weights[own] == 0.0:
                own -= 1
            word = ids[first + time - own, own - 1]
            time -= own
            cuts[first + time] = True
        begun, before = first, size
        for unit in range(first + 1, last + 1):
            if unit == last or cuts[unit]:
                word = ids[begun, unit - begun - 1]
                sit(before, word, begun, chances[begun], known, restaurant, table, totals, fixed)
                begun, before = unit, word
        sit(before, size, units + stretch, chances[units + stretch], known, restaurant, table, totals, fixed)
    return totals[0], totals[1], int(np.sum(table[0] > 0))


@numba.njit(cache=True, nogil=True)
def seat_all(ids, firsts, cuts, chances, known, restaurant, table, totals, fixed):
    """Everybody at the tables they had, numbered anew in their order; who had none sits down."""
    units, size = len(ids), len(fixed[0])
    sizes, _, seats, _ = table
    numbers = np.full(len(sizes), -1, np.int64)
    for stretch in range(len(firsts) - 1):
        first, last = firsts[stretch], firsts[stretch + 1]
        begun, before = first, size
        for unit in range(first + 1, last + 2):
            if unit < last and not cuts[unit]:
                continue
            token = begun if unit <= last else units + stretch
            word = ids[begun, unit - begun - 1] if unit <= last else size
            had = seats[token]
            if had < 0:
                sit(before, word, token, chances[token], known, restaurant, table, totals, fixed)
            elif numbers[had] >= 0:
                counts = restaurant[0]
                counts[known[before * (size + 1) + word]] += 1
                totals[1][before] += 1
                sizes[numbers[had]] += 1
                seats[token] = numbers[had]
            else:
                sit(before, word, token, 0.0, known, restaurant, table, totals, fixed)
                numbers[had] = seats[token]
            begun, before = unit, word
