"""PAGE XML, the format of Transkribus and eScriptorium: https://www.primaresearch.org/schema/PAGE/ (2010 to 2019)."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from unitdisc.corpus import CorpusError
from unitdisc.prep.pages.layout import (
    LineError,
    LinePart,
    Page,
    PageLine,
    children,
    clean,
    descendants,
    gather,
    number_of,
    parse_points,
)


def read_page_xml(root: Element, path: Path) -> Page:
    """Raises CorpusError if the file holds several pages, or none."""
    pages = list(children(root, "Page"))
    if len(pages) != 1:
        raise CorpusError(f"{path}: holds {len(pages)} pages; write every page to a file of its own")
    size = number_of(pages[0].get("imageWidth")), number_of(pages[0].get("imageHeight"))
    lines, problems = gather(descendants(pages[0], "TextLine"), path, "id", parse_line)
    return Page(
        path=path,
        image=pages[0].get("imageFilename", "").strip(),
        size=size if all(size) and min(size) > 0 else None,
        pixels=True,
        lines=lines,
        problems=problems,
    )


def parse_line(element: Element, name: str, repairs: list[str]) -> PageLine:
    """Raises LineError if the line is nowhere."""
    words = list(children(element, "Word"))
    text = text_of(element)
    if text is None:
        text = clean(" ".join(text_of(word) or "" for word in words))
    return PageLine(
        id=name,
        outline=outline_of(element),
        baseline=baseline_of(element, repairs),
        text=text,
        parts=dict(tiers_of(words)),
    )


def outline_of(element: Element) -> np.ndarray:
    """The polygon around an element: [N, 2]."""
    coords = next(children(element, "Coords"), None)
    if coords is None:
        raise LineError("has no polygon", "give it Coords")
    try:
        return parse_points(points_of(coords), 3)
    except LineError as fault:
        raise LineError(f"has a polygon {fault.what}", fault.cure) from fault


def points_of(element: Element) -> str:
    """The points of an element; before 2013 every point was an element."""
    points = " ".join(f"{point.get('x')},{point.get('y')}" for point in children(element, "Point"))
    return element.get("points") or points


def baseline_of(element: Element, repairs: list[str]) -> np.ndarray | None:
    baseline = next(children(element, "Baseline"), None)
    if baseline is None or not points_of(baseline):
        return None
    try:
        return parse_points(points_of(baseline), 2)
    except LineError as fault:
        repairs.append(f"has a baseline {fault.what}; the middle of its outline is taken")
        return None


def text_of(element: Element) -> str | None:
    """The text of an element: of several readings the one with the lowest index, which is the most likely."""
    found = [
        (number_of(reading.get("index")) or 0, unicode.text)
        for reading in children(element, "TextEquiv")
        for unicode in children(reading, "Unicode")
    ]
    return clean(min(found, key=lambda reading: reading[0])[1]) if found else None


def tiers_of(words: list[Element]) -> Iterator[tuple[str, list[LinePart]]]:
    """The words and characters of a line, if all of them say where they are and what they are."""
    glyphs = [glyph for word in words for glyph in children(word, "Glyph")]
    for tier, elements in (("word", words), ("character", glyphs)):
        try:
            parts = [LinePart(text_of(each) or "", outline_of(each)) for each in elements]
        except LineError:
            continue
        if parts and all(part.label and " " not in part.label for part in parts):
            yield tier, parts
