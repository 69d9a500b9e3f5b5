"""benchmarks/processes.py, on a model of no size."""

import importlib
import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.slow
def test_every_way_is_timed(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    processes = importlib.import_module("processes")
    processes.main(["--quick", "--output", str(tmp_path / "found.json")])
    found = json.loads((tmp_path / "found.json").read_text())["presets"]["small"]
    assert list(found) == list(processes.WAYS)
    assert all(turn[key] > 0 for turns in found.values() for turn in turns for key in turn)
    assert "| two processes, half each |" in capsys.readouterr().out
