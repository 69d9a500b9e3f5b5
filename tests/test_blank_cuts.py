"""Lines cut at blank columns: what is found, what is left out, and what is refused."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.encodings import Encoding

SCRIPT = runpy.run_path(str(Path(__file__).parent.parent / "eval" / "blank_cuts.py"))


def line(characters: list[tuple], words: list[tuple], dark: list[tuple], ticks: int = 40) -> tuple[Utterance, Encoding]:
    """A line whose ink is dark in some columns (first, end) and faint in all others."""
    ink = np.full((ticks, 8), 0.1)
    for first, end in dark:
        ink[first:end, 3] = 0.8
    tiers = {"character": [Interval(*each) for each in characters], "word": [Interval(*each) for each in words]}
    utterance = Utterance("a", "a.png", "ann", ticks=ticks, height=8, alignment=tiers)
    return utterance, Encoding("a", np.arange(ticks) + 0.5, ink)


def test_what_is_dark_is_a_segment_and_digits_that_touch_are_one():
    characters, words = [(2, 8, "1"), (8, 15, "2"), (17, 22, "3"), (30, 35, "4")], [(2, 22, "123"), (30, 35, "4")]
    utterance, pixels = line(characters, words, [(2, 15), (17, 22), (30, 35)])
    found = SCRIPT["blank_cuts"]([utterance], [pixels])
    strict = found.scores.strict
    assert (strict.found, strict.reference, strict.hits_found) == (6, 7, 6)
    assert found.scores.token.hits == 2  # 3 and 4
    assert found.inside_words == pytest.approx(2 / 3)  # 15 and 17, not 8
    assert found.touching == 0.5
    assert 0.1 < found.threshold <= 0.8


def test_nothing_to_score_is_refused(tmp_path):
    write_manifest(tmp_path / "a.jsonl", [Utterance("a", "a.png", "ann", ticks=9, height=8)])
    with pytest.raises(CorpusError, match=r"a.jsonl: no line has labels in tier 'character'; give --tier"):
        SCRIPT["main"]([str(tmp_path / "a.jsonl"), str(tmp_path)])


def test_figures_are_printed_and_written(tmp_path, capsys):
    utterance, pixels = line([(2, 8, "1"), (10, 15, "2")], [(2, 15, "12")], [(2, 8), (10, 15)])
    write_manifest(tmp_path / "a.jsonl", [utterance])
    (tmp_path / "pixels").mkdir()
    np.save(tmp_path / "pixels" / "a.npy", pixels.frames)
    (tmp_path / "pixels" / "encodings.json").write_text(json.dumps({"point": "columns", "stride": 1, "offset": 0.5}))
    SCRIPT["main"]([str(tmp_path / "a.jsonl"), str(tmp_path / "pixels"), "-o", str(tmp_path / "scores.json")])
    assert "boundaries: F1 1.000" in capsys.readouterr().out
    written = json.loads((tmp_path / "scores.json").read_text())
    assert (written["strict"]["f1"], written["inside_words"], written["touching"]) == (1, 1, 0)
