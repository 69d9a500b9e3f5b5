"""XML that other tools read: escaped, with nothing in it that XML cannot say, and ids that it allows."""

import re
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from unitdisc.files import write_text

NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # https://www.w3.org/TR/xml/#charsets
NO_ID = re.compile(r"[^\w.-]")  # of an NCName, which begins with a letter or "_"


def element(parent: Element | None, name: str, text: str | None = None, **attributes: object) -> Element:
    """A new element, below another one; attributes that are None are left out, and a name may end in "_"."""
    given = {key.rstrip("_"): allowed(str(value)) for key, value in attributes.items() if value is not None}
    made = Element(name, given) if parent is None else SubElement(parent, name, given)
    if text is not None:
        made.text = allowed(text)
    return made


def allowed(text: str) -> str:
    """The text, with U+FFFD for what XML has no way to write."""
    return NO_XML.sub("\ufffd", text)


def write_xml(path: Path, root: Element, heading: str = "", indented: bool = True) -> None:
    """Writes a file in UTF-8. heading: what stands between the declaration and the root.

    indented: with line ends between elements, which must not be text, as they are in HTML.
    """
    if indented:
        ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    write_text(path, f'<?xml version="1.0" encoding="UTF-8"?>\n{heading}{text}\n')


class Ids:
    """Ids of the elements of a file, each another, as near to what they are called as XML allows."""

    def __init__(self):
        self.taken: set[str] = set()

    def of(self, name: str) -> str:
        wanted = NO_ID.sub("_", name)
        wanted = wanted if re.match(r"[^\W\d]", wanted) else f"_{wanted}"
        found, number = wanted, 1
        while found in self.taken:
            number += 1
            found = f"{wanted}_{number}"
        self.taken.add(found)
        return found
