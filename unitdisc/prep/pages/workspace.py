"""Workspaces of OCR-D: a METS file says which files are of one page (https://ocr-d.de/en/spec/mets)."""

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

from unitdisc.prep.pages.layout import descendants
from unitdisc.prep.pages.xml import read_xml

METS = "mets.xml"  # in capitals or not


class ListedFile(NamedTuple):
    """A file that a METS file lists."""

    group: str  # of files, which is the folder that it is kept in
    kind: str  # its MIME type
    places: tuple[str, ...]  # paths from the workspace, or addresses


class Workspace(NamedTuple):
    """What a METS file says."""

    files: dict[str, ListedFile]  # id -> file
    pages: list[list[str]]  # the ids of the files of every page


def is_workspace(folder: Path) -> bool:
    return mets_in(folder) is not None


def mets_in(folder: Path) -> Path | None:
    """The METS file of a folder, if it has one."""
    if (folder / METS).is_file():
        return folder / METS
    named = (folder / name for name in os.listdir(folder) if name.casefold() == METS)  # noqa: PTH208 - far quicker
    return next((path for path in sorted(named) if path.is_file()), None)


def images_of(path: Path, workspace: Path, name: str) -> Iterator[Path]:
    """Where the images of the page that a page file is about may be, those called `name` first.

    Raises CorpusError if the METS file cannot be read.
    """
    mets = mets_in(workspace)
    known = read_mets(mets, mets.stat().st_mtime_ns)
    wanted = os.path.normpath(path)
    found = []
    for ids in known.pages:
        files = [known.files[id] for id in ids if id in known.files]
        if any(os.path.normpath(place) == wanted for file in files for place in places(file, workspace)):
            found += [place for file in files if file.kind.startswith("image/") for place in places(file, workspace)]
    yield from sorted(found, key=lambda place: place.name != name)


def places(file: ListedFile, workspace: Path) -> Iterator[Path]:
    """Where a file may be: where it is listed, or, of an address, where OCR-D puts what it downloads."""
    for place in file.places:
        local = unquote(urlsplit(place).path if "://" in place else place)
        yield workspace / (local if "://" not in place else PurePosixPath(file.group, PurePosixPath(local).name))


@lru_cache(maxsize=8)
def read_mets(path: Path, changed: int) -> Workspace:
    """What a METS file says; changed: when it was written, so that another one is read anew."""
    root = read_xml(path)
    files = {}
    for group in descendants(root, "fileGrp"):
        for file in descendants(group, "file"):
            found = tuple(filter(None, map(address, descendants(file, "FLocat"))))
            files[file.get("ID", "")] = ListedFile(group.get("USE", ""), file.get("MIMETYPE", ""), found)
    pages = [page for page in descendants(root, "div") if page.get("TYPE", "").casefold() == "page"]
    return Workspace(files, [[each.get("FILEID", "") for each in descendants(page, "fptr")] for page in pages])


def address(place: Element) -> str:
    """The xlink:href of an element, whatever the prefix."""
    return next((value for key, value in place.attrib.items() if key.rpartition("}")[2] == "href"), "")
