"""Stretches of an utterance in ticks and in frames, and the labels that lie under them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from unitdisc.corpus import Interval, Utterance
from unitdisc.corpus.bidi import reading_order


def frames_within(centres: np.ndarray, start: float, end: float) -> tuple[int, int]:
    """First and last + 1 of the frames whose centre lies in ticks [start, end)."""
    first, last = np.searchsorted(centres, (start, end))
    return int(first), int(last)


def borders(centres: np.ndarray, ticks: int) -> np.ndarray:
    """Where frames begin and end: whole ticks halfway between their centres, 0 and `ticks`: [T] -> [T + 1].

    Frames with centres beyond the end of the utterance (a padded last frame) begin and end there.
    """
    between = np.ceil((centres[1:] + centres[:-1]) / 2)
    return np.clip(np.concatenate([[0], between, [ticks]]), 0, ticks).astype(int)


def occurrences(utterances: Iterable[Utterance], tier: str, text: str) -> Iterator[tuple[Utterance, Interval]]:
    """Where a label, or several in a row, stand in a tier, in the order of the utterances.

    The labels of a word of `text` follow each other without a gap ("qu": the character q and right after it u), its
    words stand one after the other, with or without one ("one two"; "li dis").
    """
    words = text.split()
    for utterance in utterances:
        intervals = as_read(utterance, utterance.alignment.get(tier, []))
        for first in range(len(intervals)):
            last = spelled(intervals, first, text, words)
            if last is not None:
                found = intervals[first : last + 1]
                yield utterance, Interval(min(each.start for each in found), max(each.end for each in found), text)


def as_read(utterance: Utterance, intervals: Sequence[Interval]) -> Sequence[Interval]:
    """Intervals in the order of reading: on lines in Hebrew or Arabic not that of columns."""
    if not utterance.is_image:
        return intervals
    return [intervals[place] for place in reading_order([each.label for each in intervals])]


def touch(one: Interval, other: Interval) -> bool:
    return one.end == other.start or other.end == one.start


def spelled(intervals: Sequence[Interval], place: int, text: str, words: Sequence[str]) -> int | None:
    """The last of the intervals from `place` on that spell a text, if they do."""
    if intervals[place].label == text:
        return place
    place -= 1
    for word in words:
        read = ""
        while len(read) < len(word):
            place += 1
            if place == len(intervals) or (read and not touch(intervals[place - 1], intervals[place])):
                return None
            read += intervals[place].label
            if not word.startswith(read) or not intervals[place].label:
                return None
    return place if words else None


def label_under(utterance: Utterance, tier: str | None, start: int, end: int) -> str:
    """The labels whose middle lies in ticks [start, end), or the one that holds its middle; "" if there are none.

    Characters are joined to words, other labels separated by blanks.
    """
    intervals = utterance.alignment.get(tier, []) if tier else []
    inside = [each for each in intervals if start <= (each.start + each.end) / 2 < end]
    inside = inside or [each for each in intervals if each.start <= (start + end) / 2 < each.end]
    inside = as_read(utterance, inside)
    gaps = [not touch(*pair) for pair in pairwise(inside)] + [False]
    blanks = [" " if gap or tier != "character" else "" for gap in gaps]
    return "".join(each.label + blank for each, blank in zip(inside, blanks)).strip()


def in_ticks(utterance: Utterance, value: float) -> int:
    """What a person says in the unit of an utterance (see `unit_of`) in ticks."""
    return math.floor(value * (utterance.rate or 1) + 0.5)


def to_read(utterance: Utterance, ticks: float) -> float:
    """Ticks in the unit that a person reads (see `unit_of`)."""
    return ticks / utterance.rate if utterance.rate else ticks


def unit_of(utterance: Utterance) -> str:
    """Seconds of a recording, or samples where its rate is not listed; pixel columns of an image."""
    if utterance.is_image:
        return "columns"
    return "s" if utterance.rate else "samples"
