"""Manifests in and out: what is written is read back, and whatever is wrong is named."""

import json
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.manifest import locator, read_manifest, write_manifest


@pytest.fixture
def manifest(tmp_path):
    """Writes lines (objects or bytes) as a manifest."""

    def write(*lines) -> Path:
        path = tmp_path / "corpus.jsonl"
        encoded = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        path.write_bytes(b"\n".join(encoded) + b"\n")
        return path

    return write


def line(**changes) -> dict:
    return {"id": "a", "path": "a.wav", "speaker": "s", "ticks": 100, "rate": 16000} | changes


def rich(folder: Path) -> list[Utterance]:
    alignment = {"phone": [Interval(0, 10, "a"), Interval(10, 30, "ʃ")], "word": [Interval(5, 30, "ash")]}
    return [
        Utterance(
            "a", str(folder / "wav" / "a.wav"), "s1", 100, 16000, 7, "f", "one\u2028line \x85 of text", alignment
        ),
        Utterance("b", str(folder / "b.ark:15"), None, 0),
        Utterance("c", "sph2pipe -f wav c.sph |", "s2", 50, 8000),
        Utterance("é", str(folder.parent / "elsewhere.png"), "writer", 3),
    ]


def test_what_is_written_is_read_back(tmp_path):
    write_manifest(tmp_path / "corpus.jsonl", reversed(rich(tmp_path)))
    assert list(read_manifest(tmp_path / "corpus.jsonl")) == rich(tmp_path)


def test_a_manifest_moves_with_its_recordings(tmp_path):
    (tmp_path / "old").mkdir()
    write_manifest(tmp_path / "old" / "corpus.jsonl", rich(tmp_path / "old"))
    (tmp_path / "old").rename(tmp_path / "new")
    assert list(read_manifest(tmp_path / "new" / "corpus.jsonl")) == rich(tmp_path / "new")


def test_writing_twice_gives_the_same_bytes(tmp_path):
    for name in ("one.jsonl", "two.jsonl"):
        write_manifest(tmp_path / name, rich(tmp_path))
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.jsonl", "two.jsonl"]


def test_two_utterances_cannot_share_an_id(manifest, tmp_path):
    with pytest.raises(CorpusError, match=r"corpus.jsonl:4: the id 'a' is already on line 1; give each"):
        list(read_manifest(manifest(line(), b"", line(id="b"), line())))
    with pytest.raises(CorpusError, match=r"corpus.jsonl:2: the id 'a' is already on line 1; give each"):
        list(read_manifest(manifest(line(), line())))
    with pytest.raises(CorpusError, match="two utterances are called 'a'"):
        write_manifest(tmp_path / "other.jsonl", [Utterance("a", "x.wav", None, 1), Utterance("a", "y.wav", None, 1)])
    assert not (tmp_path / "other.jsonl").exists()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (b"{", "Expecting property name"),
        (b"[]", "must be an object"),
        (b'{"id": "\xff"}', r"not UTF-8 \(byte 0xff\)"),
        ({"id": "a", "path": "a.wav"}, "lacks 'ticks'"),
        (line(ticks="100"), "ticks is '100', but must be int"),
        (line(ticks=1.5), "ticks is 1.5, but must be int"),
        (line(height=True), "height is True, but must be int"),
        (line(ticks=None), "ticks is None, but must be int"),
        (line(speaker=7), "speaker is 7, but must be str"),
        (line(speakers="s"), "has no field 'speakers': the fields are"),
        (line(id="../a"), "no slashes"),
        (line(id="a b"), "no spaces"),
        (line(id=""), "the id is ''"),
        (line(start=-1), "nothing can be negative"),
        (line(ticks=-1), "nothing can be negative"),
        (line(rate=0), "a rate must be positive"),
        (line(alignment={"phone": [[0, 10]]}), r"phone interval \[0, 10\] must be \[start, end, label\]"),
        (line(alignment={"phone": [[0, 1.5, "a"]]}), "in whole ticks"),
        (line(alignment={"phone": 3}), "phone must be a list"),
        (line(alignment={"phone": [[0, 101, "a"]]}), "end by 100"),
        (line(alignment={"phone": [[5, 5, "a"]]}), "not be empty"),
        (
            line(alignment={"phone": [[0, 9, "a"], [8, 12, "b"]]}),
            r"phone interval 'b' is \[8, 12\), but must start at 9",
        ),
    ],
)
def test_a_wrong_line_is_named(manifest, wrong, says):
    with pytest.raises(CorpusError, match=rf"corpus.jsonl:2: not an utterance: .*{says}"):
        list(read_manifest(manifest(line(id="z"), wrong)))


HALVES = {  # lines that would be right together
    "an object over two lines": [b'{"id": "x", "path": "p", "ticks": 1', b'"rate": 8000}'],
    "a string over two lines": [b'{"id": "x", "path": "p", "ticks": 1, "text": "}', b'{"}'],
    "a list over two lines": [b'{"id": "x", "path": "p", "ticks": 1, "alignment": {"t": [{}', b"{}]}}"],
    "two objects on a line": [b'{"id": "x", "path": "p", "ticks": 1}, {"id": "y", "path": "p", "ticks": 1}'],
    "a line too many and one too few": [
        b'{"id": "x", "path": "p", "ticks": 1}, {"id": "y", "path": "p", "ticks": 1}',
        b'{"id": "z", "path": "p", "ticks": 1, "text": "}',
        b'{"}',
    ],
    "a line too many and an object over two": [
        b'{"id": "x", "path": "p", "ticks": 1}, {"id": "y", "path": "p", "ticks": 1}',
        b'{"id": "z", "path": "p", "ticks": 1',
        b'"rate": 8000}',
    ],
    "nested too deep": [b'{"id": "x", "path": "p", "ticks": 1, "text": ' + b"[" * 100_000 + b"}"],
}


@pytest.mark.parametrize("halves", HALVES.values(), ids=HALVES)
def test_no_line_hides_behind_another(manifest, halves):
    before = [line(id=f"a{number}") for number in range(5)]
    utterances = read_manifest(manifest(*before, *halves))
    assert [next(utterances).id for _ in before] == ["a0", "a1", "a2", "a3", "a4"]
    with pytest.raises((CorpusError, RecursionError), match=r"corpus\.jsonl:6: not an utterance|recursion"):
        next(utterances)


def test_many_lines_are_read_as_each_would_be(manifest, tmp_path):
    """Whether they are parsed together or, because of one that ends otherwise, apart."""
    lines = [line(id=f"u{i:03d}", path=f"./wav//{i}.wav", text="a}\n{b", gender=None) for i in range(200)]
    together = list(read_manifest(manifest(*lines)))
    apart = list(read_manifest(manifest(*(json.dumps(each).encode() + b" " for each in lines))))
    assert together == apart
    assert together[7] == Utterance("u007", str(tmp_path / "wav/7.wav"), "s", 100, 16000, text="a}\n{b")


def test_a_field_that_is_there_twice_is_an_error(manifest):
    twice = json.dumps(line(id="b"))[:-1].encode() + b', "speaker": "t"}'
    with pytest.raises(CorpusError, match=r"corpus\.jsonl:2: not an utterance: has 'speaker' twice"):
        list(read_manifest(manifest(line(), twice)))


PATHS = ["a.wav", "w/a.wav", "/w/a.wav", "./a.wav", "w/./a.wav", "w//a.wav", "//w/a", "../a.wav", "w/../a.wav", "w/"]
PATHS += [".a", ".", "", "w/.", "w/.a", "...", "a|b", "/", "a b.wav"]


@pytest.mark.parametrize("home", ["/data", "data", ".", "/", "../x"])
@pytest.mark.parametrize("path", PATHS)
def test_paths_are_those_of_pathlib(home, path):
    assert locator(Path(home))(path) == str(Path(home) / path)


def test_ids_in_any_order_are_told_apart(manifest):
    ids = [f"u{number}" for number in np.random.default_rng(0).permutation(300)]
    assert [u.id for u in read_manifest(manifest(*(line(id=id) for id in ids)))] == ids
    again = manifest(*(line(id=id) for id in [*ids[:250], ids[17]]))
    with pytest.raises(CorpusError, match=rf"corpus.jsonl:251: the id '{ids[17]}' is already on line 18; give each"):
        list(read_manifest(again))


def test_a_manifest_that_is_missing_or_empty_is_an_error(tmp_path, manifest):
    with pytest.raises(CorpusError, match=r"nothing.jsonl: cannot be read \(No such file"):
        list(read_manifest(tmp_path / "nothing.jsonl"))
    with pytest.raises(CorpusError, match="no utterances in it"):
        list(read_manifest(manifest(b"")))


def test_reading_is_lazy(manifest):
    utterances = read_manifest(manifest(line(), b"{"))
    assert next(utterances).id == "a"
