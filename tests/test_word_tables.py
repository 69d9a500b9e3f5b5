"""The table of ways to find words: recordings as zerospeech-tde counts, line images within the tolerance."""

import json
import runpy
import sys
from pathlib import Path

import pytest

EVAL = Path(__file__).parent.parent / "eval"


@pytest.fixture
def table(monkeypatch, capsys):
    monkeypatch.setattr(sys, "path", [str(EVAL), *sys.path])
    show = runpy.run_path(str(EVAL / "words.py"))["show"]

    def lines(folder: Path) -> list[str]:
        show(folder)
        return [line for line in capsys.readouterr().out.splitlines() if line]

    return lines


def scores(terms: dict, token: float = 0.25) -> str:
    boundaries = {"strict": {"f1": 0.5, "r_value": 0.6}, "token": {"f1": token, "found": 40}}
    return json.dumps({"units": {"terms": terms, "boundaries": boundaries}})


def test_rows_are_of_recordings_or_within_the_tolerance_and_the_table_says_which(table, tmp_path):
    terms = {"token": {"f1": 0.3, "found": 41}, "type": {"f1": 0.2, "found": 9}, "boundary": {"f1": 0.7}}
    (tmp_path / "dips.json").write_text(scores(terms | {"ned": 0.1, "coverage": 1.0}))
    (tmp_path / "dips.seconds").write_text("7\n")
    (tmp_path / "lines.json").write_text(scores({"why": "no rate"}))
    _, _, dips, lines, note = table(tmp_path)
    assert dips == "| dips | 41 | 9 | 30.0 | 20.0 | 70.0 | 60.0 | 10.0 | 100.0 | 7 |"
    assert lines.replace(" ", "") == "|lines|40||25.0||50.0|60.0||||"
    assert note == "Tokens and boundaries within the tolerance, for no rate: lines."
    (tmp_path / "lines.json").write_text('{"units": {"terms": {"why": "no"}, "boundaries": {"why": "no"}}}')
    assert "not measured: no" in table(tmp_path)[3]
