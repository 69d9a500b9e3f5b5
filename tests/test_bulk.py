"""Reading a manifest column by column finds what reading it line by line finds, right or wrong."""

import json
import random
from dataclasses import replace

import pytest

from unitdisc.corpus import CorpusError
from unitdisc.corpus import manifest_columns as bulk
from unitdisc.corpus.manifest import read_manifest
from unitdisc.corpus.table import UtteranceTable

AT_ONCE = 16  # lines, so that few are several times as many
PLAIN = {"id": "a", "path": "wav/a.wav", "speaker": "s", "ticks": 100, "rate": 8000, "start": 0}
GOOD = {
    "nothing but what is needed": {"id": "b", "path": "b.wav", "ticks": 0},
    "nulls": {**PLAIN, "speaker": None, "gender": None, "text": None, "rate": None, "height": None},
    "another order": dict(reversed(PLAIN.items())),
    "a line image": {"id": "b", "path": "b.png", "ticks": 5, "height": 32},
    "an alignment": {**PLAIN, "alignment": {"phone": [[0, 5, "x"], [5, 100, "y"]], "word": []}},
    "a text": {**PLAIN, "text": "a b", "gender": "f"},
    "a large number": {**PLAIN, "ticks": 2**70},
    "accents": {**PLAIN, "id": "\u00e9", "path": "\u00e9.wav", "speaker": "\u00e9"},
    **{
        f"the path {path!r}": {**PLAIN, "path": path}
        for path in ("/a/b.wav", "./a.wav", "a/../b", "a//b", "a/", "x.", "")
    },
    **{
        f"the path {path!r}": {**PLAIN, "path": path}
        for path in ("cat a.wav |", "a|b.wav", "x.ark:12", "a\nb", ".", "a/.")
    },
}
BAD = {
    "an id with a space": {**PLAIN, "id": "a b"},
    "an id with a space of another kind": {**PLAIN, "id": "a\u2003b"},
    "an id with a slash": {**PLAIN, "id": "a/b"},
    "an id with a slash at its end": {**PLAIN, "id": "a/"},
    "an id with a zero": {**PLAIN, "id": "a\0b"},
    "an id of half a character": {**PLAIN, "id": "\ud800"},
    "an id with a byte order mark": {**PLAIN, "id": "\ufeffa"},
    "an id with a control character": {**PLAIN, "id": "a\x07b"},
    "an id of 201 bytes": {**PLAIN, "id": 67 * "\u8a9e"},
    "a long id": {**PLAIN, "id": 201 * "a"},
    "a path that is not UTF-8": {**PLAIN, "path": "caf\udce9.wav"},
    "a text with half a character": {**PLAIN, "text": "\ud83d"},
    "a label with half a character": {**PLAIN, "alignment": {"phone": [[0, 5, "\ud83d"]]}},
    "an empty id": {**PLAIN, "id": ""},
    "no ticks": {"id": "a", "path": "a.wav"},
    "a field nobody knows": {**PLAIN, "colour": "red"},
    "a start that is null": {**PLAIN, "start": None},
    "an alignment that is null": {**PLAIN, "alignment": None},
    "ticks that are true": {**PLAIN, "ticks": True},
    "ticks below zero": {**PLAIN, "ticks": -1},
    "a start below zero": {**PLAIN, "start": -1},
    "a rate of zero": {**PLAIN, "rate": 0},
    "a height of zero": {**PLAIN, "rate": None, "height": 0},
    "height and rate": {**PLAIN, "height": 5},
    "an interval beyond the end": {**PLAIN, "alignment": {"phone": [[0, 101, "x"]]}},
    "an interval of strings": {**PLAIN, "alignment": {"phone": [["0", 1, "x"]]}},
    "a tier that is none": {**PLAIN, "alignment": {"phone": 5}},
    "a list": [1, 2],
    "a string": "x",
}
USUAL = [{**PLAIN, "id": f"u{number:04}", "path": f"{number}.wav"} for number in range(2 * AT_ONCE + 3)]


@pytest.fixture(autouse=True)
def few_lines_at_once(monkeypatch):
    monkeypatch.setattr(bulk, "LINES_AT_ONCE", AT_ONCE)


@pytest.fixture
def write(tmp_path):
    def write(lines):
        text = "".join(line + "\n" if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
        (tmp_path / "corpus.jsonl").write_text(text)
        return tmp_path / "corpus.jsonl"

    return write


def with_line(line, place):
    """The usual ones, but for one in its place, with an id that keeps the order if it had a good one."""
    named = {**line, "id": line["id"] + "0"} if isinstance(line, dict) and line.get("id") in ("a", "b") else line
    if isinstance(named, dict) and named.get("id", "").startswith(("a0", "b0")):
        named["id"] = f"u{place:04}{named['id']}"
    return [*USUAL[:place], named, *USUAL[place + 1 :]]


def by_line(path):
    return [replace(each, text=None, alignment={}) for each in read_manifest(path)]


@pytest.mark.parametrize("place", [0, 1, AT_ONCE + 7])
@pytest.mark.parametrize("name", GOOD)
def test_unusual_lines_are_read_as_by_themselves(name, place, write):
    path = write(with_line(GOOD[name], place))
    assert [replace(each, ticks=min(each.ticks, 1 << 62)) for each in by_line(path)] == list(UtteranceTable.read(path))


def test_all_unusual_lines_together_are_read(write):
    lines = [{**line, "id": f"{place:02}"} for place, line in enumerate(GOOD.values())]
    path = write(lines)
    found = [replace(each, ticks=min(each.ticks, 1 << 62)) for each in by_line(path)]
    assert found == list(UtteranceTable.read(path)) and len(found) == len(GOOD)


@pytest.mark.parametrize("place", [0, AT_ONCE + 7])
@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_as_for_a_line_by_itself(name, place, write):
    path = write(with_line(BAD[name], place))
    with pytest.raises(CorpusError) as expected:
        by_line(path)
    with pytest.raises(CorpusError) as found:
        UtteranceTable.read(path)
    assert str(found.value) == str(expected.value)
    assert f"corpus.jsonl:{place + 1}: " in str(found.value)


@pytest.mark.parametrize(
    "text", ["{", '{"id": "a"}, {"id": "b"}', "null", "[" * 100_000, json.dumps(PLAIN) + " x", json.dumps(PLAIN)[:-1]]
)
def test_lines_that_are_no_objects_are_named(text, write):
    path = write([*USUAL[:3], text, *USUAL[4:]])
    with pytest.raises(CorpusError, match=r"corpus\.jsonl:4: not an utterance"):
        UtteranceTable.read(path)


@pytest.mark.parametrize("seed", range(3))
def test_ids_in_any_order_are_told_apart(seed, write):
    lines = USUAL.copy()
    random.Random(seed).shuffle(lines)
    path = write(lines)
    assert list(UtteranceTable.read(path)) == by_line(path)
    first, second = sorted(random.Random(seed).sample(range(len(lines)), 2))
    lines[second] = lines[second] | {"id": lines[first]["id"]}
    with pytest.raises(CorpusError, match=rf"corpus\.jsonl:{second + 1}: .* already on line {first + 1}"):
        UtteranceTable.read(write(lines))


def test_blank_lines_count_but_say_nothing(write):
    path = write(["", *USUAL[:5], "  ", *USUAL[5:], ""])
    assert len(UtteranceTable.read(path)) == len(USUAL)
    with pytest.raises(CorpusError, match=r"corpus\.jsonl:3: the id 'u0000' is already on line 2"):
        UtteranceTable.read(write(["", USUAL[0], USUAL[0]]))
    with pytest.raises(CorpusError, match="no utterances in it"):
        UtteranceTable.read(write(["", " "]))


def test_an_id_that_comes_again_in_the_next_lines_read_together_is_found(write):
    lines = USUAL.copy()
    lines[AT_ONCE] = lines[AT_ONCE - 1]
    with pytest.raises(CorpusError, match=rf":{AT_ONCE + 1}: .* already on line {AT_ONCE}"):
        UtteranceTable.read(write(lines))
