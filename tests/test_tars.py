"""Tars are read where files lie in them; what is cut off, hostile or no file is refused by name."""

import io
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import record

from unitdisc.corpus import Utterance
from unitdisc.media.audio import audio_info, read_audio
from unitdisc.media.image import ImageError, image_info, read_image, write_image
from unitdisc.media.open import AudioError
from unitdisc.media.tars import TarError, TarSample, members, open_member, read_member, samples, split_name

LONG = "é" * 70 + "x" * 90


@pytest.fixture
def files(tmp_path) -> dict[str, bytes]:
    record(tmp_path / "a.wav", 4000, 0)
    record(tmp_path / "b.flac", 9000, 1)
    write_image(tmp_path / "c.png", np.random.default_rng(0).random((40, 16)))
    found = {name: (tmp_path / name).read_bytes() for name in ("a.wav", "b.flac", "c.png")}
    return {**found, "a.json": b"{}", f"{LONG}.txt": b"long", "empty.txt": b""}


def write_tar(path: Path, files: dict[str, bytes], kind: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=kind) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def offsets(path: Path) -> dict[str, int]:
    return {member.name: member.offset for member in members(path)}


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_every_file_is_found_where_it_lies(files, tmp_path, kind):
    path = write_tar(tmp_path / "x.tar", files, kind)
    found = list(members(path))
    assert {member.name: read_member(path, member, 1 << 20) for member in found} == files
    whole = path.read_bytes()
    assert all(whole[member.offset : member.offset + member.size] == files[member.name] for member in found)


def test_tars_of_the_system_are_read(files, tmp_path):
    (tmp_path / "raw" / "sub").mkdir(parents=True)
    for name, content in files.items():
        (tmp_path / "raw" / "sub" / name).write_bytes(content)
    (tmp_path / "raw" / "sub" / "link.wav").symlink_to("a.wav")
    subprocess.run(["tar", "cf", tmp_path / "x.tar", "-C", tmp_path / "raw", "."], check=True)
    found = {member.name: read_member(tmp_path / "x.tar", member, 1 << 20) for member in members(tmp_path / "x.tar")}
    assert found == {f"./sub/{name}": content for name, content in files.items()}


@pytest.mark.parametrize(
    "name,expected",
    [
        ("a.flac", ("a", "flac")),
        ("./train/a.flac", ("train/a", "flac")),
        ("a.seg.JSON", ("a", "seg.json")),
        ("dir.x/a.txt", ("dir.x/a", "txt")),
        ("README", ("", "")),
        (".hidden", ("", "")),
    ],
)
def test_names_are_split_as_webdataset_splits_them(name, expected):
    assert split_name(name) == expected


def test_neighbours_of_one_name_are_a_sample(files, tmp_path):
    names = ["a.json", "a.wav", "b.flac"]
    found = list(samples(write_tar(tmp_path / "x.tar", {name: files[name] for name in names})))
    assert [(sample.key, list(sample.members)) for sample in found] == [("a", ["json", "wav"]), ("b", ["flac"])]
    assert isinstance(found[0], TarSample)


def test_a_file_that_comes_again_is_told(files, tmp_path):
    names = {"a.json": "a.json", "a.wav": "a.wav", "./a.wav": "a.wav", "b.wav": "a.wav"}
    found = list(samples(write_tar(tmp_path / "x.tar", {name: files[file] for name, file in names.items()})))
    assert [(sample.key, list(sample.members), sample.again) for sample in found] == [
        ("a", ["json", "wav"], ("./a.wav",)),
        ("b", ["wav"], ()),
    ]


def test_a_recording_in_a_tar_sounds_like_the_file(files, tmp_path):
    path = write_tar(tmp_path / "x.tar", files)
    for name in ("a.wav", "b.flac"):
        place = f"{path}:{offsets(path)[name]}"
        ticks, rate = audio_info(tmp_path / name)
        assert audio_info(place) == (ticks, rate)
        loose, packed = (Utterance("u", str(where), None, 2000, rate, start=900) for where in (tmp_path / name, place))
        np.testing.assert_array_equal(read_audio(packed), read_audio(loose))


def test_large_files_are_read_in_pieces(files, tmp_path, monkeypatch):
    path = write_tar(tmp_path / "x.tar", files)
    place = f"{path}:{offsets(path)['b.flac']}"
    at_once = read_audio(Utterance("u", place, None, 9000, 16_000))
    monkeypatch.setattr("unitdisc.media.tars.AT_ONCE", 0)
    np.testing.assert_array_equal(read_audio(Utterance("u", place, None, 9000, 16_000)), at_once)


def test_an_image_in_a_tar_looks_like_the_file(files, tmp_path):
    path = write_tar(tmp_path / "x.tar", files)
    place = f"{path}:{offsets(path)['c.png']}"
    assert image_info(place) == (40, 16)
    np.testing.assert_array_equal(read_image(place), read_image(tmp_path / "c.png"))


def test_a_file_of_that_very_name_comes_first(files, tmp_path):
    soundfile.write(tmp_path / "x.tar:512", np.random.default_rng(0).random(100), 8000, format="WAV")
    assert audio_info(tmp_path / "x.tar:512") == (100, 8000)


def faulty(path: Path, offset: int) -> str:
    with pytest.raises(TarError) as caught, open_member(f"{path}:{offset}"):
        pass
    return str(caught.value)


def test_offsets_where_nothing_begins_are_refused(files, tmp_path):
    path = write_tar(tmp_path / "x.tar", files)
    for offset in (0, 1, 100, 511, 513, 1024, 1 << 40, 10**18 - 1):
        assert "no file begins at byte" in faulty(path, offset)
    assert "'empty.txt' is empty" in faulty(path, offsets(path)["empty.txt"])
    for error, read in ((AudioError, audio_info), (ImageError, image_info)):
        with pytest.raises(error, match=r"x\.tar:1024: no file begins"):
            read(f"{path}:1024")


def test_links_devices_and_folders_are_no_files(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"kind{kind.decode()}.wav")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    assert list(members(tmp_path / "x.tar")) == []
    assert [("no file but a link" in faulty(tmp_path / "x.tar", 512 * place)) for place in range(1, 6)] == [True] * 5


def test_a_tar_that_is_cut_off_anywhere_is_noticed(files, tmp_path):
    """But for the zeros that only fill up its last record."""
    whole = write_tar(tmp_path / "x.tar", {"a.wav": files["a.wav"], "b.json": b"{}" * 400}).read_bytes()
    data_end = len(whole.rstrip(b"\0"))
    cut = tmp_path / "cut.tar"
    for length in {1, 300, 512, 513, 2000, data_end - 1000, data_end - 1, data_end, 512 * -(-data_end // 512)}:
        cut.write_bytes(whole[:length])
        with pytest.raises(TarError, match=r"cut\.tar: .*(truncated|damaged).*; copy it again"):
            list(members(cut))
    cut.write_bytes(whole[:3000])
    with pytest.raises(TarError) as said:
        list(members(cut))
    assert str(said.value).count("cut.tar") == str(said.value).count("copy it again") == 1
    assert "truncated: the last" in faulty(cut, 512)
    cut.write_bytes(b"")
    assert "is empty" in faulty(cut, 512)
    assert "no such file" in faulty(tmp_path / "gone.tar", 512)


def test_a_damaged_header_is_not_taken_for_the_end(files, tmp_path):
    path = write_tar(tmp_path / "x.tar", {"a.json": b"{}", "b.json": b"{}"})
    content = bytearray(path.read_bytes())
    content[1024 + 148] ^= 1  # the checksum of the second header
    path.write_bytes(content)
    with pytest.raises(TarError, match="damaged at byte 1024"):
        list(members(path))
    assert "no file begins" in faulty(path, 1024 + 512)


def test_sizes_that_a_header_makes_up_are_refused(files, tmp_path):
    info = tarfile.TarInfo("a.wav")
    info.size = 1 << 50
    (tmp_path / "x.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + b"RIFF" * 1000)
    assert "truncated" in faulty(tmp_path / "x.tar", 512)
    with pytest.raises(TarError, match="truncated"):
        list(members(tmp_path / "x.tar"))


@pytest.mark.parametrize("kind,tool", [("gz", "gunzip"), ("bz2", "bunzip2"), ("xz", "unxz")])
def test_compressed_tars_are_refused_with_the_cure(tmp_path, kind, tool):
    with tarfile.open(tmp_path / "x.tar", f"w:{kind}") as tar:
        tar.addfile(tarfile.TarInfo("a.wav"))
    with pytest.raises(TarError, match=f"compressed.*`{tool}`"):
        list(members(tmp_path / "x.tar"))
    assert tool in faulty(tmp_path / "x.tar", 512)


def test_texts_that_are_too_long_are_not_read(files, tmp_path):
    path = write_tar(tmp_path / "x.tar", files)
    with pytest.raises(TarError, match="more than the 100"):
        read_member(path, next(members(path)), 100)
