"""Line images of any origin: a folder of them, with what is written on them if that is known.

Origin    whoever cut pages into lines, by hand or with a tool.
Licence   that of the images.
Files     RAW/**/NAME.png     one line of writing each; also jpg, tif, webp, bmp, pgm and the like
          RAW/**/NAME.txt     what is written there, one line in UTF-8; also NAME.gt.txt. For NAME.bin.png too.
          or, instead of text files, one table RAW/lines.tsv (tabs, no quotes) or RAW/lines.csv, whose first line names
          its columns: image (path from RAW), and if known text, writer, split. Every row is one line of the table.
Tiers     none.
Writers   the folder an image is in; or --writer-from name:REGEX, the first group of a pattern found in the path below
          RAW, such as name:'^([a-z]+)-'; or --writer-from none. A column writer comes before these.
Splits    all.jsonl with all lines, or what the column split says. --test-writers 2 holds out writers, and
          --test-share 0.1 lines by chance: train.jsonl and test.jsonl. Equal images stay together, and so do 1.bin.png
          and 1.nrm.png. Images stay where they are.

python data_prep/line_images.py scans/lines data/archive --test-share 0.1
"""

import sys
from collections.abc import Iterator
from os.path import normpath, relpath
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from unitdisc.corpus import CorpusError, Utterance, id_fault
from unitdisc.files.text import printable, read_text
from unitdisc.media.image import SUFFIXES
from unitdisc.prep.image_folders import (
    add_naming_options,
    linked_folders,
    name_of,
    pictures_of,
    split_by,
    whole,
    writer_finder,
)
from unitdisc.prep.scripts import collect, run, script_parser, write_corpus
from unitdisc.prep.tables import table_rows
from unitdisc.prep.utterances import line_image

COLUMNS = ("text", "writer", "split")  # that a table may have beside `image`


class Line(NamedTuple):
    """An image, and what a table says of it."""

    image: Path
    text: str | None = None
    writer: str | None = None
    split: str = "all"


def find_lines(raw: Path) -> Iterator[Line]:
    """The lines of the table, or all images below a folder. Raises CorpusError if there are none, or two tables."""
    tables = [path for path in (raw / "lines.tsv", raw / "lines.csv") if path.is_file()]
    if len(tables) > 1:
        raise CorpusError(f"{raw}: has lines.tsv and lines.csv; remove one of them")
    images = [path for path in sorted(raw.rglob("*")) if path.suffix.lower() in SUFFIXES and path.name[0] != "."]
    images = [path for path in images if path.is_file()]
    if not images and not tables:
        raise CorpusError(f"{raw}: no images in it ({' '.join(sorted(SUFFIXES))}); give the folder that holds them")
    yield from lines_in(tables[0], raw, [normpath(path) for path in images]) if tables else map(Line, images)


def lines_in(table: Path, raw: Path, images: list[str]) -> Iterator[Line]:
    """The lines of a table; images of the folder that it does not name are said.

    An accent is the same however the table and the file system encode it. Raises CorpusError for a row without image.
    """
    named, unused, there, spelt = set(), set(), {*images}, {normalize("NFC", path): path for path in images}
    for number, row in table_rows(table, ["image"]):
        if not row["image"]:
            raise CorpusError(f"{table}:{number}: names no image; correct the line")
        if (split := row.get("split")) and (fault := id_fault(split)):
            raise CorpusError(f"{table}:{number}: the split {split!r} cannot name a file ({fault}); correct it")
        path = normpath(raw / row["image"])
        if path not in there:
            path = spelt.get(normalize("NFC", path), path)
        named.add(path)
        unused |= row.keys() - {"image", *COLUMNS}
        yield Line(Path(path), **{key: row[key] for key in COLUMNS if row.get(key)})
    if unused:
        what = f"the columns {sorted(unused)} are not read"
        print(f"{table}:1: {what}; those that are known are image, {', '.join(COLUMNS)}", file=sys.stderr)
    if others := sorted(there - named):
        names = ", ".join(printable(relpath(path, raw)) for path in others[:5]) + ", ..." * (len(others) > 5)
        print(f"left out: {len(others)} images below {raw} that no row of {table.name} names: {names}", file=sys.stderr)


def text_beside(image: Path) -> str | None:
    """What a text file beside an image says, white space of any kind being one blank; None if there is none.

    Raises CorpusError if it is not UTF-8, or holds several lines.
    """
    stems = dict.fromkeys([image.stem, image.name.split(".")[0]])
    paths = [image.with_name(f"{stem}{suffix}") for stem in stems for suffix in (".gt.txt", ".txt")]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return None
    lines = read_text(path, CorpusError, wide=True).strip().split("\n")
    if len(lines) > 1:
        raise CorpusError(f"{path}: holds {len(lines)} lines of text; cut {image.name} into lines, each with its own")
    return " ".join(lines[0].split()) or None


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    add_naming_options(parser)
    args = parser.parse_args(argv)
    writer_of = writer_finder(args.writer_from, args.raw)
    splits, taken, files = {}, {}, {}
    linked_folders(args.raw)

    def make(line: Line) -> Utterance:
        name = name_of(line.image, args.raw)
        if taken.get(name) == line.image:
            raise CorpusError(f"{line.image}: is named by two rows of the table, and the first is taken; remove one")
        if name in taken and line.image.is_file():
            raise CorpusError(f"{line.image}: would be called {name!r} like {taken[name]}; rename one of them")
        text = line.text or text_beside(line.image)
        text = normalize("NFC", text) if text else None
        utterance = line_image(line.image, name, speaker=line.writer or writer_of(line.image), text=text)
        status = line.image.stat()
        if (twin := files.setdefault((status.st_dev, status.st_ino), line.image)) != line.image:
            raise CorpusError(f"{line.image}: is the same file as {twin}; list one of them")
        splits[name], taken[name] = line.split, line.image
        return utterance

    lines = collect(find_lines(args.raw), make, args.strict, args.raw)
    listed = {split: [line for line in lines if splits[line.id] == split] for split in sorted(set(splits.values()))}
    if len(listed) == 1 and args.test_writers is None and args.test_share is None:
        write_corpus(args.output, listed)
        return
    shown = pictures_of({line.id: taken[line.id] for line in lines})
    write_corpus(args.output, split_by(args, lines, shown) or whole(listed, shown))


if __name__ == "__main__":
    run(main)
