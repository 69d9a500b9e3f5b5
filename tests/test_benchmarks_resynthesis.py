"""benchmarks/resynthesis.py, on recordings and lines of no size."""

import importlib
import json
from pathlib import Path

import pytest
import torch

pytest_plugins = ["tiny_fixtures"]
BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.parametrize("corpus", ["tiny_corpus", pytest.param("tiny_lines", marks=pytest.mark.slow)])
def test_both_ways_are_timed(corpus, request, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    resynthesis = importlib.import_module("resynthesis")
    if corpus == "tiny_lines":
        monkeypatch.setattr(resynthesis, "TINY", {"tiny": ["decoder.channels=4", "decoder.layers=2"]})
    threads, output = torch.get_num_threads(), tmp_path / "found.json"
    arguments = ["--quick", "--repetitions", "1", "--utterances", "3", "--threads", "1", "--output", str(output)]
    try:
        resynthesis.main([str(request.getfixturevalue(corpus)), *arguments])
    finally:
        torch.set_num_threads(threads)
    (row,) = json.loads(output.read_text())["rows"]
    assert all(row[way]["seconds"] > 0 for way in ("one at a time", "together"))
    assert "| tiny | 1 | together |" in capsys.readouterr().out
