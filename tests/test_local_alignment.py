"""Local alignment against paths listed from every beginning: scores, ends, bands, blocks of rows, and the drop."""

import numpy as np
import pytest
from reference.local_alignment import best, scores_from

from unitdisc.retrieval import local_alignment
from unitdisc.retrieval.local_alignment import Match, Region, later, matches_in, merged, whole

FREE = 1e9  # a drop that never stops a path


def in_blocks(gains: np.ndarray):
    return lambda first, last, other_first, other_last: gains[first:last, other_first:other_last]


def found_in(gains: np.ndarray, region: Region | None = None, least=0.5, drop=FREE, shortest=1) -> list[Match]:
    region = region or whole(*gains.shape)
    return matches_in(in_blocks(gains), gains.shape[1], region, least, drop, shortest)


def drawn(seed: int, rows: int = 14, columns: int = 17, mean: float = -0.4) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1, (rows, columns))


@pytest.mark.parametrize("seed", range(6))
def test_the_best_match_is_that_of_all_paths(seed):
    gains = drawn(seed)
    match = found_in(gains)[0]
    expected = best(gains)
    assert match.score == pytest.approx(expected[0])
    assert match[1:] == expected[1:]


@pytest.mark.parametrize("seed", range(4))
def test_every_match_scores_as_the_best_path_between_its_ends(seed):
    gains = drawn(seed, 20, 20)
    found = found_in(gains)
    assert len(found) > 2
    for match in found:
        scores = scores_from(gains, match.first, match.other_first)
        assert match.score == pytest.approx(scores[match.last - 1, match.other_last - 1] / 2)
    for place, match in enumerate(found):
        assert not any(mostly_in(match, better) for better in found[:place])


def mostly_in(one: Match, other: Match) -> bool:
    shares = []
    for first, last in ((1, 2), (3, 4)):
        shared = min(one[last], other[last]) - max(one[first], other[first])
        shares.append(2 * shared > min(one[last] - one[first], other[last] - other[first]))
    return all(shares)


@pytest.mark.parametrize("seed", range(4))
def test_both_utterances_are_treated_alike(seed):
    gains = drawn(seed)
    there = found_in(gains)[0]
    back = found_in(gains.T.copy())[0]
    assert (back.score, back.other_first, back.other_last, back.first, back.last) == pytest.approx(there)


@pytest.mark.parametrize("cells", [2, 40, 130])
def test_rows_at_a_time_change_nothing(cells, monkeypatch):
    gains = drawn(9, 60, 45)
    there = [found_in(gains, region) for region in (None, Region(0, 60, -10, 12), Region(20, 50, 5, 40))]
    monkeypatch.setattr(local_alignment, "CELLS", cells)
    assert there == [found_in(gains, region) for region in (None, Region(0, 60, -10, 12), Region(20, 50, 5, 40))]


@pytest.mark.parametrize("region", [Region(0, 40, -3, 4), Region(10, 30, -50, 50), Region(0, 40, 6, 35), later(40, 8)])
def test_a_region_is_as_if_nothing_else_were_alike(region):
    gains = drawn(3, 40, 40)
    rows, columns = np.indices(gains.shape)
    inside = (rows >= region.first) & (rows < region.last)
    inside &= (columns - rows >= region.low) & (columns - rows <= region.high)
    found = found_in(gains, region)
    assert found and found == found_in(np.where(inside, gains, -1e6))


@pytest.mark.parametrize("low,high,there", [(5, 5, 1), (3, 5, 1), (5, 8, 1), (6, 9, 0), (1, 4, 0)])
def test_diagonals_of_a_region_are_its_edges_too(low, high, there):
    gains = np.full((40, 40), -5.0)
    np.fill_diagonal(gains[:35, 5:], 1.0)
    assert [match[1:] for match in found_in(gains, Region(0, 40, low, high))] == [(0, 35, 5, 40)] * there
    assert [match[1:] for match in found_in(gains, Region(10, 20, low, high))] == [(10, 20, 15, 25)] * there


def test_a_path_is_given_up_where_it_falls_too_far():
    gains = np.full((60, 60), -2.0)
    np.fill_diagonal(gains[:20, :20], 1.0)
    np.fill_diagonal(gains[20:30, 20:30], -0.9)
    np.fill_diagonal(gains[30:, 30:], 1.0)
    assert [match[1:] for match in found_in(gains, least=5)] == [(0, 60, 0, 60)]
    assert sorted(match[1:] for match in found_in(gains, least=5, drop=8.9)) == [(0, 20, 0, 20), (30, 60, 30, 60)]
    assert [match[1:] for match in found_in(gains, least=5, drop=9.1)] == [(0, 60, 0, 60)]


def test_steps_go_from_half_as_fast_to_twice():
    gains = np.full((40, 40), -5.0)
    for frame in range(10, 20):
        gains[frame, 2 * frame - 10 : 2 * frame - 8] = 1.0
    match = found_in(gains)[0]
    assert (match.first, match.last, match.other_last) == (10, 20, 30) and match.other_first in (10, 11)
    gains = np.full((40, 40), -5.0)
    for frame in range(5, 10):
        gains[frame, 3 * frame - 10 : 3 * frame - 7] = 1.0  # three times as fast
    assert max(match.frames for match in found_in(gains)) < 5


def test_short_and_poor_matches_are_left_out():
    gains = np.full((30, 30), -2.0)
    np.fill_diagonal(gains[:8, :8], 1.0)
    np.fill_diagonal(gains[10:15, 20:25], 1.0)
    assert len(found_in(gains, least=4)) == 2
    assert [match.score for match in found_in(gains, least=6)] == [8]
    assert [match.score for match in found_in(gains, least=4, shortest=6)] == [8]


def test_matches_of_several_regions_are_merged():
    one, inside, other = Match(9.0, 0, 10, 0, 10), Match(7.0, 1, 9, 1, 9), Match(8.0, 0, 10, 20, 30)
    assert merged([inside, one, other]) == [one, other]
    assert merged([]) == []
