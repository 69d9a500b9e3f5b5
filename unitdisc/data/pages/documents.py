"""Page files from disk, read as untrusted XML: no entities, nothing from elsewhere."""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException, EntitiesForbidden
from defusedxml.ElementTree import parse

from unitdisc.corpus import CorpusError
from unitdisc.data.pages.alto import read_alto
from unitdisc.data.pages.layout import Page, name_of
from unitdisc.data.pages.page_xml import read_page_xml

LARGEST = 64 << 20  # bytes; a page with every character outlined has a few million
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


def read_xml(path: Path) -> Element:
    try:
        size = path.stat().st_size
        if not size:
            raise CorpusError(f"{path}: is empty (0 bytes); copy it again")
        if size > LARGEST:
            raise CorpusError(f"{path}: has {size} bytes, too many for a page; split it into pages")
        return parse(path).getroot()
    except EntitiesForbidden as error:
        what = f"declares the entity {error.name!r}, which could become any text of any size"
        raise CorpusError(f"{path}: {what}; write out what it stands for") from error
    except DefusedXmlException as error:
        raise CorpusError(f"{path}: refers to another file, which is not read; take the reference out") from error
    except ParseError as error:
        raise CorpusError(f"{path}: is no XML, or cut off ({error}); export or copy it again") from error
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror}); give the path of a page file") from error
    except (ValueError, LookupError) as error:
        if isinstance(error, CorpusError):
            raise
        raise CorpusError(f"{path}: is in an encoding that is not known ({error}); convert it to UTF-8") from error
