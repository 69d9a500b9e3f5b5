"""benchmarks/language.py, on models of no size."""

import importlib
import json
from pathlib import Path

import torch

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def test_sampling_and_training_are_timed(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    language = importlib.import_module("language")
    threads = torch.get_num_threads()
    try:
        sizes = ["--symbols", "9", "--repetitions", "1", "--steps", "1", "--batch", "2", "--dim", "8"]
        language.main([*sizes, "--output", str(tmp_path / "found.json")])
    finally:
        torch.set_num_threads(threads)
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["sampling"].keys() == {"transformer", "lstm"}
    assert all(row["same"] == row["of"] for row in found["sampling"].values())
    assert found["training"]["ratio"] > 0
    assert "| Transformer |" in capsys.readouterr().out
