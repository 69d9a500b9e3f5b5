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
from pathlib import Path

from unitdisc.prep.image_folders import add_naming_options, linked_folders, split_by
from unitdisc.prep.page_folders import PageFolder, read_lines_of_pages
from unitdisc.prep.scripts import run, script_parser, write_corpus


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    add_naming_options(parser)
    parser.add_argument("--pages", default="*", metavar="GLOB", help="page files to read, by their path below RAW")
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="another folder that images may be in")
    parser.add_argument("--text", action=argparse.BooleanOptionalAction, default=True, help="with transcripts")
    args = parser.parse_args(argv)
    linked_folders(args.raw)
    folder = PageFolder(
        args.raw,
        args.output,
        strict=args.strict,
        writer_from=args.writer_from,
        images=args.images,
        pages=args.pages,
        text=args.text,
    )
    lines, shown = read_lines_of_pages(folder)
    write_corpus(args.output, split_by(args, lines, shown) or {"all": lines})


if __name__ == "__main__":
    run(main)
