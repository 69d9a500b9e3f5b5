"""benchmarks/scale.py, on a corpus of seconds and a small model."""

import importlib
import json
from pathlib import Path

import pytest
from tiny import make_corpus

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def scale(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("scale")


def test_every_cost_is_measured(scale, tmp_path, capsys):
    output = tmp_path / "found.json"
    corpus = str(make_corpus(tmp_path / "corpus", 4))
    scale.main([corpus, "--preset", "small", "--repetitions", "1", "--listed", "500", "--output", str(output)])
    found = json.loads(output.read_text())
    assert all(value > 0 for part in ("seconds", "manifest", "plan") for value in found[part].values())
    assert found["model"]["bytes an hour"]["encoder"] == 3600 * 50 * 4 * 256
    assert "| MFCC, CPU s an hour |" in capsys.readouterr().out


def test_multiplications_of_convolutions_are_counted(scale):
    """By hand: every output of a layer takes a product for each of its weights that belong to it."""
    torch = scale.torch

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = torch.nn.Sequential(torch.nn.Conv1d(3, 5, 4))
            self.bottleneck = torch.nn.Linear(5, 2)

        def encode(self, features, lengths):
            return self.bottleneck(self.encoder(features.transpose(1, 2)).transpose(1, 2))

    assert scale.multiplied(Model(), torch.zeros(1, 10, 3)) == 7 * 5 * 12 + 7 * 2 * 5
