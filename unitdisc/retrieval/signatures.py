"""Signatures: short strings of bits, of which windows that are alike share most.

A bit says on which side of a hyperplane drawn by lot a window lies; the share of bits in which two differ is their
angle as a part of a half turn (Charikar, 2002). For frames of speech as in Jansen and Van Durme (2011); a window here
is a stretch of several frames, as the means of its parts, which tell more than a frame does, and hardly change where it
is said a little slower. Sorted by bits in an order drawn by lot, windows that are alike come to lie near each other in
some of the tables, at a cost that grows as that of sorting.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit

WORDS = 2  # of 64 bits
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


def orders_of_bits(tables: int, seed: int) -> np.ndarray:
    """The bits by which each table is sorted: [tables, 64]."""
    rng = np.random.default_rng([seed, 2])
    return np.stack([rng.permutation(BITS)[:64] for _ in range(tables)])


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


@njit(nogil=True, cache=True)
def differing(one: np.ndarray, other: np.ndarray) -> int:
    """Bits in which two signatures differ: [WORDS], [WORDS]."""
    count = 0
    for word in range(len(one)):
        count += ones(one[word] ^ other[word])
    return count


@njit(nogil=True, cache=True)
def neighbours(
    signatures: np.ndarray,
    orders: np.ndarray,
    ranks: np.ndarray,
    wanted: np.ndarray,
    first: int,
    last: int,
    reach: int,
    most: int,
) -> np.ndarray:
    """Pairs of a window in [first, last) and a later one that differ in `most` bits at most: [n, 2].

    Looked at are, in every table, the `reach` windows before and after. orders, ranks [tables, windows]: which window
    is at a place of the table, and the reverse. wanted [windows] of bool: others are in no pair. A pair that several
    tables have is found as often.
    """
    found = np.empty((1024, 2), dtype=np.int64)
    count, total = 0, signatures.shape[0]
    for window in range(first, last):
        if not wanted[window]:
            continue
        for table in range(len(orders)):
            rank = ranks[table, window]
            for place in range(max(rank - reach, 0), min(rank + reach + 1, total)):
                other = orders[table, place]
                if other <= window or not wanted[other]:
                    continue
                apart = 0
                for word in range(signatures.shape[1]):
                    apart += ones(signatures[window, word] ^ signatures[other, word])
                if apart > most:
                    continue
                if count == len(found):
                    larger = np.empty((2 * count, 2), dtype=np.int64)
                    larger[:count] = found
                    found = larger
                found[count, 0], found[count, 1] = window, other
                count += 1
    return found[:count]


@njit(nogil=True, cache=True)
def looked_up(
    signatures: np.ndarray, orders: np.ndarray, bits: np.ndarray, queries: np.ndarray, reach: int, most: int
) -> np.ndarray:
    """Pairs of a query and a window that differ in `most` bits at most: queries [m, WORDS] -> [n, 2].

    Looked at are, in every table, the `reach` windows before and after the place where the query would be.
    """
    found = np.empty((1024, 2), dtype=np.int64)
    count, total = 0, signatures.shape[0]
    for table in range(len(orders)):
        wanted = keys(queries, bits[table])
        for query in range(len(queries)):
            low, high = 0, total
            while low < high:
                middle = (low + high) // 2
                window = orders[table, middle]
                if keys(signatures[window : window + 1], bits[table])[0] < wanted[query]:
                    low = middle + 1
                else:
                    high = middle
            for place in range(max(low - reach, 0), min(low + reach, total)):
                other = orders[table, place]
                if differing(queries[query], signatures[other]) > most:
                    continue
                if count == len(found):
                    larger = np.empty((2 * count, 2), dtype=np.int64)
                    larger[:count] = found
                    found = larger
                found[count, 0], found[count, 1] = query, other
                count += 1
    return found[:count]


def tables_of(
    signatures: np.ndarray, bits: np.ndarray, advance: Callable[[int], None]
) -> tuple[np.ndarray, np.ndarray]:
    """Which window is at each place of every table, and the place of every window: [tables, n], [tables, n]."""
    orders = np.empty((len(bits), len(signatures)), np.uint32)
    ranks = np.empty_like(orders)
    for table, own in enumerate(bits):
        orders[table] = np.argsort(keys(signatures, own), kind="stable")
        ranks[table, orders[table]] = np.arange(len(signatures), dtype=np.uint32)
        advance(1)
    return orders, ranks
