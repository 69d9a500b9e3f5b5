"""`unitdisc name` and `unitdisc read`, as a person types them."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from named_units import VECTORS, corpus, encode

from unitdisc.api.name import name as name_units
from unitdisc.api.name import simulate_naming
from unitdisc.api.read import read as read_units
from unitdisc.corpus.manifest import write_manifest
from unitdisc.naming.simulation import SimulationOptions
from unitdisc.naming.table import NamesError, read_names
from unitdisc.prep.pages import read_page

pytest_plugins = ["tiny_fixtures"]

NAMES = "unit\tname\tkind\twhen\n0\t\tsilence\t\n1\ta\tname\t\n3\tb\tname\t\n4\tc\tname\t\n"


def prepared(folder: Path, rate: int | None = None) -> tuple[Path, Path, Path]:
    """Encodings, a corpus, and a table of names."""
    coded = corpus(rate)
    encode(folder / "units", coded, VECTORS, noise=0.05, **({"rate": rate} if rate else {}))
    write_manifest(folder / "all.jsonl", [replace(each, path=str(folder / each.path)) for each, _ in coded])
    (folder / "names.tsv").write_text(NAMES)
    return folder / "units", folder / "all.jsonl", folder / "names.tsv"


@pytest.fixture
def lines(tmp_path):
    return prepared(tmp_path)


@pytest.fixture
def recordings(tmp_path):
    return prepared(tmp_path, 1000)


def test_naming_and_reading_from_the_terminal(lines, tmp_path, unitdisc, monkeypatch):
    units, manifest, _ = lines
    typed = iter(["nonsense", "undo", "quit"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    done = unitdisc("name", units, manifest, tmp_path / "new" / "names.tsv")
    assert done.code == 0, done.err
    assert "taken back: unit" in done.out and "0 answers" in done.out and "occurrences" in done.out
    assert read_names(tmp_path / "new" / "names.tsv") == ()


def test_every_format_of_lines(lines, tmp_path, unitdisc):
    units, manifest, names = lines
    done = unitdisc("read", units, manifest, names, tmp_path / "out")
    assert done.code == 0, done.err
    out = tmp_path / "out"
    texts = dict(line.split(" ", 1) for line in (out / "text").read_text().splitlines())
    said = {json.loads(line)["id"]: json.loads(line)["text"] for line in manifest.read_text().splitlines()}
    assert texts == said
    for kind in ("alto", "page"):
        pages = {path.stem: read_page(path) for path in (out / kind).iterdir()}
        assert {id: page.lines[0].text for id, page in pages.items()} == said
        assert all(
            Path(os.path.normpath(out / kind / page.image)) == tmp_path / f"{id}.png" for id, page in pages.items()
        )
    assert {path.name for path in (out / "hocr").iterdir()} == {f"{id}.html" for id in said}
    rows = list(csv.DictReader((out / "reading.csv").open()))
    assert len(rows) == sum(len(text.replace(" ", "")) for text in said.values())
    assert 0 < json.loads((out / "reading.json").read_text())["confidence"] <= 1
    assert not (out / "textgrid").exists()


def test_every_format_of_recordings(recordings, tmp_path, unitdisc):
    units, manifest, names = recordings
    done = unitdisc("read", units, manifest, names, tmp_path / "out")
    assert done.code == 0, done.err
    assert {path.name for path in (tmp_path / "out").iterdir() if path.name[0] != "."} == {
        "text", "reading.csv", "reading.ctm", "textgrid", "elan", "audacity", "reading.json"
    }  # fmt: skip
    assert 'name = "reading"' in (tmp_path / "out/textgrid/u00.TextGrid").read_text()


def test_labelled_utterances_teach_without_names(lines, tmp_path, unitdisc):
    units, manifest, _ = lines
    few = tmp_path / "few.jsonl"
    few.write_text("".join(line + "\n" for line in manifest.read_text().splitlines()[:4]))
    done = unitdisc("read", units, manifest, "-", tmp_path / "out", "--learn", few, "--format", "text")
    assert done.code == 0, done.err
    texts = dict(line.split(" ", 1) for line in (tmp_path / "out/text").read_text().splitlines())
    said = {json.loads(line)["id"]: json.loads(line)["text"] for line in manifest.read_text().splitlines()}
    assert texts == said


def test_halves_are_read_in_another_corpus(tmp_path):
    """A mixed unit of one corpus is told apart in another by what was found in the first."""
    coded = corpus()
    mixed = [(each, [2 if code in (2, 3) else code for code in codes]) for each, codes in coded]
    frames = encode(tmp_path / "frames", coded, VECTORS, noise=0.05)
    for part, chosen in (("one", slice(0, 8)), ("two", slice(8, None))):
        encode(tmp_path / part, mixed[chosen], VECTORS)
        write_manifest(tmp_path / f"{part}.jsonl", [each for each, _ in mixed[chosen]])
    replies = {"2": "mixed", "0": "silence", "1": "a", "4": "c"}
    asked: list[str] = []

    def say(line: str) -> None:
        asked.extend([line.split(":")[0].removeprefix("unit ")] if line.startswith("unit ") else [])

    name_units(
        tmp_path / "one", tmp_path / "one.jsonl", tmp_path / "names.tsv", frames=frames.folder, say=say,
        ask=lambda prompt: replies.get(asked[-1], "x"),
    )  # fmt: skip
    assert {each.unit for each in read_names(tmp_path / "names.tsv")} == {"0", "1", "2", "4", "2a", "2b"}
    found = read_units(
        tmp_path / "two", tmp_path / "two.jsonl", tmp_path / "names.tsv", tmp_path / "out", frames=frames.folder,
        formats=["text"],
    )  # fmt: skip
    assert len(found.texts) == 4
    (tmp_path / "names.halves.json").unlink()
    with pytest.raises(NamesError, match=r"unit 2 is mixed, but .*names\.halves\.json does not say how"):
        read_units(tmp_path / "two", tmp_path / "two.jsonl", tmp_path / "names.tsv", tmp_path / "out")


MISTAKES = {
    "no table": (
        ["read", "{units}", "{corpus}", "{here}/none.tsv", "{here}/out"],
        r"none\.tsv: no such table of names",
    ),
    "nothing to go by": (
        ["read", "{units}", "{corpus}", "-", "{here}/out"],
        r"give the table NAMES|give the table `names`",
    ),
    "an unknown format": (
        ["read", "{units}", "{corpus}", "{names}", "{here}/out", "--format", "docx"],
        "unknown format 'docx': choose from text, csv",
    ),
    "a format of recordings": (
        ["read", "{units}", "{corpus}", "{names}", "{here}/out", "--format", "elan"],
        "the format elan cannot hold line images: choose from text",
    ),
    "no places": (
        ["read", "{units}", "{corpus}", "{names}", "{here}/out", "--places", "{here}/none.jsonl"],
        r"none\.jsonl: no such file; give the places\.jsonl",
    ),
    "a tier that is not there": (
        ["name", "{units}", "{corpus}", "{here}/s.tsv", "--simulate", "phone"],
        r"has no labels in tier 'phone', only in \['character'\]",
    ),
    "a table that is there": (
        ["name", "{units}", "{corpus}", "{names}", "--simulate", "character"],
        r"names\.tsv: is there already, and would be overwritten",
    ),
    "half a test set": (
        ["name", "{units}", "{corpus}", "{here}/s.tsv", "--simulate", "character", "--test-corpus", "{corpus}"],
        "--test-encodings and --test-corpus belong together",
    ),
    "labels twice": (
        ["name", "{units}", "{corpus}", "{here}/s.tsv", "--simulate", "character", "--learn", "{corpus}"],
        "--learn and --simulate do not go together",
    ),
    "an unknown strategy": (
        ["name", "{units}", "{corpus}", "{here}/s.tsv", "--simulate", "character", "--strategy", "best"],
        "--strategy 'best' is not known; choose from expected",
    ),
    "no questions": (
        ["name", "{units}", "{corpus}", "{here}/s.tsv", "--simulate", "character", "--questions", "0"],
        "--questions, --every, --seeds and `examples` must be 1 or more",
    ),
    "a broken table": (
        ["name", "{units}", "{corpus}", "{here}/broken.tsv"],
        r"broken\.tsv:2: 'x' is no unit; give its number",
    ),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_mistakes_are_answered_in_a_sentence(what, lines, tmp_path, unitdisc):
    units, manifest, names = lines
    (tmp_path / "broken.tsv").write_text("unit\tname\nx\tm\n")
    arguments, said = MISTAKES[what]
    places = {"units": units, "corpus": manifest, "names": names, "here": tmp_path}
    done = unitdisc(*(argument.format(**places) for argument in arguments))
    assert done.code == 1
    assert "Traceback" not in done.err
    assert re.search(said, done.err), done.err


def test_simulations_are_a_table_and_json(lines, tmp_path, unitdisc):
    units, manifest, _ = lines
    done = unitdisc(
        "name", units, manifest, tmp_path / "s.tsv", "--simulate", "character", "--questions", 4, "--every", 2,
        "--seeds", 2, "--strategy", "expected", "--strategy", "random", "-o", tmp_path / "s.json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "| strategy | 2 | 4 |" in done.out and "named by all of their labels" in done.out
    found = json.loads((tmp_path / "s.json").read_text())
    assert len(found["figures"]) == 2 * 2 * 2 + 1
    assert found == json.loads(json.dumps(found))
    assert 1 <= len(read_names(tmp_path / "s.tsv")) <= 4
    assert done.code == 0


def test_simulations_repeat_themselves(lines, tmp_path):
    units, manifest, _ = lines
    options = SimulationOptions(questions=3, every=1, seeds=2)
    one, two = (simulate_naming(units, manifest, tmp_path / f"{n}.tsv", options) for n in (1, 2))
    assert one == two


@pytest.mark.slow
def test_a_killed_terminal_keeps_every_answer(lines, tmp_path):
    """kill -9 as soon as the next question is asked: the answer before is on the disk."""
    units, manifest, _ = lines
    names = tmp_path / "killed.tsv"
    for count in range(1, 4):
        process = subprocess.Popen(
            [sys.executable, "-m", "unitdisc", "name", str(units), str(manifest), str(names)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        for line in process.stdout:
            if line.startswith("unit "):
                break
        process.stdin.write(f"n{count}\n")
        process.stdin.flush()
        for line in process.stdout:
            if "unit " in line and "occurrences" in line:
                break
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert [each.name for each in read_names(names)] == [f"n{place}" for place in range(1, count + 1)]
