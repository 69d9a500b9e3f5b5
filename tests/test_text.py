"""Text of other systems: encodings, line ends, tables, names."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import LONGEST_ID, CorpusError, Utterance, id_doubt, is_id, short_name
from unitdisc.corpus.kaldi.ctm import open_ctm
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.encodings import Encoding, Encodings, EncodingsWriter
from unitdisc.encodings.reading import read_codes
from unitdisc.evaluation.abx.items import read_items
from unitdisc.evaluation.formats import read_units
from unitdisc.evaluation.units.term_files import read_alignment
from unitdisc.evaluation.zerospeech.plain_yaml import read_yaml
from unitdisc.files import write_text
from unitdisc.files.text import (
    Lookalikes,
    TextError,
    byte_lines,
    lines_of,
    mark_warning,
    name_fault,
    printable,
    read_csv,
    read_fields,
    read_json,
    read_lines,
    read_text,
    read_tsv,
)
from unitdisc.prep.textgrids import read_textgrid

ROOT = Path(__file__).parent.parent
MARK = b"\xef\xbb\xbf"
ODD = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\x1dh\x1ei\u00a0j"  # what str.splitlines, or str.split, cuts
TEXTS = {  # bytes -> lines
    b"": [],
    b"\n": [""],
    b"a": ["a"],
    b"a\nb": ["a", "b"],
    b"a\r\nb\r\n": ["a", "b"],
    b"a\r\r\nb\n": ["a", "b"],  # converted twice
    b"a\n\r\nb\n\n": ["a", "", "b", ""],
    b"a\rb\rc\r": ["a", "b", "c"],  # of a spreadsheet on a Mac
    b"a\rb\nc\n": ["a\rb", "c"],
    MARK + b"a\nb\n": ["a", "b"],
    MARK + b"a\n" + MARK + b"b\n": ["a", "b"],  # files that were joined
    MARK + b"a\r" + MARK + b"b": ["a", "b"],
    MARK: [""],
    f"{ODD}\nx\n".encode(): [ODD, "x"],
    b"x" * 3_000_000 + b"\ny\n": ["x" * 3_000_000, "y"],
}


@pytest.fixture
def file(tmp_path):
    def write(content: bytes | str, name: str = "t.txt") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def test_only_line_feeds_end_lines(file):
    for content, expected in TEXTS.items():
        path = file(content)
        found = list(read_lines(path))
        assert [line.text for line in found] == expected, content[:40]
        assert [line.number for line in found] == list(range(1, len(expected) + 1))
        assert read_text(path) == "".join(f"{line}\n" for line in expected)
        assert lines_of(content, "x") == found
        assert list(read_lines(path, loose=True)) == found


def test_what_is_no_text_in_utf8_is_named_with_its_line(file):
    for content, what in {
        b"ok\ncaf\xe9\n": r"t\.txt:2: not UTF-8 \(byte 0xe9\); save the file as UTF-8",
        "x\n\u0109u\n".encode("gb18030") + b"\xff": r"t\.txt:\d: not UTF-8 \(byte 0x[89a-f].\)",
        "a’b".encode("cp1252"): r"t\.txt:1: not UTF-8 \(byte 0x92\); save the file as UTF-8",
        b"a\nb\0c\n": r"t\.txt:2: no text, for it has a null byte; save the file as UTF-8",
        "a\n".encode(
            "utf-16-le"
        ): r"t\.txt:1: no text, for it has a null byte; save the file as UTF-8",  # without a mark
        "a\n".encode("utf-16"): r"t\.txt: is UTF-16, not UTF-8; save the file as UTF-8",
        "\ufeffa\n".encode("utf-16-be"): r"t\.txt: is UTF-16",
        "a\n".encode("utf-32"): r"t\.txt: is UTF-32",
    }.items():
        path = file(content)
        with pytest.raises(CorpusError, match=what):
            read_text(path, CorpusError)
    with pytest.raises(TextError, match=r"no\.txt: cannot be read \(No such file or directory\); give it"):
        list(byte_lines(path.with_name("no.txt"), cure="give it"))
    with pytest.raises(CorpusError, match=r"x\.tar: a\.txt:2: not UTF-8 .*; pack it again"):
        lines_of(b"a\n\xe9", "x.tar: a.txt", CorpusError, "pack it again")
    assert [line for _, line in read_lines(file(b"caf\xe9\n\0"), loose=True)] == ["caf\ufffd", "\0"]


def test_utf16_is_read_where_programs_write_it(file):
    for coding in ("utf-16", "utf-32"):
        assert read_text(file("é\u2028x\r\n日\n".encode(coding)), wide=True) == "é\u2028x\n日\n"
    with pytest.raises(TextError, match=r"is UTF-16, but damaged at byte \d"):
        read_text(file(b"\xff\xfe\x00\xd8a\x00"), wide=True)


def test_marks_are_said_once(file):
    assert mark_warning(file(MARK + b"a\n" + MARK + b"b\n")).endswith(
        "t.txt: saved with a byte order mark, which was left out; save the file as UTF-8 without one"
    )
    assert mark_warning(file("a".encode("utf-16"))) is not None
    assert mark_warning(file(b"a" + MARK)) is None


def test_json_and_fields(file):
    assert read_json(file(MARK + b'{"a": "\xe2\x80\xa8"}')) == {"a": "\u2028"}
    for content in (b'{"a": "\xe9"}', b"{", '{"a": 1}'.encode("utf-16")):
        with pytest.raises(ValueError):
            read_json(file(content))
    assert list(read_fields(file("a  b\u00a0c\t\n\n \td\n"))) == [(1, ["a", "b\u00a0c"]), (3, ["d"])]


ROWS = [(2, {"image": "0.png", "text": "In the", "writer": "ann"})]
TABLES = {  # what spreadsheets and people write
    "plain": "image,text,writer\n0.png,In the,ann\n",
    "mark, Windows": "\ufeffimage,text,writer\r\n0.png,In the,ann\r\n",
    "Mac": "image,text,writer\r0.png,In the,ann\r",
    "semicolons": "image;text;writer\n0.png;In the;ann\n",
    "tabs": "image\ttext\twriter\n0.png\tIn the\tann\n",
    "capitals and blanks": " Image , TEXT,Writer\n 0.png ,In the , ann\u00a0\n",
    "empty columns": "image,text,writer,,\n0.png,In the,ann,,\n",
    "all quoted": '"image","text","writer"\n"0.png","In the","ann"\n',
    "quoted semicolons": '"image";"text";"writer"\n"0.png";"In the";"ann"\n',
    "no line end": "image,text,writer\n0.png,In the,ann",
    "UTF-16": "image,text,writer\n0.png,In the,ann\n".encode("utf-16"),
}
WRONG_TABLES = {
    "": r"lines\.csv:1: has no columns \['image'\]",
    "a,b\n": r"lines\.csv:1: has no columns \['image'\]; its first line must name them, with commas between",
    "image,text,Text \n": r"lines\.csv:1: names the column 'text' twice",
    "image,text\na,b\nc\n": r"lines\.csv:3: has too few columns; there must be 2",
    "image,text\na,b,c\n": r"lines\.csv:2: has more columns than the first line names",
    'image,text\na,b\nc,"tis\nd,"e"\n': r"lines\.csv:3: a quotation mark opens a cell here and does not close it",
    'image,text\na,"two\nlines"\n': r"lines\.csv:2: a quotation mark opens a cell",
    'image,text\na,"b"c\n': r"lines\.csv:2: a cell goes on after the quotation mark that closes it",
    "image,text\na,b\rc\n": r"lines\.csv:2: is not of comma-separated values \(new-line character",
    "image,text\na,%s\n" % ("x" * 200_000): r"lines\.csv:2: is not of comma-separated values \(field larger",
}


def test_tables_of_comma_separated_values(file):
    for name, content in TABLES.items():
        assert list(read_csv(file(content, "lines.csv"), ["image"])) == ROWS, name
    for content, what in WRONG_TABLES.items():
        with pytest.raises(CorpusError, match=what):
            list(read_csv(file(content, "lines.csv"), ["image"], CorpusError))
    odd = list(read_csv(file('sep=;\nimage;text\n\na;and "the" word\nb;"say ""a;b"""\nc;x\u2028y\x0bz\n'), ["image"]))
    assert [(row.line, row.cells["text"]) for row in odd] == [
        (4, 'and "the" word'),
        (5, 'say "a;b"'),
        (6, "x\u2028y\x0bz"),
    ]


def test_tables_with_tabs(file):
    found = list(read_tsv(file('utt\tTEXT\n\na\t"tis\nb\tx,"y\u2028z"\t\n'), ["utt", "text"]))
    assert [(line, *cells.values()) for line, cells in found] == [(3, "a", '"tis'), (4, "b", 'x,"y\u2028z"')]
    for content, what in {
        "utt\ta\n1\n": "t.txt:2: has too few columns; there must be 2",
        "utt\ta\n1\t2\t3\n": "t.txt:2: has more columns",
        "a\tb\n": r"t.txt:1: has no columns \['utt'\]; its first line must name them, with tabs between",
        "utt\tutt\n": "t.txt:1: names the column 'utt' twice",
        b"utt\nfr\xe8re\n": r"t.txt:2: not UTF-8 \(byte 0xe8\)",
    }.items():
        with pytest.raises(CorpusError, match=what):
            list(read_tsv(file(content), ["utt"], CorpusError))


def test_names_that_look_alike_are_told_apart():
    names = Lookalikes(["caf\u00e9", "a\u00a0", "b"])
    assert "they differ only in how accents are encoded" in names.hint("cafe\u0301")
    assert names.hint("a\ufeff") == r" (there is 'a\xa0': they differ only in what cannot be seen)"
    assert names.hint("b") == names.hint("c") == ""


def test_what_can_be_an_id():
    for name in ("a", "é", "a.b-c_d", "語" * 66, "x" * LONGEST_ID, "a\u200cb"):
        assert is_id(name), name
    for name in ("\ufeffa", "a\x07", "a\x7f", "a\x85", "a\u00a0", "\udce9", "語" * 67, "x" * 201, "a b", ""):
        assert not is_id(name), name
    assert [name for name in ("-a", ".a", "a:b", "a\\b", "a.", "a*", "a.b-c", "é") if id_doubt(name)] == [
        *("-a", ".a", "a:b", "a\\b", "a.", "a*")
    ]


def test_long_names_are_shortened_each_in_its_own_way():
    long, other = "語" * 120, "語" * 121
    assert short_name("語" * 66) == "語" * 66
    assert is_id(short_name(long)) and short_name(long) == short_name(long) != short_name(other)
    assert len(short_name(long, 60).encode()) <= 60 and short_name(long, 60).startswith("語" * 15)
    assert short_name("\udce9" * 300) != short_name("\udce9" * 301)


def test_a_file_may_have_the_longest_name_there_is(tmp_path):
    for name in ("x" * 251 + ".npy", "語" * 83 + ".npy", "a"):
        write_text(tmp_path / name, "text")
        assert (tmp_path / name).read_text() == "text"
    assert len(list(tmp_path.iterdir())) == 3


def test_names_that_are_not_utf8(tmp_path):
    name = os.fsdecode(b"caf\xe9")
    assert name_fault(name) == "not UTF-8 (byte 0xe9)" and printable(name) == r"caf\xe9"
    assert name_fault("\ud83d") == "half a character (U+D83D)" and printable("\ud83d") == r"\ud83d"
    assert name_fault("café") is None and printable("café") == "café"
    good = {"id": "a", "path": "a.wav", "speaker": None, "ticks": 5}
    for field, value in {"path": name, "speaker": name, "text": "\ud83d"}.items():
        with pytest.raises(CorpusError, match=f"a: the {field} .* is (not UTF-8|half a character)"):
            Utterance(**{**good, field: value})
        (tmp_path / "m.jsonl").write_text(json.dumps({**good, field: value}) + "\n")
        with pytest.raises(CorpusError, match=rf"m\.jsonl:1: not an utterance: a: the {field}"):
            list(read_manifest(tmp_path / "m.jsonl"))


def test_manifests_hold_any_text(tmp_path):
    path = tmp_path / "m.jsonl"
    listed = [Utterance(f"{n}", str(tmp_path / "a.wav"), ODD, 5, 8000, text=ODD) for n in range(3)]
    write_manifest(path, listed)
    content = path.read_bytes()
    for changed in (content, MARK + content, content.replace(b"\n", b"\r\n"), MARK + content + MARK):
        path.write_bytes(changed)
        assert list(read_manifest(path)) == listed


def test_output_that_cannot_be_shown_is_escaped():
    code = "from unitdisc.files.text import escape_output; escape_output(); print('caf\\xe9 \\udce9')"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert said.stdout.strip() == rb"caf\xe9 \udce9"
    assert isinstance(sys.stdout, io.TextIOBase)


def test_every_reader_keeps_lines_and_fields_whole(file):
    """U+2028, U+0085 and the like are text, whoever reads it; a byte order mark is none."""
    odd = "a\u2028b\x85c\u00a0d"
    units = "".join(json.dumps({"id": id, "text": odd, "codes": [1]}, ensure_ascii=False) + "\n" for id in "ab")
    found = read_units(file(f"\ufeff{units}", "u.jsonl"))
    assert {id: entry.codes for id, entry in found.entries.items()} == {"a": [1], "b": [1]}
    folder = file(units.replace('"id"', '"utterance"'), "units.jsonl")
    assert {id: list(codes) for id, codes in read_codes(folder).items()} == {"a": [1], "b": [1]}
    heading = "#file onset offset #phone prev-phone next-phone speaker\n"
    items = read_items(file(f"\ufeff{heading}f 0 1 {odd} x y s\r\n"), 100)
    assert [(item.label, item.speaker, item.context) for item in items] == [(odd, "s", ("x", "y"))]
    assert read_alignment(file(f"\ufefff 0 1 {odd}\n"))["f"].labels == [odd]
    ctm = open_ctm(file(f"\ufefff 1 0 1 {odd} 0.9\nf 1 1 1 b\n"))
    assert [timed.label for timed in ctm.timed["f"]] == [odd, "b"] and len(ctm.problems) == 1
    assert read_yaml(file(f'\ufeffa: "{odd}"\nb: 1\n')) == {"a": odd, "b": 1}
    grid = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n1\n<exists>\n1\n"IntervalTier"\n"phones"\n'
    for coding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-be"):
        mark = "\ufeff" if coding == "utf-16-be" else ""
        content = f'{mark}{grid}0\n1\n1\n0\n1\n"{odd}"\n'.replace("\n", "\r\n")
        labels = [label for _, _, label in read_textgrid(file(content.encode(coding), "a.TextGrid"))["phone"]]
        assert labels == [" ".join(odd.split())], coding
    with pytest.raises(CorpusError, match=r"a\.TextGrid:1[0-9]: not UTF-8 \(byte 0xe9\)"):
        read_textgrid(file(f'{grid}0\n1\n1\n0\n1\n"é"\n'.encode("latin-1"), "a.TextGrid"))


def test_encodings_of_the_longest_id(tmp_path):
    name = "語" * 66 + "ab"
    writer = EncodingsWriter(tmp_path, {"stride": 10.0, "offset": 5.0})
    writer.write(Encoding(name, np.array([1.0, 7.0]), np.zeros((2, 3)), np.array([1, 2])), regular=False)
    writer.finish()
    assert is_id(name) and Encodings.open(tmp_path)[name].codes.tolist() == [1, 2]
