"""Utterances: their ids, rates, alignments and labels."""

import numpy as np
import pytest

from unitdisc.corpus import CorpusError, Interval, Problem, Utterance, alignment_faults, at_rate, is_id, labels_at


def test_every_fault_of_an_alignment_is_said():
    tier = [Interval(0, 10, "a"), Interval(5, 6, "b"), Interval(9, 9, "c"), Interval(9, 50, "d"), Interval(50, 51, "f")]
    faults = list(alignment_faults({"phone": tier, "word": [Interval(-1, 5, "e")]}, ticks=50))
    assert [fault.split("'")[1] for fault in faults] == ["b", "c", "d", "f", "e"]


@pytest.mark.parametrize("name", ["a", "é", "a.b-c_d", ".."])
def test_names_of_files_can_be_ids(name):
    assert is_id(name)


@pytest.mark.parametrize("name", ["", " a", "a\tb", "a/b", "a\0", "\u3000"])
def test_other_names_cannot_be_ids(name):
    assert not is_id(name)


def test_another_rate_keeps_the_seconds():
    intervals = [Interval(0, 800, "a"), Interval(800, 801, "short"), Interval(801, 1603, "b")]
    utterance = Utterance("a", "a.wav", "s", 1603, 8000, 400, alignment={"phone": intervals})
    faster = at_rate(utterance, 16000)
    assert (faster.ticks, faster.start, faster.rate) == (3206, 800, 16000)
    assert faster.alignment["phone"] == [
        Interval(0, 1600, "a"),
        Interval(1600, 1602, "short"),
        Interval(1602, 3206, "b"),
    ]
    assert at_rate(faster, 8000) == utterance
    slower = at_rate(utterance, 100)
    assert slower.alignment["phone"] == [Interval(0, 10, "a"), Interval(10, 20, "b")]  # the short one is gone


def test_an_unknown_rate_becomes_known_without_a_change():
    utterance = Utterance("a", "a.wav", "s", 10, alignment={"phone": [Interval(0, 10, "a")]})
    assert at_rate(utterance, 8000) == Utterance("a", "a.wav", "s", 10, 8000, alignment=utterance.alignment)


def test_labels_are_those_under_the_centres():
    random = np.random.default_rng(0)
    edges = np.sort(random.choice(200, size=12, replace=False)).tolist()
    intervals = [Interval(start, end, f"l{start}") for start, end in zip(edges[::2], edges[1::2])]
    centres = np.arange(0, 220, 2.5)
    expected = [next((label for start, end, label in intervals if start <= centre < end), "-") for centre in centres]
    assert labels_at(intervals, centres, default="-").tolist() == expected


def test_a_problem_reads_like_a_compiler_error():
    assert str(Problem("error", "x.jsonl", 3, "is wrong", "correct it")) == "x.jsonl:3: is wrong; correct it"
    assert str(Problem("warning", "x.wav", None, "is odd", "look")) == "x.wav: is odd; look"
    assert str(CorpusError.of(Problem("error", "x", 3, "is wrong", "correct it"))) == "x:3: is wrong; correct it"
