"""A small language of patterns, `12 7+ ? (30|31) * 5`, and where they occur in a row.

    12          the unit, word or label of this name; "in quotation marks" where it has blanks or one of ? * + ( ) | "
    ?           any one
    *           any number of any, none as well
    (12|13)     one of several
    7+ (1|2)+   one or more

A pattern is found within an utterance, where its first occurrence ends, then where the first ends that begins after it,
and so on: occurrences do not overlap. Of those that end at one place the shortest counts, but that a + at the beginning
or the end takes all it can.

Patterns are matched in linear time whatever they are: by sets of states, of many utterances at once (after Thompson,
1968, and the bit-parallel Shift-And of Baeza-Yates and Gonnet, 1992).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np

from unitdisc.explorer.rows import Row

LONGEST = 64  # elements of a pattern
NAME = r'"(?:[^"\\]|\\.)*"|[^\s()|"?*+]+'
SEVERAL = rf"\(\s*(?:{NAME})\s*(?:\|\s*(?:{NAME})\s*)*\)"
TOKEN = re.compile(rf"\s*(?:(?P<any>\?)|(?P<gap>\*)|(?P<several>{SEVERAL})|(?P<name>{NAME}))(?P<plus>\+)?")
NONE = -1  # no state


class PatternError(ValueError):
    """What was typed is no pattern; the message says where, and the cure."""


@dataclass(frozen=True)
class Element:
    """One position of a pattern."""

    symbols: tuple[int, ...] | None  # None: any
    repeats: bool = False
    after_gap: bool = False  # any number may stand before it

    def mask(self, count: int) -> np.ndarray:
        """Which of so many symbols it is: [K] bool."""
        found = np.full(count, self.symbols is None)
        if self.symbols is not None:
            found[list(self.symbols)] = True
        return found


def parse(text: str, row: Row) -> list[Element]:
    """The elements of a pattern over the names of a row. Raises PatternError if it is none."""
    found: list[Element] = []
    place, gap = 0, False
    while text[place:].strip():
        match = TOKEN.match(text, place)
        if match is None:
            raise PatternError(
                f'{text[place:].strip()[:20]!r} is no part of a pattern; put names with signs in it in ""'
            )
        place = match.end()
        if match["gap"]:
            if match["plus"] or not found:
                raise PatternError("* stands between others, and has no + after it")
            gap = True
            continue
        several = [match["name"]] if match["name"] else re.findall(NAME, match["several"] or "")
        symbols = None if match["any"] else tuple(sorted({symbol_named(name, row) for name in several}))
        found.append(Element(symbols, bool(match["plus"]), gap))
        gap = False
    if gap:
        raise PatternError("* stands between others; leave it out at the end")
    if not 0 < len(found) <= LONGEST:
        raise PatternError(f"give something to look for, such as 12 ? 30, and no more than {LONGEST} parts")
    if all(element.symbols is None for element in found):
        raise PatternError("? stands for anything; name one at least")
    return found


def symbol_named(name: str, row: Row) -> int:
    plain = re.sub(r"\\(.)", r"\1", name[1:-1]) if name.startswith('"') else name
    if plain in row.symbol_of:
        return row.symbol_of[plain]
    near = get_close_matches(plain, row.names, 3)
    if len(plain) > 1 and all(letter in row.symbol_of for letter in plain):
        near = [" ".join(plain)]
    cure = f"is it {' or '.join(near)}?" if near else f"there is {row.names[0]}" if row.names else "it is empty"
    raise PatternError(f"{row.title} has no {plain!r}; {cure}")


@dataclass(frozen=True)
class Matches:
    """Positions of a row from first to last, that one included, in the order of the row: [n], [n]."""

    first: np.ndarray
    last: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def pairs(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        return zip(self.first[begin:end].tolist(), self.last[begin:end].tolist())


def search(row: Row, pattern: Sequence[Element]) -> Matches:
    """All occurrences. Only utterances that have its rarest element are looked at."""
    pattern = [replace(pattern[0], after_gap=False), *pattern[1:]]
    if not any(element.repeats or element.after_gap for element in pattern):
        return search_fixed(row, pattern)
    return search_states(row, pattern, np.unique(row.places(rarest(row, pattern)[1])))


def rarest(row: Row, pattern: Sequence[Element]) -> tuple[int, np.ndarray]:
    """The element that occurs least often, and where it does, in order."""
    named = [place for place, element in enumerate(pattern) if element.symbols is not None]
    chosen = min(named, key=lambda place: int(row.counts[list(pattern[place].symbols)].sum()))
    lists = [row.positions(symbol) for symbol in pattern[chosen].symbols]
    return chosen, lists[0] if len(lists) == 1 else np.sort(np.concatenate(lists))


def search_fixed(row: Row, pattern: Sequence[Element]) -> Matches:
    """Of a pattern that is always as long: from the places of its rarest element, without a look at others."""
    chosen, found = rarest(row, pattern)
    first, last = found - chosen, found - chosen + len(pattern) - 1
    inside = (first >= 0) & (last < len(row.symbols))
    first, last = first[inside], last[inside]
    same = row.places(first) == row.places(last)
    first, last = first[same], last[same]
    for place, element in enumerate(pattern):
        if element.symbols is not None and place != chosen:
            right = element.mask(len(row.names))[row.symbols[first + place]]
            first, last = first[right], last[right]
    return apart(first, last)


def apart(first: np.ndarray, last: np.ndarray) -> Matches:
    """Those that do not overlap, of stretches of one length in order, from the first on."""
    if (first[1:] > last[:-1]).all():
        return Matches(first, last)
    kept, end = [], NONE
    for place, (begin, stop) in enumerate(zip(first.tolist(), last.tolist())):
        if begin > end:
            kept.append(place)
            end = stop
    return Matches(first[kept], last[kept])


def search_states(row: Row, pattern: Sequence[Element], places: np.ndarray) -> Matches:
    """Of any pattern: one symbol after the other, of all utterances at once, the longest first.

    reached[j] is where the stretch began that the elements up to j have matched up to here, the latest such place;
    passed[j] the same of any place before, for gaps. Of a first element that repeats it is the earliest.
    """
    lengths = (row.at[places + 1] - row.at[places]).astype(np.int64)
    order = np.argsort(-lengths, kind="stable")
    base, lengths = np.asarray(row.at)[places[order]], lengths[order]
    masks = [element.mask(len(row.names)) for element in pattern]
    reached = np.full((len(pattern), len(base)), NONE, np.int64)
    passed, pending = reached.copy(), np.full(len(base), NONE, np.int64)  # pending: a match that may go on
    found: list[tuple[np.ndarray, np.ndarray]] = []
    greedy = pattern[-1].repeats
    active = len(base)
    for step in range(int(lengths[0]) if len(lengths) else 0):
        while active and lengths[active - 1] <= step:
            active -= 1
        here = base[:active] + step
        symbols = row.symbols[here]
        if greedy:
            goes_on = (pending[:active] != NONE) & masks[-1][symbols]
            ended = np.flatnonzero((pending[:active] != NONE) & ~goes_on)
            found.append((pending[ended], here[ended] - 1))
            pending[ended] = NONE
        for place in range(len(pattern) - 1, -1, -1):
            element, now = pattern[place], reached[place, :active]
            if place:
                before = (passed if element.after_gap else reached)[place - 1, :active]
                value = np.maximum(before, now) if element.repeats else before
            else:
                value = np.where(now != NONE, now, here) if element.repeats else here
            reached[place, :active] = np.where(masks[place][symbols], value, NONE)
        np.maximum(passed[:, :active], reached[:, :active], out=passed[:, :active])
        if greedy:  # what goes on takes the symbol
            reached[:, :active][:, goes_on] = passed[:, :active][:, goes_on] = NONE
        matched = np.flatnonzero(reached[-1, :active] != NONE)
        if len(matched):
            starts = reached[-1, matched]
            if greedy:
                pending[matched] = starts
            else:
                found.append((starts, here[matched]))
            reached[:, matched] = passed[:, matched] = NONE
    return in_order(row, found, pending, base, lengths)


def in_order(
    row: Row, found: list[tuple[np.ndarray, np.ndarray]], pending: np.ndarray, base: np.ndarray, lengths: np.ndarray
) -> Matches:
    """All that was found, and what went on to the end of its utterance."""
    open_still = np.flatnonzero(pending != NONE)
    found.append((pending[open_still], (base + lengths - 1)[open_still]))
    first = np.concatenate([each for each, _ in found])
    last = np.concatenate([each for _, each in found])
    order = np.argsort(first, kind="stable")
    return Matches(first[order], last[order])
