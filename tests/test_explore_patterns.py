"""Patterns of units: as Python's re finds them, on random sequences; what is no pattern is refused with a cure."""

import re
from pathlib import Path

import numpy as np
import pytest

from unitdisc.explorer import patterns
from unitdisc.explorer.patterns import Element, PatternError, parse, search, search_states
from unitdisc.explorer.rows import Row

LETTERS = "abcd"


def row_of(texts: list[str], names: str | list[str] = LETTERS) -> Row:
    """A row in which every symbol of every text is ten ticks long."""
    symbols = np.array([names.index(letter) for text in texts for letter in text], np.int32)
    starts = np.concatenate([10 * np.arange(len(text)) for text in texts])
    order_at = np.concatenate([[0], np.cumsum(np.bincount(symbols, minlength=len(names)))])
    at = np.concatenate([[0], np.cumsum([*map(len, texts)])])
    row = Row(
        0, "units", "units", symbols, starts, starts + 10, at, np.argsort(symbols, kind="stable"), order_at, Path()
    )
    row.__dict__["names"] = [*names]  # which is read from a file
    return row


def random_pattern(rng: np.random.Generator) -> str:
    parts = []
    for place in range(rng.integers(1, 5)):
        kind = rng.integers(0, 6)
        if place and kind == 0 and parts[-1] != "*":
            parts.append("*")
        some = "|".join(rng.permutation(list(LETTERS))[: rng.integers(2, 4)])
        part = "?" if kind == 1 else f"({some})" if kind == 2 else str(rng.choice(list(LETTERS)))
        parts.append(part + ("+" if rng.integers(0, 3) == 0 else ""))
    return " ".join(parts) if any(set(part) & set(LETTERS) for part in parts) else random_pattern(rng)


def as_regular_expression(pattern: str) -> tuple[str, re.Pattern, re.Pattern]:
    """The pattern, and its first and last element where they repeat."""
    parts = pattern.split(" ")
    made = [{"*": ".*"}.get(part, part.replace("?", ".")) for part in parts]
    ends = [re.compile(made[place].rstrip("+")) if made[place].endswith("+") else None for place in (0, -1)]
    return "".join(made), *ends


def by_force(text: str, pattern: str) -> list[tuple[int, int]]:
    """Every end from left to right, and every beginning; + at the edges takes all it can."""
    whole, first, last = as_regular_expression(pattern)
    whole = re.compile(whole)
    found, floor, end = [], 0, 1
    while end <= len(text):
        starts = [start for start in range(floor, end) if whole.fullmatch(text, start, end)]
        if not starts:
            end += 1
            continue
        start = starts[-1]
        while first and start > floor and first.fullmatch(text[start - 1]):
            start -= 1
        while last and end < len(text) and last.fullmatch(text[end]):
            end += 1
        found.append((start, end))
        floor, end = end, end + 1
    return found


def found_in(row: Row, pattern: str) -> list[tuple[int, int, int]]:
    matches = search(row, parse(pattern, row))
    places = row.places(matches.first).tolist()
    begins = np.asarray(row.at)[places].tolist()
    return [(p, f - b, last + 1 - b) for p, b, (f, last) in zip(places, begins, matches.pairs(0, len(matches)))]


def test_patterns_are_found_where_regular_expressions_find_them():
    rng = np.random.default_rng(0)
    for _ in range(200):
        texts = ["".join(rng.choice(list(LETTERS), rng.integers(0, 14))) for _ in range(6)]
        row, pattern = row_of(texts), random_pattern(rng)
        wanted = [(place, *each) for place, text in enumerate(texts) for each in by_force(text, pattern)]
        assert found_in(row, pattern) == wanted, (texts, pattern)


def test_both_ways_to_search_agree():
    """Patterns of one length are looked up; others are read."""
    rng = np.random.default_rng(1)
    texts = ["".join(rng.choice(list(LETTERS), length)) for length in (40, 0, 1, 25, 40)]
    row = row_of(texts)
    for pattern in ("a", "a b", "a a", "? a", "a ?", "(a|b) (a|b)", "a ? a", "d ? ? (b|c)"):
        elements = parse(pattern, row)
        looked_up, read = search(row, elements), search_states(row, elements, np.arange(len(texts)))
        assert len(looked_up) and looked_up.first.tolist() == read.first.tolist(), pattern
        assert looked_up.last.tolist() == read.last.tolist(), pattern


@pytest.mark.parametrize(
    "pattern,wanted",
    [
        ("a b", [(1, 3), (5, 7)]),
        ("a+ b", [(0, 3), (4, 7)]),
        ("b+", [(2, 3), (6, 9)]),
        ("a * c", [(1, 4)]),
        ("a a", [(0, 2), (4, 6)]),
        ("b ?", [(2, 4), (6, 8)]),
        ("c", [(3, 4)]),
        ("(c|b)+ a", [(2, 5)]),
    ],
)
def test_what_is_found(pattern, wanted):
    row = row_of(["aabcaabbb"])
    assert [(first, last) for _, first, last in found_in(row, pattern)] == wanted
    assert by_force("aabcaabbb", pattern) == wanted


def test_occurrences_end_with_their_utterance():
    row = row_of(["a", "b", "", "ab"])
    assert found_in(row, "a b") == [(3, 0, 2)]
    assert found_in(row, "a+ * b") == [(3, 0, 2)]
    assert not found_in(row, "a ? b") and not found_in(row, "? a")


def test_names_are_quoted():
    names = ["li dis", "?", 'say "no"', "<b>", "a"]
    row = row_of([names], names)
    assert parse('"li dis"', row) == [Element((0,))]
    assert parse('"?" ? "say \\"no\\""+', row) == [Element((1,)), Element(None), Element((2,), repeats=True)]
    assert parse('( "li dis" | a ) * <b>', row) == [Element((0, 4)), Element((3,), after_gap=True)]
    assert parse("a * * a", row)[1].after_gap


@pytest.mark.parametrize(
    "pattern,message",
    [
        ("", "give something to look for"),
        ("?", "name one at least"),
        ("* a", "stands between others"),
        ("a *", "leave it out at the end"),
        ("a *+ b", "has no + after it"),
        ("a)", "')' is no part of a pattern"),
        ("(a|)", "is no part"),
        ("+", "is no part"),
        ("e", "units has no 'e'; there is a"),
        ("cab", "units has no 'cab'; is it c a b?"),
        ("a " * 65, "no more than 64"),
        ('"a', "is no part"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern, message):
    with pytest.raises(PatternError, match=re.escape(message)):
        parse(pattern, row_of(["abcd"]))


def test_the_worst_patterns_take_linear_time():
    """On which backtracking would not end: the work is counted, not timed."""
    row = row_of(["a" * 1000])
    assert not len(search(row, parse("a+ * a+ * a+ * a+ * a+ * a+ * b", row_of(["ab"]))))
    (match,) = search(row, parse("a+ a+ a+ a+ a+ a+ a+", row)).pairs(0, 9)
    assert match == (0, 999)


def test_the_rarest_element_says_where_to_look():
    row = row_of(["aaab", "aaaa", "ba", "c"])
    place, found = patterns.rarest(row, parse("a * b", row))
    assert (place, found.tolist()) == (1, [3, 8])
