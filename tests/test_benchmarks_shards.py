"""benchmarks/shards.py, on a corpus of seconds."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from tiny import make_corpus

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("shards")


def test_every_way_to_read_is_timed_and_every_plan_looked_at(benchmark, tmp_path, capsys):
    output = tmp_path / "found.json"
    benchmark.main([str(make_corpus(tmp_path / "corpus", 4)), "--quick", "--output", str(output)])
    found = json.loads(output.read_text())
    assert len(found["reading"]["seconds"]) == 7
    assert all(len(seconds) == 2 for seconds in found["reading"]["seconds"].values())
    assert list(found["mixing"]) == ["at random", "by shards, packed at random", "by shards, packed by speaker"]
    assert "| tars, at random |" in capsys.readouterr().out


def test_crops_drawn_by_lot_have_the_noise_of_crops_drawn_by_lot(benchmark):
    drawn = np.random.default_rng(0).standard_normal((4000, 16))
    assert benchmark.noise(drawn, 1) == pytest.approx(1, abs=0.05)
    assert benchmark.noise(np.repeat(drawn[:, :1], 16, axis=1), 1) == pytest.approx(4, abs=0.2)
