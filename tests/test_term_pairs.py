"""eval/term_pairs.py: NED and coverage of the best pairs by hand, stretches drawn by lot, and what it refuses."""

import json
import runpy
from pathlib import Path

import pytest

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.evaluation import UnscorableError

SCRIPT = Path(__file__).parent.parent / "eval" / "term_pairs.py"
RATE = 1000


def utterance(name: str, speaker: str, phones: str) -> Utterance:
    """A phone every 100 ms, a word every three."""
    tier = [Interval(100 * place, 100 * place + 100, phone) for place, phone in enumerate(phones)]
    words = [
        Interval(300 * place, 300 * place + 300, phones[3 * place : 3 * place + 3]) for place in range(len(phones) // 3)
    ]
    return Utterance(name, f"{name}.wav", speaker, 100 * len(phones), RATE, alignment={"phone": tier, "word": words})


@pytest.fixture
def home(tmp_path) -> Path:
    listed = [utterance("a", "s", "abcdef"), utterance("b", "s", "abcxyz"), utterance("c", "t", "abddef")]
    write_manifest(tmp_path / "corpus.jsonl", listed)
    write_found(tmp_path, [("a", 0, 300, "b", 0, 300), ("a", 0, 300, "c", 0, 300), ("b", 300, 600, "c", 300, 600)])
    (tmp_path / "classes.txt").write_text("Class 0\na 0.0 0.3\nb 0.0 0.3\nc 0.0 0.3\n\n")
    return tmp_path


def write_found(folder: Path, pairs: list[tuple]) -> None:
    lines = []
    for one, first, last, other, other_first, other_last in pairs:
        stretches = [
            {"utterance": one, "start": first, "end": last},
            {"utterance": other, "start": other_first, "end": other_last},
        ]
        lines.append(json.dumps({"score": 1.0, "stretches": stretches}))
    (folder / "pairs.jsonl").write_text("\n".join(lines) + "\n")


def run(home: Path, *more: str) -> dict:
    return runpy.run_path(str(SCRIPT))["main"]([str(home), str(home / "corpus.jsonl"), *more])


def test_pairs_are_scored_from_the_best(home, capsys):
    rows = run(home, "--best", "1", "2", "50", "-o", str(home / "scores.json"))["pairs"]
    assert [row["pairs"] for row in rows] == [1, 2, 3]
    assert [row["ned"] for row in rows] == pytest.approx([0, 1 / 6, 4 / 9])  # abc-abc, abc-abd, xyz-def
    assert [row["coverage"] for row in rows] == pytest.approx([6 / 18, 9 / 18, 15 / 18])
    assert [row["across"] for row in rows] == pytest.approx([0, 1 / 2, 2 / 3])
    assert [row["across_ned"] for row in rows] == [None, pytest.approx(1 / 3), pytest.approx(2 / 3)]
    assert all(row["seconds"] == pytest.approx(0.3) for row in rows)
    assert all(0 <= row["lot_ned"] <= 1 and row["lot_coverage"] > 0 for row in rows)
    kept = json.loads((home / "scores.json").read_text())
    assert kept["pairs"] == json.loads(json.dumps(rows)) and kept["groups"]["ned"] == pytest.approx(2 / 9)
    assert "1 groups of 3 stretches: NED 22.2 of 3 pairs, coverage 50.0" in capsys.readouterr().out


def test_lot_is_repeated_by_its_seed(home):
    one, same, other = (run(home, "--seed", seed)["pairs"] for seed in ("0", "0", "1"))
    assert one == same != other


def test_what_cannot_be_scored_is_named(home):
    write_found(home, [("a", 0, 300, "nobody", 0, 300)])
    with pytest.raises(CorpusError, match=r"pairs.jsonl:1: is no pair of labelled utterances .*nobody"):
        run(home)
    (home / "pairs.jsonl").write_text("{}\n")
    with pytest.raises(CorpusError, match=r"pairs\.jsonl:1"):
        run(home)
    (home / "pairs.jsonl").write_text("")
    with pytest.raises(UnscorableError, match="has no pairs"):
        run(home)
    with pytest.raises(UnscorableError, match="no utterance has a rate and the tiers 'syllable'"):
        run(home, "--phones", "syllable")
