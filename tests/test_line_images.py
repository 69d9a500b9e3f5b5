"""A folder of line images becomes a corpus, whatever says what is written on them and who wrote it."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import read_manifest
from unitdisc.media.image import write_image

SCRIPT = Path(__file__).parent.parent / "data_prep" / "line_images.py"


def prepare(*arguments) -> None:
    runpy.run_path(str(SCRIPT))["main"]([str(argument) for argument in arguments])


def corpus(folder: Path, split: str = "all") -> dict[str, Utterance]:
    return {utterance.id: utterance for utterance in read_manifest(folder / f"{split}.jsonl")}


def draw(path: Path, columns: int = 50, rows: int = 20) -> None:
    write_image(path.with_suffix(".png"), np.random.default_rng(columns).random((columns, rows)))
    path.with_suffix(".png").rename(path)


def test_a_table_cannot_lead_out_of_the_folder_nor_list_an_image_twice(tmp_path, capsys):
    draw(tmp_path / "raw" / "1.png")
    table = tmp_path / "raw" / "lines.csv"
    for split in ("../x", "/x", ".hidden", "a/b"):
        table.write_text(f"image,split\n1.png,{split}\n")
        with pytest.raises(CorpusError, match=r"the split '.*'(; call it by letters| cannot name a file)"):
            prepare(tmp_path / "raw", tmp_path / "out" / "lines")
    assert not (tmp_path / "out").exists()
    table.write_text("image,text\n1.png,a\n./1.png,b\n1.PNG,c\n")
    prepare(tmp_path / "raw", tmp_path / "out" / "lines")
    said = capsys.readouterr().err
    assert "1.png: is named by two rows of the table" in said and "1.PNG: no such file" in said


@pytest.fixture
def raw(tmp_path) -> Path:
    """Five lines by two writers, in the three ways texts may be called."""
    raw = tmp_path / "raw"
    for number, name in enumerate(["ann/page 1/1.png", "ann/page 1/2.bin.png", "bob/3.PNG", "bob/4.png", "5.png"]):
        draw(raw / name, 50 + number)
    (raw / "ann/page 1/1.txt").write_text("\ufeffone  line\n", encoding="utf-8")
    (raw / "ann/page 1/2.gt.txt").write_text("e\u0301te\u0301", encoding="utf-8")
    (raw / "bob/3.gt.txt").write_text("")
    (raw / "bob/._4.png").write_bytes(b"what a Mac leaves behind")
    return raw


def test_images_anywhere_become_lines(raw, tmp_path):
    prepare(raw, tmp_path / "out")
    found = corpus(tmp_path / "out")
    assert {name: (line.speaker, line.text, line.ticks, line.height) for name, line in found.items()} == {
        "ann-page_1-1": ("page 1", "one line", 50, 20),
        "ann-page_1-2.bin": ("page 1", "\u00e9t\u00e9", 51, 20),
        "bob-3": ("bob", None, 52, 20),
        "bob-4": ("bob", None, 53, 20),
        "5": (None, None, 54, 20),
    }
    assert all(Path(line.path).is_file() and line.is_image for line in found.values())


def test_writers_by_pattern_or_not_at_all(raw, tmp_path, capsys):
    prepare(raw, tmp_path / "out", "--writer-from", "name:^([a-z]+)/")
    assert {line.speaker for line in corpus(tmp_path / "out").values()} == {"ann", "bob"}
    assert "5.png: its writer is not known, for '^([a-z]+)/' is not in '5.png'; correct" in capsys.readouterr().err
    prepare(raw, tmp_path / "out", "--writer-from", "none")
    assert {line.speaker for line in corpus(tmp_path / "out").values()} == {None}
    for rule in ("name:x", "name:(", "place"):
        with pytest.raises(CorpusError, match="--writer-from"):
            prepare(raw, tmp_path / "out", "--writer-from", rule)


@pytest.mark.parametrize("suffix,between", [("tsv", "\t"), ("csv", ",")])
def test_a_table_says_it_all(raw, tmp_path, suffix, between):
    rows = [("image", "text", "writer", "split"), ("5.png", "five", "eve", "train"), ("bob/4.png", "", "", "test")]
    (raw / f"lines.{suffix}").write_text("".join(f"{between.join(row)}\n" for row in rows))
    prepare(raw, tmp_path / "out")
    [five] = corpus(tmp_path / "out", "train").values()
    [four] = corpus(tmp_path / "out", "test").values()
    assert (five.id, five.text, five.speaker) == ("5", "five", "eve")
    assert (four.id, four.text, four.speaker) == ("bob-4", None, "bob")


def test_held_out_writers(raw, tmp_path):
    (raw / "5.png").unlink()
    prepare(raw, tmp_path / "out", "--test-writers", "bob")
    assert {line.speaker for line in corpus(tmp_path / "out", "test").values()} == {"bob"}
    assert {line.speaker for line in corpus(tmp_path / "out", "train").values()} == {"page 1"}


def test_held_out_lines(raw, tmp_path):
    prepare(raw, tmp_path / "a", "--test-share", "0.4")
    prepare(raw, tmp_path / "b", "--test-share", "0.4")
    train, test = corpus(tmp_path / "a", "train"), corpus(tmp_path / "a", "test")
    assert (len(train), len(test)) == (3, 2)
    assert not train.keys() & test.keys()
    assert corpus(tmp_path / "b", "test") == test
    with pytest.raises(CorpusError, match="both sides need at least one"):
        prepare(raw, tmp_path / "a", "--test-share", "0.01")
    with pytest.raises(CorpusError, match="exclude each other; give one"):
        prepare(raw, tmp_path / "a", "--test-share", "0.1", "--test-writers", "1")


def test_equal_images_and_those_made_of_one_line_stay_together(raw, tmp_path, capsys):
    """Whatever the seed; and a file is one line, however many links to it there are."""
    shutil.copy(raw / "bob/3.PNG", raw / "ann/page 1/again.png")
    shutil.copy(raw / "bob/4.png", raw / "ann/page 1/3.png")
    draw(raw / "ann/page 1/2.nrm.png", 51 + 20)
    shutil.copy(raw / "ann/page 1/2.nrm.png", raw / "seven.png")
    (raw / "link.png").symlink_to(raw / "5.png")
    (raw / "linked").symlink_to(raw / "bob")
    pairs = ("bob-3", "ann-page_1-again"), ("bob-4", "ann-page_1-3"), ("ann-page_1-2.bin", "ann-page_1-2.nrm", "seven")
    for seed in range(8):
        prepare(raw, tmp_path / "out", "--test-share", "0.4", "--seed", str(seed))
        train, test = corpus(tmp_path / "out", "train"), corpus(tmp_path / "out", "test")
        assert len(train) + len(test) == 9
        assert 2 <= len(test) <= 5
        for names in pairs:
            assert len({name in test for name in names}) == 1
    said = capsys.readouterr().err
    assert f"{raw}/link.png: is the same file as {raw}/5.png; list one of them" in said
    assert f"links to folders, not followed; copy these there, or give them by themselves: 1 ({raw}/linked)" in said
    prepare(raw, tmp_path / "out", "--test-writers", "bob")
    assert "pictures with lines in test and train, by writers of each: 2 (" in capsys.readouterr().err


@pytest.mark.parametrize("share", ["nan", "0", "1", "-0.5", "7"])
def test_a_share_that_is_none_is_refused(raw, tmp_path, share):
    with pytest.raises(
        CorpusError, match=f"--test-share {float(share)} is no share of the lines; give a number between"
    ):
        prepare(raw, tmp_path / "out", f"--test-share={share}")


SPOIL = {
    "not an image": (lambda raw: (raw / "5.png").write_text("x"), "5.png: cannot be read"),
    "not UTF-8": (lambda raw: (raw / "5.txt").write_bytes(b"\xe9"), "5.txt:1: not UTF-8"),
    "a page of text": (lambda raw: (raw / "5.txt").write_text("a\nb\n"), "5.txt: holds 2 lines of text; cut 5.png"),
    "same name": (lambda raw: shutil.copy(raw / "5.png", raw / "5.bmp"), "5.png: would be called '5' like"),
}


@pytest.mark.parametrize("fault", SPOIL)
def test_a_bad_line_is_left_out(raw, tmp_path, capsys, fault):
    spoil, message = SPOIL[fault]
    spoil(raw)
    prepare(raw, tmp_path / "out")
    assert message in capsys.readouterr().err
    assert corpus(tmp_path / "out").keys() >= {"bob-3", "bob-4"}
    with pytest.raises(CorpusError, match=message):
        prepare(raw, tmp_path / "out", "--strict")


TABLES = {
    "lines.tsv": ("name\ttext\nx\ty\n", r"lines.tsv:1: has no columns \['image'\]"),
    "lines.csv": ("name,text\nx,y\n", r"lines.csv:1: has no columns \['image'\]; .* with commas between"),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_wrong_table_is_refused(raw, tmp_path, name):
    content, message = TABLES[name]
    (raw / name).write_text(content)
    with pytest.raises(CorpusError, match=message):
        prepare(raw, tmp_path / "out")


def test_other_wrong_tables(raw, tmp_path):
    (raw / "lines.csv").write_text("image,text\n5.png,one,two\n")
    with pytest.raises(CorpusError, match=r"lines.csv:2: has more columns than the first line names; correct the line"):
        prepare(raw, tmp_path / "out")
    (raw / "lines.csv").write_text("image,split\n5.png,../x\n")
    with pytest.raises(CorpusError, match=r"lines.csv:2: the split '../x' cannot name a file .no spaces, no slashes"):
        prepare(raw, tmp_path / "out")
    (raw / "lines.tsv").write_text("image\n5.png\n")
    with pytest.raises(CorpusError, match=r"raw: has lines.tsv and lines.csv; remove one of them"):
        prepare(raw, tmp_path / "out")


def test_an_image_that_two_rows_name_is_said_to_be(raw, tmp_path, capsys):
    (raw / "lines.csv").write_text("image,text\n5.png,one\n./5.png,two\n")
    prepare(raw, tmp_path / "out")
    assert corpus(tmp_path / "out")["5"].text == "one"
    assert "5.png: is named by two rows of the table, and the first is taken; remove one" in capsys.readouterr().err


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="no images in it"):
        prepare(tmp_path, tmp_path / "out")


def test_tables_of_spreadsheets_are_strict(raw, tmp_path, capsys):
    """A quotation mark, other line ends of Unicode, accents of other systems, images and columns nobody asks for."""
    table = raw / "lines.csv"
    table.write_text('image,text\n5.png,"tis the season\nbob/4.png,and "the" word\nbob/3.PNG,a "b"\n')
    with pytest.raises(CorpusError, match=r"lines\.csv:2: a quotation mark opens a cell here and does not close it"):
        prepare(raw, tmp_path / "out")
    draw(raw / "e\u0301.png")
    rows = "5.png;x\u2028y;ann;1\n\u00e9.png;was\x0bthe;eve;\nno.png;;;\n"
    table.write_text(f"\ufeffImage;text; Writer ;page\r\n{rows}", encoding="utf-8")
    prepare(raw, tmp_path / "out")
    found = corpus(tmp_path / "out")
    assert {name: (line.text, line.speaker) for name, line in found.items()} == {
        "5": ("x\u2028y", "ann"),
        "e\u0301": ("was\x0bthe", "eve"),
    }
    said = capsys.readouterr().err
    assert "lines.csv: saved with a byte order mark" in said and "the columns ['page'] are not read" in said
    assert "left out: 4 images below" in said and "names: ann/page 1/1.png, ann/page 1/2.bin.png, bob/3.PNG" in said
    assert "no.png: no such file" in said
    table.rename(raw / "lines.tsv").write_bytes(b"image\ttext\n5.png\tfr\xe8re\n")
    with pytest.raises(CorpusError, match=r"lines\.tsv:2: not UTF-8 \(byte 0xe8\); save the file as UTF-8"):
        prepare(raw, tmp_path / "out")


def test_names_that_are_not_utf8_or_too_long(raw, tmp_path, capsys):
    latin = raw / os.fsdecode(b"caf\xe9")
    latin.mkdir()
    for name in (b"gut.png", b"sch\xf6n.png"):
        shutil.copy(raw / "5.png", latin / os.fsdecode(name))
    folder = raw / ("\u8a9e" * 60)
    draw(folder / ("\u8a9e" * 60 + ".png"))
    draw(folder / ("\u8a9e" * 61 + ".png"))
    prepare(raw, tmp_path / "out")
    found, said = corpus(tmp_path / "out"), capsys.readouterr().err
    assert len(found) == 7 and all(len(name.encode()) <= 200 for name in found)
    assert len([name for name in found if name.startswith("\u8a9e" * 60 + "-") and "~" in name]) == 2
    assert said.count("its name is too long for an id, so it is called") == 2
    assert r"caf\xe9/gut.png: its name is not UTF-8 (byte 0xe9); rename the file, or the folder it is in" in said
    assert r"caf\xe9/sch\xf6n.png: its name is not UTF-8 (byte 0xe9)" in said
    prepare(raw, tmp_path / "again")
    assert corpus(tmp_path / "again").keys() == found.keys()
    with pytest.raises(CorpusError, match="its name is not UTF-8"):
        prepare(raw, tmp_path / "out", "--strict")


def test_a_folder_that_a_terminal_cannot_show(raw, tmp_path):
    out = tmp_path / "caf\u00e9"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, SCRIPT, raw, out], env=environment, capture_output=True, check=True)
    assert rb"caf\xe9/all.jsonl: 5 lines" in done.stdout and len(corpus(out)) == 5
