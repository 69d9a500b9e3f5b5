"""Signatures of windows: bits as angles, tables sorted by them, and neighbours against all pairs."""

from itertools import pairwise

import numpy as np
import pytest

from unitdisc.retrieval.signatures import (
    BITS,
    Hyperplanes,
    Windows,
    differing,
    keys,
    least_in_a_row,
    neighbours,
    shares,
    table_of,
    twice,
)


def as_bits(signatures: np.ndarray) -> np.ndarray:
    """[n, BITS] of 0 and 1, read as numbers are written."""
    return np.array([[int(bit) for word in row for bit in f"{int(word):064b}"] for row in signatures])


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Windows [n, parts, D], some of which are alike, and their signatures."""
    rng = np.random.default_rng(4)
    some = rng.normal(size=(40, 3, 7))
    windows = np.concatenate([some, some + 0.3 * rng.normal(size=some.shape)]) + 5  # n and n + 40
    return windows, Hyperplanes.drawn(3, np.full(7, 5.0), seed=0).signatures(windows)


def test_bits_differ_as_far_as_angles_are_apart(drawn):
    windows, signatures = drawn
    flat = windows.reshape(len(windows), -1) - 5
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    angles = np.arccos(np.clip(flat @ flat.T, -1, 1)) / np.pi
    bits = as_bits(signatures)
    shares = (bits[:, None] != bits[None]).mean(-1)
    assert abs((shares - angles)[np.triu_indices(80, 1)]).mean() < 0.05
    assert (shares - angles).mean() == pytest.approx(0, abs=0.02)
    assert [differing(signatures[0], other) for other in signatures] == (bits != bits[0]).sum(1).tolist()


def test_keys_are_the_bits_in_their_order(drawn):
    bits = as_bits(drawn[1])
    own = np.random.default_rng(5).permutation(BITS)[:64]
    assert keys(drawn[1], own).tolist() == [int("".join(map(str, row[own])), 2) for row in bits]


def test_a_table_is_sorted_by_bits_of_its_own(drawn):
    windows = np.flatnonzero(np.arange(80) % 7 != 3)
    tables = [table_of(drawn[1], windows, 5, number) for number in range(3)]
    for number, order in enumerate(tables):
        own = np.random.default_rng([5, 2, number]).permutation(BITS)[:64]
        assert (np.diff(keys(drawn[1], own)[order].astype(object)) >= 0).all()
        assert sorted(order.tolist()) == windows.tolist()
    assert tables[0].tolist() != tables[1].tolist() != tables[2].tolist()


@pytest.mark.slow
def test_windows_that_are_the_same_have_other_neighbours_in_every_table():
    same = np.zeros((200, BITS // 64), np.uint64)
    orders = [table_of(same, np.arange(200), 0, number) for number in range(20)]
    found = np.concatenate([neighbours(same, np.arange(200), order, 2, 0, 1, 0) for order in orders])
    assert len(np.unique(found, axis=0)) > 0.7 * len(found)


UTTERANCES = np.repeat(np.arange(9), [20, 1, 2, 3, 4, 20, 10, 5, 15])


def in_a_row(bits: np.ndarray, one: int, other: int, row: int) -> int:
    """Slow: the least of all rows in which two windows are."""
    found = [row * BITS + 1]
    for begin in range(1 - row, 1):
        ones, others = (np.arange(place + begin, place + begin + row) for place in (one, other))
        inside = min(ones[0], others[0]) >= 0 and max(ones[-1], others[-1]) < len(bits)
        if inside and len(set(UTTERANCES[ones])) == 1 == len(set(UTTERANCES[others])):
            found.append(int((bits[ones] != bits[others]).sum()))
    return min(found)


@pytest.mark.parametrize("row", [1, 2, 3])
def test_rows_are_those_of_a_diagonal_within_both_utterances(drawn, row):
    bits = as_bits(drawn[1])
    for one in range(0, 80, 3):
        for other in range(one + 1, 80, 2):
            assert least_in_a_row(drawn[1], UTTERANCES, one, other, row) == in_a_row(bits, one, other, row)


@pytest.mark.parametrize(("reach", "most", "row"), [(3, BITS, 1), (3, 100, 1), (80, 110, 1), (80, 120, 2), (5, 125, 3)])
def test_neighbours_are_those_of_all_pairs(drawn, reach, most, row):
    """Those that follow each other so closely in the order, without what is near in the same utterance."""
    signatures, bits = drawn[1], as_bits(drawn[1])
    order, apart = table_of(signatures, np.flatnonzero(np.arange(80) % 7 != 3), 1, 0), 6
    expected = set()
    for place, one in enumerate(order.tolist()):
        others = order[place + 1 :].tolist()
        others = [other for other in others if UTTERANCES[one] != UTTERANCES[other] or abs(one - other) >= apart]
        for other in others[:reach]:
            if (bits[one] != bits[other]).sum() <= most and in_a_row(bits, one, other, row) <= row * most:
                expected.add((min(one, other), max(one, other)))
    found = neighbours(signatures, UTTERANCES, order, reach, most, row, apart)
    assert sorted(map(tuple, found.tolist())) == sorted(expected) and expected


def test_shares_are_of_bits(drawn):
    bits = as_bits(drawn[1])
    expected = (bits[:7, None] != bits[None, 3:]).mean(-1)
    assert shares(drawn[1][:7], drawn[1][3:]) == pytest.approx(expected)


def test_a_table_twice_as_long_keeps_its_rows():
    table = np.arange(6).reshape(3, 2)
    assert twice(table)[:3].tolist() == table.tolist() and twice(table).shape == (6, 2)
    assert twice(table.astype(float)).dtype == float


def test_windows_are_means_of_their_parts():
    vectors = np.arange(60.0).reshape(20, 3)
    windows = Windows(frames=10, hop=4, parts=4)
    starts = windows.starts(20)
    assert starts.tolist() == [0, 4, 8] and len(windows.starts(9)) == 0 and windows.starts(10).tolist() == [0]
    edges = [0, 2, 5, 8, 10]
    expected = [[vectors[s + a : s + b].mean(0) for a, b in pairwise(edges)] for s in starts]
    assert windows.of(vectors, starts) == pytest.approx(np.array(expected))
