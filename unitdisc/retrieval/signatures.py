"""Signatures: short strings of bits, of which windows that are alike share most.

A bit says on which side of a hyperplane drawn by lot a window lies; the share of bits in which two differ is their
angle as a part of a half turn (Charikar, 2002). For frames of speech as in Jansen and Van Durme (2011); a window here
is a stretch of several frames, as the means of its parts, which tell more than a frame does, and hardly change where it
is said a little slower. Sorted by bits in an order drawn by lot, windows that are alike come to lie near each other in
some tables, at a cost that grows as that of sorting.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

WORDS = 4  # of 64 bits
BITS = 64 * WORDS


@dataclass(frozen=True)
class Windows:
    """Which windows there are: of `frames` frames each, one every `hop` frames, each as the means of `parts` parts."""

    frames: int
    hop: int
    parts: int

    def starts(self, length: int) -> np.ndarray:
        """Of an utterance of so many frames."""
        return np.arange(0, length - self.frames + 1, self.hop)

    def of(self, vectors: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """[T, D], [n] -> [n, parts, D]"""
        sums = np.concatenate([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, axis=0, dtype=np.float64)])
        edges = np.linspace(0, self.frames, self.parts + 1).round().astype(int)
        places = starts[:, None] + edges
        lengths = np.maximum(np.diff(edges), 1)[None, :, None]
        return (sums[places[:, 1:]] - sums[places[:, :-1]]) / lengths


@dataclass(frozen=True)
class Hyperplanes:
    """Directions drawn by lot, [parts, D, BITS], and the middle of all frames [D], from which windows are seen."""

    directions: np.ndarray
    middle: np.ndarray

    @classmethod
    def drawn(cls, parts: int, middle: np.ndarray, seed: int) -> "Hyperplanes":
        rng = np.random.default_rng([seed, 1])
        return cls(rng.normal(size=(parts, len(middle), BITS)), middle)

    def signatures(self, windows: np.ndarray) -> np.ndarray:
        """[n, parts, D] -> [n, WORDS], the first bit the highest."""
        flat = (windows - self.middle).reshape(len(windows), self.directions.shape[0] * self.directions.shape[1])
        bits = flat @ self.directions.reshape(flat.shape[1], BITS) > 0
        packed = np.packbits(bits, axis=1).reshape(len(bits), WORDS, 8)
        return np.ascontiguousarray(packed).view(">u8").reshape(len(bits), WORDS).astype(np.uint64)


@njit(nogil=True, cache=True)
def keys(signatures: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """What a table is sorted by: [n, WORDS], [64] -> [n]."""
    found = np.zeros(len(signatures), dtype=np.uint64)
    one = np.uint64(1)
    for place in range(len(signatures)):
        key = np.uint64(0)
        for bit in bits:
            key = (key << one) | ((signatures[place, bit // 64] >> np.uint64(63 - bit % 64)) & one)
        found[place] = key
    return found


@njit(nogil=True, cache=True, inline="always")
def ones(word: np.uint64) -> int:
    """How many bits are set."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(nogil=True, cache=True, inline="always")
def differing(one: np.ndarray, other: np.ndarray) -> int:
    """Bits in which two signatures differ: [WORDS], [WORDS]."""
    count = 0
    for word in range(len(one)):
        count += ones(one[word] ^ other[word])
    return count


@njit(nogil=True, cache=True)
def twice(table: np.ndarray) -> np.ndarray:
    """The same rows with as many after them: [n, D] -> [2 n, D]."""
    larger = np.zeros((2 * len(table), table.shape[1]), table.dtype)
    larger[: len(table)] = table
    return larger


def table_of(signatures: np.ndarray, windows: np.ndarray, seed: int, number: int) -> np.ndarray:
    """Some windows [n] in the order of a table: sorted by 64 bits drawn by lot.

    What is the same in all of them comes in an order drawn by lot, too: in another table it has other neighbours.
    """
    rng = np.random.default_rng([seed, 2, number])
    bits, windows = rng.permutation(BITS)[:64], rng.permutation(windows)
    return windows[np.argsort(keys(signatures, bits)[windows], kind="stable")]


@njit(nogil=True, cache=True)
def neighbours(
    signatures: np.ndarray, utterances: np.ndarray, order: np.ndarray, reach: int, most: int, row: int, apart: int
) -> np.ndarray:
    """Pairs of windows, the first one first, that are alike and near each other in a table: [n, 2].

    Looked at are the next `reach` windows of the order [m], without those of the same utterance less than `apart`
    later or earlier: these are no pair. utterances [windows]: of each. Two windows are alike if they differ in `most`
    bits at most, and if `row` windows in a row do on average, of which these are one: their neighbours, along the
    diagonal.
    """
    found = np.empty((1024, 2), dtype=np.int64)
    count = 0
    for place in range(len(order)):
        window, looked = order[place], 0
        for later in range(place + 1, len(order)):
            other = order[later]
            if utterances[window] == utterances[other] and abs(window - other) < apart:
                continue
            looked += 1
            near = differing(signatures[window], signatures[other]) <= most
            if near and least_in_a_row(signatures, utterances, window, other, row) <= row * most:
                if count == len(found):
                    found = twice(found)
                found[count, 0], found[count, 1] = min(window, other), max(window, other)
                count += 1
            if looked == reach:
                break
    return found[:count]


@njit(nogil=True, cache=True)
def least_in_a_row(signatures: np.ndarray, utterances: np.ndarray, window: int, other: int, row: int) -> int:
    """Bits in which `row` windows in a row differ from those beside another, where that is least: with these two.

    More than can be, if there are not so many in both utterances.
    """
    least = row * BITS + 1
    for begin in range(1 - row, 1):
        bits, one, two = 0, window + begin, other + begin
        if one < 0 or two < 0 or max(one, two) + row > len(utterances):
            continue
        if utterances[one] != utterances[window] or utterances[one + row - 1] != utterances[window]:
            continue
        if utterances[two] != utterances[other] or utterances[two + row - 1] != utterances[other]:
            continue
        for step in range(row):
            bits += differing(signatures[one + step], signatures[two + step])
        least = min(least, bits)
    return least


@njit(nogil=True, cache=True)
def shares(signatures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Shares of bits in which signatures differ: [N, WORDS], [M, WORDS] -> [N, M]."""
    found = np.empty((len(signatures), len(others)))
    for one in range(len(signatures)):
        for other in range(len(others)):
            found[one, other] = differing(signatures[one], others[other]) / BITS
    return found
