"""Lines of writing composed of single characters, so that the boundaries are exactly known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.bidi import visual_order
from unitdisc.media.image import write_image

FAINT = 0.05  # ink of less than this, full ink being 1, is background


class Glyph(NamedTuple):
    """A character as one hand wrote it: ink in [0, 1], [columns, rows], and its label."""

    ink: np.ndarray
    label: str


@dataclass(frozen=True)
class LineLayout:
    """How characters stand on a line, in pixels. Ranges include both ends, and what they leave open is drawn."""

    height: int = 32
    gap: tuple[int, int] = (1, 3)  # between characters
    word: tuple[int, int] | None = (2, 5)  # characters of a word; None: there are no words
    blank: tuple[int, int] = (7, 11)  # between words
    margin: tuple[int, int] = (3, 8)  # before the first character, and after the last
    wobble: int = 1  # rows by which a character stands higher or lower than the middle of the line, at most


@dataclass(frozen=True)
class ComposedLine:
    """A composed line. Gaps, blanks and margins belong to no interval."""

    ink: np.ndarray  # [columns, rows] in [0, 1], 1 being ink
    characters: list[Interval]  # exactly the columns a character was put into
    words: list[Interval]  # from the first character to the last; none where there are no words
    text: str  # in the order of reading; intervals are in that of columns


def composed(glyphs: Sequence[Glyph], layout: LineLayout, rng: np.random.Generator) -> ComposedLine:
    """Puts the characters of one hand, given in the order of reading, beside one another.

    From left to right, but for labels that are letters of scripts that run leftwards.
    Raises CorpusError for no characters at all, and for one without ink or higher than the line.
    """
    if not glyphs:
        raise CorpusError("there are no characters to compose a line of; give at least one")
    inks = [trimmed(glyph.ink) for glyph in glyphs]
    for ink, glyph in zip(inks, glyphs, strict=True):
        if not len(ink) or ink.shape[1] > layout.height:
            what = f"has {len(ink)} columns of ink and {ink.shape[1]} rows"
            raise CorpusError(f"character {glyph.label!r} {what}; it needs ink, and {layout.height} rows at most")
    firsts = word_starts(len(glyphs), layout.word, rng)
    position = between(layout.margin, rng)
    characters: dict[int, Interval] = {}  # by number, from left to right
    blank, apart = False, firsts or set(range(len(glyphs)))  # in the text, where characters may be apart without words
    for number in placed([glyph.label for glyph in glyphs], apart):
        blank |= number is None and bool(firsts)
        if number is None:
            continue
        if characters:
            position += between(layout.blank if blank else layout.gap, rng)
        characters[number] = Interval(position, position + len(inks[number]), glyphs[number].label)
        position, blank = position + len(inks[number]), False
    line = np.zeros((position + between(layout.margin, rng), layout.height), np.float32)
    for number, (first, end, _) in characters.items():
        ink = inks[number]
        slack = layout.height - ink.shape[1]
        top = slack // 2 + int(rng.integers(-layout.wobble, layout.wobble + 1))
        top = min(max(top, 0), slack)
        line[first:end, top : top + ink.shape[1]] = ink
    numbers = range(len(glyphs))
    words = [numbers[start:end] for start, end in zip(sorted(firsts), [*sorted(firsts)[1:], len(glyphs)])]
    read = [[characters[number] for number in word] for word in words or [[each] for each in numbers]]
    text = " ".join("".join(each.label for each in word) for word in read)
    return ComposedLine(line, list(characters.values()), sorted(map(joined, read)) if words else [], text)


def placed(labels: Sequence[str], firsts: set[int]) -> list[int | None]:
    """The numbers of labels as they stand from left to right, and None where there is a blank between words."""
    symbols: list[tuple[str, int | None]] = []
    for number, label in enumerate(labels):
        symbols += [(" ", None)] * (number > 0 and number in firsts)
        symbols.append((label, number))
    return [symbols[place][1] for place in visual_order([symbol for symbol, _ in symbols])]


def joined(word: Sequence[Interval]) -> Interval:
    """A word from its first column to its last, labelled as it is read."""
    return Interval(
        min(each.start for each in word), max(each.end for each in word), "".join(each.label for each in word)
    )


def word_starts(count: int, sizes: tuple[int, int] | None, rng: np.random.Generator) -> set[int]:
    """Which of `count` characters begin a word; the last word may be shorter than it should be."""
    starts, position = set(), 0
    while sizes and position < count:
        starts.add(position)
        position += between(sizes, rng)
    return starts


def between(ends: tuple[int, int], rng: np.random.Generator) -> int:
    return int(rng.integers(ends[0], ends[1] + 1))


def trimmed(ink: np.ndarray) -> np.ndarray:
    """Without the empty columns on its left and right: [columns, rows]."""
    (inked,) = np.nonzero((ink > FAINT).any(axis=1))
    return ink[inked[0] : inked[-1] + 1] if len(inked) else ink[:0]


def cut(glyphs: Sequence[Glyph], length: tuple[int, int], rng: np.random.Generator) -> Iterator[list[Glyph]]:
    """All characters of a hand once, in an order by chance, in pieces of so many; the last may be shorter."""
    order = rng.permutation(len(glyphs)).tolist()
    while order:
        size = between(length, rng)
        yield [glyphs[each] for each in order[:size]]
        order = order[size:]


def dealt(count: int, rng: np.random.Generator) -> Iterator[int]:
    """Numbers below `count` without end, none of them again before all others came."""
    while True:
        yield from rng.permutation(count).tolist()


def write_line(path: Path, writer: str, line: ComposedLine) -> Utterance:
    """Writes the image of a line, and lists it with its `character` and perhaps `word` tier; named like the file."""
    write_image(path, line.ink)
    columns, rows = line.ink.shape
    alignment = {"character": line.characters} | ({"word": line.words} if line.words else {})
    return Utterance(path.stem, str(path), writer, ticks=columns, height=rows, text=line.text, alignment=alignment)
