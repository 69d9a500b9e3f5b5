"""Shortcuts for files that are as most are read what the long way reads, and leave all else to it."""

import io

import numpy as np
import pytest

from unitdisc.evaluation.abx import item_frames, read_items
from unitdisc.files.arrays import read_array, read_plain
from unitdisc.files.text import TextError, all_lines, read_lines

MATRIX = np.arange(12, dtype=np.float32).reshape(4, 3)


def as_version_two(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=(2, 0))
    return file.getvalue()


def saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["<f4", "<f8", "<f2", "<i8", "<u4"])
def test_a_plain_array_is_read_as_numpy_reads_it(kind, tmp_path):
    np.save(tmp_path / "a.npy", MATRIX.astype(kind))
    found = read_plain(tmp_path / "a.npy")
    assert found.dtype == kind and found.flags.writeable
    np.testing.assert_array_equal(found, np.load(tmp_path / "a.npy"))


OTHERS = {
    "columns first": np.asfortranarray(MATRIX),
    "one dimension": MATRIX[0],
    "three": MATRIX[None],
    "big endian": MATRIX.astype(">f4"),
    "truth": MATRIX > 2,
    "empty": MATRIX[:0],
}


@pytest.mark.parametrize("other", OTHERS)
def test_other_arrays_are_left_to_numpy(other, tmp_path):
    np.save(tmp_path / "a.npy", OTHERS[other])
    assert read_plain(tmp_path / "a.npy") is None
    np.testing.assert_array_equal(read_array(tmp_path / "a.npy"), OTHERS[other])


def test_damaged_arrays_and_later_versions_are_left_to_numpy(tmp_path):
    for content in (as_version_two(MATRIX), saved(MATRIX)[:-1], saved(MATRIX)[:90], b"", b"PK\3\4" + bytes(200)):
        (tmp_path / "a.npy").write_bytes(content)
        assert read_plain(tmp_path / "a.npy") is None


TEXTS = [
    b"",
    b"a b\n\nc\n",
    b"a\nb",
    b"a\r\nb\r\n",
    b"a\rb",
    b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n",
    "ä\u2028b\x0bc\n".encode(),
]


@pytest.mark.parametrize("text", TEXTS)
def test_all_lines_are_those_that_are_read_one_by_one(text, tmp_path):
    (tmp_path / "a.txt").write_bytes(text)
    assert all_lines(tmp_path / "a.txt") == [line.text for line in read_lines(tmp_path / "a.txt")]


@pytest.mark.parametrize(
    "text, told", [(b"a\n\xff\n", ":2: not UTF-8"), (b"a\n\0\n", ":2: no text"), (b"\xff\xfea\0", "16")]
)
def test_a_line_that_is_no_text_is_named(text, told, tmp_path):
    (tmp_path / "a.txt").write_bytes(text)
    with pytest.raises(TextError, match=told):
        all_lines(tmp_path / "a.txt")


@pytest.mark.parametrize("other", ["\t", "  ", " \t"])
def test_items_between_other_blanks_are_the_same(other, tmp_path):
    lines = ["#file onset offset #phone prev-phone next-phone speaker"]
    lines += [f"u{i % 3} {i}.25 {i}.5 {'ab'[i % 2]} x y s{i % 2} {'more'}" for i in range(6)]
    (tmp_path / "plain.item").write_text("\n".join(lines) + "\n")
    (tmp_path / "other.item").write_text("\n\n".join(line.replace(" ", other, 3) for line in lines))
    plain, blank = (list(read_items(tmp_path / name, 16_000)) for name in ("plain.item", "other.item"))
    assert plain == blank and len(plain) == 6
    (tmp_path / "other.item").write_text("\n".join([lines[0], *(line.replace(" ", other, 3) for line in lines[1:])]))
    assert list(read_items(tmp_path / "other.item", 16_000)) == plain
    (tmp_path / "other.item").write_text("\n\n".join(line.replace(" ", other, 3) for line in lines))
    assert read_items(tmp_path / "other.item", 16_000).lines.tolist() == [3, 5, 7, 9, 11, 13]


@pytest.mark.parametrize("expected", [0, 5, 260, 300])
def test_a_shelf_holds_what_was_put_on_it(expected, monkeypatch):
    monkeypatch.setattr(item_frames, "PIECE", 100 * 3 * 4)  # of a hundred frames
    shelf = item_frames.Shelf(3, expected)
    pieces = [np.random.default_rng(0).random((count, 3), np.float32) for count in (70, 0, 190)]
    for row, piece in enumerate(pieces):
        shelf.add(piece, np.full(len(piece), row == 2), np.array([row]), np.array([0]))
    assert shelf.bytes == 260 * 3 * 4
    stock = shelf.joined()
    np.testing.assert_array_equal(stock.frames, np.concatenate(pieces))
    assert (stock.first.tolist(), stock.nulls.sum()) == ([0, 70, 70], 190)
