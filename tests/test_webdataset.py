"""data_prep/webdataset.py: tars as WebDataset, lhotse and `unitdisc shards` write them become a manifest."""

import gzip
import io
import json
import os
import runpy
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import listed, make_corpus, make_lines

from unitdisc.corpus import CorpusError
from unitdisc.data.audio import read_audio
from unitdisc.verbs.shards import PackingOptions, shards

SCRIPT = Path(__file__).parent.parent / "data_prep" / "webdataset.py"


def prepare(*arguments: str | Path) -> None:
    runpy.run_path(str(SCRIPT))["main"]([str(argument) for argument in arguments])


def sound(ticks: int = 8000, kind: str = "FLAC") -> bytes:
    content = io.BytesIO()
    soundfile.write(content, 0.1 * np.random.default_rng(ticks).standard_normal(ticks), 16_000, format=kind)
    return content.getvalue()


def write_tar(path: Path, files: dict[str, bytes | str | dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            content = json.dumps(content) if isinstance(content, dict) else content
            content = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_samples_become_utterances(tmp_path):
    files = {
        "a.flac": sound(),
        "a.json": {"transcript": "one", "meta": {"reader": 7}, "gender": "Female"},
        "train/b 1.txt": " two\n",
        "train/b 1.WAV": sound(9000, "WAV"),
        "labels.txt": "no sample of its own",
    }
    path = write_tar(tmp_path / "raw" / "x.tar", files)
    prepare(tmp_path / "raw", tmp_path / "out", "--speaker-field", "meta.reader")
    first, second = listed(tmp_path / "out" / "all.jsonl")
    assert (first.id, first.text, first.speaker, first.gender, first.ticks) == ("a", "one", "7", "f", 8000)
    assert (second.id, second.text, second.speaker, second.ticks) == ("train-b_1", "two", None, 9000)
    assert first.path.startswith(f"{path}:")
    wave, _ = soundfile.read(io.BytesIO(files["a.flac"]), dtype="float32")
    np.testing.assert_array_equal(read_audio(first), wave)


def test_keys_that_every_shard_counts_anew_stay_apart(tmp_path):
    for name in ("00", "01"):
        write_tar(tmp_path / "raw" / f"{name}.tar", {"0.flac": sound(), "1.flac": sound(9000)})
    prepare(tmp_path / "raw", tmp_path / "out")
    assert [u.id for u in listed(tmp_path / "out" / "all.jsonl")] == ["00-0", "00-1", "01-0", "01-1"]


def test_shards_of_one_name_in_several_folders_stay_apart(tmp_path):
    for name in ("train/00", "dev/00"):
        write_tar(tmp_path / "raw" / f"{name}.tar", {"0.flac": sound(), "1.flac": sound(9000)})
    (tmp_path / "raw/dev/00.tar").rename(tmp_path / "elsewhere.tar")
    (tmp_path / "raw/dev/00.tar").symlink_to(tmp_path / "elsewhere.tar")
    write_tar(tmp_path / "raw/test/00.tar", {"0.flac": sound()})
    prepare(tmp_path / "raw", tmp_path / "out")
    found = [u.id for u in listed(tmp_path / "out" / "all.jsonl")]
    assert found == ["elsewhere-0", "elsewhere-1", "raw-test-00-0", "raw-train-00-0", "raw-train-00-1"]


def test_what_unitdisc_packed_comes_back(tmp_path):
    manifest = make_corpus(tmp_path / "corpus", 5)
    for whole in (False, True):
        packed = listed(shards(manifest, tmp_path / f"packed{whole}", PackingOptions(whole=whole)))
        prepare(tmp_path / f"packed{whole}", tmp_path / "out")
        found = listed(tmp_path / "out" / "all.jsonl")
        assert [replace(u, path="") for u in found] == [replace(u, path="") for u in packed]
        np.testing.assert_array_equal(read_audio(found[0]), read_audio(packed[0]))


def test_lines_of_handwriting_come_back(tmp_path):
    manifest = make_lines(tmp_path / "lines", 3)
    shards(manifest, tmp_path / "packed", PackingOptions())
    prepare(tmp_path / "packed", tmp_path / "out")
    assert [replace(u, path="") for u in listed(tmp_path / "out" / "all.jsonl")] == [
        replace(u, path="") for u in listed(manifest)
    ]


def test_shar_of_lhotse_is_read(tmp_path):
    """Names end at their last dot there, and the cuts beside the tar know the texts."""
    write_tar(tmp_path / "raw/recording.000000.tar", {"a-0.5.flac": sound(), "a-0.5.json": {}, "a-0.7.flac": sound(9)})
    cuts = [{"id": f"a-0.{n}", "supervisions": [{"text": f"text {n}", "speaker": "ann"}]} for n in (5, 7)]
    with gzip.open(tmp_path / "raw/cuts.000000.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(cut) + "\n" for cut in cuts)
    prepare(tmp_path / "raw", tmp_path / "out")
    found = [(u.id, u.text, u.speaker, u.ticks) for u in listed(tmp_path / "out" / "all.jsonl")]
    assert found == [("a-0.5", "text 5", "ann", 8000), ("a-0.7", "text 7", "ann", 9)]


def test_what_is_bad_is_said_and_left_out(tmp_path, capsys):
    files = {"a.flac": sound(), "b.flac": b"no sound", "c.flac": sound(), "c.json": "{torn", "d.flac": sound()}
    files |= {"e.clean.wav": sound(kind="WAV"), "e.noisy.wav": sound(kind="WAV")}
    whole = write_tar(tmp_path / "raw" / "00.tar", files).read_bytes()
    (tmp_path / "raw" / "01.tar").write_bytes(whole[:30_000])
    prepare(tmp_path / "raw", tmp_path / "out")
    assert [u.id for u in listed(tmp_path / "out" / "all.jsonl")] == ["00-a", "00-d", "01-a"]
    said = capsys.readouterr().err
    for message in (
        "cannot be read",
        "c.json: not JSON",
        "--extension",
        "01.tar: the tar is trunc",
    ):
        assert message in said
    with pytest.raises(CorpusError):
        prepare(tmp_path / "raw", tmp_path / "out", "--strict")
    prepare(tmp_path / "raw", tmp_path / "out", "--extension", "clean.wav")
    assert [u.id for u in listed(tmp_path / "out" / "all.jsonl")] == ["e"]


def test_two_samples_of_one_name_in_a_tar_are_not_taken_for_one(tmp_path, capsys):
    files = {"a.flac": sound(), "./a.flac": sound(9000), "b.flac": sound(), "c.txt": "x", "c.flac": sound()}
    write_tar(tmp_path / "raw" / "00.tar", files | {"./c.txt": "y"})
    prepare(tmp_path / "raw", tmp_path / "out")
    assert [u.id for u in listed(tmp_path / "out" / "all.jsonl")] == ["b"]
    said = capsys.readouterr().err
    assert "00.tar: there is a second './a.flac' beside the first" in said
    assert "a second './c.txt' beside" in said


def test_a_folder_without_tars_is_refused(tmp_path):
    with pytest.raises(CorpusError, match=r"no \.tar files in it; give the folder"):
        prepare(tmp_path, tmp_path / "out")


def test_names_and_texts_of_other_systems(tmp_path, capsys):
    """What is not UTF-8, in names or texts, leaves out its sample; ids that are too long are shortened."""
    latin, long = os.fsdecode(b"sch\xf6n"), "a" * 120 + "/" + "b" * 120
    files = {f"{name}.flac": sound() for name in ("good", latin, "text", "json", long)}
    files |= {"good.txt": "\ufeffx\u2028y\r\n", "text.txt": b"fr\xe8re", "json.json": '{"text": "\\ud83d"}'}
    write_tar(tmp_path / "raw" / "x.tar", dict(sorted(files.items())))
    write_tar(tmp_path / "raw" / os.fsdecode(b"\xf6.tar"), {"other.flac": sound()})
    prepare(tmp_path / "raw", tmp_path / "out")
    found, said = listed(tmp_path / "out" / "all.jsonl"), capsys.readouterr().err
    assert {each.id[:5]: each.text for each in found} == {"aaaaa": None, "good": "x\u2028y"}
    assert all(len(each.id.encode()) <= 200 for each in found) and "its name is too long for an id" in said
    assert "text.txt:1: not UTF-8 (byte 0xe8)" in said and "is half a character (U+D83D)" in said
    assert r"the id is 'sch\\xf6n', but ids name files and begin lines: not UTF-8 (byte 0xf6)" in said
    assert r"\\xf6.tar:" in said and said.count("left out: ") == 4
