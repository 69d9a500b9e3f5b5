"""Lines of writing composed of single characters, so that the boundaries are exactly known."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.bidi import visual_order
from unitdisc.media.image import write_image
from unitdisc.prep.line_layout import LineLayout
from unitdisc.prep.strokes import draw_joining_stroke, first_ink, last_ink, paper, pen_width, wave

FAINT = 0.05  # ink of less than this, full ink being 1, is background


class Glyph(NamedTuple):
    """A character as one hand wrote it: ink in [0, 1], [columns, rows], and its label."""

    ink: np.ndarray
    label: str


@dataclass(frozen=True)
class ComposedLine:
    """A composed line. Gaps, blanks and margins belong to no interval.

    Neighbours that overlap share a border, the middle of the overlap. So do neighbours that a stroke joins: the middle
    of the columns between them, so that each has half of the stroke.
    """

    ink: np.ndarray  # [columns, rows] in [0, 1], 1 being ink
    characters: list[Interval]  # exactly the columns a character was put into, but for shared borders
    words: list[Interval]  # from the first character to the last; none where there are no words
    text: str  # in the order of reading; intervals are in that of columns


def composed(glyphs: Sequence[Glyph], layout: LineLayout, rng: np.random.Generator) -> ComposedLine:
    """Puts the characters of one hand, given in the order of reading, beside one another.

    From left to right, but for labels that are letters of scripts that run leftwards.
    Where ink meets ink, the darker is seen. Raises CorpusError for no characters at all, and for one without ink or
    higher than the line.
    """
    if not glyphs:
        raise CorpusError("there are no characters to compose a line of; give at least one")
    inks = [trimmed(glyph.ink) for glyph in glyphs]
    for ink, glyph in zip(inks, glyphs, strict=True):
        if not len(ink) or ink.shape[1] > layout.height:
            what = f"has {len(ink)} columns of ink and {ink.shape[1]} rows"
            raise CorpusError(f"character {glyph.label!r} {what}; it needs ink, and {layout.height} rows at most")
    firsts = word_starts(len(glyphs), layout.word, rng)
    apart = firsts or set(range(len(glyphs)))  # in the text, where characters may be apart without words
    order = placed([glyph.label for glyph in glyphs], apart)
    spans, neighbours = spread(inks, order if firsts else [n for n in order if n is not None], layout, rng)
    line = written(inks, spans, neighbours, layout, rng)
    for before, after, stroke in neighbours:
        if stroke or spans[after][0] < spans[before][1]:
            spans[before][1] = spans[after][0] = (spans[before][1] + spans[after][0]) // 2
    characters = {number: Interval(*span, glyphs[number].label) for number, span in spans.items()}
    numbers = range(len(glyphs))
    words = [numbers[start:end] for start, end in zip(sorted(firsts), [*sorted(firsts)[1:], len(glyphs)])]
    read = [[characters[number] for number in word] for word in words or [[each] for each in numbers]]
    text = " ".join("".join(each.label for each in word) for word in read)
    return ComposedLine(line, list(characters.values()), sorted(map(joined, read)) if words else [], text)


def centred(glyph: Glyph, side: int) -> ComposedLine:
    """One character in the middle of a square of `side` rows and columns, by the box around its ink.

    Its interval is the whole square. Raises CorpusError for one without ink, or larger than the square.
    """
    ink = trimmed(trimmed(glyph.ink).T).T
    if not ink.size or max(ink.shape) > side:
        what = f"has {ink.shape[0]} columns of ink and {ink.shape[1]} rows"
        raise CorpusError(f"character {glyph.label!r} {what}; it needs ink, and {side} of each at most")
    square = np.zeros((side, side), np.float32)
    left, top = ((side - extent) // 2 for extent in ink.shape)
    square[left : left + ink.shape[0], top : top + ink.shape[1]] = ink
    return ComposedLine(square, [Interval(0, side, glyph.label)], [], glyph.label)


def spread(
    inks: Sequence[np.ndarray], order: Sequence[int | None], layout: LineLayout, rng: np.random.Generator
) -> tuple[dict[int, list[int]], list[tuple[int, int, bool]]]:
    """Which columns the characters are put into, in an order where None is a blank: number -> [first, end).

    Also which of them are neighbours without a blank: before, after, and whether a stroke joins them.
    """
    spans: dict[int, list[int]] = {}
    neighbours = []
    before, blank, position = None, False, between(layout.margin, rng)
    for number in order:
        if number is None:
            blank = True
            continue
        if before is not None and blank:
            position += between(layout.blank, rng)
        elif before is not None:
            stroke = layout.joining > 0 and bool(rng.random() < layout.joining)
            narrower = min(len(inks[before]), len(inks[number]))
            # Of three characters in a row, the first and the last never meet.
            position += max(between(layout.stroke if stroke else layout.gap, rng), -(narrower // 3))
            neighbours.append((before, number, stroke))
        spans[number] = [position, position + len(inks[number])]
        before, blank, position = number, False, spans[number][1]
    return spans, neighbours


def written(
    inks: Sequence[np.ndarray],
    spans: dict[int, list[int]],
    neighbours: Sequence[tuple[int, int, bool]],
    layout: LineLayout,
    rng: np.random.Generator,
) -> np.ndarray:
    """The ink of a line [columns, rows], of characters in the columns that `spread` gave them."""
    line = np.zeros((max(end for _, end in spans.values()) + between(layout.margin, rng), layout.height), np.float32)
    baseline = layout.wander * wave(len(line), rng) if layout.wander else np.zeros(len(line))
    tops = {}
    for number, (first, end) in spans.items():
        slack = layout.height - inks[number].shape[1]
        top = slack // 2 + int(rng.integers(-layout.wobble, layout.wobble + 1)) + round(baseline[(first + end) // 2])
        tops[number] = min(max(top, 0), slack)
        part = line[first:end, tops[number] : tops[number] + inks[number].shape[1]]
        np.maximum(part, inks[number], out=part)
    for before, after in ((before, after) for before, after, stroke in neighbours if stroke):
        column, row = last_ink(inks[before])
        start = spans[before][0] + column, tops[before] + row
        column, row = first_ink(inks[after], start[1] - tops[after])
        end = spans[after][0] + column, tops[after] + row
        pair = inks[before], inks[after]
        darkness = float(min(ink.max() for ink in pair))
        draw_joining_stroke(line, start, end, width=min(map(pen_width, pair)), darkness=darkness, rng=rng)
    if layout.fading:
        line *= (1 - layout.fading * (1 + wave(len(line), rng)) / 2)[:, None]
    if layout.stain or layout.noise:
        under = paper(line.shape, layout.stain, layout.noise, rng)
        line = (1 - (1 - line) * (1 - under)).astype(np.float32)
    return line


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


def some_of_hand(glyphs: Sequence[Glyph], most: int | None, rng: np.random.Generator) -> list[Glyph]:
    """As many characters of a hand as are wanted, by chance and in their order; all, where nothing is said."""
    if most is None or most >= len(glyphs):
        return list(glyphs)
    return [glyphs[each] for each in sorted(rng.permutation(len(glyphs))[:most].tolist())]


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


def write_singles(
    folder: Path, writer: str, glyphs: Sequence[Glyph], side: int, speaker: str = "writer"
) -> list[Utterance]:
    """Writes characters of a hand one by one, each a square image, <writer>-<label>-<number>.png.

    Numbers count the characters of the same label. speaker: who is listed as the speaker, the "writer" or the "label".
    """
    made, numbers = [], Counter[str]()
    for glyph in glyphs:
        path = folder / f"{writer}-{glyph.label}-{numbers[glyph.label]:02d}.png"
        made.append(write_line(path, glyph.label if speaker == "label" else writer, centred(glyph, side)))
        numbers[glyph.label] += 1
    return made
