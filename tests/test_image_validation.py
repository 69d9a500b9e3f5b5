"""Line images that cannot be used are told from those that can, in manifests and in Kaldi directories."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from checks import checked_images, checked_recordings
from PIL import Image

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.kaldi import read_kaldi, write_kaldi
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.corpus.validation.recordings import Listening
from unitdisc.corpus.validation.report import validate
from unitdisc.media.audio import write_audio
from unitdisc.media.image import write_image


@pytest.fixture
def lines(tmp_path) -> list[Utterance]:
    """Four lines by two writers: the last two are parts of one image."""
    rng = np.random.default_rng(0)
    for name, columns in (("s1-a", 100), ("s1-b", 120), ("page", 300)):
        write_image(tmp_path / "img" / f"{name}.png", (rng.random((columns, 24)) > 0.8).astype(float))
    tiers = {"character": [Interval(0, 30, "a"), Interval(40, 90, "ɣ")]}

    def line(id: str, name: str, ticks: int, start: int = 0) -> Utterance:
        path = str(tmp_path / "img" / f"{name}.png")
        return Utterance(id, path, id[:2], ticks, height=24, start=start, text=f"words of {id}", alignment=tiers)

    return [
        line("s1-a", "s1-a", 100),
        line("s1-b", "s1-b", 120),
        line("s2-c", "page", 100),
        line("s2-d", "page", 101, 150),
    ]


@pytest.fixture
def recording(tmp_path) -> Utterance:
    write_audio(tmp_path / "r.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 1600), 16000)
    return Utterance("r", str(tmp_path / "r.wav"), "s1", 1600, 16000)


@pytest.fixture
def manifest(tmp_path, lines) -> Path:
    write_manifest(tmp_path / "lines.jsonl", lines)
    return tmp_path / "lines.jsonl"


def said(problems) -> list[str]:
    return [f"{problem.severity} {Path(problem.file).name}:{problem.line} {problem.what}" for problem in problems]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def whiten(path: Path) -> None:
    Image.new("L", Image.open(path).size, 255).save(path)


def shorten(path: Path) -> None:
    image = Image.open(path)
    image.crop((0, 0, image.width - 30, image.height)).save(path)


def flatten(path: Path) -> None:
    image = Image.open(path)
    image.crop((0, 0, image.width, 10)).save(path)


SPOILT = {  # what is done to an image -> what is said of the file, or of the utterance
    Path.unlink: "no such file",
    truncate: "cannot be read",
    whiten: "s1-b is blank (all of one colour)",
    shorten: "has 90 columns, but s1-b is listed up to 120",
    flatten: "has 10 rows, but s1-b is listed with 24",
}


def test_good_lines_have_no_problems(tmp_path, manifest, lines):
    assert validate(manifest) == []
    assert checked_images(lines) == (lines, [])
    write_kaldi(tmp_path / "data", lines)
    assert [p for p in validate(tmp_path / "data") if p.severity == "error"] == []


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_bad_image_is_named_and_the_rest_goes_on(tmp_path, manifest, lines, spoil):
    write_kaldi(tmp_path / "data", lines)
    spoil(Path(lines[1].path))
    good, [problem] = checked_images(lines)
    assert [utterance.id for utterance in good] == ["s1-a", "s2-c", "s2-d"]
    assert problem.file == lines[1].path
    assert problem.what.startswith(SPOILT[spoil])
    assert problem.cure
    [found] = said(validate(manifest))
    assert found.startswith(f"error lines.jsonl:2 {lines[1].path}: {SPOILT[spoil]}")
    if spoil in (Path.unlink, truncate, whiten):  # of sizes, a directory knows only what segments say
        found = [line for line in said(validate(tmp_path / "data")) if line.startswith("error")]
        assert found[0].split(": ")[1].startswith(SPOILT[spoil].split("s1-b")[0])


def test_a_bad_part_of_an_image_spoils_no_other_part(lines):
    levels = np.asarray(Image.open(lines[2].path)).copy()
    levels[:, 150:251] = 99
    Image.fromarray(levels).save(lines[2].path)
    good, [problem] = checked_images(lines)
    assert [utterance.id for utterance in good] == ["s1-a", "s1-b", "s2-c"]
    assert problem.what == "s2-d is blank (all of one colour)"


def test_a_wrong_line_of_a_manifest_is_named(manifest):
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    rows[0]["height"] = 0
    rows[1]["rate"] = 16000
    rows[2]["alignment"]["character"][1] = [40, 101, "b"]
    rows[3]["height"] = "24"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = said(validate(manifest))
    assert found[0].startswith("error lines.jsonl:1 s1-a: height is 0 and rate None")
    assert found[1].startswith("error lines.jsonl:2 s1-b: height is 24 and rate 16000")
    assert found[2].startswith("error lines.jsonl:3 character interval 'b' is [40, 101), but must start at 30 or later")
    assert found[3].startswith("error lines.jsonl:4 height is '24', but must be int")


def test_strangers_are_refused_in_one_line(lines, recording):
    assert checked_images([*lines, recording]).good == lines
    [problem] = checked_images([*lines, recording]).problems
    assert str(problem) == (
        f"{recording.path}: r is a recording where line images are wanted (1 of 5 are); "
        "set features.kind to that of recordings, such as 'mfcc', or leave them out"
    )
    assert checked_recordings([*lines, recording], Listening(thorough=False)).good == [recording]
    [problem] = checked_recordings([*lines, recording], Listening(thorough=False)).problems
    assert str(problem) == (
        f"{lines[0].path}: s1-a is a line image where recordings are wanted (4 of 5 are); "
        "set features.kind to 'columns', or leave them out"
    )


def test_a_corpus_of_both_is_refused(manifest, lines, recording, tmp_path):
    write_manifest(manifest, [*lines, recording])
    assert said(validate(manifest)) == [
        "error lines.jsonl:1 'r' is a recording, but 4 of 5 utterances are line images",
        "warning lines.jsonl:1 'r' has no text (1 of 5 utterances have none)",
        "warning lines.jsonl:1 'r' has no labels of the tier 'character' (1 of 5 utterances have none)",
    ]
    with pytest.raises(CorpusError, match="cannot hold recordings and line images; write them to folders of their own"):
        write_kaldi(tmp_path / "data", [*lines, recording])


# Kaldi directories


def test_what_is_written_as_a_directory_is_read_back(tmp_path, lines):
    write_kaldi(tmp_path / "data", reversed(lines))
    assert read_kaldi(tmp_path / "data") == lines == read_corpus(tmp_path / "data")
    assert not (tmp_path / "data/wav.scp").exists()
    assert (tmp_path / "data/segments").read_text() == (
        "s1-a s1-a 0 100\ns1-b s1-b 0 120\ns2-c page 0 100\ns2-d page 150 251\n"
    )
    assert (tmp_path / "data/character.ctm").read_text().startswith("s1-a 1 0 30 a\ns1-a 1 40 50 ɣ\n")


def test_whole_images_need_no_segments(tmp_path, lines):
    write_kaldi(tmp_path / "data", lines[:2])
    assert read_kaldi(tmp_path / "data") == lines[:2]
    assert not (tmp_path / "data/segments").exists()
    assert (tmp_path / "data/images.scp").read_text() == f"s1-a {lines[0].path}\ns1-b {lines[1].path}\n"


def test_relative_paths_start_at_the_folder(tmp_path, lines):
    write_kaldi(tmp_path / "img", lines[:2])
    (tmp_path / "img/images.scp").write_text("s1-a s1-a.png\ns1-b s1-b.png\n")
    assert read_kaldi(tmp_path / "img") == lines[:2]


def test_an_unreadable_image_of_a_directory_is_still_listed_as_one(tmp_path, lines):
    write_kaldi(tmp_path / "data", lines)
    Path(lines[0].path).unlink()
    listed = read_kaldi(tmp_path / "data")
    assert all(utterance.is_image for utterance in listed)
    good, [problem] = checked_images(listed)
    assert good == lines[1:]
    assert problem.what == "no such file"


def test_a_directory_that_held_recordings_is_not_mixed_with_images(tmp_path, lines, recording):
    write_kaldi(tmp_path / "data", [recording])
    with pytest.raises(CorpusError, match=r"already holds \['wav.scp'\] of another corpus"):
        write_kaldi(tmp_path / "data", [replace(line, alignment={}, text=None) for line in lines[:2]])


TABLE_FAULTS = {  # file -> what is added to it, what validate says of it, what reading says
    "segments": ("s2-e page 280 301\n", "page.png: has 300 columns, but s2-e is listed up to 301", ""),
    "images.scp": ("s3 convert x |\n", "images.scp:4 's3' is a pipe, but images are read from files", "is a pipe, but"),
    "character.ctm": (
        "s2-d 1 95 10 x\n",
        "character.ctm:9 ends at 105 columns, but 's2-d' has only 101 columns",
        "ends at 105 columns, but 's2-d' has only 101 columns",
    ),
    "wav.scp": ("s1-a x.wav\n", "data:None has wav.scp and images.scp", "has wav.scp and images.scp; keep"),
}


@pytest.mark.parametrize("name", TABLE_FAULTS)
def test_a_wrong_table_is_named(tmp_path, lines, name):
    added, problem, reading = TABLE_FAULTS[name]
    write_kaldi(tmp_path / "data", lines)
    with (tmp_path / "data" / name).open("a") as file:
        file.write(added)
    assert problem in "\n".join(said(validate(tmp_path / "data")))
    if reading:
        with pytest.raises(CorpusError, match=reading):
            read_kaldi(tmp_path / "data")


def test_manifests_keep_heights(manifest, lines):
    assert list(read_manifest(manifest)) == lines
