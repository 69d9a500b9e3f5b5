"""A table of utterances is what a list of them is, but for texts and alignments."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.table import AT_ONCE, UtteranceTable
from unitdisc.corpus.validation.files import Files, heard_key

ODD = [
    Utterance("a", "wav/a.wav", "s1", 100, 16_000, 7, "f", "text", {"phone": [Interval(0, 10, "x")]}),
    Utterance("b", "b.ark:15", None, 0),
    Utterance("c", "sph2pipe c.sph |", "s2", 50, 8000, gender="m"),
    Utterance("é語", "wav/a.wav", "s1", 3, 16_000),
    Utterance("z", "line.png", "writer", 300, start=5, height=48),
]


def bare(utterances) -> list[Utterance]:
    return [replace(utterance, text=None, alignment={}) for utterance in utterances]


def many(number: int, seed: int = 0) -> list[Utterance]:
    rng = np.random.default_rng(seed)
    return [
        Utterance(
            f"u{i:05d}",
            f"{rng.integers(number // 3)}.wav",
            [None, "s1", "s2"][rng.integers(3)],
            int(rng.integers(1, 50)),
            [None, 8000, 16_000][rng.integers(3)],
            int(rng.integers(100)),
        )
        for i in range(number)
    ]


@pytest.mark.parametrize("utterances", [ODD, many(3 * AT_ONCE)], ids=["odd", "many"])
def test_a_table_is_the_list_without_labels(utterances):
    table = UtteranceTable.of(utterances)
    assert len(table) == len(utterances) and UtteranceTable.of(table) is table
    assert list(table) == [table[i] for i in range(len(table))] == bare(utterances)
    assert list(table[1::2]) == bare(utterances[1::2])
    assert list(table.take(np.array([2, 0]))) == bare([utterances[2], utterances[0]])
    assert list(table.paths()) == [utterance.path for utterance in utterances]
    assert list(table.identities()) == [(u.id, u.speaker, u.ticks) for u in utterances]
    assert set(table.speakers()) == {utterance.speaker for utterance in utterances}


def test_a_manifest_is_read_as_a_list_would_be(tmp_path):
    utterances = [replace(each, path=str(tmp_path / each.path)) for each in many(200)]
    write_manifest(tmp_path / "corpus.jsonl", utterances)
    assert list(UtteranceTable.read(tmp_path / "corpus.jsonl")) == utterances


def test_alignments_are_checked_though_not_kept(tmp_path):
    line = {"id": "a", "path": "a.wav", "ticks": 10, "alignment": {"phone": [[0, 11, "x"]]}}
    (tmp_path / "corpus.jsonl").write_text(json.dumps(line))
    with pytest.raises(CorpusError, match=r"corpus.jsonl:1: not an utterance: a: phone interval 'x' .* end by 10"):
        UtteranceTable.read(tmp_path / "corpus.jsonl")


def test_tables_are_sorted_by_id():
    shuffled = [many(50)[i] for i in np.random.default_rng(1).permutation(50)]
    table = UtteranceTable.of(shuffled)
    assert not table.is_sorted() and table.sorted().is_sorted()
    assert list(table.sorted()) == many(50)
    assert list(UtteranceTable.of(many(50)).take(np.arange(50)[::-1]).sorted()) == many(50)


def test_measures_are_those_of_every_utterance():
    utterances, asked = many(500), []

    def measure(utterance: Utterance) -> int:
        asked.append((utterance.ticks, utterance.rate))
        return utterance.ticks * 2 + (utterance.rate or 0)

    found = UtteranceTable.of(utterances)[::2].measured(measure)
    assert found.tolist() == [utterance.ticks * 2 + (utterance.rate or 0) for utterance in utterances[::2]]
    assert len(asked) == len(set(asked))
    assert not len(UtteranceTable.of([]).measured(measure))


def test_rates_are_filled_in_where_there_were_none():
    utterances = many(100)
    table = UtteranceTable.of(utterances)
    rated = table.with_rates(np.full(100, 44_100))
    assert [each.rate for each in rated] == [each.rate or 44_100 for each in utterances]
    assert list(table) == utterances
    assert UtteranceTable.of(ODD).with_rates(np.full(5, 9))[4].rate is None  # an image has none


def test_numbers_beyond_all_files_are_kept_as_such():
    assert UtteranceTable.of([Utterance("a", "a.wav", None, 10**30)])[0].ticks > 10**18


def test_files_are_numbered_as_they_are_first_named():
    utterances = many(300)
    files = Files(UtteranceTable.of(utterances))
    expected: dict[str, list[int]] = {}
    for place, utterance in enumerate(utterances):
        expected.setdefault(utterance.path, []).append(place)
    assert len(files) == len(expected)
    assert [sorted(files.places(number)) for number in range(len(files))] == list(expected.values())
    assert not len(Files(UtteranceTable.of([])))


def test_a_file_has_one_name_whatever_the_order_of_its_utterances(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"something")
    within = [Utterance(f"u{start}", str(path), None, 5, 8000, start) for start in (30, 10, 20)]
    files = Files(UtteranceTable.of(within))
    keys = files.keys(np.arange(len(files)))
    assert keys.tobytes() == heard_key(str(path), reversed(within))
    assert keys.tobytes() != heard_key(str(path), within[1:])
    path.write_bytes(b"something else")
    assert keys.tobytes() != heard_key(str(path), within)


def test_what_has_no_file_has_no_name():
    for path in ("cat a.wav |", "/nowhere/a.wav", str(Path.cwd())):
        assert heard_key(path, []) == bytes(16)
