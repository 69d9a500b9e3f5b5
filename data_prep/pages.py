"""Pages of manuscripts, of any origin, with their lines in ALTO or PAGE XML.

Origin    exports of eScriptorium, kraken and Transkribus, corpora of HTR-United, what libraries offer.
Licence   that of the pages.
Files     RAW/**/NAME.xml   ALTO (1 to 4) or PAGE XML (2010 to 2019), one page each; --pages '*.chocomufin.xml' reads
                            those alone
          RAW/**/NAME.png   its image, by the path or the name that the XML gives, or called like the XML; beside it,
                            or in the folder above; in a workspace of OCR-D, by the path from there or as mets.xml says.
                            Nothing outside of RAW is read, whatever an XML file says and wherever a link leads, but for
                            the folder that --images names.
          An image is one page: of several XML files about it, one with texts, called like the image, in PAGE XML is
          taken, as far as there is one; the others are left out, by name.
Lines     are cut out along their baselines, which become straight and level; what is outside of their polygons becomes
          paper. They are written to images/<page>/<line>.png beside the manifests.
Tiers     word, character: where the XML says for all words or glyphs of a line where they are, in columns of its image.
Writers   the folder a page is in (of folders called page, alto or xml, and of those in a workspace of OCR-D, the one
          above); or --writer-from name:REGEX, the first group of a pattern found in the path of the XML below RAW; or
          --writer-from none.
Places    places.jsonl says where on their pages the lines are, so that `unitdisc read` can put readings back there.
Splits    all.jsonl with all lines. --test-writers 2 holds out writers, and --test-share 0.1 a tenth of the lines, by
          whole pages: train.jsonl and test.jsonl. Images that show the same stay together.

Bad lines, and bad pages, are reported and left out. What was repaired is reported too.

python data_prep/pages.py archive data/archive --test-share 0.1
"""

import argparse
import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import CorpusError, Problem, Utterance, short_name
from unitdisc.files.text import printable
from unitdisc.media.image import ImageInfo, dots_per_inch, read_image, write_image
from unitdisc.prep.image_folders import add_naming_options, below, linked_folders, name_of, split_by, writer_finder
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
from unitdisc.prep.scripts import collect, run, script_parser, write_corpus
from unitdisc.prep.utterances import refuse_path

OVERVIEWS = ("mets.xml", "metadata.xml")  # tables of contents that come with pages
CONTAINERS = ("page", "alto", "xml")  # folders that say what is in them, and not who wrote it
BAG = "data"  # the folder of a BagIt archive that holds what it is about


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


def one_per_image(pages: list[Path], args: argparse.Namespace) -> Iterator[Path]:
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
            image = images[path] = image_of(page, args)
        except (CorpusError, OSError):
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
            report(Problem("error", str(path), None, what, "choose with --pages which files are meant"), args.strict)


def image_of(page: Page, args: argparse.Namespace) -> Path:
    """Raises CorpusError if there is none, or if a link leads elsewhere."""
    folders = [args.images] if args.images else []
    if not stays_in(page.path, [args.raw, *folders]):
        what = f"is a link that leads out of {args.raw}, to {os.path.realpath(page.path)}"
        raise CorpusError(f"{page.path}: {what}; copy the file there")
    return find_image(page, args.raw, *folders)


def cut(
    path: Path,
    args: argparse.Namespace,
    writer_of: Callable[[Path], str | None],
    pictures: Pictures,
    *,
    notes: Notes,
    places: list[LinePlace],
) -> tuple[Path, list[Utterance]]:
    """Cuts a page into lines; and its image, or the first one that shows the same. Adds where they are to `places`.

    Raises CorpusError for a page that cannot be used and, if strict, for a bad line.
    """
    refuse_path(path)
    page = read_page(path)
    image = image_of(page, args)
    grey = read_image(image)
    page = in_pixels(page, grey, None if page.pixels else dots_per_inch(image))
    page = scaled_to(page, ImageInfo(grey.shape[1], grey.shape[0]))
    for problem in page.problems:
        report(problem, args.strict)
    writer = writer_of(path if args.writer_from.startswith("name:") else home_of(path, args.raw))
    name = name_of(path, args.raw)
    lines = []
    for line, utterance in lines_of(page, grey, args, name, writer):
        lines.append(utterance)
        places.append(LinePlace.of(utterance.id, line, image, grey))
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
    page: Page, grey: np.ndarray, args: argparse.Namespace, name: str, writer: str | None
) -> Iterator[tuple[PageLine, Utterance]]:
    for line, file in zip(page.lines, file_names(page.lines)):
        try:
            found = crop(grey, line)
        except LineError as fault:
            what = f"line {line.id!r} {fault.what}"
            report(Problem("error", str(page.path), None, what, fault.cure), args.strict)
            continue
        for repair in found.repairs:
            what, _, how = repair.rpartition("; ")
            report(Problem("warning", str(page.path), None, f"line {line.id!r} {what}", how), args.strict)
        path = args.output / "images" / name / f"{file}.png"
        write_image(path, found.ink)
        columns, rows = found.ink.shape
        text = line.text if args.text else None
        id = short_name(f"{name}-{file}")
        yield line, Utterance(id, str(path), writer, columns, height=rows, text=text, alignment=found.alignment)


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


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    add_naming_options(parser)
    parser.add_argument("--pages", default="*", metavar="GLOB", help="page files to read, by their path below RAW")
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="another folder that images may be in")
    parser.add_argument("--text", action=argparse.BooleanOptionalAction, default=True, help="with transcripts")
    args = parser.parse_args(argv)
    writer_of = writer_finder(args.writer_from, args.raw)
    linked_folders(args.raw)
    pages, pictures, notes = one_per_image(find_pages(args.raw, args.pages), args), Pictures(), Notes()
    places: list[LinePlace] = []
    found = collect(
        pages, lambda path: cut(path, args, writer_of, pictures, notes=notes, places=places), args.strict, args.raw
    )
    lines = [line for _, page in found for line in page]
    if not lines:
        raise CorpusError(f"{args.raw}: not one of its lines can be used; correct what is said above")
    shown = {line.id: str(image) for image, page in found for line in page}
    notes.say()
    write_corpus(args.output, split_by(args, lines, shown) or {"all": lines})
    write_places(args.output / PLACES, [place for place in places if place.utterance in shown])


if __name__ == "__main__":
    run(main)
