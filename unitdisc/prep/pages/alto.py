"""ALTO, the format of libraries: https://www.loc.gov/standards/alto/ (versions 1 to 4)."""

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
    box,
    children,
    clean,
    descendants,
    gather,
    name_of,
    number_of,
    parse_points,
)

PIXELS = ("", "pixel", "pixels", "px")  # what MeasurementUnit may say for them


def read_alto(root: Element, path: Path) -> Page:
    """Raises CorpusError if the file holds several pages, or none."""
    pages = list(descendants(root, "Page"))
    if len(pages) != 1:
        raise CorpusError(f"{path}: holds {len(pages)} pages; write every page to a file of its own")
    unit = next((element.text or "" for element in descendants(root, "MeasurementUnit")), "pixel")
    size = number_of(pages[0].get("WIDTH")), number_of(pages[0].get("HEIGHT"))
    lines, problems = gather(descendants(pages[0], "TextLine"), path, "ID", parse_line)
    return Page(
        path=path,
        image=next((element.text or "" for element in descendants(root, "fileName")), "").strip(),
        size=size if all(size) and min(size) > 0 else None,
        pixels=unit.strip().lower() in PIXELS,
        lines=lines,
        problems=problems,
        unit=unit.strip(),
        is_alto=True,
    )


def parse_line(element: Element, name: str, repairs: list[str]) -> PageLine:
    """Raises LineError if the line is nowhere."""
    outline = outline_of(element, repairs)
    return PageLine(
        id=name,
        outline=outline,
        baseline=baseline_of(element.get("BASELINE"), outline, repairs),
        text=clean(text_of(element)),
        parts=dict(tiers_of(element)),
    )


def outline_of(element: Element, repairs: list[str]) -> np.ndarray:
    """The polygon of an element, or its box if it has no polygon that is one: [N, 2]."""
    around = box_of(element)
    try:
        shape = next(children(element, "Shape"), None)
        polygon = next(children(shape, "Polygon"), None) if shape is not None else None
        if polygon is not None:
            return parse_points(polygon.get("POINTS", ""), 3)
    except LineError as fault:
        if around is None:
            raise LineError(f"has a polygon {fault.what}", fault.cure) from fault
        repairs.append(f"has a polygon {fault.what}; its box is taken")
    if around is None:
        raise LineError("has neither polygon nor box", "give HPOS, VPOS, WIDTH and HEIGHT above 0, or a Shape")
    return around


def box_of(element: Element) -> np.ndarray | None:
    values = [number_of(element.get(key)) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT")]
    return box(*values) if None not in values and min(values[2:]) > 0 else None


def baseline_of(value: str | None, outline: np.ndarray, repairs: list[str]) -> np.ndarray | None:
    """A baseline as points, or as the one height that versions before 4.1 know: [N, 2]."""
    if not (value or "").strip():
        return None
    if (height := number_of(value)) is not None:
        return np.array([[outline[:, 0].min(), height], [outline[:, 0].max(), height]])
    try:
        return parse_points(value, 2)
    except LineError as fault:
        repairs.append(f"has a baseline {fault.what}; the middle of its outline is taken")
        return None


def text_of(element: Element) -> str:
    """What the strings of a line say; where no space is marked at all, there is one between any two."""
    said = [child for child in element if name_of(child) in ("String", "SP", "HYP")]
    spaced = any(name_of(child) == "SP" for child in said)
    text = ""
    for child in said:
        space = name_of(child) == "SP" or (name_of(child) == "String" and not spaced)
        text += (" " if space else "") + (child.get("CONTENT") or "")
    return text


def tiers_of(element: Element) -> Iterator[tuple[str, list[LinePart]]]:
    """The words and characters of a line, if all of them say where they are."""
    strings = list(children(element, "String"))
    glyphs = [glyph for string in strings for glyph in children(string, "Glyph")]
    whole = len(strings) == 1 and np.array_equal(box_of(strings[0]), box_of(element))  # nobody looked for words
    for tier, elements in (("word", [] if whole else strings), ("character", glyphs)):
        try:
            parts = [LinePart(clean(each.get("CONTENT")) or "", outline_of(each, [])) for each in elements]
        except LineError:
            continue
        if parts and all(part.label and " " not in part.label for part in parts):
            yield tier, parts
