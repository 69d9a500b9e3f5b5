"""From counts of ABX to errors, speakers counting as often as they were drawn; and what is in memory together."""

from types import SimpleNamespace

import numpy as np
import pytest

from unitdisc.evaluation.abx import AbxCell
from unitdisc.evaluation.abx.averaging import SpeakerErrors, averaged, interval
from unitdisc.evaluation.abx.cells import Groups
from unitdisc.evaluation.abx.item_frames import ItemSurvey
from unitdisc.evaluation.abx.results import worst_pairs
from unitdisc.evaluation.abx.tiling import batches


def random_errors(rng: np.random.Generator, speaker: str) -> dict[tuple, list[float]]:
    """Errors of the contexts of each (label of A, label of B, speaker of A, speaker of X)."""
    return {
        (a, b, s, x): rng.random(rng.integers(1, 4)).tolist()
        for a in range(2)
        for b in range(2)
        for s in range(4)
        for x in range(4)
        if a != b and (s == x) == (speaker == "within") and rng.random() < 0.8
    }


def as_table(errors: dict[tuple, list[float]]) -> SpeakerErrors:
    columns = np.array(list(errors)).T
    return SpeakerErrors(*columns, np.array([*map(sum, errors.values())]), np.array([*map(len, errors.values())]))


def plainly(errors: dict[tuple, list[float]], order: str, drawn: list[int]) -> list[float]:
    """The error of each pair of labels, every drawn speaker put in as often as it was drawn."""
    means = []
    for pair in sorted({key[:2] for key in errors}):
        of_pair = []
        for s in drawn:
            xs = {s} if (*pair, s, s) in errors else set(range(4)) - {s}
            voices = [x for x in xs if x == s] or [x for x in drawn if x in xs]
            found = [errors[*pair, s, x] for x in voices if (*pair, s, x) in errors]
            if order == "abxpy":
                of_pair += map(np.mean, found)
            elif found:
                of_pair.append(np.mean(np.concatenate(found)))
        means.append(np.mean(of_pair) if of_pair else np.nan)
    return means


@pytest.mark.parametrize("order", ["librilight", "abxpy"])
@pytest.mark.parametrize("speaker", ["within", "across"])
def test_speakers_count_as_often_as_they_are_drawn(speaker, order):
    rng = np.random.default_rng(0)
    for _ in range(20):
        errors = random_errors(rng, speaker)
        drawn = rng.integers(4, size=4)
        weights = np.bincount(drawn, minlength=4).astype(float)
        np.testing.assert_allclose(averaged(as_table(errors), order, weights).errors, plainly(errors, order, drawn))
        np.testing.assert_allclose(averaged(as_table(errors), order).errors, plainly(errors, order, range(4)))


@pytest.mark.parametrize("order", ["librilight", "abxpy"])
def test_the_interval_leaves_out_a_fortieth_of_the_draws_on_either_side(order):
    errors = random_errors(np.random.default_rng(1), "across")
    draws = np.random.default_rng(5)
    drawn = [draws.choice(np.arange(4), 4) for _ in range(200)]
    means = [
        np.nanmean(found) for found in (plainly(errors, order, some) for some in drawn) if not np.isnan(found).all()
    ]
    means = sorted(means)
    found = interval(as_table(errors), order, 4, 200, 5)
    for bound, share in zip(found, (0.025, 0.975), strict=True):
        place = share * (len(means) - 1)
        low, high = means[int(place)], means[int(place) + 1]
        assert bound == pytest.approx(low + (place - int(place)) * (high - low))


def test_a_tie_is_half_an_error_in_a_cell():
    assert AbxCell((), "p", "q", "s", "t", 1, 2, 2, triplets=4, lost=1, ties=2).error == 0.5


def test_confused_pairs_are_shown_once_by_the_mean_of_both_directions():
    result = SimpleNamespace(pairs={("p", "q"): 0.2, ("q", "p"): 0.4, ("p", "r"): 0.25, ("r", "q"): 0.1})
    assert worst_pairs(result) == [("p", "q", pytest.approx(0.3)), ("p", "r", 0.25), ("r", "q", 0.1)]


def test_blocks_are_in_memory_together_as_long_as_they_fit():
    lengths = np.ones(40, np.int64)
    bounds = np.stack([np.arange(40), np.arange(1, 41)], axis=1)
    groups = Groups(np.arange(40), bounds, *np.zeros((3, 40), np.int64))
    found = ItemSurvey(lengths, 1.0, 10, 0, None)
    apart = np.array([(start, start + 4) * 2 + (0, 0) for start in range(0, 40, 4)])
    same = np.array([(0, 4, top, top + 4, 0, 0) for top in range(0, 40, 4)])  # the columns are there already
    for memory, of_apart, of_same in ((400, [10], [10]), (120, [3, 3, 3, 1], [3, 2, 2, 2, 1]), (1, [1] * 10, [1] * 10)):
        assert [len(batch) for batch in batches(apart, groups, found, memory)] == of_apart
        assert [len(batch) for batch in batches(same, groups, found, memory)] == of_same
    twice = np.concatenate([apart, apart])  # what was let go of is read again
    assert [len(batch) for batch in batches(twice, groups, found, 200)] == [5, 5, 5, 5]
