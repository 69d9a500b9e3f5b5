"""Page files from disk, in either format."""

from pathlib import Path

from unitdisc.corpus import CorpusError
from unitdisc.prep.pages.alto import read_alto
from unitdisc.prep.pages.layout import Page, name_of
from unitdisc.prep.pages.page_xml import read_page_xml
from unitdisc.prep.pages.xml import read_xml

FORMATS = {"alto": read_alto, "PcGts": read_page_xml}  # root element -> reader


def read_page(path: str | Path) -> Page:
    """Reads a page in ALTO (versions 1 to 4) or PAGE XML (2010 to 2019), whatever the namespace.

    Raises CorpusError if the file is missing, empty, too large, no XML, or XML of another kind, if it declares
    entities, and if there are no lines on the page. Lines that cannot be used are left to its `problems`.
    """
    path = Path(path)
    root = read_xml(path)
    if name_of(root) not in FORMATS:
        what = f"is neither ALTO nor PAGE XML, for its root is <{name_of(root)[:40]}>"
        raise CorpusError(f"{path}: {what}; export the page as one of them")
    page = FORMATS[name_of(root)](root, path)
    if not page.lines and not page.problems:
        raise CorpusError(f"{path}: has no lines of text (TextLine); find the lines of the page first")
    return page
