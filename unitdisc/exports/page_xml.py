"""PAGE XML of 2019, the format of Transkribus and eScriptorium: https://www.primaresearch.org/schema/PAGE/"""

import os
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from unitdisc.exports.pages import CREATOR, DATE, WrittenLine, WrittenPage, around, certainty, spelled, whole
from unitdisc.exports.xml import Ids, element, write_xml

NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"


def write_page_xml(path: Path, page: WrittenPage) -> None:
    """Writes a page with its lines, words and glyphs, their places in pixels and confidences (conf).

    The image is named by its path from the file.
    """
    root = element(None, "PcGts", xmlns=NAMESPACE)
    root.set("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
    root.set("xsi:schemaLocation", f"{NAMESPACE} {NAMESPACE}/pagecontent.xsd")
    ids = Ids()
    metadata = element(root, "Metadata")
    for name, text in (("Creator", CREATOR), ("Created", DATE), ("LastChange", DATE)):
        element(metadata, name, text)
    image = os.path.relpath(page.image, path.parent)
    sheet = element(root, "Page", imageFilename=image, imageWidth=page.width, imageHeight=page.height)
    region = element(sheet, "TextRegion", id=ids.of("region"))
    coords(region, np.array([[0, 0], [page.width, 0], [page.width, page.height], [0, page.height]]))
    for line in page.lines:
        add_line(region, line, ids)
    write_xml(path, root)


def add_line(region: Element, line: WrittenLine, ids: Ids) -> None:
    name = ids.of(line.id)
    made = element(region, "TextLine", id=name)
    coords(made, line.outline)
    element(made, "Baseline", points=points(line.written_along))
    for place, word in enumerate(line.words):
        own = element(made, "Word", id=ids.of(f"{name}_w{place}"))
        coords(own, around(word))
        for number, glyph in enumerate(word):
            character = element(own, "Glyph", id=ids.of(f"{name}_w{place}_g{number}"))
            coords(character, glyph.outline)
            text(character, glyph.label, glyph.confidence)
        text(own, spelled(word), certainty(word))
    sure = [glyph for word in line.words for glyph in word]
    text(made, line.text, certainty(sure) if sure else None)


def coords(parent: Element, outline: np.ndarray) -> None:
    element(parent, "Coords", points=points(outline))


def text(parent: Element, content: str, confidence: float | None) -> None:
    equivalent = element(parent, "TextEquiv", conf=None if confidence is None else f"{confidence:.4f}")
    element(equivalent, "Unicode", content)


def points(outline: np.ndarray) -> str:
    return " ".join(f"{x},{y}" for x, y in whole(outline).tolist())
