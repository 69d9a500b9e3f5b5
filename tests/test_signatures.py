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
    looked_up,
    neighbours,
    orders_of_bits,
    tables_of,
)


def as_bits(signatures: np.ndarray) -> np.ndarray:
    """[n, BITS] of 0 and 1, read as numbers are written."""
    return np.array([[int(bit) for word in row for bit in f"{int(word):064b}"] for row in signatures])


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Windows [n, parts, D], some of which are alike, and their signatures."""
    rng = np.random.default_rng(4)
    some = rng.normal(size=(40, 3, 7))
    windows = np.concatenate([some, some + 0.3 * rng.normal(size=some.shape)]) + 5
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
    for own in orders_of_bits(3, seed=5):
        assert len(set(own.tolist())) == 64
        expected = [int("".join(map(str, row[own])), 2) for row in bits]
        assert keys(drawn[1], own).tolist() == expected


def test_tables_are_sorted_and_know_the_way_back(drawn):
    bits = orders_of_bits(4, seed=1)
    orders, ranks = tables_of(drawn[1], bits, advance=lambda done: None)
    for order, rank, own in zip(orders, ranks, bits):
        assert (np.diff(keys(drawn[1], own)[order].astype(object)) >= 0).all()
        assert (order[rank] == np.arange(80)).all()


@pytest.mark.parametrize("reach,most", [(3, 128), (3, 40), (80, 40)])
def test_neighbours_are_those_of_all_pairs(drawn, reach, most):
    """With a reach of all windows, all that are alike; else those that a table has so near."""
    signatures = drawn[1]
    orders, ranks = tables_of(signatures, orders_of_bits(4, seed=1), advance=lambda done: None)
    wanted = np.arange(80) % 7 != 3
    bits = as_bits(signatures)
    alike = (bits[:, None] != bits[None]).sum(-1) <= most
    near = (abs(ranks[:, :, None].astype(int) - ranks[:, None].astype(int)) <= reach).any(0)
    expected = {
        (one, other)
        for one in range(10, 60)
        for other in range(one + 1, 80)
        if alike[one, other] and near[one, other] and wanted[one] and wanted[other]
    }
    found = neighbours(signatures, orders, ranks, wanted, first=10, last=60, reach=reach, most=most)
    assert {tuple(pair) for pair in found.tolist()} == expected and expected
    assert len({(one, one + 40) for one in range(10, 40)} & expected) > 10


def test_a_query_finds_what_is_like_it(drawn):
    signatures = drawn[1]
    bits = orders_of_bits(4, seed=1)
    orders, _ = tables_of(signatures[:40], bits, advance=lambda done: None)
    every = looked_up(signatures[:40], orders, bits, signatures[40:], reach=40, most=30)
    table = as_bits(signatures)
    alike = (table[40:, None] != table[None, :40]).sum(-1) <= 30
    assert {tuple(pair) for pair in every.tolist()} == set(map(tuple, np.argwhere(alike).tolist()))
    near = looked_up(signatures[:40], orders, bits, signatures[:40], reach=1, most=0)
    assert {tuple(pair) for pair in near.tolist()} == {(place, place) for place in range(40)}


def test_windows_are_means_of_their_parts():
    vectors = np.arange(60.0).reshape(20, 3)
    windows = Windows(frames=10, hop=4, parts=4)
    starts = windows.starts(20)
    assert starts.tolist() == [0, 4, 8] and len(windows.starts(9)) == 0 and windows.starts(10).tolist() == [0]
    edges = [0, 2, 5, 8, 10]
    expected = [[vectors[s + a : s + b].mean(0) for a, b in pairwise(edges)] for s in starts]
    assert windows.of(vectors, starts) == pytest.approx(np.array(expected))
    assert BITS == 128
