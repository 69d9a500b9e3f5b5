"""benchmarks/training_step.py, on a model and a corpus of no size."""

import importlib
import json
from pathlib import Path

import pytest

pytest_plugins = ["tiny_fixtures"]
BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
TINY = """
[encoder]
dim = 8
[bottleneck]
kind = "vq"
num_codes = 4
warmup_steps = 1
[decoder]
kind = "frames"
channels = 8
[training]
batch_size = 2
crop = 32
"""


@pytest.fixture
def training_step(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("training_step")


@pytest.mark.slow
def test_all_solvers_are_timed_beside_plain_vq(training_step, tiny_corpus, tmp_path, monkeypatch, capsys):
    config, output = tmp_path / "tiny.toml", tmp_path / "found.json"
    config.write_text(TINY)
    monkeypatch.setattr(training_step, "CONFIG", config)
    training_step.main(["--corpus", str(tiny_corpus), "--settle", "2", "--steps", "3", "--output", str(output)])
    models = json.loads(output.read_text())["models"]
    assert list(models) == ["vq", "piecewise-vq, greedy", "piecewise-vq, viterbi", "piecewise-vq, exact"]
    assert all(row["milliseconds"] > 0 for row in models.values())
    assert "| piecewise-vq, exact |" in capsys.readouterr().out


def test_how_much_more_a_step_takes(training_step):
    found = training_step.summary({"vq": [1.0, 2.0, 3.0], "other": [1.1, 2.2, 6.0]})
    assert found["other"]["milliseconds"] == pytest.approx(2200)
    assert found["other"]["more_percent"] == pytest.approx(10)
    assert found["other"]["more_percent_of_pairs"] == pytest.approx(10)
    assert found["vq"]["more_percent"] == 0


def test_models_take_turns_on_the_same_batches(training_step):
    seen = []

    class Stub:
        model = None

        def __init__(self, name: str):
            self.name = name

        def train_step(self, model: None, batch: int, started: float) -> None:
            seen.append((batch, self.name))

    times = training_step.take_turns({"a": Stub("a"), "b": Stub("b")}, [0, 1, 2], settle=1)
    assert seen == [(0, "a"), (0, "b"), (1, "b"), (1, "a"), (2, "a"), (2, "b")]
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 2, "b": 2}
