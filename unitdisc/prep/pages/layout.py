"""What a page file says: where the lines of a page are, and what is written there."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from unitdisc.corpus import Problem

MOST_POINTS = 2000  # of a polygon: tools write some dozens


class LinePart(NamedTuple):
    """A word or a character of a line, and where it is: [N, 2]."""

    label: str
    outline: np.ndarray


@dataclass(frozen=True)
class PageLine:
    """A line of writing. Points are (x, y), in pixels of the page once `scaled_to` its image."""

    id: str
    outline: np.ndarray  # [N, 2], a polygon around it
    baseline: np.ndarray | None = None  # [N, 2], what the letters stand on
    text: str | None = None
    parts: dict[str, list[LinePart]] = field(default_factory=dict)  # tier -> parts


@dataclass(frozen=True)
class Page:
    """A page file."""

    path: Path
    image: str  # as the file calls it; "" if it does not
    size: tuple[float, float] | None  # width and height as the file has them, None if it has none
    pixels: bool  # whether that is in pixels, and not in tenths of a millimetre or the like
    lines: list[PageLine]
    problems: list[Problem]  # the lines that cannot be used, and what was repaired
    unit: str = "pixel"  # as the file calls it
    is_alto: bool = False  # and not PAGE XML

    @property
    def is_transcribed(self) -> bool:
        return any(line.text for line in self.lines)


class LineError(ValueError):
    """A line of a page cannot be used: what is wrong with it, and the cure."""

    def __init__(self, what: str, cure: str):
        super().__init__(what)
        self.what, self.cure = what, cure


def name_of(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def children(element: Element, name: str) -> Iterator[Element]:
    return (child for child in element if name_of(child) == name)


def descendants(element: Element, name: str) -> Iterator[Element]:
    return (child for child in element.iter() if name_of(child) == name)


def parse_points(text: str, fewest: int) -> np.ndarray:
    """Points as both formats write them, "x,y x,y" or "x y x y": [N, 2]. Raises LineError for anything else."""
    numbers = [number for number in re.split(r"[\s,;]+", text.strip()) if number]
    try:
        points = np.array([float(number) for number in numbers])
    except ValueError:
        points = np.array([np.nan])
    if len(points) % 2 or not np.isfinite(points).all():
        raise LineError(f"with the points {text[:40]!r}", "write pairs of numbers: x,y x,y")
    points = points.reshape(-1, 2)
    if not fewest <= len(points) <= MOST_POINTS:
        what = f"with {len(points)} point{'s' if len(points) != 1 else ''}"
        raise LineError(what, f"give it {fewest} or more, up to {MOST_POINTS}")
    return points


def box(left: float, top: float, width: float, height: float) -> np.ndarray:
    """The corners of a rectangle: [4, 2]."""
    return np.array([[left, top], [left + width, top], [left + width, top + height], [left, top + height]])


def clean(text: str | None) -> str | None:
    """A transcript in NFC with white space of any kind as one blank; None if nothing is left."""
    return " ".join(unicodedata.normalize("NFC", text or "").split()) or None


def number_of(text: str | None) -> float | None:
    """A finite number; None if the text is none."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def gather(
    elements: Iterable[Element], path: Path, key: str, parse: Callable[[Element, str, list[str]], PageLine]
) -> tuple[list[PageLine], list[Problem]]:
    """Every line that can be parsed, and what is wrong with the others.

    `parse` gets a TextLine, its id (the attribute `key`; a number where it has none or shares it) and a list to which
    it adds what it repairs, "what; how".
    """
    lines, problems, taken = [], [], set()
    for number, element in enumerate(elements, start=1):
        wanted = element.get(key) or f"line{number}"
        repairs = []
        name = wanted
        while name in taken:
            name = f"{name}-{number}"
        if name != wanted:
            repairs.append(f"is not the first of this id; called {name!r}")
        taken.add(name)
        try:
            lines.append(parse(element, name, repairs))
        except LineError as fault:
            problems.append(Problem("error", str(path), None, what=f"line {wanted!r} {fault.what}", cure=fault.cure))
        else:
            for repair in repairs:
                what, _, how = repair.rpartition("; ")  # what is quoted of the file may have one, too
                problems.append(Problem("warning", str(path), None, what=f"line {wanted!r} {what}", cure=how))
    return lines, problems
