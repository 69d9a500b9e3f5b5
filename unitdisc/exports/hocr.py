"""hOCR 1.2, which is HTML: https://kba.github.io/hocr-spec/1.2/"""

import os
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from unitdisc.exports.pages import CREATOR, WrittenLine, WrittenPage, around, bounds, certainty
from unitdisc.exports.xml import Ids, element, write_xml

DOCTYPE = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
    '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
)


def write_hocr(path: Path, page: WrittenPage) -> None:
    """Writes a page with its lines, words and characters, their boxes in pixels and confidences in per cent."""
    ids = Ids()
    root = element(None, "html", xmlns="http://www.w3.org/1999/xhtml")
    head = element(root, "head")
    element(head, "title", page.id)
    element(head, "meta", name_="ocr-system", content=CREATOR)
    element(head, "meta", name_="ocr-capabilities", content="ocr_page ocr_line ocrx_word ocrx_cinfo")
    image = os.path.relpath(page.image, path.parent).replace("\\", "\\\\").replace('"', '\\"')
    title = f'image "{image}"; bbox 0 0 {page.width} {page.height}'
    sheet = element(element(root, "body"), "div", class_="ocr_page", id=ids.of("page"), title=title)
    for line in page.lines:
        add_line(sheet, line, ids)
    write_xml(path, root, DOCTYPE, indented=False)


def add_line(sheet: Element, line: WrittenLine, ids: Ids) -> None:
    name = ids.of(line.id)
    made = element(sheet, "span", class_="ocr_line", id=name, title=box(line.outline))
    for place, word in enumerate(line.words):
        sure = f"{box(around(word))}; x_wconf {100 * certainty(word):.0f}"
        own = element(made, "span", class_="ocrx_word", id=ids.of(f"{name}_w{place}"), title=sure)
        for glyph in word:
            sure = f"{box(glyph.outline)}; x_conf {100 * glyph.confidence:.0f}"
            element(own, "span", glyph.label, class_="ocrx_cinfo", title=sure)
        own.tail = " " if place + 1 < len(line.words) else None
    made.tail = "\n"


def box(outline: np.ndarray) -> str:
    return "bbox {} {} {} {}".format(*bounds(outline))
