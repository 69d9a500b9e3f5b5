"""benchmarks/wavenet_training.py, on a model of no size."""

import importlib
import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def wavenet_training(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setenv("PYTHONPATH", str(BENCHMARKS.parent))
    return importlib.import_module("wavenet_training")


@pytest.mark.slow
def test_every_kind_of_step_is_timed(wavenet_training, tmp_path, capsys):
    output = tmp_path / "found.json"
    wavenet_training.main(["--quick", "--output", str(output)])
    steps = json.loads(output.read_text())["sizes"]["tiny"]["steps"]
    expected = ["plain", "gates", "output", "checkpoint", "plain, kept memory", "output, kept memory"]
    assert list(steps) == [*expected, "plain, beside compiled", "compiled"]
    assert all(step["cpu"]["median"] > 0 for step in steps.values())
    assert "| output, kept memory |" in capsys.readouterr().out


def test_kinds_take_turns_and_compute_the_same_loss(wavenet_training):
    size = wavenet_training.TINY["tiny"]
    kinds = ["plain", "gates", "output", "checkpoint"]
    found = wavenet_training.part(size, kinds, keep=False, repetitions=1)
    assert list(found["steps"]) == kinds
    assert found["bound"] > 0
    torch = wavenet_training.torch
    torch.manual_seed(0)
    model = wavenet_training.WaveNet(wavenet_training.CONDITION_DIM, wavenet_training.CODES, channels=8, layers=3)
    plain = wavenet_training.PlainWaveNet.of(model)
    target, condition = torch.randint(256, (2, 640)), torch.randn(2, 2, wavenet_training.CONDITION_DIM)
    losses = [wavenet_training.loss_of(kind, plain if kind == "plain" else model, target, condition) for kind in kinds]
    for loss in losses[1:]:
        torch.testing.assert_close(loss, losses[0])


def test_products_are_those_of_the_model(wavenet_training):
    """Three products, of two operations each, for every weight of a matrix but the embedding's and the condition's."""
    size = wavenet_training.SMALL | {"layers": 4}
    model = wavenet_training.WaveNet(1, wavenet_training.CODES, channels=64, skip_channels=128, layers=4)
    others = ("embed", "condition")
    weights = [weight for name, weight in model.named_parameters() if not any(other in name for other in others)]
    matrices = [weight for weight in weights if weight.ndim == 2]
    expected = 6 * sum(weight.numel() for weight in matrices) * size["batch"] * size["samples"]
    assert wavenet_training.products(size, rows=8)[1] == expected
