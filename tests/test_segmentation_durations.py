"""Runs that cost by their duration, and changes that cost by what they change: against every path there is."""

from itertools import pairwise

import numpy as np
import pytest
from costs import COUNTED, IMPOSSIBLE, MEASURED, NUMBERS, exact_cost, tables, whole
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.runs import cheapest_price, pricing
from scipy import stats

from unitdisc.segmentation.durations import (
    DURATIONS,
    durations_of,
    gamma,
    histogram,
    poisson,
)
from unitdisc.segmentation.semi_markov import semi_markov_path, semi_markov_runs
from unitdisc.segmentation.transitions import (
    costs_of,
    counts_of,
)
from unitdisc.segmentation.viterbi import viterbi_path


@st.composite
def cases(draw):
    """Costs and all that runs can cost."""
    frames, num_codes, longest = draw(st.integers(1, 6)), draw(st.integers(1, 3)), draw(st.integers(1, 6))
    own = draw(st.booleans())
    durations = draw(
        tables(num_codes if own else 1, longest, of=draw(st.sampled_from([COUNTED, MEASURED, IMPOSSIBLE])))
    )
    prices = {
        "shortest": draw(st.integers(1, longest)),
        "switch_cost": draw(draw(NUMBERS)) - draw(st.sampled_from([0.0, 2.0])),
        "tail": draw(st.sampled_from([np.inf, np.inf, -1.0, 0.0, 0.5, 2.0])),
        "distinct": draw(st.booleans()),
    }
    if draw(st.booleans()):
        prices["transitions"] = draw(tables(num_codes, num_codes, of=draw(st.sampled_from([COUNTED, IMPOSSIBLE]))))
    if draw(st.booleans()):
        prices["initial"] = draw(tables(num_codes, of=draw(st.sampled_from([COUNTED, IMPOSSIBLE]))))
    return draw(tables(frames, num_codes)), durations if own else durations[0], prices


def per_code(durations: np.ndarray, num_codes: int) -> np.ndarray:
    return np.broadcast_to(durations, (num_codes, durations.shape[-1]))


def found_runs(costs, durations, prices) -> list[tuple]:
    runs = semi_markov_runs(costs, durations, **prices)
    return list(zip(runs.codes.tolist(), np.diff(runs.starts, append=len(costs)).tolist()))


@settings(max_examples=200, deadline=None)
@given(cases())
def test_no_path_is_cheaper_than_that_of_semi_markov(case):
    costs, durations, prices = case
    durations_by_code = per_code(durations, costs.shape[1])
    lowest = cheapest_price(costs, durations_by_code, **prices)
    if lowest == np.inf:
        with pytest.raises(ValueError, match="cannot be cut into runs"):
            semi_markov_path(costs, durations, **prices)
        return
    runs = found_runs(costs, durations, prices)
    distinct = prices.pop("distinct")
    assert pricing(costs, durations_by_code, **prices)(runs) == pytest.approx(lowest, abs=1e-9)
    assert sum(duration for _, duration in runs) == len(costs)
    assert not distinct or all(one[0] != other[0] for one, other in pairwise(runs))
    path = semi_markov_path(costs, durations, distinct=distinct, **prices)
    assert path.codes.tolist() == [code for code, duration in runs for _ in range(duration)]
    assert path.cost == pytest.approx(costs[np.arange(len(costs)), path.codes].sum())
    assert path.segments == len(runs)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_equal_changes_as_a_table_give_the_same_runs(data):
    costs = data.draw(tables(data.draw(st.integers(1, 12)), data.draw(st.integers(2, 4)), of=COUNTED))
    durations = data.draw(tables(len(costs), of=COUNTED))
    distinct = data.draw(st.booleans())
    plain = semi_markov_runs(costs, durations, switch_cost=2.0, distinct=distinct)
    table = np.full((costs.shape[1],) * 2, 2.0)
    linked = semi_markov_runs(costs, durations, transitions=table, distinct=distinct)
    assert (plain.starts.tolist(), plain.codes.tolist()) == (linked.starts.tolist(), linked.codes.tolist())
    own = semi_markov_runs(costs, per_code(durations, costs.shape[1]), switch_cost=2.0, distinct=distinct)
    assert (plain.starts.tolist(), plain.codes.tolist()) == (own.starts.tolist(), own.codes.tolist())


def linear(longest: int, weight: float) -> np.ndarray:
    """The penalty of Kamper and van Niekerk (2021): every frame of a run but the first is so much cheaper."""
    return -weight * np.arange(longest)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_linear_durations_without_a_bound_are_a_switch_cost(data):
    """To the very codes, also where paths cost the same."""
    costs = data.draw(tables(data.draw(st.integers(1, 12)), data.draw(st.integers(1, 4)), of=COUNTED))
    weight, longest = data.draw(COUNTED), data.draw(st.integers(1, 5))
    expected = viterbi_path(costs, weight)
    for found in (
        semi_markov_path(costs, linear(len(costs), weight)),
        semi_markov_path(costs, linear(len(costs), 0.0), switch_cost=weight),
        semi_markov_path(costs, linear(longest, weight), tail=-weight),
        semi_markov_path(costs, linear(longest, 0.0), tail=0.0, transitions=np.full((costs.shape[1],) * 2, weight)),
    ):
        assert found.codes.tolist() == expected.codes.tolist()
        assert (found.cost, found.segments) == (expected.cost, expected.segments)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("linked", [False, True])
def test_sequences_of_a_corpus_are_cut_one_by_one(own, linked):
    random = np.random.default_rng(1)
    costs = random.random((60, 5))
    durations = random.random((5, 7)) if own else random.random(7)
    prices = {"shortest": 2, "switch_cost": 0.1, "initial": random.random(5)}
    prices |= {"transitions": random.random((5, 5))} if linked else {}
    lengths = [20, 0, 1, 39]
    together = semi_markov_runs(costs, durations, lengths=np.array(lengths), **prices)
    starts, codes = [], []
    for first, length in zip(np.cumsum([0, *lengths]).tolist(), lengths):
        alone = semi_markov_runs(costs[first : first + length], durations, **prices)
        starts += (alone.starts + first).tolist()
        codes += alone.codes.tolist()
    assert together.starts.tolist() == starts
    assert together.codes.tolist() == codes


@pytest.mark.parametrize("make", [lambda: poisson(5, 25), lambda: gamma(3, 2.5, 25), lambda: linear(25, 1.0)])
@pytest.mark.parametrize("linked", [False, True])
def test_a_higher_weight_buys_durations_with_costs(make, linked):
    random = np.random.default_rng(2)
    costs = random.random((500, 10)) * 5
    durations = make()
    transitions = random.random((10, 10)) if linked else None
    previous = None
    for weight in (0.0, 0.1, 0.3, 1.0, 3.0, 10.0):
        path = semi_markov_path(costs, weight * durations, transitions=transitions)
        bill = durations[durations_of(path.codes) - 1].sum()
        if previous is not None and not linked:
            assert path.cost >= previous[0] - 1e-9
            assert bill <= previous[1] + 1e-9
        previous = path.cost, bill
        assert durations_of(path.codes).max() <= 25


def test_runs_keep_to_their_bounds():
    costs = np.random.default_rng(3).random((400, 6))
    lengths = durations_of(semi_markov_path(costs, np.zeros(9), shortest=4).codes)
    assert set(lengths.tolist()) == {4, 5, 6, 7, 8, 9}
    # a code that is always the best must be left all the same
    costs[:, 0] = -1.0
    assert durations_of(semi_markov_path(costs, np.zeros(9), shortest=4).codes).max() == 9
    # unless runs may be longer, at no price or at one
    longer = semi_markov_path(costs, np.zeros(4), shortest=4, tail=0.0)
    assert (set(longer.codes.tolist()), longer.segments) == ({0}, 1)
    # or neighbours may share it
    path = semi_markov_path(costs, np.zeros(9), shortest=4, distinct=False)
    assert (set(path.codes.tolist()), path.segments) == ({0}, 45)


def test_a_sequence_shorter_than_the_shortest_run_is_one_run():
    costs = np.array([[3.0, 1.0], [3.0, 1.0], [0.0, 1.0]])
    path = semi_markov_path(costs, np.array([0.0, 0.0, 7.0, 0.0, 0.0]), shortest=4)
    assert (path.codes.tolist(), path.segments, path.cost) == ([1, 1, 1], 1, 3.0)


def test_no_frames_are_no_runs():
    costs = np.zeros((0, 3))
    for transitions in (None, np.zeros((3, 3))):
        path = semi_markov_path(costs, np.zeros(5), transitions=transitions)
        assert (len(path.codes), path.cost, path.segments) == (0, 0.0, 0)


@pytest.mark.parametrize("linked", [False, True])
def test_single_precision_is_summed_in_double(linked):
    costs = np.random.default_rng(4).random((300, 8)).astype(np.float32) + np.float32(1000)
    transitions = {"transitions": np.ones((8, 8))} if linked else {}
    single = semi_markov_path(costs, poisson(5, 15), **transitions)
    double = semi_markov_path(costs.astype(np.float64), poisson(5, 15), **transitions)
    assert single.codes.tolist() == double.codes.tolist()
    assert single.cost == double.cost


def exact_price(costs: np.ndarray, durations: list[int]) -> int:
    """The cheapest price of all runs, in whole numbers."""
    frames = [whole(row) for row in costs]
    longest, num_codes = len(durations), costs.shape[1]
    ended = [[0] * num_codes]
    for time in range(1, len(costs) + 1):
        row = []
        for code in range(num_codes):
            run, best = 0, None
            for duration in range(1, min(longest, time) + 1):
                run += frames[time - duration][code]
                begin = time - duration
                before = min(p for other, p in enumerate(ended[begin]) if other != code) if begin else 0
                price = before + run + durations[duration - 1]
                best = price if best is None else min(best, price)
            row.append(best)
        ended.append(row)
    return min(ended[-1])


def test_an_hour_of_frames_loses_no_precision():
    """As much as 180,000 frames of 1e5 cost, in a fifth of them, which differ in the ninth digit."""
    costs = 5e5 + 1e-3 * np.random.default_rng(5).standard_normal((36_000, 3))
    durations = np.array([3.0, 1.0, 0.0, 2.0]) * 2.0**-10
    exact = exact_price(costs, whole(durations))
    for transitions in (None, np.zeros((3, 3))):
        path = semi_markov_path(costs, durations, transitions=transitions)
        bill = sum(whole(durations[durations_of(path.codes) - 1]))
        assert 0 <= exact_cost(costs, path.codes) + bill - exact < 1e-8 * 2**60  # of 18 billion


def test_of_equal_neighbours_the_lowest_code_is_taken():
    """Where the best code is barred by its own run, the other ones are equal."""
    costs = np.array([[0.0, 1.0, 1.0, 1.0]] * 5)
    for transitions in (None, np.zeros((4, 4))):
        assert semi_markov_path(costs, np.zeros(1), transitions=transitions).codes.tolist() == [0, 1, 0, 1, 0]


def test_neighbours_that_may_share_a_code_are_the_dynamic_programme_of_the_peers():
    """Written over segments, each with its best code: what every end of a segment costs, from all of its begins."""
    random = np.random.default_rng(10)
    costs, penalty = random.random((150, 7)) * 4, 0.7 * poisson(5, 15)
    prices, begins = np.zeros(151), np.zeros(151, int)
    for end in range(1, 151):
        options = [
            (prices[begin] + costs[begin:end].sum(0).min() + penalty[end - begin - 1], begin)
            for begin in range(max(0, end - 15), end)
        ]
        prices[end], begins[end] = min(options)
    starts = [begins[150]]
    while starts[0] > 0:
        starts.insert(0, begins[starts[0]])
    runs = semi_markov_runs(costs, penalty, distinct=False)
    assert runs.starts.tolist() == starts
    ends = [*starts[1:], 150]
    assert runs.codes.tolist() == [costs[start:end].sum(0).argmin() for start, end in zip(starts, ends)]


@pytest.mark.parametrize(
    "changed,message",
    [
        ({"durations": np.zeros((3, 5))}, r"durations of 3 codes do not fit costs of 2"),
        ({"durations": np.zeros(0)}, r"durations have shape \(1, 0\)"),
        ({"durations": np.array([0.0, np.nan])}, r"durations hold nan; costs are numbers, or infinity for never"),
        ({"shortest": 6}, r"the shortest run is 6 frames; it must be 1 to 5, the longest"),
        ({"shortest": 0}, r"the shortest run is 0 frames"),
        ({"switch_cost": np.inf}, r"the switch cost is inf; it must be finite"),
        ({"tail": np.nan}, r"the tail of the durations is nan; it must be a number, or infinity for no longer runs"),
        ({"transitions": np.zeros((2, 3))}, r"transitions of shape \(2, 3\) do not fit; they must be \(2, 2\)"),
        ({"transitions": np.full((2, 2), -np.inf)}, r"transitions hold -inf"),
        ({"initial": np.zeros(3)}, r"initial costs of shape \(3,\) do not fit"),
        ({"costs": np.full((8, 2), np.nan)}, r"a cost is nan; look for what is not finite"),
        ({"costs": np.zeros((8, 1))}, r"8 frames .* there is one code; allow runs of 8, or neighbours that share it"),
        ({"shortest": 5}, r"8 frames cannot be cut into runs of 5 to 5 frames; allow runs of 9, or shorter ones"),
        ({"durations": np.array([np.inf, 0, np.inf]), "costs": np.zeros((3, 2))}, r"smooth the durations"),
        ({"lengths": np.array([4, 5])}, r"do not fit sequences of lengths \[4, 5\]"),
    ],
)
def test_what_does_not_fit_is_refused(changed, message):
    arguments = {"costs": np.zeros((8, 2)), "durations": np.zeros(5)} | changed
    with pytest.raises(ValueError, match=message):
        semi_markov_path(**arguments)


@pytest.mark.parametrize("mean", [0.3, 5.0, 40.0])
def test_poisson_is_that_of_statistics(mean):
    frames = np.arange(1, 31)
    expected = stats.poisson.pmf(frames, mean)
    np.testing.assert_allclose(np.exp(-poisson(mean, 30)), expected / expected.sum(), rtol=1e-10)


def test_gamma_is_that_of_statistics():
    expected = stats.gamma.pdf(np.arange(1, 31), a=3, scale=2.5)
    np.testing.assert_allclose(np.exp(-gamma(3, 2.5, 30)), expected / expected.sum(), rtol=1e-10)


def test_a_histogram_is_what_was_counted():
    observed = np.array([1, 2, 2, 3, 3, 3, 9])
    np.testing.assert_allclose(np.exp(-histogram(observed, 4, 0.0)), [1 / 6, 2 / 6, 3 / 6, 0])
    np.testing.assert_allclose(np.exp(-histogram(observed, 4, 0.5)), [1.5 / 8, 2.5 / 8, 3.5 / 8, 0.5 / 8])
    assert np.isfinite(histogram(observed, 4)).all()
    np.testing.assert_allclose(np.exp(-histogram(observed, 9, 0.0))[-1], 1 / 7)
    np.testing.assert_allclose(np.exp(-histogram(np.array([9]), 4, 1.0)), [1 / 4] * 4)


COSTLY = sorted(name for name, prior in DURATIONS.items() if prior.costs is not None)


@pytest.mark.parametrize("name", COSTLY)
@settings(max_examples=25, deadline=None)
@given(mean=st.floats(1, 30), longest=st.integers(1, 40), seed=st.integers(0, 10**6))
def test_every_prior_is_a_distribution_over_1_to_the_longest(name, mean, longest, seed):
    prior = DURATIONS[name]
    observed = np.random.default_rng(seed).integers(1, 30, 50) if prior.learned else None
    table = prior.costs(mean, longest, observed)
    assert table.shape == (longest,)
    assert np.exp(-table).sum() == pytest.approx(1)


@pytest.mark.parametrize("name", [name for name in COSTLY if not DURATIONS[name].learned])
def test_every_prior_that_is_not_learned_expects_the_mean_that_it_is_given(name):
    table = DURATIONS[name].costs(8.0, 200, None)
    assert np.exp(-table) @ np.arange(1, 201) == pytest.approx(8.0, abs=0.1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 2), max_size=12))
def test_durations_fill_the_utterance(codes):
    lengths = durations_of(np.array(codes, int))
    assert lengths.sum() == len(codes)
    assert len(lengths) == (1 + np.count_nonzero(np.diff(codes)) if codes else 0)


@pytest.mark.parametrize(
    "make,message",
    [
        (lambda: poisson(0, 5), "the mean of the durations is 0; it must be above 0"),
        (lambda: gamma(-1, 2, 5), "the shape of the durations is -1"),
        (lambda: gamma(1, np.nan, 5), "the scale of the durations is nan"),
        (lambda: poisson(5, 0), "the longest run is 0 frames; it must be 1 or more"),
        (lambda: histogram(np.array([9]), 4, 0.0), "no run of 1 to 4 frames was observed; smooth the histogram"),
        (lambda: histogram(np.array([0, 3]), 4), "a run of 0 frames was observed"),
        (lambda: histogram(np.array([3]), 4, -1.0), "smoothing of the durations is -1.0; it must be 0 or more"),
    ],
)
def test_impossible_priors_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_segmenting_and_counting_in_turn_lowers_the_price():
    """Costs of changes and durations, learned from the last segmentation, can only make it cheaper."""
    random = np.random.default_rng(9)
    true = np.repeat(random.integers(0, 6, 150), random.integers(3, 9, 150))
    costs = (true[:, None] != np.arange(6)) * 2.0 + random.random((len(true), 6)) * 2
    durations, transitions, prices = poisson(5, 12), costs_of(np.zeros((6, 6))), []
    for _ in range(5):
        path = semi_markov_path(costs, durations, transitions=transitions)
        lengths, counts = durations_of(path.codes), counts_of(path.codes, 6)
        changes = np.nonzero(counts)
        prices.append(path.cost + durations[lengths - 1].sum() + (counts[changes] * transitions[changes]).sum())
        durations, transitions = histogram(lengths, 12, 0.0), costs_of(counts, 0.0)
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(prices))
    assert prices[-1] < prices[0]
