"""How certain units are: whether halves of the corpus find them again."""

import numpy as np
import pytest
from test_names_of_units import pieces
from test_templates import InMemory

from unitdisc.segmentation.templates import stability
from unitdisc.segmentation.templates.stability import overlaps, unit_stability


def nearest(given, centres):
    """What pieces are called: the nearest of given centres."""
    return lambda name: np.square(given[name][:, None] - centres).sum(-1).argmin(-1)


def centres(kinds, dims=6):
    return np.random.default_rng(3).normal(size=(kinds, dims))


def test_true_kinds_are_found_again():
    given = pieces(8, noise=0.05)
    found = unit_stability(given, nearest(given, centres(8)), seed=0, threads=1)
    assert [each.unit for each in found] == list(range(8))
    assert min(each.stability for each in found) > 0.7 and np.mean([each.stability for each in found]) > 0.9


def test_a_kind_that_is_called_by_two_names_at_random_is_mixed_with_the_other():
    given, rng = pieces(8, noise=0.05), np.random.default_rng(5)
    true = nearest(given, centres(8))
    called = {name: true(name) for name in given.names}
    for units in called.values():
        units[(units == 3) & (rng.random(len(units)) < 0.5)] = 8
    found = {each.unit: each for each in unit_stability(given, called.get, seed=0, threads=1)}
    assert found[3].mixed_with == 8 and found[8].mixed_with == 3
    others = [each.stability for unit, each in found.items() if unit not in (3, 8)]
    assert max(found[3].stability, found[8].stability) < 0.7 < np.mean(others)


def test_codes_keep_their_numbers():
    given = pieces(4, noise=0.05)
    true, tens = nearest(given, centres(4)), np.array([40, 10, 30, 20])
    plain = unit_stability(given, true, seed=1, threads=1)
    renamed = unit_stability(given, lambda name: tens[true(name)], seed=1, threads=1)
    assert [each.unit for each in renamed] == [10, 20, 30, 40]
    assert sorted(each.stability for each in plain) == pytest.approx(sorted(each.stability for each in renamed))


def test_overlaps_by_hand():
    units, called = np.array([0, 0, 0, 1, 1]), np.array([1, 1, 0, 0, 0])
    jaccard, counts = overlaps(units, called, 2)
    assert counts.tolist() == [[1, 2], [2, 0]]
    assert jaccard.tolist() == [[1 / 5, 2 / 3], [2 / 3, 0]]


def test_an_interrupted_look_finds_the_same_with_any_threads():
    given = pieces(5, utterances=20)
    true = nearest(given, centres(5))
    once = unit_stability(given, true, seed=0, threads=1)
    assert unit_stability(given, true, seed=0, threads=3) == once


def test_too_few_pieces_or_too_alike_tell_nothing(monkeypatch):
    assert unit_stability(InMemory({"u0": np.zeros((0, 3), np.float32)}), {}.get, seed=0, threads=1) == []
    alike = InMemory({f"u{number}": np.ones((4, 3), np.float32) for number in range(6)})
    assert unit_stability(alike, lambda name: np.arange(4), seed=0, threads=1) == []
    assert stability.mixed_with(np.arange(2), 0, np.zeros(2)) is None
