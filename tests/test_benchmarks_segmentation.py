"""The baselines and the yardstick of benchmarks/segmentation.py, on sequences short enough to try every path."""

import importlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.fixture(params=range(8))
def distances(request) -> np.ndarray:
    rng = np.random.default_rng(request.param)
    return rng.random((rng.integers(2, 8), rng.integers(2, 4)), dtype=np.float32)


def every_path(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cost and changes of every path there is: [paths], [paths]."""
    frames, codes = distances.shape
    paths = np.array(list(itertools.product(range(codes), repeat=frames)))
    costs = distances.astype(np.float64)[np.arange(frames), paths].sum(1)
    return costs, (paths[:, 1:] != paths[:, :-1]).sum(1)


def cost_of(distances: np.ndarray, codes: np.ndarray) -> float:
    return distances.astype(np.float64)[np.arange(len(codes)), codes].sum()


def changes(codes: np.ndarray) -> int:
    return int((codes[1:] != codes[:-1]).sum())


@pytest.mark.parametrize("switch_cost", [0.0, 0.2, 1.0])
def test_penalised_baselines_find_the_best_path(module, distances, switch_cost):
    costs, count = every_path(distances)
    best = (costs + switch_cost * count).min()
    dpdp, merging = module("baselines.dpdp"), module("baselines.distsup_merge")
    found = {
        "numpy": dpdp.segment(distances, switch_cost).codes,
        "pairs": dpdp.segment_by_pairs(distances, switch_cost).codes,
        "dense": merging.viterbi(distances, switch_cost),
    }
    for name, codes in found.items():
        assert cost_of(distances, codes) + switch_cost * changes(codes) == pytest.approx(best, abs=1e-5), name
    assert module("baselines.optimum").penalised(distances, switch_cost)[0] == pytest.approx(best)


def test_given_numbers_of_runs_cost_the_least(module, distances):
    costs, count = every_path(distances)
    dpdp, optimum = module("baselines.dpdp"), module("baselines.optimum")
    least = optimum.least_costs(distances, len(distances))
    bounds = optimum.lower_bounds(distances, range(1, len(distances) + 1))
    for segments in range(1, len(distances) + 1):
        best = costs[count < segments].min()
        found = dpdp.segment_into(distances, segments)
        assert found.cost == pytest.approx(best)
        assert cost_of(distances, found.codes) == pytest.approx(best)
        assert changes(found.codes) < segments
        assert least[segments - 1] == pytest.approx(best)
        assert bounds[segments] <= best + 1e-9


def test_the_bound_is_tight_where_a_price_gives_the_number(module, distances):
    optimum = module("baselines.optimum")
    total, count = optimum.penalised(distances, 0.3)
    assert optimum.lower_bounds(distances, [count + 1]) == pytest.approx({count + 1: total - 0.3 * count})


def test_runs_are_no_longer_than_told(module):
    distances = np.tile(np.array([[0.0, 1.0]], np.float32), (10, 1))
    dpdp = module("baselines.dpdp")
    assert dpdp.segment(distances, 1.0).cost == -9
    assert dpdp.segment(distances, 1.0, longest=4).cost == -7  # three runs, all of one code
    assert dpdp.segment_by_pairs(distances, 1.0, longest=4).cost == -7


def test_merging_keeps_the_published_defects(module):
    merging = module("baselines.distsup_merge")
    one_unit = np.tile(np.array([[0.0, 5.0]], np.float32), (10, 1))  # two utterances of five frames, say
    merged = merging.merge(one_unit, 2)
    assert len(merged.starts) == 3  # one more than asked for
    assert 5 not in merged.starts  # merged over the join
    assert (merged.codes == 0).all()
    rng = np.random.default_rng(0)
    merged = merging.merge(rng.random((200, 5), dtype=np.float32), 50)
    assert len(merged.values) - 1 > 200 - len(merged.starts)  # entries that no longer held were counted too
    expected = (merged.values[-1] - merged.values[-26]) / 25
    assert merging.switch_cost(merged) == pytest.approx(expected)


def test_merging_takes_the_cheapest_pair_every_time(module):
    rng = np.random.default_rng(1)
    for limit in range(1, 30):
        distances = (rng.integers(0, 1024, (30, 4)) / 1024).astype(np.float32)  # sums are exact
        cost = [[distances[a:b].sum(0).min() if a < b else 0.0 for b in range(31)] for a in range(31)]
        starts = list(range(30))
        while len(starts) > limit + 1:
            triples = zip(starts, starts[1:], [*starts[2:], 30])
            starts.remove(min(triples, key=lambda t: cost[t[0]][t[2]] - cost[t[0]][t[1]] - cost[t[1]][t[2]])[1])
        assert module("baselines.distsup_merge").merge(distances, limit).starts.tolist() == starts


def test_merging_down_to_clear_units_finds_them(module):
    distances = np.array([[0, 9], [0, 9], [0, 9], [9, 0], [9, 0], [0, 9], [0, 9]], np.float32)
    merged = module("baselines.distsup_merge").merge(distances, 2)
    assert merged.starts.tolist() == [0, 3, 5]
    assert merged.codes.tolist() == [0, 0, 0, 1, 1, 0, 0]


def test_drawn_distances_are_squared_and_the_same_every_time(module):
    sequences = module("sequences")
    points, codebook = np.random.default_rng(0).standard_normal((2, 5, 3))
    expected = ((points[:, None] - codebook) ** 2).sum(-1)
    np.testing.assert_allclose(sequences.distances(points, codebook), expected, rtol=1e-5)
    first, second = sequences.drawn(50, 4, 1.5, 12), sequences.drawn(50, 4, 1.5, 12)
    np.testing.assert_array_equal(first.costs, second.costs)
    assert first.segments == 12


@pytest.mark.slow
def test_the_benchmark_runs_and_says_what_was_required(module, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module("sequences"), "DATA", tmp_path)  # no speech
    output = tmp_path / "found.json"
    sizes = ["--frames", "60", "--codes", "4", "5", "--agreement", "40", "4", "--repeats", "2", "--longest", "0.02"]
    module("segmentation").main([*sizes, "--output", str(output)])
    found = json.loads(output.read_text())
    titles = {(row["source"], row["segmenter"]) for row in found["time"]}
    assert len(found["time"]) == 2 * len(titles)
    assert len(found["agreement"]) == 9 * len(titles)
    assert all(row["excess_percent"] > -1e-6 for row in found["agreement"] if "seconds" in row)
    assert {row["what"]: row["holds"] for row in found["required"]}["exact: % above the optimum"]
    assert "| required | found | holds |" in capsys.readouterr().out
