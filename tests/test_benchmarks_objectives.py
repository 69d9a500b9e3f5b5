"""benchmarks/objectives.py, on crops of no size."""

import importlib
import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.slow
def test_every_objective_and_a_plain_loop_take_their_steps(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    script = importlib.import_module("objectives")
    script.main(["--steps=1", "--settle=0", "--batch=2", f"--output={tmp_path / 'found.json'}"])
    rows = json.loads((tmp_path / "found.json").read_text())["objectives"]
    assert tuple(rows) == script.OBJECTIVES
    assert all(row[rate] > 0 for row in rows.values() for rate in ("steps_per_second", "plain_steps_per_second"))
    assert "| wav2vec2 |" in capsys.readouterr().out
