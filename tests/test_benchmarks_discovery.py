"""benchmarks/discovery.py, on a few lines."""

import importlib
import json
import subprocess
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("discovery")


@pytest.mark.slow
def test_lines_and_units_grow(benchmark, tmp_path, capsys):
    benchmark.main(["--quick", "--output", str(tmp_path / "found.json")])
    rows = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert [(row["lines"], row["what"]) for row in rows] == [
        (lines, what) for lines in (8, 16) for what in ("templates", "round")
    ]
    assert all(row["memory"] > 50 for row in rows) and rows[0]["seconds"] > 0
    assert "| 16 | 5 | round |" in capsys.readouterr().out


def test_either_grows_alone(benchmark):
    sizes = [*benchmark.sizes()]
    assert len({*sizes}) == len(sizes) == 9
    assert all(lines == 1000 or units == 100 for lines, units in sizes)


def test_what_fails_says_why(benchmark):
    with pytest.raises(subprocess.CalledProcessError) as error:
        benchmark.run("python3", "-c", "import sys; sys.exit('no room')")
    assert "no room" in error.value.stderr
