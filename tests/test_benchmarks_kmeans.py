"""benchmarks/kmeans.py, on few frames."""

import importlib
import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.slow
def test_passes_and_whole_codebooks_are_timed(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    script = importlib.import_module("kmeans")
    small = ["--frames=1500", "--codes=4", "--dim=3", "--repeats=1", "--whole=4"]
    script.main([*small, f"--output={tmp_path / 'found.json'}"])
    passes, whole = json.loads((tmp_path / "found.json").read_text())["rows"]
    ours, theirs = passes["tools"]["unitdisc"], passes["tools"]["scikit-learn"]
    assert ours["distance"] == pytest.approx(theirs["distance"], rel=1e-5)
    assert len(whole["tools"]["unitdisc"]["seconds"]) == len(whole["tools"]["unitdisc"]["inertias"])
    assert "| 1,500 | 4 | scikit-learn |" in capsys.readouterr().out
