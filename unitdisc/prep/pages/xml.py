"""XML from disk, read as untrusted: no entities, nothing from elsewhere."""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException, EntitiesForbidden
from defusedxml.ElementTree import parse

from unitdisc.corpus import CorpusError

LARGEST = 64 << 20  # bytes; a page with every character outlined has a few million


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
