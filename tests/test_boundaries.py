"""Boundaries and tokens: matching against trying every pairing, scores against formulas, conventions as stated."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from reference import boundaries as brute
from tiny import RATE

from unitdisc.corpus import Interval, Utterance
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.units.boundaries import (
    Segmentation,
    boundary_scores,
    most_pairs,
    r_value,
    reach,
    segmentation_scores,
    tier_boundaries,
    tier_segmentation,
    tolerances,
    unit_boundaries,
)
from unitdisc.evaluation.units.codes import CodedUtterance

RNG = np.random.default_rng(0)


def near(tolerance: float):
    return lambda one, other: abs(one - other) <= tolerance


def both_near(tolerance: float):
    return lambda one, other: abs(one[0] - other[0]) <= tolerance and abs(one[1] - other[1]) <= tolerance


def random_boundaries(ticks: int) -> np.ndarray:
    return np.sort(RNG.choice(np.arange(1, ticks), RNG.integers(0, 8), replace=False))


def pieces(boundaries: np.ndarray, ticks: int) -> Segmentation:
    edges = np.concatenate([[0], boundaries, [ticks]])
    return Segmentation(np.stack([edges[:-1], edges[1:]], 1).astype(int), ticks)


def scores(found: list[int], reference: list[int], ticks: int = 100, tolerance: float = 2):
    return segmentation_scores([pieces(np.array(found), ticks)], [pieces(np.array(reference), ticks)], [tolerance])


def test_one_to_one_matching_finds_the_most_pairs():
    crowded = 0
    for _ in range(400):
        found, reference, tolerance = random_boundaries(24), random_boundaries(24), RNG.integers(0, 5)
        expected = brute.most_pairs(found.tolist(), reference.tolist(), near(tolerance))
        assert most_pairs(*reach(found, reference, tolerance)) == expected
        crowded += expected < brute.near_any(found.tolist(), reference.tolist(), near(tolerance))
    assert crowded > 20  # pairs compete


def test_lenient_matching_counts_what_is_near_any():
    for _ in range(200):
        found, reference = random_boundaries(24), np.append(random_boundaries(23), 23)
        lenient = scores(found, reference, 24).lenient
        assert lenient.hits_found == brute.near_any(found.tolist(), reference.tolist(), near(2))
        assert lenient.hits_reference == brute.near_any(reference.tolist(), found.tolist(), near(2))


def test_tokens_are_matched_as_well_as_can_be():
    crowded = 0
    for _ in range(300):
        found, reference = pieces(random_boundaries(24), 24), pieces(np.append(random_boundaries(23), 23), 24)
        tolerance = RNG.integers(0, 6)
        args = (found.intervals.tolist(), reference.intervals.tolist())
        expected = brute.most_pairs(*[list(map(tuple, part)) for part in args], both_near(tolerance))
        assert segmentation_scores([found], [reference], [tolerance]).token.hits == expected
        crowded += expected < brute.near_any(*args, both_near(tolerance))
    assert crowded > 20


def test_strict_and_lenient_differ_where_boundaries_crowd():
    found = scores([10, 11, 12], [11, 50])
    assert (found.strict.precision, found.strict.recall) == (1 / 3, 1 / 2)
    assert (found.lenient.precision, found.lenient.recall) == (1, 1 / 2)


def test_exactly_as_far_as_the_tolerance_is_near():
    assert scores([12], [10], tolerance=2).strict.hits_found == 1
    assert scores([13], [10], tolerance=2).strict.hits_found == 0
    assert scores([10], [10], tolerance=0).strict.hits_found == 1


def test_r_value_is_one_only_if_all_is_right():
    assert scores([10, 20], [10, 20]).strict.r_value == 1
    assert scores([10, 20], [10, 20]).strict.f1 == 1
    assert scores([10, 20, 30], [10, 20]).strict.r_value < 1
    assert scores([10], [10, 20]).strict.r_value < 1


def test_r_value_follows_its_formula():
    recall, precision = 0.8, 0.5
    over = recall / precision - 1
    first, second = sqrt((1 - recall) ** 2 + over**2), (-over + recall - 1) / sqrt(2)
    assert r_value(recall, over) == pytest.approx(1 - (abs(first) + abs(second)) / 2, abs=1e-15)
    # DPDP on VQ-VAE codes of Buckeye, as vqwordseg prints it: P 66.42, R 75.77, F 70.79, OS 14.08, R-value 72.44
    published = boundary_scores(6642, 7577, 10000, 10000)
    printed = (published.f1, published.over_segmentation, published.r_value)
    assert [100 * value for value in printed] == pytest.approx([70.79, 14.08, 72.44], abs=0.02)  # P and R are rounded


def test_boundaries_everywhere_please_recall_but_not_the_r_value():
    found = scores(list(range(1, 100)), [30, 60], tolerance=1)
    assert found.strict.recall == 1
    assert found.strict.over_segmentation == pytest.approx(99 / 2 - 1)
    assert found.strict.r_value < 0


def test_over_segmentation_is_negative_where_boundaries_lack():
    assert scores([10], [10, 20]).strict.over_segmentation == pytest.approx(-0.5)
    assert scores([10, 20], [10]).strict.over_segmentation == pytest.approx(1)


def test_nothing_found_and_nothing_right_are_scores_and_no_errors():
    nothing = scores([], [10, 20])
    assert (nothing.strict.precision, nothing.strict.recall, nothing.strict.f1) == (0, 0, 0)
    assert nothing.strict.over_segmentation == -1
    wrong = scores([50, 60, 70, 80], [10, 20])
    assert (wrong.strict.f1, wrong.strict.over_segmentation) == (0, 1)


def test_hits_are_summed_over_utterances():
    long, short = [pieces(np.array([10, 20, 30]), 100)], [pieces(np.array([50]), 100)]
    wrong = [pieces(np.array([70]), 100)]
    found = segmentation_scores(long + wrong, long + short, [0, 0])
    assert found.strict.recall == found.strict.precision == 3 / 4  # the mean of utterances would be 1/2
    assert (found.strict.found, found.strict.reference, found.utterances) == (4, 4, 2)


PHONES = [
    Interval(0, 10, "SIL"),
    Interval(10, 20, "a"),
    Interval(20, 30, "a"),
    Interval(30, 40, "SIL"),
    Interval(40, 50, "sp"),
    # nothing from 50 to 60
    Interval(60, 100, "b"),
]


def test_borders_of_silence_count_and_borders_within_it_do_not():
    # 0 and 100 are the ends of the utterance; 40 and 50 lie between silences; a beside a are two phones
    assert tier_segmentation(PHONES, 100).boundaries.tolist() == [10, 20, 30, 60]
    assert tier_segmentation([], 100).boundaries.tolist() == []
    assert tier_segmentation([Interval(0, 100, "a")], 100).boundaries.tolist() == []


def coded(codes: list[int], name: str = "u", rate: int | None = 1000, phones=PHONES) -> CodedUtterance:
    utterance = Utterance(name, "x.wav", "s", 100, rate, alignment={"phone": phones})
    return CodedUtterance(utterance, np.array(codes), np.arange(5, 100, 10.0))


def test_units_begin_halfway_between_two_frames():
    perfect = coded([0, 1, 2, 3, 3, 3, 4, 4, 4, 4])
    found = unit_boundaries([perfect], "phone", tolerance=0)
    assert found.strict.f1 == found.lenient.f1 == 1
    assert (found.token.f1, found.token.found) == (1, 3)  # the unit in the silence does not count


def test_units_in_silence_are_mistakes_as_boundaries_but_no_tokens():
    found = unit_boundaries([coded([0, 1, 2, 3, 5, 3, 4, 4, 4, 4])], "phone", tolerance=0)
    assert (found.strict.precision, found.strict.recall) == (4 / 6, 1)
    assert (found.token.precision, found.token.found) == (1, 3)


def test_the_tolerance_is_in_milliseconds_or_columns():
    spoken = [Utterance("a", "a.wav", "s", 10, RATE), Utterance("b", "b.wav", "s", 10, 8000)]
    assert tolerances(spoken) == [320, 160]
    assert tolerances(spoken, 30) == [480, 240]
    written = [replace(spoken[0], rate=None)]
    assert (tolerances(written), tolerances(written, 5)) == ([1], [5])
    with pytest.raises(UnscorableError, match="b has a rate and others have none"):
        tolerances([*written, spoken[1]])


def test_any_tier_can_be_scored_against_another():
    words = [Interval(10, 31, "w"), Interval(60, 100, "v")]
    utterance = Utterance("u", "x.wav", "s", 100, 1000, alignment={"phone": PHONES, "word": words})
    found = tier_boundaries([utterance, replace(utterance, id="v", alignment={})], "word", "phone", tolerance=1)
    assert (found.strict.precision, found.strict.recall, found.utterances) == (1, 3 / 4, 1)
    with pytest.raises(UnscorableError, match="no utterance has both of the tiers 'word' and 'tone'"):
        tier_boundaries([utterance], "word", "tone")


@pytest.mark.parametrize("tolerance", [-1, float("nan")])
def test_a_tolerance_below_nothing_is_refused(tolerance):
    with pytest.raises(ValueError, match=r"the tolerance is .*; it must be 0 or more"):
        scores([1], [1], tolerance=tolerance)


def test_what_has_no_boundaries_says_so():
    with pytest.raises(UnscorableError, match="no utterance has labels in tier 'word', so there are no boundaries"):
        unit_boundaries([coded([0] * 10)], "word")
    with pytest.raises(UnscorableError, match="the reference has no boundary inside of any utterance"):
        unit_boundaries([coded([0] * 10, phones=[Interval(0, 100, "a")])], "phone")
