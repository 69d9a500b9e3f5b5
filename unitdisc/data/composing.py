"""Lines of writing composed of single characters, so that the boundaries are exactly known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.data.image import write_image

FAINT = 0.05  # ink of less than this, full ink being 1, is background


class Glyph(NamedTuple):
    """A character as one hand wrote it: ink in [0, 1], [columns, rows], and its label."""

    ink: np.ndarray
    label: str


@dataclass(frozen=True)
class Layout:
    """How characters stand on a line, in pixels. Ranges include both ends, and what they leave open is drawn."""

    height: int = 32
    gap: tuple[int, int] = (1, 3)  # between characters
    word: tuple[int, int] | None = (2, 5)  # characters of a word; None: there are no words
    blank: tuple[int, int] = (7, 11)  # between words
    margin: tuple[int, int] = (3, 8)  # before the first character, and after the last
    wobble: int = 1  # rows by which a character stands higher or lower than the middle of the line, at most


@dataclass(frozen=True)
class Line:
    """A composed line. Gaps, blanks and margins belong to no interval."""

    ink: np.ndarray  # [columns, rows] in [0, 1], 1 being ink
    characters: list[Interval]  # exactly the columns a character was put into
    words: list[Interval]  # from the first character to the last; none where there are no words

    @property
    def text(self) -> str:
        return " ".join(interval.label for interval in self.words or self.characters)


def composed(glyphs: Sequence[Glyph], layout: Layout, rng: np.random.Generator) -> Line:
    """Puts the characters of one hand beside one another, from left to right.

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
    position = start = between(layout.margin, rng)
    characters, words = [], []
    for number, (ink, glyph) in enumerate(zip(inks, glyphs, strict=True)):
        if number:
            position += between(layout.blank if number in firsts else layout.gap, rng)
        if number in firsts:
            start = position
            words.append(Interval(start, start, ""))
        characters.append(Interval(position, position + len(ink), glyph.label))
        position += len(ink)
        if words:
            words[-1] = Interval(start, position, words[-1].label + glyph.label)
    line = np.zeros((position + between(layout.margin, rng), layout.height), np.float32)
    for ink, (first, end, _) in zip(inks, characters, strict=True):
        slack = layout.height - ink.shape[1]
        top = slack // 2 + int(rng.integers(-layout.wobble, layout.wobble + 1))
        top = min(max(top, 0), slack)
        line[first:end, top : top + ink.shape[1]] = ink
    return Line(line, characters, words)


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


def write_line(path: Path, writer: str, line: Line) -> Utterance:
    """Writes the image of a line, and lists it with its `character` and perhaps `word` tier; named like the file."""
    write_image(path, line.ink)
    columns, rows = line.ink.shape
    alignment = {"character": line.characters} | ({"word": line.words} if line.words else {})
    return Utterance(path.stem, str(path), writer, columns, height=rows, text=line.text, alignment=alignment)
