"""benchmarks/unit_lists.py, on a few hundred utterances."""

import importlib
import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("unit_lists")


@pytest.mark.slow
def test_lists_are_written_and_opened(benchmark, tmp_path, capsys):
    benchmark.main(["--quick", "--output", str(tmp_path / "found.json")])
    rows = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert [(row["utterances"], row["list"]) for row in rows] == [
        (number, name) for number in (200, 400) for name in ("written", "opened")
    ]
    assert "| 400 | opened |" in capsys.readouterr().out


def test_utterances_come_once_each_in_another_order(benchmark):
    names = [utterance for utterance, _ in benchmark.lines(1000)]
    assert len({*names}) == 1000
    assert names != sorted(names)
