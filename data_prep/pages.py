"""Pages of manuscripts, of any origin, with their lines in ALTO or PAGE XML.

Origin    exports of eScriptorium, kraken and Transkribus, corpora of HTR-United, what libraries offer.
Licence   that of the pages.
Files     RAW/**/NAME.xml   ALTO (1 to 4) or PAGE XML (2010 to 2019), one page each
          RAW/**/NAME.png   its image, by the path or the name that the XML gives, or called like the XML; beside it,
                            or in the folder above. Nothing outside of RAW is read, whatever an XML file says.
Lines     are cut out along their baselines, which become straight and level; what is outside of their polygons becomes
          paper. They are written to images/<page>/<line>.png beside the manifests.
Tiers     word, character: where the XML says for all words or glyphs of a line where they are, in columns of its image.
Writers   the folder a page is in (of folders called page, alto or xml, the one above); or --writer-from name:REGEX,
          the first group of a pattern found in the path of the XML below RAW; or --writer-from none.
Splits    all.jsonl with all lines. --test-writers 2 holds out writers, and --test-share 0.1 lines by chance:
          train.jsonl and test.jsonl.

Bad lines, and bad pages, are reported and left out. What was repaired is reported too.

python data_prep/pages.py archive data/archive --test-share 0.1
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Problem, Utterance, short_name
from unitdisc.data.image import ImageInfo, read_image, write_image
from unitdisc.data.naming import add_naming_options, name_of, split_by, writer_finder
from unitdisc.data.pages import Line, LineError, Page, crop, find_image, read_page, scaled_to
from unitdisc.data.preparing import collect, refuse_path, run, script_parser, write_corpus

OVERVIEWS = ("mets.xml", "metadata.xml")  # tables of contents that come with pages
CONTAINERS = ("page", "alto", "xml")  # folders that say what is in them, and not who wrote it


def find_pages(raw: Path) -> list[Path]:
    """Raises CorpusError if there are none."""
    found = [path for path in sorted(raw.rglob("*")) if path.suffix.lower() == ".xml" and not path.name.startswith(".")]
    pages = [path for path in found if path.name.lower() not in OVERVIEWS]
    if not pages:
        raise CorpusError(f"{raw}: no page files in it (.xml); give the folder that holds them")
    return pages


def cut(path: Path, args: argparse.Namespace, writer_of: Callable[[Path], str | None]) -> list[Utterance]:
    """Cuts a page into lines. Raises CorpusError for a page that cannot be used and, if strict, for a bad line."""
    refuse_path(path)
    page = read_page(path)
    image = find_image(page, args.raw)
    grey = read_image(image)
    page = scaled_to(page, ImageInfo(grey.shape[1], grey.shape[0]))
    for problem in page.problems:
        report(problem, args.strict)
    home = path.parent if path.parent.name.lower() in CONTAINERS else path
    writer = writer_of(path if args.writer_from.startswith("name:") else home)
    name = name_of(path, args.raw)
    return list(lines_of(page, grey, args, name, writer))


def lines_of(
    page: Page, grey: np.ndarray, args: argparse.Namespace, name: str, writer: str | None
) -> Iterator[Utterance]:
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
        yield Utterance(id, str(path), writer, columns, height=rows, text=text, alignment=found.alignment)


def file_names(lines: list[Line]) -> list[str]:
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
    print(f"{'left out' if problem.severity == 'error' else 'repaired'}: {problem}", file=sys.stderr)


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    add_naming_options(parser)
    parser.add_argument("--text", action=argparse.BooleanOptionalAction, default=True, help="with transcripts")
    args = parser.parse_args(argv)
    writer_of = writer_finder(args.writer_from, args.raw)
    pages = collect(find_pages(args.raw), lambda path: cut(path, args, writer_of), args.strict, args.raw)
    lines = [line for page in pages for line in page]
    if not lines:
        raise CorpusError(f"{args.raw}: not one of its lines can be used; correct what is said above")
    write_corpus(args.output, split_by(args, lines) or {"all": lines})


if __name__ == "__main__":
    run(main)
