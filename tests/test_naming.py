"""Names of units: the table, halves, how names spread, and which unit is asked about next."""

import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest
from named_units import VECTORS, corpus, encode, material

from unitdisc.files.atomic import write_durably
from unitdisc.naming import halves
from unitdisc.naming.asking import ask_all
from unitdisc.naming.material import Inventory, Material
from unitdisc.naming.questions import DOUBT, answer, errors_expected, gains_of, next_question
from unitdisc.naming.session import Session
from unitdisc.naming.spread import (
    SILENCE,
    USUAL,
    Spread,
    Width,
    hearsay_of,
    left_out,
    spread,
    squared_distances,
    weights,
    width_of,
)
from unitdisc.naming.table import Answer, NamesError, read_names, write_names

# The table

ODD = ['"', '""', '"a"', '"a""b"', "t h", "=1+1", "'", "<&>", "é", "שׁ", "a" * 100]


def test_what_is_written_durably_is_all_there_and_nothing_beside_it(tmp_path):
    for text in ("unit\tname\n", "é\n"):
        write_durably(tmp_path / "names.tsv", text)
        assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("names.tsv", text.encode())]


def test_names_go_round_whatever_they_are(tmp_path):
    answers = tuple(Answer(str(place), "name", name, "2026-01-01T00:00:00") for place, name in enumerate(ODD))
    answers += (Answer("90", "mixed"), Answer("90a", "silence"), Answer("90b", "mixed"), Answer("90ba", "skip"))
    write_names(tmp_path / "names.tsv", answers)
    assert read_names(tmp_path / "names.tsv") == answers


HAND = {
    "with a mark, and Windows line ends": b"\xef\xbb\xbfunit\tname\tkind\twhen\r\n3\tm\tname\t\r\n",
    "UTF-16 of a spreadsheet": "unit\tname\tkind\twhen\n3\tm\tname\t\n".encode("utf-16"),
    "columns in another order, a note more": b"Name\tUNIT\tnote\nm\t3\tsure\n",
    "cells left out at the end, blank lines": b"unit\tname\tkind\twhen\n\n3\tm\n\n",
    "blanks around": b"unit \t name\tkind\n 3\t m \tNAME\n",
}


@pytest.mark.parametrize("how", HAND)
def test_tables_changed_by_hand_are_read(how, tmp_path):
    (tmp_path / "names.tsv").write_bytes(HAND[how])
    assert [replace(each, when="") for each in read_names(tmp_path / "names.tsv")] == [Answer("3", "name", "m")]


HEAD = "unit\tname\tkind\twhen\n"
BROKEN = {
    "commas": ("unit,name,kind,when\n3,m,name,\n", r":1: the first line must name the columns .* no 'unit'; save it"),
    "twice a column": ("unit\tname\tname\n3\tm\tm\n", ":1: names the column 'name' twice"),
    "no unit": (HEAD + "x\tm\tname\t\n", ":2: 'x' is no unit; give its number"),
    "a number of a spreadsheet": (HEAD + "3.0\tm\tname\t\n", ":2: '3.0' is no unit"),
    "a kind that is none": (HEAD + "3\tm\tvowel\t\n", ":2: the kind 'vowel' is not known; give one of name, mixed"),
    "no name": (HEAD + "3\tm\tname\t\n4\t\tname\t\n", ":3: unit 4 has no name; write one"),
    "a name and a kind": (HEAD + "3\tm\tsilence\t\n", ":2: unit 3 is called 'm' and is silence, too"),
    "twice a unit": (HEAD + "3\tm\tname\t\n3\tn\tname\t\n", ":3: unit 3 has an answer already"),
    "half of a whole": (HEAD + "3a\tm\tname\t\n", ":2: unit 3a is a half of 3, which is not called mixed above"),
    "more cells": (HEAD + "3\tm\tname\t\tx\n", ":2: has 5 cells, the first line 4"),
    "a control character": (HEAD + "3\tm\x07\tname\t\n", r":2: the name .* has U\+0007 in it"),
    "a long name": (HEAD + f"3\t{'m' * 101}\tname\t\n", ":2: the name 'm+'... has 101 characters"),
    "no UTF-8": (HEAD.encode() + b"3\t\xe9\tname\t\n", ":2: not UTF-8"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_with_a_table_is_said_with_its_line_and_the_cure(what, tmp_path):
    content, said = BROKEN[what]
    path = tmp_path / "names.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(NamesError, match=r"names\.tsv" + said) as error:
        read_names(path)
    assert ";" in str(error.value) or "take it back first" in str(error.value)


def test_no_table_and_an_empty_one_have_no_answers(tmp_path):
    assert read_names(tmp_path / "none.tsv") == ()
    (tmp_path / "empty.tsv").write_text("\n")
    assert read_names(tmp_path / "empty.tsv") == ()


# Halves


def test_halves_are_those_of_least_squares():
    """Against all ways to halve a few points."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        points = np.concatenate([rng.normal(0, 0.3, (4, 2)), rng.normal(3, 0.3, (4, 2))])
        sides = halves.split_of(points, np.ones(8)).sides(points)

        def cost(chosen, points=points):
            chosen = np.array(chosen, bool)
            return sum(((own - own.mean(0)) ** 2).sum() for own in (points[chosen], points[~chosen]) if len(own))

        assert cost(sides) == pytest.approx(min(map(cost, itertools.product([0, 1], repeat=8))))


def test_frames_that_are_what_codes_stand_for_are_halved_by_duration():
    split = halves.split_of(np.ones((4, 3)), np.array([10, 11, 40, 39]))
    assert split.by == "duration"
    assert len({*split.sides(halves.described_by("duration", None, np.array([12, 35]))).tolist()}) == 2
    with pytest.raises(NamesError, match="all alike"):
        halves.split_of(np.ones((4, 3)), np.full(4, 10))


def test_divided_units_come_together_again(tmp_path):
    units = material(tmp_path / "e", noise=0.3)
    before = units.inventory()
    names = {id: own.tolist() for id, own in units.names.items()}
    units.divide("3", units.split("3"))
    units.divide("3a", units.split("3a"))
    inside = units.inventory()
    assert {"3b", "3aa", "3ab"} <= {*inside.units} and "3" not in inside.units
    assert inside.counts.sum() == before.counts.sum()
    there = Material.of(units.frames, units.utterances, splits=units.splits)
    assert {id: own.tolist() for id, own in there.names.items()} == {
        id: own.tolist() for id, own in units.names.items()
    }
    np.testing.assert_allclose(there.inventory().vectors, inside.vectors)
    units.unite("3")
    assert units.inventory().units == before.units and not units.splits
    np.testing.assert_allclose(units.inventory().vectors, before.vectors)
    assert {id: own.tolist() for id, own in units.names.items()} == names


def test_vectors_of_units_are_means_of_runs(tmp_path):
    units = material(tmp_path / "e", noise=0.3)
    for unit in units.inventory().units:
        own = []
        for utterance in units.utterances:
            encoding = units.frames[utterance.id]
            for occurrence in units.occurrences(unit):
                if occurrence.utterance.id == utterance.id:
                    inside = (encoding.centres >= occurrence.start) & (encoding.centres < occurrence.end)
                    own.append(encoding.frames[inside].mean(0))
        found = units.inventory()
        np.testing.assert_allclose(found.vectors[found.place(unit)], np.mean(own, axis=0), rtol=1e-5)
        assert found.counts[found.place(unit)] == len(own)


def test_examples_are_by_as_many_speakers_as_there_are(tmp_path):
    units = material(tmp_path / "e")
    assert {each.utterance.speaker for each in units.examples("3", 3)} == {"s0", "s1", "s2"}


# How names spread


def some_inventory(rng: np.random.Generator, units: int = 6) -> Inventory:
    return Inventory(tuple(map(str, range(units))), rng.integers(1, 50, units), rng.standard_normal((units, 2)))


def test_names_spread_to_what_is_alike():
    vectors = np.array([[0.0], [0.1], [10], [10.1], [5]])
    inventory = Inventory(tuple("01234"), np.full(5, 10), vectors)
    found = spread(inventory, (Answer("0", "name", "m"), Answer("2", "silence")))
    assert found.likely(1)[0][0] == "m" and found.likely(3)[0][0] == SILENCE
    assert found.likely(0)[0][0] == "m" and found.likely(0)[0][1] > 0.85
    assert found.new[4] > 0.9 > 0.8 > found.new[1]
    np.testing.assert_allclose(found.probabilities.sum(1) + found.new, 1)


def test_without_vectors_nothing_spreads():
    inventory = Inventory(tuple("012"), np.full(3, 10), None)
    found = spread(inventory, (Answer("0", "name", "m"),))
    np.testing.assert_allclose(found.probabilities, [[ANSWERED], [0], [0]])


ANSWERED = 9 / 10


def test_spread_is_what_its_formula_says():
    """Against the formula, unit by unit and name by name, in plain Python."""
    rng = np.random.default_rng(0)
    inventory = some_inventory(rng)
    answers = (Answer("1", "name", "a"), Answer("2", "name", "b"), Answer("4", "name", "a"), Answer("5", "skip"))
    labels = {"2": {"a": 3.0}, "3": {"c": 1.0}}
    width = Width(0.8, 0.3)
    found = spread(inventory, answers, labels, width)
    known = {"1": {"a": 9.0}, "2": {"b": 9.0, "a": 3.0}, "4": {"a": 9.0}, "3": {"c": 1.0}}
    for unit in inventory.units:
        heard = dict.fromkeys("abc", 0.0)
        for other, names in known.items():
            if other != unit:
                far = ((inventory.vectors[int(unit)] - inventory.vectors[int(other)]) ** 2).sum()
                for name, count in names.items():
                    heard[name] += np.exp(-far / (2 * 0.8**2)) * count / (sum(names.values()) + 1)
        total = sum(heard.values()) + 0.3
        own = known.get(unit, {})
        expected = [(own.get(name, 0) + heard[name] / total) / (sum(own.values()) + 1) for name in "abc"]
        np.testing.assert_allclose(found.probabilities[int(unit)], expected)


def test_the_width_is_the_one_that_says_best_what_is_left_out():
    """Names that go with place: a width that is narrow enough to tell them apart; by chance: hardly any hearsay."""
    rng = np.random.default_rng(0)
    vectors = np.concatenate([rng.normal(place, 1, (8, 2)) for place in (0, 8, 16)])
    squares = squared_distances(Inventory(tuple(map(str, range(24))), np.ones(24, int), vectors))
    by_place = 9 * np.eye(3)[np.arange(24) // 8]
    by_chance = 9 * np.eye(8)[rng.integers(0, 8, 24)]
    placed, chance = width_of(by_place, squares), width_of(by_chance, squares)
    assert placed.bandwidth < 8 and placed.other < chance.other
    assert left_out(by_place, squares, placed) > left_out(by_place, squares, Width(50, 0.3))


def test_of_few_names_no_width_is_learned():
    """Of units that are all silent, that everything is silent, which others say best, is no reason to stop asking."""
    inventory = some_inventory(np.random.default_rng(0), 8)
    answers = tuple(Answer(str(unit), "silence") for unit in range(4))
    nearest = np.sqrt(squared_distances(inventory) + np.diag(np.full(8, np.inf))).min(1)
    assert spread(inventory, answers).width == Width(pytest.approx(USUAL[0] * np.median(nearest)), USUAL[1])


def test_nobody_is_a_witness_of_their_own():
    rng = np.random.default_rng(0)
    heard = weights(squared_distances(some_inventory(rng)), Width(1.0, 0.3))
    known = np.zeros((6, 1))
    known[2] = 9
    assert hearsay_of(known, heard, 0.3)[2] == 0


# Which unit is asked about next


def doubted(inventory: Inventory, answers: tuple) -> Spread:
    """What is made of the answers where it is decided what to ask."""
    width = spread(inventory, answers).width
    return spread(inventory, answers, width=Width(width.bandwidth, max(DOUBT, width.other)))


def expected_by_brute_force(inventory: Inventory, answers: tuple, place: int) -> float:
    """Errors after every answer that there could be, each from the beginning, weighted by its probability."""
    named = doubted(inventory, answers)
    outcomes = [*zip(named.names, named.probabilities[place]), ("a new one", named.new[place])]
    total = 0.0
    for name, chance in outcomes:
        kind = "silence" if name == SILENCE else "name"
        then = spread(inventory, (*answers, Answer(inventory.units[place], kind, name)), width=named.width)
        total += chance * errors_expected(inventory.counts, then.probabilities)
    return total


@pytest.mark.parametrize("seed", range(8))
def test_the_expected_errors_are_those_of_trying_every_answer(seed):
    rng = np.random.default_rng(seed)
    inventory = some_inventory(rng)
    answers = ()
    for unit in rng.permutation(6)[: seed % 5]:
        kind = rng.choice(["name", "name", "silence", "skip"])
        answers = answer(answers, str(unit), kind=kind, name=rng.choice(["a", "b"]) if kind == "name" else "")
    named = doubted(inventory, answers)
    now = errors_expected(inventory.counts, named.probabilities)
    open_ones = [place for place in range(6) if str(place) not in {each.unit for each in answers}]
    brute = np.array([now - expected_by_brute_force(inventory, answers, place) for place in open_ones])
    np.testing.assert_allclose(gains_of(inventory, named, np.array(open_ones)), brute)
    brute *= 1 - 1 / (5 + len(answers))  # nothing was mixed so far
    question = next_question(inventory, answers)
    assert question.unit == str(open_ones[int(brute.argmax())])
    assert question.gain == pytest.approx(brute.max()) and question.errors == pytest.approx(now)


def test_what_is_frequent_and_unlike_the_others_comes_first():
    vectors = np.array([[0.0], [0.01], [20.0]])
    inventory = Inventory(tuple("012"), np.array([100, 85, 80]), vectors)
    assert next_question(inventory, ()).unit == "0"
    assert next_question(inventory, (Answer("0", "name", "m"),)).unit == "2"  # 1 is like 0, and some of it is known
    assert next_question(inventory, (Answer("0", "name", "m"),), strategy="frequent").unit == "1"


def test_where_halves_turn_out_mixed_whole_units_come_first():
    inventory = Inventory(("0", "1aa", "1ab", "1b"), np.array([22, 24, 24, 10]), None)
    answers = (Answer("2", "name", "m"), Answer("1", "mixed"), Answer("1a", "mixed"))
    assert next_question(inventory, answers[:1]).unit == "1aa"
    assert next_question(inventory, (*answers, Answer("3", "name", "n"), Answer("4", "name", "o"))).unit == "0"


def test_in_the_end_nothing_is_asked():
    inventory = Inventory(("0", "1"), np.array([1, 2]), None)
    assert next_question(inventory, (Answer("0", "skip"), Answer("1", "name", "m"))) is None


def test_asking_changes_nothing():
    inventory = some_inventory(np.random.default_rng(0))
    answers = (Answer("1", "name", "a"),)
    assert next_question(inventory, answers) == next_question(inventory, answers)
    assert answer(answers, "2", name="b") == (*answers, Answer("2", "name", "b")) and len(answers) == 1
    with pytest.raises(NamesError, match="has an answer already"):
        answer(answers, "1", name="b")


def test_names_that_spread_are_doubted_where_it_is_decided_what_to_ask():
    """Three units are alike, and two have one name; the third is frequent, and is asked about all the same."""
    vectors = np.array([[0.0], [0.2], [0.4], [8.0], [16.0], [24.0], [32.0]])
    inventory = Inventory(tuple("0123456"), np.array([50, 50, 60, 50, 50, 50, 24]), vectors)
    answers = tuple(Answer(unit, "name", name) for unit, name in zip("01345", "aabcd"))
    assert next_question(inventory, answers).unit == "2"


# At the terminal


def typed(*lines: str):
    replies = iter(lines)

    def ask(prompt: str) -> str:
        try:
            return next(replies)
        except StopIteration:
            raise EOFError from None

    return ask


def test_a_whole_conversation(tmp_path):
    path = tmp_path / "names.tsv"
    session = Session.open(material(tmp_path / "e", noise=0.3), path)
    said: list[str] = []
    first = session.next().unit
    assert ask_all(session, typed("m", "undo", "n", "mixed", "", "x\x07", "= quit", "quit"), said.append) == 3
    kinds = [(each.unit, each.kind, each.name) for each in read_names(path)]
    assert kinds[0] == (first, "name", "n")
    assert kinds[1][1:] == ("mixed", "") and kinds[2][1:] == ("name", "quit")
    assert any("U+0007" in line for line in said) and any(line.startswith("taken back: unit") for line in said)
    assert any("columns" in line and ".png" in line for line in said)
    again = Session.open(material(tmp_path / "f", noise=0.3), path)
    assert again.answers == session.answers
    again.undo(), again.undo()
    assert kinds[1][0] in again.inventory.units


def test_a_unit_without_halves_is_asked_again(tmp_path):
    coded = corpus()
    encodings = encode(tmp_path / "e", coded, VECTORS)
    session = Session.open(Material.of(encodings, [utterance for utterance, _ in coded]), tmp_path / "names.tsv")
    said: list[str] = []
    assert ask_all(session, typed("mixed", "m"), said.append) == 1
    assert any("all alike, so it has no halves" in line for line in said)


def test_paper_needs_no_answer(tmp_path):
    session = Session.open(material(tmp_path / "e", blank=0), tmp_path / "names.tsv")
    asked = []
    while (question := session.next()) is not None:
        asked.append(question.unit)
        session.answer(question.unit, "name", "x")
    assert sorted(asked) == ["1", "2", "3", "4"]


def test_a_table_that_another_program_changed_is_not_overwritten(tmp_path):
    path = tmp_path / "names.tsv"
    session = Session.open(material(tmp_path / "e"), path)
    session.answer("3", "name", "b")
    write_names(path, (Answer("4", "name", "by hand"),))
    with pytest.raises(NamesError, match="changed by another program"):
        session.answer("1", "name", "a")
    assert read_names(path) == (Answer("4", "name", "by hand"),)


def test_a_table_of_other_units_is_refused(tmp_path):
    write_names(tmp_path / "names.tsv", (Answer("77", "name", "m"),))
    with pytest.raises(NamesError, match="not one of its 1 units occurs here"):
        Session.open(material(tmp_path / "e"), tmp_path / "names.tsv")


KILLED = """
    import os, signal, sys
    from pathlib import Path
    import numpy as np
    sys.path.insert(0, {tests!r})
    from named_units import material
    from unitdisc.naming.session import Session
    session = Session.open(material(Path({folder!r}), noise=0.3), Path({names!r}))
    for kind, name in {replies!r}:
        session.answer(session.next().unit, kind, name)
        print(len(session.answers), flush=True)
        if len(session.answers) == {stop}:
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_killed_run_keeps_every_answer(tmp_path):
    """kill -9 right after each answer; the next run goes on from there."""
    replies = [("name", "a"), ("mixed", ""), ("silence", ""), ("name", "b"), ("skip", "")]
    names = tmp_path / "names.tsv"
    for stop in range(1, len(replies) + 1):
        program = KILLED.format(
            tests=os.path.dirname(__file__),  # noqa: PTH120
            folder=str(tmp_path / f"e{stop}"),
            names=str(names),
            replies=replies[stop - 1 :],
            stop=stop,
        )
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert [(each.kind, each.name) for each in read_names(names)] == replies[:stop]
    Session.open(material(tmp_path / "again", noise=0.3), names)


@pytest.mark.parametrize("step", ["halves", "table"])
def test_a_run_that_ends_between_two_files_can_go_on(step, tmp_path, monkeypatch):
    """As if killed before, or after, what says how halves are told apart is there."""
    names = tmp_path / "names.tsv"
    session = Session.open(material(tmp_path / "e", noise=0.3), names)
    session.answer("3", "name", "b")

    def die(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr("unitdisc.naming.session." + {"halves": "write_splits", "table": "write_names"}[step], die)
    with pytest.raises(KeyboardInterrupt):
        session.answer("4", "mixed")
    monkeypatch.undo()
    assert [each.unit for each in read_names(names)] == ["3"]
    again = Session.open(material(tmp_path / "f", noise=0.3), names)
    again.answer("4", "mixed")
    assert {"4a", "4b"} <= {*again.inventory.units}
    assert json.loads(halves.halves_path(names).read_text()).keys() == {"4"}


@pytest.mark.parametrize("content", ["{", "[]", '{"3": {}}', '{"3": {"by": "frames", "centres": [1]}}'])
def test_damaged_halves_are_refused(content, tmp_path):
    (tmp_path / "names.halves.json").write_text(content)
    with pytest.raises(NamesError, match=r"names\.halves\.json: damaged .*; remove it"):
        halves.read_splits(tmp_path / "names.halves.json")
