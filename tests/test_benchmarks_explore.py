"""benchmarks/explore.py, on a minute of units."""

import importlib
import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.slow
def test_a_minute_is_opened_and_searched(monkeypatch, tmp_path, capsys):
    pytest.importorskip("starlette", reason="the extra `explore` is not installed: starlette")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    benchmark = importlib.import_module("explore")
    monkeypatch.setitem(benchmark.QUESTIONS, "an utterance", "/utterance/1")
    benchmark.main(["--hours", "0.02", "--readers", "3", "--output", str(tmp_path / "found.json")])
    (row,) = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert row["utterances"] == 6 and row["answers"].keys() == benchmark.QUESTIONS.keys()
    one, three = row["crowds"]
    assert (one["answers"], three["answers"]) == (40, 120) and one["median"] <= one["worst"]
    assert "| first page, CPU s (s) |" in capsys.readouterr().out
