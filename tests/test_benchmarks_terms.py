"""benchmarks/terms.py, on minutes of made-up speech, in this process."""

import importlib
import json
from pathlib import Path

import pytest
from tiny import make_corpus

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def terms(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("terms")


@pytest.mark.slow
def test_every_size_is_measured(terms, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(terms, "in_a_process", lambda work, *arguments: terms.timed(work, arguments))
    corpus = str(make_corpus(tmp_path / "corpus", 6))
    sizes = ["--hours", "0.02", "--sizes", "1", "--exhaustive", "0.01", "--memory", "0.1"]
    terms.main([corpus, *sizes, "--output", str(tmp_path / "found.json")])
    found = json.loads((tmp_path / "found.json").read_text())
    assert [row["hours"] for row in found["sizes"]] == [0.01, 0.02]
    assert [list(row["terms"]) for row in found["sizes"]] == [[*terms.PASSES], ["index"]]
    assert found["sizes"][0]["terms"]["exhaustive"]["of exhaustive"] == 1
    printed = capsys.readouterr().out
    assert "| 0.01 | exhaustive |" in printed and "find: CPU s a query" in printed


def test_what_was_planted_is_found_if_most_of_both_stretches_is(terms):
    planted = {frozenset([("a", 10, 60), ("b", 100, 150)])}
    assert terms.share_found(planted, [frozenset([("b", 98, 151), ("a", 12, 55)])]) == 1
    assert terms.share_found(planted, [frozenset([("b", 98, 151), ("a", 40, 90)])]) == 0
    assert terms.share_found(planted, [frozenset([("b", 98, 151), ("c", 12, 55)])]) == 0
    assert terms.share_found(planted, []) == 0
