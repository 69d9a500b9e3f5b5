"""Piecewise-constant segmentation against every possible path, and what its solvers promise each other."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.piecewise_constant import costs_of, every_path, least_cost_within, segments_of

from unitdisc import segmentation
from unitdisc.batch import padding_mask
from unitdisc.segmentation import (
    calibrated,
    evaluation,
    exact_path,
    merged_path,
    nearest,
    viterbi,
    viterbi_path,
)
from unitdisc.segmentation.batches import packed_batch, unpacked
from unitdisc.segmentation.calibration import Bracket, bracket

SWITCH_COSTS = (0.0, 0.3, 1.0, 2.5, np.inf)


@st.composite
def cases(draw):
    """Small packed sequences: costs [N, K], lengths [B]; whole numbers in half of the cases, for ties."""
    num_codes = draw(st.integers(1, 3))
    lengths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3).filter(lambda all: 0 < sum(all) <= 7))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    shape = (sum(lengths), num_codes)
    costs = random.integers(0, 4, shape).astype(float) if draw(st.booleans()) else random.random(shape)
    return costs, lengths


def clusters(frames: int, num_codes: int, seed: int = 0, noise: float = 1.0, stay: float = 0.75) -> np.ndarray:
    """Squared distances of noisy frames that stay with their code for a while: [N, K]."""
    random = np.random.default_rng(seed)
    codebook = random.standard_normal((num_codes, 8))
    fresh = random.random(frames) > stay
    codes = random.integers(0, num_codes, frames)[np.maximum.accumulate(np.where(fresh, np.arange(frames), 0))]
    frames = codebook[codes] + noise * random.standard_normal((frames, 8))
    return ((frames[:, None] - codebook) ** 2).sum(-1)


@settings(max_examples=100, deadline=None)
@given(cases(), st.sampled_from(SWITCH_COSTS))
def test_viterbi_is_the_best_of_all_paths(case, switch_cost):
    costs, lengths = case
    paths = every_path(*costs.shape)
    segments = segments_of(paths, lengths)
    fewest = np.count_nonzero(lengths)
    changes = segments - fewest
    with np.errstate(invalid="ignore"):
        prices = costs_of(costs, paths) + np.where(changes, switch_cost * changes, 0.0)
    found = viterbi_path(costs, switch_cost, np.array(lengths))
    own = segments_of(found.codes[None], lengths)[0]
    assert found.cost == pytest.approx(costs_of(costs, found.codes[None])[0])
    assert found.segments == own
    price = found.cost + (switch_cost * (own - fewest) if own > fewest else 0.0)
    assert price == pytest.approx(prices.min())


@settings(max_examples=150, deadline=None)
@given(cases(), st.data())
def test_exact_is_the_best_of_all_paths_with_so_many_segments(case, data):
    costs, lengths = case
    segments = data.draw(st.integers(np.count_nonzero(lengths), sum(lengths)))
    paths = every_path(*costs.shape)
    within = segments_of(paths, lengths) <= segments
    found = exact_path(costs, segments, np.array(lengths))
    assert found.segments <= segments
    assert found.cost == pytest.approx(costs_of(costs, paths[within]).min())
    assert found.segments == segments_of(found.codes[None], lengths)[0]


@settings(max_examples=80, deadline=None)
@given(cases(), st.data())
def test_calibration_finds_a_count_as_near_as_any(case, data):
    costs, lengths = case
    segments = data.draw(st.integers(np.count_nonzero(lengths), sum(lengths)))
    evaluate = evaluation(costs, np.array(lengths))
    found = calibrated(evaluate, segments)
    assert (found.cost, found.segments) == evaluate(found.switch_cost)
    assert np.isfinite(found.switch_cost)
    counts = [evaluate(switch_cost)[1] for switch_cost in np.linspace(0, 12, 241)]
    if counts[0] <= segments:
        assert (found.switch_cost, found.segments) == (0, counts[0])
    else:
        assert abs(found.segments - segments) <= min(abs(count - segments) for count in counts)


@settings(max_examples=100, deadline=None)
@given(cases(), st.data())
def test_greedy_merging_keeps_to_its_bounds(case, data):
    costs, lengths = case
    segments = data.draw(st.integers(np.count_nonzero(lengths), sum(lengths)))
    found = merged_path(costs, segments, np.array(lengths))
    best = exact_path(costs, segments, np.array(lengths))
    assert found.segments == segments_of(found.codes[None], lengths)[0] <= segments
    assert found.cost >= best.cost - 1e-12
    if viterbi_path(costs, 0.0, np.array(lengths)).segments <= segments:
        assert found.cost == pytest.approx(best.cost)


@pytest.mark.parametrize("seed", range(6))
def test_exact_is_the_textbook_programme(seed):
    costs = clusters(200, 6, seed)
    for segments in (1, 2, 7, 20, 21, 22, 23, 50, 90):
        found = exact_path(costs, segments)
        assert found.cost == pytest.approx(least_cost_within(costs, segments), rel=1e-12)


def test_exact_is_needed_where_no_switch_cost_gives_the_number():
    """Some numbers of segments lie between those that Viterbi can give; the test would be empty without such."""
    skipped = 0
    for seed in range(8):
        costs = clusters(120, 4, seed)
        for segments in range(5, 40):
            found = bracket(evaluation(costs), segments)
            skipped += isinstance(found, Bracket)
            assert exact_path(costs, segments).cost == pytest.approx(least_cost_within(costs, segments), rel=1e-12)
    assert skipped > 20


def test_fewer_segments_as_changes_grow_dearer():
    costs = clusters(2000, 12)
    counts = [viterbi_path(costs, switch_cost).segments for switch_cost in (0, *np.geomspace(0.01, 1e4, 60), np.inf)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 500
    assert counts[-1] == 1


def test_calibration_takes_the_nearer_side_where_no_switch_cost_gives_the_number():
    chosen = {"few": 0, "many": 0}
    for seed in range(20):
        evaluate = evaluation(clusters(200, 3, seed, noise=2.0))
        for segments in range(5, 60):
            found = bracket(evaluate, segments)
            if isinstance(found, Bracket) and segments - found.few.segments != found.many.segments - segments:
                nearer = min(("few", "many"), key=lambda side: abs(getattr(found, side).segments - segments))
                chosen[nearer] += 1
                assert calibrated(evaluate, segments).segments == getattr(found, nearer).segments
    assert min(chosen.values()) > 0


def test_a_guess_changes_only_the_time_that_calibration_takes():
    costs = clusters(3000, 12)
    for segments in (1, 40, 500, 600):
        far = calibrated(evaluation(costs), segments)
        for near in (far.switch_cost / 50, 0.99 * far.switch_cost, 50 * far.switch_cost, 1e9):
            found = calibrated(evaluation(costs), segments, near)
            assert (found.segments, found.cost) == (far.segments, far.cost)
        assert calibrated(evaluation(costs), segments, far.switch_cost).evaluations == 1


def test_cost_falls_with_every_segment():
    costs = clusters(300, 8)
    found = [exact_path(costs, segments).cost for segments in range(1, 120)]
    assert found == sorted(found, reverse=True)


def test_greedy_merging_is_near_the_optimum():
    for seed, share in ((0, 0.1), (1, 0.25), (2, 0.4)):
        costs = clusters(2000, 30, seed, noise=0.7)
        segments = int(share * 2000)
        found, best = merged_path(costs, segments), exact_path(costs, segments)
        assert abs(found.segments - best.segments) <= 1
        assert best.cost <= found.cost <= 1.02 * best.cost


@pytest.mark.parametrize("solve", [merged_path, exact_path])
def test_segments_are_shared_out_over_the_whole_batch(solve):
    """Where one sequence changes often and the other never, the segments go to the first."""
    busy, calm = np.tile([[0.0, 5.0], [5.0, 0.0]], (10, 1)), np.tile([[0.0, 0.1]], (20, 1))
    codes = solve(np.concatenate([busy, calm]), 21, np.array([20, 20])).codes
    assert (np.diff(codes[:20]) != 0).all()
    assert (codes[20:] == 0).all()


@pytest.mark.parametrize("solve", [merged_path, exact_path, lambda *args: viterbi_path(args[0], np.inf, args[2])])
def test_a_unit_may_not_span_two_utterances(solve):
    """One code is best before the join and after it, and still there are two segments; one alone is refused."""
    costs = np.tile([[0.0, 1.0]], (8, 1))
    assert solve(costs, 2, np.array([5, 3])).segments == 2
    if solve in (merged_path, exact_path):
        with pytest.raises(ValueError, match="2 sequences cannot make 1 segments"):
            solve(costs, 1, np.array([5, 3]))


def test_the_join_of_two_utterances_is_free():
    costs = np.array([[0.0, 1.0]] * 5 + [[1.0, 0.0]] * 5)
    assert viterbi_path(costs, 100.0, np.array([5, 5])).cost == 0
    assert viterbi_path(costs, 100.0).cost == 5


def test_an_hour_is_segmented_as_precisely_as_a_second():
    """Single-precision sums over 180,000 frames would be off by whole units (a known fault elsewhere)."""
    second = 100 + 1e-3 * np.random.default_rng(0).integers(0, 4, (50, 5))
    hour = np.tile(second, (3600, 1)).astype(np.float32)
    lengths = np.full(3600, 50)
    for switch_cost in (0.0, 1e-3, 2.5e-3):
        codes = viterbi_path(second.astype(np.float32), switch_cost).codes
        assert (viterbi_path(hour, switch_cost, lengths).codes.reshape(3600, 50) == codes).all()
    found = merged_path(hour, 3600, lengths)
    assert (found.codes.reshape(3600, 50) == second.astype(np.float32).sum(0, dtype=np.float64).argmin()).all()


def test_an_hour_without_a_break_is_solved_exactly():
    costs = clusters(180_000, 3, noise=1.5).astype(np.float32)
    segments = 43_210
    found = exact_path(costs, segments)
    assert found.segments in (segments - 1, segments)
    switch_cost = calibrated(evaluation(costs), segments).switch_cost
    bound = viterbi_path(costs, switch_cost)  # no path with so many segments can cost less than this line
    assert found.cost >= bound.cost + switch_cost * (bound.segments - segments) - 1e-6
    assert found.cost <= bound.cost + switch_cost * max(bound.segments - segments, 0) + switch_cost


def test_costs_and_lengths_must_fit():
    with pytest.raises(ValueError, match="do not fit"):
        viterbi_path(np.ones((4, 2)), 1.0, np.array([3]))
    with pytest.raises(ValueError, match="0 or more"):
        viterbi_path(np.ones((4, 2)), -1.0)


def of_batch(solve, costs: torch.Tensor, mask: torch.Tensor, segments: int = 9) -> torch.Tensor:
    """What a solver of packed sequences makes of a batch, as in training."""
    rows, lengths = packed_batch(costs, mask)
    return unpacked(solve(rows, segments, lengths).codes, mask)


SOLVERS = {
    "nearest": nearest,
    "viterbi": lambda costs, mask: viterbi(costs, mask, 0.4),
    "greedy": lambda costs, mask: of_batch(merged_path, costs, mask),
    "exact": lambda costs, mask: of_batch(exact_path, costs, mask),
}


@pytest.fixture(params=SOLVERS)
def solve(request):
    return SOLVERS[request.param]


def batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return torch.rand(3, 9, 4, generator=random), padding_mask(torch.tensor([9, 4, 6]), 9)


def test_padding_is_neither_read_nor_coded(solve):
    costs, mask = batch()
    noisy = costs.clone()
    noisy[~mask] = -50.0
    assert torch.equal(solve(costs, mask), solve(noisy, mask))
    assert (solve(costs, mask)[~mask] == 0).all()


def test_the_order_of_utterances_does_not_matter(solve):
    costs, mask = batch()
    assert torch.equal(solve(costs, mask)[[2, 0, 1]], solve(costs[[2, 0, 1]], mask[[2, 0, 1]]))


def test_batches_are_solved_as_packed_sequences():
    costs, mask = batch()
    rows, lengths = costs[mask].numpy(), mask.sum(1).numpy()
    assert (viterbi(costs, mask, 0.4)[mask].numpy() == viterbi_path(rows, 0.4, lengths).codes).all()
    for solve in (exact_path, merged_path):
        assert (of_batch(solve, costs, mask)[mask].numpy() == solve(rows, 9, lengths).codes).all()


def test_everything_public_is_named():
    assert all(hasattr(segmentation, name) for name in segmentation.__all__)


@pytest.mark.parametrize("wanted", [1, 12, 30, 55, 79])
def test_a_cost_at_which_nothing_is_a_segment_is_one_side_of_the_search(wanted):
    """Where frames may be blank, a high cost leaves no segment at all, and a lower one many."""
    numbers = np.array([0, 1, 4, 12, 30, 56, 80])
    costs = 10.0 * (80 - numbers) + 0.05 * (80 - numbers) ** 2  # convex: each is the best at some cost

    def evaluate(switch_cost):
        best = int((costs + switch_cost * numbers).argmin())
        return float(costs[best]), int(numbers[best])

    found = calibrated(evaluate, wanted)
    assert abs(found.segments - wanted) == np.abs(numbers - wanted).min()
    assert evaluate(found.switch_cost)[1] == found.segments
