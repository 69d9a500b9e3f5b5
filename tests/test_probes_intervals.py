"""Bootstrap intervals contain what they promise as often as they promise."""

import numpy as np
import pytest

from unitdisc.evaluation import intervals as module
from unitdisc.evaluation.intervals import interval, intervals


def test_intervals_contain_the_truth_nineteen_times_of_twenty(monkeypatch):
    """Utterances with skills of their own: frames alone would give far too narrow an interval."""
    monkeypatch.setattr(module, "RESAMPLES", 200)
    rng = np.random.default_rng(0)
    covered = []
    for trial in range(200):
        skills = rng.beta(4, 2, 50)  # mean 2/3
        utterances = np.repeat(np.arange(50), 40)
        right = rng.random(len(utterances)) < skills[utterances]
        low, high = interval(right, np.ones(len(right)), utterances, trial)
        covered.append(low <= 2 / 3 <= high)
    assert 0.89 <= np.mean(covered) <= 0.985


def test_intervals_are_near_those_of_theory():
    rng = np.random.default_rng(1)
    right = rng.random(2000) < 0.7
    low, high = interval(right, np.ones(2000), np.arange(2000), 0)
    reach = 1.96 * np.sqrt(0.7 * 0.3 / 2000)
    assert (high - low) / 2 == pytest.approx(reach, rel=0.1)
    assert (high + low) / 2 == pytest.approx(right.mean(), abs=reach / 5)


def test_utterances_count_by_their_frames():
    parts, wholes = np.array([10.0, 0.0, 30.0]), np.array([10.0, 20.0, 40.0])
    low, high = interval(parts, wholes, np.arange(3), 0)
    assert low == 0
    assert high == 1
    assert low < parts.sum() / wholes.sum() < high


def test_speakers_give_wider_intervals_where_they_differ():
    rng = np.random.default_rng(2)
    speakers = np.repeat([f"s{i}" for i in range(10)], 100)
    right = rng.random(1000) < np.repeat(rng.uniform(0.3, 0.9, 10), 100)
    found = intervals(right, np.ones(1000), np.arange(1000), speakers, 0)
    assert np.diff(found["speakers"]) > 2 * np.diff(found["utterances"])


def test_hidden_speakers_and_single_groups_have_no_interval():
    right, ones = np.array([1.0, 0.0]), np.ones(2)
    assert interval(right, ones, np.array(["u", "u"]), 0) is None
    assert list(intervals(right, ones, np.arange(2), np.array(["", "s"]), 0)) == ["utterances"]
    assert intervals(right, ones, np.zeros(2), np.array(["s", "s"]), 0) == {}


def test_a_seed_gives_the_same_interval_again():
    right = np.random.default_rng(3).random(100) < 0.5
    found = [interval(right, np.ones(100), np.arange(100), seed) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
