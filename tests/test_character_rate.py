"""How many characters lines have, before any is known: by their strokes."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import unitdisc as library
from unitdisc.corpus import CorpusError
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.corpus.utterance import Utterance
from unitdisc.data.character_rate import characters_per_100_columns
from unitdisc.data.features import features_of_kind
from unitdisc.media.image import write_image

pytest_plugins = ["tiny_fixtures"]

ROOT = Path(__file__).parent.parent
OFF = 1.25  # how many times too many or too few on the corpora that are at hand


def prepare(script: str, *arguments: object) -> None:
    runpy.run_path(str(ROOT / "data_prep" / f"{script}.py"))["main"]([*map(str, arguments)])


def true_rate(lines: list[Utterance]) -> float:
    lines = [line for line in lines if "character" in line.alignment]
    return 100 * sum(len(line.alignment["character"]) for line in lines) / sum(line.ticks for line in lines)


@pytest.mark.parametrize("height", [32, 48, 90])
@pytest.mark.parametrize("apart", [9, 16])
def test_three_strokes_are_two_characters(height, apart, tmp_path):
    rng, lines = np.random.default_rng(0), []
    for number in range(5):
        ink = np.zeros((300, height))
        first, strokes = height // 3, np.arange(4, 290, apart)
        for start in strokes:
            ink[start : start + 3, first : height - first] = 1
            if rng.random() < 0.15:
                ink[start : start + 3, 1 : height - first] = 1  # what rises above small letters
            if rng.random() < 0.3:
                ink[start + 3 : start + apart, height - first - 1] = 0.5  # what joins it to the next
        path = tmp_path / f"{number}.png"
        write_image(path, ink)
        lines.append(Utterance(path.stem, str(path), "ann", 300, height=height))
    assert characters_per_100_columns(lines) == pytest.approx(100 * len(strokes) / 300 / 1.5, rel=0.02)


def test_blank_lines_tell_nothing(tmp_path):
    write_image(tmp_path / "blank.png", np.full((300, 32), 0.04) * (np.arange(300) > 150)[:, None])  # no ink
    assert characters_per_100_columns([Utterance("blank", str(tmp_path / "blank.png"), "ann", 300, height=32)]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["joined", "apart"])
def test_digits_of_twelve_hands(layout, tmp_path):
    prepare("mini_handwriting", tmp_path, "--layout", layout, "--train-lines", 60)
    lines = read_corpus(tmp_path / "train.jsonl")
    assert 1 / OFF < characters_per_100_columns(lines) / true_rate(lines) < OFF


@pytest.mark.slow
def test_eight_hands_of_old_french(real_data, tmp_path):
    prepare("medieval_french", real_data / "hw_medieval_fro", tmp_path)
    lines = read_corpus(tmp_path / "train.jsonl")
    hands = {line.speaker for line in lines}
    assert len(hands) == 8
    for hand in hands:
        some = [line for line in lines if line.speaker == hand][:25]
        assert 1 / OFF < characters_per_100_columns(some) / true_rate(some) < OFF, hand


def test_a_rate_that_is_not_given_is_said_and_used(tiny_lines, tmp_path, capsys):
    library.features(tiny_lines, tmp_path / "frames", features_of_kind("gradients", height=16))
    for given, expected in ((None, characters_per_100_columns(read_corpus(tiny_lines))), (9.5, 9.5)):
        options = library.TemplateOptions(units=4, rate=given, passes=1)
        file = tmp_path / f"{given}.safetensors"
        card = library.templates(tmp_path / "frames", tiny_lines, file, options)
        assert card["options"]["rate"] == pytest.approx(expected, rel=0.005)
        assert (f"rate: {card['options']['rate']:g} units per 100 columns" in capsys.readouterr().err) == (
            given is None
        )


def test_recordings_have_ten_units_a_second(tiny_corpus, tmp_path, capsys):
    library.features(tiny_corpus, tmp_path / "frames", features_of_kind("mfcc"))
    options = library.TemplateOptions(units=3, passes=1)
    card = library.templates(tmp_path / "frames", tiny_corpus, tmp_path / "t.safetensors", options)
    assert card["options"]["rate"] == 10
    assert "rate: 10 units a second" in capsys.readouterr().err


def test_both_are_printed_for_every_scribe(tiny_lines, tmp_path, capsys):
    script = runpy.run_path(str(ROOT / "eval" / "character_rate.py"))
    script["main"]([str(tiny_lines)])
    head, *rows = capsys.readouterr().out.splitlines()
    lines = read_corpus(tiny_lines)
    assert [row.split()[0] for row in rows] == ["w0", "w1", "w2"] and "strokes a character" in head
    for row in rows:
        scribe, count, found, there, ratio, strokes = row.split()
        own = [line for line in lines if line.speaker == scribe]
        assert int(count) == len(own)
        assert float(there) == pytest.approx(true_rate(own), abs=0.01)
        assert float(found) == pytest.approx(characters_per_100_columns(own), abs=0.01)
        assert float(strokes) == pytest.approx(1.5 * float(ratio), abs=0.02)
    unread = [replace(line, text=None, alignment={}) for line in lines]
    write_manifest(tmp_path / "unread.jsonl", unread)
    with pytest.raises(CorpusError, match="no line has a text or characters"):
        script["main"]([str(tmp_path / "unread.jsonl")])
    write_manifest(tmp_path / "texts.jsonl", [replace(line, text=line.text + " ", alignment={}) for line in lines])
    script["main"]([str(tmp_path / "texts.jsonl")])
    assert capsys.readouterr().out.splitlines()[1:] == rows
