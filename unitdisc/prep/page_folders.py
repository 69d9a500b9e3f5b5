"""Folders of manuscript pages in ALTO or PAGE XML: which files to read, and the lines that are cut out of them."""

import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import CorpusError, Problem, Utterance, short_name
from unitdisc.files.refusals import refuse_blameless
from unitdisc.files.text import printable
from unitdisc.media.image import ImageInfo, dots_per_inch, read_image, write_image
from unitdisc.prep.image_folders import below, name_of, writer_finder
from unitdisc.prep.notes import Notes
from unitdisc.prep.pages import (
    PLACES,
    LineError,
    LinePlace,
    Page,
    PageLine,
    Pictures,
    crop,
    find_image,
    in_pixels,
    is_workspace,
    read_page,
    scaled_to,
    stays_in,
    write_places,
)
from unitdisc.prep.scripts import collect
from unitdisc.prep.utterances import refuse_path

OVERVIEWS = ("mets.xml", "metadata.xml")  # tables of contents that come with pages
CONTAINERS = ("page", "alto", "xml")  # folders that say what is in them, and not who wrote it
BAG = "data"  # the folder of a BagIt archive that holds what it is about


@dataclass(frozen=True)
class PageFolder:
    """Pages in a folder `raw`, whose lines are cut into `output`.

    writer_from: folder, none or name:REGEX. images: another folder that images may be in. pages: a pattern of the paths
    of page files below `raw`. text: with transcripts. strict: raise at a bad page or line.
    """

    raw: Path
    output: Path
    strict: bool = False
    writer_from: str = "folder"
    images: Path | None = None
    pages: str = "*"
    text: bool = True


def read_lines_of_pages(options: PageFolder) -> tuple[list[Utterance], dict[str, str]]:
    """The lines of all pages, and the image of the page that each is of (by id), which no split may part.

    What is bad is said and left out, and what is repaired is said. Where lines are on their pages is written beside
    them, see `pages.places`. Raises CorpusError if nothing can be used.
    """
    writer_of = writer_finder(options.writer_from, options.raw)
    pages = one_per_image(find_pages(options.raw, options.pages), options)
    pictures, notes = Pictures(), Notes()
    places: list[LinePlace] = []
    found = collect(
        pages,
        lambda path: cut(path, options, writer_of, pictures=pictures, notes=notes, places=places),
        options.strict,
        options.raw,
    )
    lines = [line for _, page in found for line in page]
    if not lines:
        raise CorpusError(f"{options.raw}: not one of its lines can be used; correct what is said above")
    notes.say()
    there = {line.id for line in lines}
    write_places(options.output / PLACES, [place for place in places if place.utterance in there])
    return lines, {line.id: str(image) for image, page in found for line in page}


def find_pages(raw: Path, pattern: str) -> list[Path]:
    """The page files whose path below the folder fits. Raises CorpusError if there are none."""
    found = [path for path in sorted(raw.rglob("*")) if path.suffix.lower() == ".xml" and not path.name.startswith(".")]
    pages = [path for path in found if path.name.lower() not in OVERVIEWS]
    if not pages:
        raise CorpusError(f"{raw}: no page files in it (.xml); give the folder that holds them")
    chosen = [path for path in pages if fnmatch(below(path, raw).as_posix(), pattern)]
    if not chosen:
        raise CorpusError(
            f"{raw}: --pages {pattern} fits none of {len(pages)} page files, such as {pages[0]}; correct it"
        )
    return chosen


class Seen(NamedTuple):
    """A page file that can be read, in the order in which those about one image are preferred."""

    bare: bool  # without any text
    renamed: bool  # not called like its image
    alto: bool
    path: Path


def one_per_image(pages: list[Path], options: PageFolder) -> Iterator[Path]:
    """The page files to read: of those about one image the best, in the same order; of the others, what is wrong.

    An image is one in all its formats, 38r.jpg and 38r.tif beside it.
    Raises CorpusError for a second one if `strict`.
    """
    about: dict[tuple[Path, str], list[Seen]] = defaultdict(list)
    images, files = {}, {}
    for path in pages:
        try:
            refuse_path(path)
            page = read_page(path)
            image = images[path] = image_of(page, options)
        except (CorpusError, OSError) as error:
            refuse_blameless(error, path)
            continue  # it is said when it is read for its lines
        status = image.stat()
        real = files.setdefault((status.st_dev, status.st_ino), Path(os.path.realpath(image)))
        seen = Seen(not page.is_transcribed, path.stem != image.stem, page.is_alto, path)
        about[real.parent, real.stem.casefold()].append(seen)
    chosen = {path: min(seen).path for seen in about.values() for *_, path in seen}
    for path in pages:
        if chosen.get(path, path) == path:
            yield path
        else:
            what = f"is about the image {images[path]}, as {chosen[path]} is"
            report(
                Problem("error", str(path), None, what=what, cure="choose with --pages which files are meant"),
                options.strict,
            )


def image_of(page: Page, options: PageFolder) -> Path:
    """Raises CorpusError if there is none, or if a link leads elsewhere."""
    folders = [options.images] if options.images else []
    if not stays_in(page.path, [options.raw, *folders]):
        what = f"is a link that leads out of {options.raw}, to {os.path.realpath(page.path)}"
        raise CorpusError(f"{page.path}: {what}; copy the file there")
    return find_image(page, options.raw, *folders)


def cut(
    path: Path,
    options: PageFolder,
    writer_of: Callable[[Path], str | None],
    *,
    pictures: Pictures,
    notes: Notes,
    places: list[LinePlace],
) -> tuple[Path, list[Utterance]]:
    """Cuts a page into lines; and its image, or the first one that shows the same. Adds where they are to `places`.

    Raises CorpusError for a page that cannot be used and, if strict, for a bad line.
    """
    refuse_path(path)
    page = read_page(path)
    image = image_of(page, options)
    grey = read_image(image)
    page = in_pixels(page, grey, None if page.pixels else dots_per_inch(image))
    page = scaled_to(page, ImageInfo(grey.shape[1], grey.shape[0]))
    for problem in page.problems:
        report(problem, options.strict)
    writer = writer_of(path if options.writer_from.startswith("name:") else home_of(path, options.raw))
    name = name_of(path, options.raw)
    lines = []
    for line, utterance in lines_of(page, grey, options, name=name, writer=writer):
        lines.append(utterance)
        places.append(LinePlace.of(utterance.id, line, image, grey=grey))
    earlier = pictures.earlier(image, grey)
    if earlier and earlier.suffix.lower() != image.suffix.lower():
        notes.add("pictures that come in several formats, so that their lines are listed twice", str(image))
    return earlier or image, lines


def home_of(path: Path, raw: Path) -> Path:
    """What lies in the folder that tells the writer: the page file, or the folder above that says what is in it."""
    home = path
    if path.parent.name.lower() in CONTAINERS or (path.parent != raw and is_workspace(path.parent.parent)):
        home = path.parent
    return home.parent if home.parent != raw and home.parent.name == BAG and is_workspace(home.parent) else home


def lines_of(
    page: Page, grey: np.ndarray, options: PageFolder, *, name: str, writer: str | None
) -> Iterator[tuple[PageLine, Utterance]]:
    for line, file in zip(page.lines, file_names(page.lines)):
        try:
            found = crop(grey, line)
        except LineError as fault:
            what = f"line {line.id!r} {fault.what}"
            report(Problem("error", str(page.path), None, what=what, cure=fault.cure), options.strict)
            continue
        for repair in found.repairs:
            what, _, how = repair.rpartition("; ")
            report(Problem("warning", str(page.path), None, what=f"line {line.id!r} {what}", cure=how), options.strict)
        path = options.output / "images" / name / f"{file}.png"
        write_image(path, found.ink)
        columns, rows = found.ink.shape
        text = line.text if options.text else None
        id = short_name(f"{name}-{file}")
        yield line, Utterance(id, str(path), writer, ticks=columns, height=rows, text=text, alignment=found.alignment)


def file_names(lines: list[PageLine]) -> list[str]:
    """The ids of the lines of a page, as far as they can name files, each another."""
    names = []
    for number, line in enumerate(lines, start=1):
        name = short_name(re.sub(r"[^\w-]+", "_", line.id)[:80], 160)
        while name in names:
            name = f"{name}-line{number}"
        names.append(name)
    return names


def report(problem: Problem, strict: bool) -> None:
    if problem.severity == "error" and strict:
        raise CorpusError.of(problem)
    said = f"{'left out' if problem.severity == 'error' else 'repaired'}: {problem}"
    print(printable(said), file=sys.stderr)
