"""Which strings are alike: Levenshtein distances of all pairs up to a threshold, compiled."""

from collections.abc import Sequence

import numba
import numpy as np


def alike_pairs(strings: Sequence[tuple[int, ...]], threshold: float) -> np.ndarray:
    """The pairs [P, 2] of strings whose edit distance is at most threshold times the length of the longer one."""
    order = sorted(range(len(strings)), key=lambda place: len(strings[place]))
    lengths = np.array([len(strings[place]) for place in order], np.int64)
    padded = np.full((len(order), int(lengths.max(initial=1))), -1, np.int64)
    for row, place in enumerate(order):
        padded[row, : lengths[row]] = strings[place]
    found = near(padded, lengths, threshold, np.empty((0, 2), np.int64), False)
    pairs = np.empty((found[0, 0], 2), np.int64)
    near(padded, lengths, threshold, pairs, True)
    return np.sort(np.array(order, np.int64)[pairs], axis=1)


@numba.njit(cache=True, nogil=True)
def near(strings, lengths, threshold, pairs, fill):
    """Counts the pairs, or fills them in; strings in order of length."""
    costs = np.empty(strings.shape[1] + 1, np.int64)
    number = 0
    for i in range(len(strings)):
        for j in range(i + 1, len(strings)):
            most = int(np.floor(threshold * lengths[j] + 1e-9))
            if lengths[j] - lengths[i] > threshold * lengths[j] + 1e-9:
                break  # and those after are longer still: (b - a) / b grows with b
            for column in range(lengths[j] + 1):
                costs[column] = column
            for row in range(lengths[i]):
                diagonal = costs[0]
                costs[0] = row + 1
                least = costs[0]
                for column in range(lengths[j]):
                    change = diagonal + (strings[i, row] != strings[j, column])
                    diagonal = costs[column + 1]
                    costs[column + 1] = min(change, diagonal + 1, costs[column] + 1)
                    least = min(least, costs[column + 1])
                if least > most:
                    break
            else:
                if costs[lengths[j]] <= most:
                    if fill:
                        pairs[number, 0], pairs[number, 1] = i, j
                    number += 1
    if fill:
        return pairs
    return np.full((1, 2), number, np.int64)
