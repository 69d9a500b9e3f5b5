"""ALTO 4.4, the format of libraries: https://www.loc.gov/standards/alto/"""

import os
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from unitdisc.exports.pages import CREATOR, WrittenLine, WrittenPage, around, bounds, certainty, spelled, whole
from unitdisc.exports.xml import Ids, element, write_xml

NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
SCHEMA = f"{NAMESPACE} http://www.loc.gov/alto/v4/alto-4-4.xsd"


def write_alto(path: Path, page: WrittenPage) -> None:
    """Writes a page with its lines, words and glyphs, their places in pixels and confidences (WC, GC).

    The image is named by its path from the file. ALTO's characters are single code points: a line in which one is not,
    such as q with a tilde, has words alone.
    """
    root = element(None, "alto", xmlns=NAMESPACE)
    root.set("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
    root.set("xsi:schemaLocation", SCHEMA)
    ids = Ids()
    description = element(root, "Description")
    element(description, "MeasurementUnit", "pixel")
    source = element(description, "sourceImageInformation")
    element(source, "fileName", os.path.relpath(page.image, path.parent))
    processing = element(description, "Processing", ID=ids.of("processing"))
    element(element(processing, "processingSoftware"), "softwareName", CREATOR)
    size = {"WIDTH": page.width, "HEIGHT": page.height}
    sheet = element(element(root, "Layout"), "Page", ID=ids.of("page"), PHYSICAL_IMG_NR=1, **size)
    space = element(sheet, "PrintSpace", HPOS=0, VPOS=0, **size)
    block = element(space, "TextBlock", ID=ids.of("block"), HPOS=0, VPOS=0, **size)
    for line in page.lines:
        add_line(block, line, ids)
    write_xml(path, root)


def add_line(block: Element, line: WrittenLine, ids: Ids) -> None:
    name = ids.of(line.id)
    made = element(block, "TextLine", ID=name, BASELINE=points(line.written_along), **box(line.outline))
    shape(made, line.outline)
    single = all(len(glyph.label) == 1 for word in line.words for glyph in word)
    for place, word in enumerate(line.words):
        if place:
            element(made, "SP")
        found = around(word)
        text, sure = spelled(word), f"{certainty(word):.4f}"
        string = element(made, "String", ID=ids.of(f"{name}_w{place}"), CONTENT=text, WC=sure, **box(found))
        for number, glyph in enumerate(word if single else ()):
            id = ids.of(f"{name}_w{place}_g{number}")
            sure = f"{glyph.confidence:.4f}"
            own = element(string, "Glyph", ID=id, CONTENT=glyph.label, GC=sure, **box(glyph.outline))
            shape(own, glyph.outline)
    if not line.words:  # a line has one string at least
        element(made, "String", ID=ids.of(f"{name}_w0"), CONTENT="", **box(line.outline))


def shape(parent: Element, outline: np.ndarray) -> None:
    element(element(parent, "Shape"), "Polygon", POINTS=points(outline))


def points(outline: np.ndarray) -> str:
    return " ".join(f"{x} {y}" for x, y in whole(outline).tolist())


def box(outline: np.ndarray) -> dict[str, int]:
    left, top, right, bottom = bounds(outline)
    return {"HPOS": left, "VPOS": top, "WIDTH": max(right - left, 1), "HEIGHT": max(bottom - top, 1)}
