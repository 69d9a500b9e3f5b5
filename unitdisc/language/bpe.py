"""Byte-pair encoding of units: what often stands together becomes one symbol (Gage, 1994; Sennrich et al., 2016)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from unitdisc.language.sequences import Sequences

JOINT = "+"  # between the symbols of a merged one
DENSE = 4_000_000  # pairs that are counted in a table


@dataclass(frozen=True)
class Merges:
    """Pairs of symbols that become one, in this order; each is called like both, with + between."""

    pairs: Sequence[tuple[str, str]]

    def applied(self, sequences: Sequences) -> Sequences:
        """Utterances with all merges made, one pair after the other."""
        ids = {symbol: place for place, symbol in enumerate(sequences.symbols)}
        tokens, offsets = sequences.tokens, sequences.offsets
        for pair in self.pairs:
            left, right = (ids.get(symbol) for symbol in pair)
            merged = ids.setdefault(JOINT.join(pair), len(ids))
            if left is not None and right is not None:
                tokens, offsets = merge(tokens, offsets, (left, right), merged=merged)
        return replace(sequences, symbols=list(ids), tokens=tokens, offsets=offsets)

    def parts(self) -> dict[str, list[str]]:
        """Merged symbols, and the units that they are made of."""
        found: dict[str, list[str]] = {}
        for left, right in self.pairs:
            found[JOINT.join((left, right))] = [*found.get(left, [left]), *found.get(right, [right])]
        return found


def learn_merges(sequences: Sequences, size: int) -> Merges:
    """Merges the commonest pair of neighbours again and again, until there are `size` symbols, or no pair comes twice.

    Pairs are counted wherever they stand, also where they overlap (x x x has two); of two as common, the pair is taken
    that has the smaller symbols, in the order in which they came to be.
    """
    symbols = list(sequences.symbols)
    tokens, offsets, pairs = sequences.tokens, sequences.offsets, []
    while len(symbols) < size:
        pair = commonest(tokens, offsets, len(symbols))
        if pair is None:
            break
        tokens, offsets = merge(tokens, offsets, pair, merged=len(symbols))
        pairs.append((symbols[pair[0]], symbols[pair[1]]))
        symbols.append(JOINT.join(pairs[-1]))
    return Merges(pairs)


def commonest(tokens: np.ndarray, offsets: np.ndarray, num: int) -> tuple[int, int] | None:
    """The commonest pair of neighbours; None if no pair comes twice."""
    inside = np.ones(max(len(tokens) - 1, 0), dtype=bool)
    ends = offsets[1:-1] - 1
    inside[ends[(ends >= 0) & (ends < len(inside))]] = False
    keys = (tokens[:-1] * num + tokens[1:])[inside]
    if not len(keys):
        return None
    if num * num <= DENSE:
        counts = np.bincount(keys)
        different = np.arange(len(counts))
    else:
        different, counts = np.unique(keys, return_counts=True)
    best = int(counts.argmax())
    return None if counts[best] < 2 else divmod(int(different[best]), num)


def merge(tokens: np.ndarray, offsets: np.ndarray, pair: tuple[int, int], merged: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens and offsets with every such pair as one symbol, from left to right."""
    if len(tokens) < 2:
        return tokens, offsets
    first = np.zeros(len(tokens), dtype=bool)
    first[:-1] = (tokens[:-1] == pair[0]) & (tokens[1:] == pair[1])
    ends = offsets[1:] - 1
    first[ends[ends >= 0]] = False
    if pair[0] == pair[1]:  # of x x x the first two
        places = np.flatnonzero(first)
        begins = np.ones(len(places), dtype=bool)
        begins[1:] = np.diff(places) > 1
        run = np.arange(len(places)) - np.maximum.accumulate(np.where(begins, np.arange(len(places)), 0))
        first[places[run % 2 == 1]] = False
    kept = np.ones(len(tokens), dtype=bool)
    kept[1:] = ~first[:-1]
    changed = np.where(first, merged, tokens)[kept]
    return changed, np.concatenate([[0], np.cumsum(kept)])[offsets]
