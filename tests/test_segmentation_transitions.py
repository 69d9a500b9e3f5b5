"""Changes that cost by what they change, from frame to frame: against every path there is."""

import numpy as np
import pytest
from costs import COUNTED, IMPOSSIBLE, exact_cost, tables, whole
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.piecewise_constant import every_path
from reference.runs import prices_of_steps

from unitdisc.segmentation.durations import durations_of
from unitdisc.segmentation.semi_markov import semi_markov_path
from unitdisc.segmentation.transitions import costs_of, counts_of, transition_path
from unitdisc.segmentation.viterbi import viterbi_path


def test_an_hour_of_steps_loses_no_precision():
    """As much as 180,000 frames of 1e5 cost, in a fifth of them."""
    costs = 5e5 + 1e-3 * np.random.default_rng(5).standard_normal((36_000, 3))
    transitions = np.array([[0.0, 1.0, 2.0], [2.0, 0.0, 1.0], [1.0, 3.0, 0.0]]) * 2.0**-10
    codes = transition_path(costs, transitions).codes
    steps = [whole(row) for row in transitions]
    prices = [0, 0, 0]
    for frame in costs:
        prices = [
            min(price + row[code] for price, row in zip(prices, steps)) + cost for code, cost in enumerate(whole(frame))
        ]
    # the first frame has been stepped into from the best of all, that is from its own code, for nothing
    bill = sum(whole(transitions[codes[:-1], codes[1:]]))
    assert 0 <= exact_cost(costs, codes) + bill - min(prices) < 1e-8 * 2**60


def test_changes_are_counted_inside_of_utterances():
    codes = [np.array([0, 0, 1, 1, 1, 0, 2]), np.array([2, 0]), np.array([], int)]
    assert counts_of(codes[0], 3).tolist() == [[0, 1, 1], [1, 0, 0], [0, 0, 0]]
    together = sum(counts_of(utterance, 3) for utterance in codes)
    np.testing.assert_allclose(
        np.exp(-costs_of(together, 0.0)) * ~np.eye(3, dtype=bool), [[0, 0.5, 0.5], [1, 0, 0], [1, 0, 0]]
    )


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_probabilities_of_changes_sum_to_one(data):
    num_codes = data.draw(st.integers(2, 5))
    counts = data.draw(tables(num_codes, num_codes, of=st.floats(0, 100)))
    costs = costs_of(counts, data.draw(st.sampled_from([0.0, 0.01, 1.0])))
    assert (np.diag(costs) == 0).all()
    np.testing.assert_allclose(np.exp(-costs).sum(1) - 1, np.ones(num_codes))
    assert costs_of(np.zeros((1, 1))).tolist() == [[0.0]]


@st.composite
def steps(draw, of=COUNTED):
    """Costs, transitions, switch cost, initial."""
    num_codes = draw(st.integers(1, 3))
    return (
        draw(tables(draw(st.integers(1, 6)), num_codes, of=of)),
        draw(tables(num_codes, num_codes, of=IMPOSSIBLE)),
        draw(COUNTED),
        draw(tables(num_codes, of=IMPOSSIBLE)),
    )


@settings(max_examples=150, deadline=None)
@given(steps())
def test_no_path_is_cheaper_than_that_of_viterbi_with_transitions(case):
    costs = case[0]
    lowest = prices_of_steps(every_path(*costs.shape), *case).min()
    if lowest == np.inf:
        with pytest.raises(ValueError, match="no codes of a finite cost"):
            transition_path(*case)
        return
    path = transition_path(*case)
    assert prices_of_steps(path.codes[None], *case) == lowest
    assert path.segments == len(durations_of(path.codes))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_transitions_without_a_price_are_plain_viterbi(data):
    costs = data.draw(tables(data.draw(st.integers(1, 12)), data.draw(st.integers(1, 4)), of=COUNTED))
    switch_cost = data.draw(COUNTED)
    zero = np.zeros((costs.shape[1],) * 2)
    assert transition_path(costs, zero, switch_cost).codes.tolist() == viterbi_path(costs, switch_cost).codes.tolist()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_steps_and_runs_agree_on_what_changes_cost(data):
    """Viterbi from frame to frame, and with free durations, which know nothing of each other."""
    costs = data.draw(tables(data.draw(st.integers(1, 9)), data.draw(st.integers(2, 4)), of=COUNTED))
    transitions = data.draw(tables(costs.shape[1], costs.shape[1], of=COUNTED))
    np.fill_diagonal(transitions, 0)
    prices = [
        prices_of_steps(path.codes[None], costs, transitions, 1.0, np.zeros(costs.shape[1])).item()
        for path in (
            transition_path(costs, transitions, 1.0),
            semi_markov_path(costs, np.zeros(len(costs)), switch_cost=1.0, transitions=transitions),
        )
    ]
    assert prices[0] == prices[1]


def test_no_frames_have_no_steps():
    costs = np.zeros((0, 3))
    assert len(transition_path(costs, np.zeros((3, 3))).codes) == 0


@pytest.mark.parametrize(
    "make,message",
    [
        (lambda: costs_of(np.zeros((2, 2)), -1.0), "smoothing of transitions is -1.0; it must be 0 or more"),
        (lambda: costs_of(np.full((2, 2), np.nan)), "counts of transitions must be finite, and 0 or more"),
        (lambda: transition_path(np.zeros((2, 2)), np.full((2, 2), np.inf)), "2 frames have no codes of a finite"),
    ],
)
def test_impossible_transitions_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
