"""Folders of encodings: what is written is read again, what is interrupted or damaged is refused by name."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from unitdisc.encodings import Encoding, Encodings, EncodingsError, EncodingsWriter

SETTINGS = {"point": "bottleneck", "stride": 320, "offset": 160.0, "rate": 16_000, "model": "abc"}


def encoding(name: str, frames: int = 5, codes: bool = True) -> Encoding:
    values = np.random.default_rng(frames).standard_normal((frames, 3)).astype(np.float32)
    return Encoding(name, 160 + 320 * np.arange(frames), values, np.arange(frames) % 4 if codes else None)


def written(folder: Path, *encodings: Encoding, settings: dict = SETTINGS) -> Path:
    writer = EncodingsWriter(folder, settings)
    for each in encodings:
        writer.write(each)
    writer.finish()
    return folder


@pytest.fixture
def folder(tmp_path) -> Path:
    return written(tmp_path / "bottleneck", encoding("b", 7), encoding("a"))


def test_what_is_written_is_read_again(folder):
    encodings = Encodings.open(folder)
    assert list(encodings.codes) == ["a", "b"]
    assert len(encodings) == 2
    assert "a" in encodings
    for read, wrote in zip(encodings, [encoding("a"), encoding("b", 7)], strict=True):
        assert read.utterance == wrote.utterance
        np.testing.assert_array_equal(read.frames, wrote.frames)
        np.testing.assert_array_equal(read.centres, wrote.centres)
        np.testing.assert_array_equal(read.codes, wrote.codes)


def test_a_continuous_bottleneck_has_no_codes(tmp_path):
    encodings = Encodings.open(written(tmp_path / "x", encoding("a", codes=False)))
    assert encodings["a"].codes is None


def test_frames_that_are_not_evenly_spaced_keep_their_centres(tmp_path):
    writer = EncodingsWriter(tmp_path / "x", SETTINGS)
    centres = np.array([10.5, 20, 70, 71, 99])
    writer.write(Encoding("a", centres, encoding("a").frames), regular=False)
    writer.finish()
    np.testing.assert_array_equal(Encodings.open(tmp_path / "x")["a"].centres, centres)


def test_arrays_of_any_other_tool_are_read_given_their_rate(tmp_path):
    np.save(tmp_path / "a.npy", encoding("a").frames)
    (tmp_path / ".b.npy.1.tmp").write_bytes(b"half")
    with pytest.raises(EncodingsError, match="give the frame rate"):
        Encodings.open(tmp_path)
    encodings = Encodings.open(tmp_path, stride=160)
    assert list(encodings.codes) == ["a"]
    np.testing.assert_array_equal(encodings["a"].centres, 80 + 160 * np.arange(5))


def test_a_folder_is_incomplete_until_it_is_declared_complete(tmp_path):
    """Also the second time: nobody may read new frames beside old codes."""
    for _ in range(2):
        writer = EncodingsWriter(tmp_path, SETTINGS)
        writer.write(encoding("a"))
        with pytest.raises(EncodingsError, match="interrupted; run the same `unitdisc encode` again"):
            Encodings.open(tmp_path)
        writer.finish()
        assert list(Encodings.open(tmp_path).codes) == ["a"]


def test_an_interrupted_folder_is_completed(tmp_path):
    first = EncodingsWriter(tmp_path / "cut", SETTINGS)
    first.write(encoding("b", 7))
    first.units.file.write('{"utterance": "c", "co')  # torn by a kill
    first.units.file.flush()
    (tmp_path / "cut/.c.npy.123.tmp").write_bytes(b"half an arr")
    second = EncodingsWriter(tmp_path / "cut", SETTINGS)
    assert "b" in second
    assert "c" not in second
    second.write(encoding("a"))
    second.finish()
    whole = written(tmp_path / "whole", encoding("a"), encoding("b", 7))
    assert {p.name: p.read_bytes() for p in (tmp_path / "cut").iterdir()} == {
        p.name: p.read_bytes() for p in whole.iterdir()
    }


def test_a_line_without_its_array_does_not_count(folder):
    (folder / "a.npy").unlink()
    assert "a" not in EncodingsWriter(folder, SETTINGS)


def test_encodings_made_in_another_way_are_not_mixed(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(EncodingsError, match=r"another way \(model, more differ\); remove it or choose another folder"):
        EncodingsWriter(folder, SETTINGS | {"model": "xyz", "more": 1})
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_arrays_of_something_else_are_not_overwritten(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(EncodingsError, match="something else; choose another folder"):
        EncodingsWriter(tmp_path, SETTINGS)
    assert np.load(tmp_path / "a.npy").shape == (3,)


def test_an_encoding_is_current_while_nothing_changes(folder, tmp_path):
    source = tmp_path / "a.wav"
    source.touch()
    os.utime(source, ns=(0, 0))
    writer = EncodingsWriter(folder, SETTINGS)
    assert writer.is_current("a", 5, source)
    assert writer.is_current("a", 5, None)
    assert not writer.is_current("a", 6, source), "the utterance has become longer"
    assert not writer.is_current("c", 5, source)
    later = (folder / "a.npy").stat().st_mtime_ns + 1
    os.utime(source, ns=(later, later))
    assert not writer.is_current("a", 5, source), "the recording has changed"
    (folder / "b.npy").write_bytes((folder / "b.npy").read_bytes()[:-1])
    assert not writer.is_current("b", 7, None), "the array is damaged"


def spoil_array(array: np.ndarray, **options):
    return lambda folder: np.save(folder / "a.npy", array, **options)


def spoil(name: str, content: str | bytes):
    content = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(content)


def one_without_centres(folder: Path) -> None:
    (folder / "centres").mkdir()
    (folder / "encodings.json").write_text("{}")


DAMAGES = {
    "settings torn": (spoil("encodings.json", '{"str'), "encodings.json: damaged"),
    "settings of another kind": (spoil("encodings.json", "[1]"), "encodings.json: damaged"),
    "settings not UTF-8": (spoil("encodings.json", b"\xff"), "encodings.json: damaged"),
    "no offset": (spoil("encodings.json", '{"stride": 320}'), "how far apart frames are"),
    "units torn": (spoil("units.jsonl", '{"utterance": "a", "codes": [1, 2\n'), "units.jsonl:1: damaged"),
    "units of another kind": (spoil("units.jsonl", '{"utterance": "a", "codes": [1]}\n[]\n'), "units.jsonl:2: damaged"),
    "units without codes": (spoil("units.jsonl", '{"utterance": "a"}\n'), "units.jsonl:1: damaged"),
    "array torn": (spoil("a.npy", b"x"), "a.npy: damaged"),
    "array gone": (lambda folder: (folder / "a.npy").unlink(), "a.npy: no such file"),
    "array flat": (spoil_array(np.zeros(5)), r"a.npy: has shape \(5,\)"),
    "array of words": (spoil_array(np.array([["a"]] * 5)), "a.npy: damaged"),
    "pickled array": (spoil_array(np.array([{}], object), allow_pickle=True), "a.npy: damaged"),
    "centres gone": (one_without_centres, "a.npy: no such file"),
    "nothing in it": (lambda folder: [path.unlink() for path in folder.iterdir()], "how far apart frames are"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_refused_by_name(folder, damage):
    change, message = DAMAGES[damage]
    change(folder)
    with pytest.raises(EncodingsError, match=message):
        _ = Encodings.open(folder)["a"]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(EncodingsError, match="no such folder; `unitdisc encode` or `unitdisc features` makes one"):
        Encodings.open(tmp_path / "nowhere")


def test_damaged_lists_of_units_are_made_again(folder):
    (folder / "units.jsonl").write_bytes(b'[]\n\xff\n{"utterance": "a", "codes": [1]}\n')
    writer = EncodingsWriter(folder, SETTINGS)
    assert "a" in writer
    assert "b" not in writer


def test_settings_are_plain_json(folder):
    assert json.loads((folder / "encodings.json").read_text()) == SETTINGS
