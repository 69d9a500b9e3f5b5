"""What was read of a line, as characters in the order of reading, and of a recording, as labels one after the other."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import Interval, Utterance
from unitdisc.corpus.bidi import is_leftward, logical, reading_order
from unitdisc.evaluation.texts import characters
from unitdisc.exports.units import Units
from unitdisc.naming.reader import Token
from unitdisc.naming.spread import SILENCE


class Part(NamedTuple):
    """A label, or a character, of what was read; `label` is " " between words."""

    start: int
    end: int
    label: str
    confidence: float


def parts_of(tokens: Sequence[Token], by_character: bool) -> Iterator[Part]:
    """Every label that names consist of has an equal share of its token; silences of any number become one gap.

    by_character: labels are cut into characters, with the marks that belong to each.
    """
    gap: Part | None = None
    for token in tokens:
        if token.name == SILENCE:
            start = token.start if gap is None else gap.start
            gap = Part(start, token.end, " ", token.confidence)
            continue
        if gap is not None:
            yield gap
            gap = None
        labels = token.name.split(" ")
        if by_character:
            labels = [character for label in labels for character in characters(label.replace("\u00a0", ""))]
        edges = np.linspace(token.start, token.end, len(labels) + 1).round().astype(int).tolist()
        for label, (start, end) in zip(labels, pairwise(edges)):
            if start < end:
                yield Part(start, end, label, token.confidence)
    if gap is not None:
        yield gap


def as_units(utterance: Utterance, tokens: Sequence[Token]) -> Units:
    """A reading as intervals of a tier with confidences, gaps left out."""
    parts = [part for part in parts_of(tokens, by_character=False) if part.label != " "]
    return Units(
        utterance, [], [Interval(*part[:3]) for part in parts], confidences=[part.confidence for part in parts]
    )


def words_of(tokens: Sequence[Token]) -> list[list[Part]]:
    """The words of a line image, each of its characters, in the order of reading: leftwards, where a script is."""
    parts = list(parts_of(tokens, by_character=True))
    labels = [part.label for part in parts]
    if any(map(is_leftward, labels)):
        parts = [parts[place]._replace(label=label) for place, label in zip(reading_order(labels), logical(labels))]
    words: list[list[Part]] = [[]]
    for part in parts:
        if part.label == " ":
            words.append([])
        else:
            words[-1].append(part)
    return [word for word in words if word]


def text_of(utterance: Utterance, tokens: Sequence[Token]) -> str:
    """What was read, as text: characters of a line with blanks at gaps, labels of a recording with blanks between."""
    if utterance.is_image:
        return " ".join("".join(part.label for part in word) for word in words_of(tokens))
    return " ".join(part.label for part in parts_of(tokens, by_character=False) if part.label != " ")
