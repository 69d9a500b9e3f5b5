"""eval/other_hands.py: whose hand lines look like that were written again."""

import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny import listed

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.media.image import write_image

SCRIPT = runpy.run_path(str(Path(__file__).parent.parent / "eval" / "other_hands.py"))
HANDS = {"ann": (10, 20), "bob": (4, 28)}  # rows of ink, of 32


@pytest.fixture
def lines(tmp_path):
    """Six lines by each of two scribes, one of whom writes taller."""
    rng, found = np.random.default_rng(0), []
    for hand, (top, bottom) in HANDS.items():
        for number in range(6):
            ink = np.zeros((80, 32))
            for start in range(4, 70, 12):
                ink[start : start + 8, top + rng.integers(2) : bottom - rng.integers(2)] = 0.9
            path = tmp_path / "lines" / f"{hand}{number}.png"
            write_image(path, ink)
            tiers = {"character": [Interval(4, 12, "a"), Interval(16, 24, "b")]}
            found.append(Utterance(path.stem, str(path), hand, 80, text="ab", alignment=tiers, height=32))
    write_manifest(tmp_path / "lines.jsonl", found)
    return tmp_path / "lines.jsonl"


def run(lines, tmp_path):
    return SCRIPT["main"]([*map(str, (lines, tmp_path / "again", tmp_path / "again.jsonl", "--train", lines))])


def test_hands_are_told_apart(lines, tmp_path):
    (tmp_path / "again").mkdir()
    images = tmp_path / "lines"
    for number in range(3):  # of ann's lines: two in bob's hand, and one that stayed as it was
        shutil.copy(images / f"{'bob' if number else 'ann'}{number}.png", tmp_path / "again" / f"ann{number}--bob.png")
    shutil.copy(images / "ann0.png", tmp_path / "again" / "ann0--ann.png")  # their own hand, and a part given
    shutil.copy(images / "bob0.png", tmp_path / "again" / "ann4--bob--given-50.png")
    found = run(lines, tmp_path)
    assert (found.lines, found.originals_told) == (3, 1.0)
    assert found.asked_for == pytest.approx(2 / 3) and found.of_original == pytest.approx(1 / 3)
    again = listed(tmp_path / "again.jsonl")
    assert [line.id for line in again] == [f"ann{number}--bob" for number in range(3)]
    assert {line.speaker for line in again} == {"bob"}
    assert [each.label for each in again[0].alignment["character"]] == ["a", "b"]


def test_lines_in_no_other_hand_are_refused(lines, tmp_path):
    (tmp_path / "again").mkdir()
    with pytest.raises(CorpusError, match=r"no line of .* is there in another hand"):
        run(lines, tmp_path)


def test_as_written_hands_are_told_by_how_they_lean(tmp_path, capsys):
    """Of lines that are set upright before, the one hand is like the other."""
    rng, found = np.random.default_rng(0), []
    for hand, slope in (("left", -0.5), ("right", 0.5)):
        for number in range(6):
            ink = np.zeros((80, 32))
            for start in range(16, 60, int(rng.integers(10, 13))):
                for row in range(4, 28):
                    first = start + round(slope * (16 - row))
                    ink[first : first + 4, row] = 0.9
            path = tmp_path / "lines" / f"{hand}{number}.png"
            write_image(path, ink)
            found.append(Utterance(path.stem, str(path), hand, 80, height=32))
            (tmp_path / "again").mkdir(exist_ok=True)
            shutil.copy(path, tmp_path / "again" / f"{path.stem}--{'right' if hand == 'left' else 'left'}.png")
    lines = tmp_path / "lines.jsonl"
    write_manifest(lines, found)
    arguments = [*map(str, (lines, tmp_path / "again", tmp_path / "again.jsonl", "--train", lines)), "--as-written"]
    found = SCRIPT["main"](arguments)
    assert (found.originals_told, found.of_original, found.asked_for) == (1.0, 1.0, 0.0)
    upright = SCRIPT["main"](arguments[:-1])
    assert upright.of_original < 1.0
