"""Lists of units while they are written: what others wrote is found, and whatever goes meanwhile does no harm."""

import json
from pathlib import Path

import numpy as np
import pytest

from unitdisc.encodings import Encoding, Encodings, EncodingsError, EncodingsWriter
from unitdisc.encodings.resumable import line_index, sorted_lines
from unitdisc.encodings.resumable.unit_lines import utterance_of
from unitdisc.encodings.resumable.unit_lists import disagreement, finished_lists
from unitdisc.jobs import WHOLE, Shard

SETTINGS = {"point": "bottleneck", "stride": 320, "offset": 160.0}
FIRST, SECOND = Shard(1, 2), Shard(2, 2)


@pytest.fixture(autouse=True, params=["large", "small"])
def memory(request, monkeypatch):
    if request.param == "small":
        monkeypatch.setattr(sorted_lines, "IN_MEMORY", 1)
        monkeypatch.setattr(line_index, "FEWEST", 2)


def write(writer: EncodingsWriter, names: str, code: int = 1) -> None:
    for name in names:
        writer.write(Encoding(name, np.zeros(3), np.full((3, 2), code, np.float32), np.full(3, code)))


def read(folder: Path) -> dict[str, int]:
    """The code of every utterance, which must be that of its frames."""
    found = Encodings.open(folder)
    assert all(each.frames[0, 0] == each.codes[0] for each in found)
    return {each.utterance: int(each.codes[0]) for each in found}


@pytest.mark.parametrize("utterance", ["a", 'a"b', "a\\\\", "é", "\ud800", ', "codes": [1]}'])
@pytest.mark.parametrize("codes", [None, [], [3], [1, 22, 333]])
def test_only_whole_lines_count(utterance, codes):
    for ascii in {True, utterance == "\ud800"}:  # halves of characters cannot be written otherwise
        line = json.dumps({"utterance": utterance, "codes": codes}, ensure_ascii=ascii).encode()
        assert utterance_of(line) == utterance_of(line + b"\r\n") == utterance
        assert [utterance_of(line[:end]) for end in range(len(line))] == [None] * len(line)
        assert [utterance_of(line[:end] + line) for end in range(1, len(line))] == [None] * (len(line) - 1)


@pytest.mark.parametrize(
    "line", [b"[]", b"{}", b'{"utterance": "a"}', b'{"utterance": 1, "codes": []}', b"\xff", b"[" * 9999]
)
def test_other_lines_do_not_count(line):
    assert utterance_of(line) is None


def test_lines_may_look_otherwise():
    assert utterance_of(b'{"codes":[1,2],"utterance":"\xc3\xa9"}\n') == "é"


def test_a_shard_knows_what_others_wrote(tmp_path):
    """A longer corpus is shared in another way, but what was encoded stays."""
    first = EncodingsWriter(tmp_path, SETTINGS, FIRST)
    write(first, "ab", 5)
    first.finish("ab")
    killed = EncodingsWriter(tmp_path, SETTINGS, SECOND)
    write(killed, "cd", 6)
    other = EncodingsWriter(tmp_path, SETTINGS, Shard(1, 3))
    assert [name in other for name in "abcde"] == [True] * 4 + [False]
    write(other, "e", 7)
    other.finish("ace")
    lines = (tmp_path / "units.jsonl.1-of-3").read_text().splitlines()
    assert [(json.loads(line)["utterance"], json.loads(line)["codes"][0]) for line in lines] == list(
        {"a": 5, "c": 6, "e": 7}.items()
    )


def test_what_goes_while_a_shard_is_at_work_is_missed_by_none(tmp_path):
    """A line is taken over when it is found good; one that is gone by then is to be written again."""
    first = EncodingsWriter(tmp_path, SETTINGS, FIRST)
    write(first, "abc", 5)
    first.finish("abc")
    other = EncodingsWriter(tmp_path, SETTINGS, Shard(1, 1 + 2))
    assert "a" in other
    (tmp_path / "units.jsonl.1-of-2").unlink()
    assert "a" in other
    assert "b" not in other
    write(other, "b", 6)
    other.finish("ab")
    assert len((tmp_path / "units.jsonl.1-of-3").read_text().splitlines()) == 2


def test_what_nobody_asked_for_is_kept(tmp_path):
    whole = EncodingsWriter(tmp_path, SETTINGS)
    write(whole, "abcd", 1)
    whole.finish()
    for shard, name, share in ((FIRST, "a", "ac"), (SECOND, "b", "bd")):
        writer = EncodingsWriter(tmp_path, SETTINGS, shard)
        write(writer, name, 2)
        writer.finish(share)
    assert read(tmp_path) == {"a": 2, "b": 2, "c": 1, "d": 1}
    assert sorted(path.name for path in tmp_path.glob("units*")) == ["units.jsonl"]


@pytest.mark.parametrize("shard", [WHOLE, FIRST])
@pytest.mark.parametrize("step", ["add", "save_array"])
def test_new_frames_never_have_old_codes(tmp_path, monkeypatch, shard, step):
    """Whatever was done when a process was killed: what has changed is written again."""
    before = EncodingsWriter(tmp_path, SETTINGS)
    write(before, "ab", 1)
    before.finish()
    source = tmp_path / "source.wav"
    source.touch()  # later than its encoding
    killed = EncodingsWriter(tmp_path, SETTINGS, shard)
    assert not killed.is_current("a", 3, source)

    def done_and_killed(*arguments):
        original(*arguments)
        raise KeyboardInterrupt

    home = killed.units if step == "add" else killed
    original = getattr(home, step)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(home, step, done_and_killed)
        write(killed, "a", 2)
    with pytest.raises(EncodingsError, match=r"run the same|run them again"):
        Encodings.open(tmp_path)
    again = EncodingsWriter(tmp_path, SETTINGS, shard)
    if not again.is_current("a", 3, source):
        write(again, "a", 2)
    assert again.is_current("b", 3, None)
    again.finish(None if shard.is_whole else "ab")
    assert read(tmp_path) == {"a": 2, "b": 1}


def test_names_of_the_same_hash_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(line_index, "hash", lambda name: 7, raising=False)
    first = EncodingsWriter(tmp_path, SETTINGS, FIRST)
    write(first, "ab", 1)
    first.finish("ab")
    again = EncodingsWriter(tmp_path, SETTINGS, FIRST)
    again.save_array(tmp_path / "c.npy", np.zeros((3, 2)))
    assert "c" not in again
    assert "b" in again
    missing = [name for name in "ab" if name not in again]
    write(again, "".join(missing), 1)
    again.finish("ab")
    second = EncodingsWriter(tmp_path, SETTINGS, SECOND)
    write(second, "cd", 2)
    second.finish("cd")
    assert read(tmp_path) == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_a_shard_with_nothing_to_do_leaves_the_list_alone(tmp_path):
    whole = EncodingsWriter(tmp_path, SETTINGS)
    write(whole, "abc")
    whole.finish()
    before = (tmp_path / "units.jsonl").stat()
    shard = EncodingsWriter(tmp_path, SETTINGS, FIRST)
    assert shard.is_current("a", 3, None)
    shard.finish("ac")
    after = (tmp_path / "units.jsonl").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [path.name for path in tmp_path.glob("units*")] == ["units.jsonl"]


def test_a_line_whose_array_is_gone_goes_too(tmp_path):
    whole = EncodingsWriter(tmp_path, SETTINGS)
    write(whole, "abc")
    whole.finish()
    (tmp_path / "a.npy").unlink()
    shard, other = (EncodingsWriter(tmp_path, SETTINGS, shard) for shard in (FIRST, SECOND))
    assert not shard.is_current("a", 3, None)
    shard.finish("ac")  # for its recording is gone, too
    assert read(tmp_path) == {"b": 1, "c": 1}
    assert other.units.part.exists(), "it is at work"
    write(other, "b", 2)
    other.finish("b")
    assert read(tmp_path) == {"b": 2, "c": 1}


def test_a_shard_that_others_remain_of_is_not_forgotten(tmp_path):
    """Its part keeps others from putting lists together, for it may be about to change something."""
    for shard, share in ((FIRST, "a"), (SECOND, "b")):
        writer = EncodingsWriter(tmp_path, SETTINGS, shard)
        write(writer, share)
        writer.finish(share)
    one, other = (EncodingsWriter(tmp_path, SETTINGS, shard) for shard in (FIRST, SECOND))
    assert one.is_current("a", 3, None)
    one.finish("a")  # nothing to do
    write(other, "b", 2)
    with pytest.raises(EncodingsError, match="not finished"):
        Encodings.open(tmp_path)
    other.finish("b")
    assert read(tmp_path) == {"a": 1, "b": 2}


def test_a_list_of_before_does_not_make_up_for_shards_that_disagree(tmp_path):
    """What is nobody's share may be in no list at all."""
    (tmp_path / "units.jsonl.before").touch()
    for index, mark in ((1, "x"), (2, "y")):
        (tmp_path / f"units.jsonl.{index}-of-2").touch()
        (tmp_path / f"units.jsonl.{index}-of-2.of").write_text(mark)
    assert finished_lists(tmp_path) == []
    assert "its 2 shards took shares of different utterances" in disagreement(tmp_path)
    assert disagreement(tmp_path, 3) is None  # those of three are another matter
    (tmp_path / "units.jsonl.2-of-2.of").write_text("x")
    assert [path.name[12:] for path in finished_lists(tmp_path)] == ["before", "1-of-2", "2-of-2"]
    assert disagreement(tmp_path) is None
