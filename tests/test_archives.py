"""Zip files of strangers: damaged, lying or leading elsewhere."""

import zipfile
from pathlib import Path, PurePosixPath

import pytest

from unitdisc.corpus import CorpusError
from unitdisc.prep.archives import Archive, inside

TEXT = PurePosixPath("a/b.txt")


@pytest.fixture
def path(tmp_path) -> Path:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.txt", "aé" * 1000)
        archive.writestr("latin", "é".encode("latin-1"))
        archive.writestr("bomb", bytes(10**7))
    return tmp_path / "x.zip"


def test_members_are_read(path):
    archive = Archive(path)
    assert archive.names == {"a/b.txt", "latin", "bomb"}
    assert archive.text(TEXT, 3000) == "aé" * 1000
    assert archive.read(TEXT, 3000) == ("aé" * 1000).encode()


def test_what_is_wrong_with_a_member_is_named(path):
    archive = Archive(path)
    for name, message in (
        ("a/b", r"x.zip: has no a/b in it; download"),
        ("latin", r"x.zip: latin:1: not UTF-8 \(byte 0xe9\); download"),
        ("bomb", r"x.zip: bomb unpacks to more than 3000 bytes; look"),
    ):
        with pytest.raises(CorpusError, match=message):
            archive.text(PurePosixPath(name), 3000)
    with pytest.raises(CorpusError, match="more than 2999 bytes"):
        archive.read(TEXT, 2999)


def test_a_size_that_lies_does_not_help_a_bomb(path):
    """The directory says 100 bytes of what unpacks to ten million."""
    content = path.read_bytes()
    size = (10**7).to_bytes(4, "little")
    assert content.count(size) == 2
    path.write_bytes(content.replace(size, (100).to_bytes(4, "little")))
    with pytest.raises(CorpusError, match=r"bomb (cannot be unpacked|unpacks to more)"):
        Archive(path).read(PurePosixPath("bomb"), 3000)


def test_damage_is_named(path):
    content = path.read_bytes()
    place = content.index(b"a/b.txt") + 12
    path.write_bytes(content[:place] + b"\xff\xff" + content[place + 2 :])
    with pytest.raises(CorpusError, match=r"a/b.txt cannot be unpacked \(.*\); download the file again"):
        Archive(path).read(TEXT, 3000)
    for broken in (content[:100], b"", b"text"):
        path.write_bytes(broken)
        with pytest.raises(CorpusError, match=r"x.zip: cannot be read as a zip file \(.*\); download it again"):
            Archive(path)


def test_an_encrypted_member_is_named(path):
    content = bytearray(path.read_bytes())
    content[6] |= 1  # of the first member's header, and in the directory:
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=r"a/b.txt cannot be unpacked \(.*encrypted"):
        Archive(path).read(TEXT, 3000)


@pytest.mark.parametrize("name", ["/a", "../a", "a/../../b", "a\\..\\b", "C:/a", "", "a\0b", "//host/a"])
def test_paths_that_lead_out_are_refused(name):
    with pytest.raises(ValueError, match="leads out"):
        inside(name)


def test_paths_that_stay_inside_are_kept():
    assert inside("a/./b..c/d.jpg") == PurePosixPath("a/b..c/d.jpg")
