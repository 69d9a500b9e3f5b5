"""Line images of any origin: a folder of them, with what is written on them if that is known.

Origin    whoever cut pages into lines, by hand or with a tool.
Licence   that of the images.
Files     RAW/**/NAME.png     one line of writing each; also jpg, tif, webp, bmp, pgm and the like
          RAW/**/NAME.txt     what is written there, one line in UTF-8; also NAME.gt.txt. For NAME.bin.png too.
          or, instead of text files, one table RAW/lines.tsv (tabs, no quotes) or RAW/lines.csv, whose first line names
          its columns: image (path from RAW), and if known text, writer, split
Tiers     none.
Writers   the folder an image is in; or --writer-from name:REGEX, the first group of a pattern found in the path below
          RAW, such as name:'^([a-z]+)-'; or --writer-from none. A column writer comes before these.
Splits    all.jsonl with all lines, or what the column split says. --test-writers 2 holds out writers, and
          --test-share 0.1 lines by chance: train.jsonl and test.jsonl. Equal images stay together, and so do 1.bin.png
          and 1.nrm.png. Images stay where they are.

python data_prep/line_images.py scans/lines data/archive --test-share 0.1
"""

import csv
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.data.image import SUFFIXES
from unitdisc.data.naming import (
    add_naming_options,
    linked_folders,
    name_of,
    pictures_of,
    split_by,
    whole,
    writer_finder,
)
from unitdisc.data.preparing import (
    collect,
    line_image,
    read_table,
    run,
    script_parser,
    write_corpus,
)


class Line(NamedTuple):
    """An image, and what a table says of it."""

    image: Path
    text: str | None = None
    writer: str | None = None
    split: str = "all"


def find_lines(raw: Path) -> Iterator[Line]:
    """The lines of the table, or all images below a folder. Raises CorpusError if there are none."""
    tables = [path for path in (raw / "lines.tsv", raw / "lines.csv") if path.is_file()]
    if len(tables) > 1:
        raise CorpusError(f"{raw}: has lines.tsv and lines.csv; remove one of them")
    if tables:
        for row in read_table(tables[0], ["image"]) if tables[0].suffix == ".tsv" else read_csv(tables[0]):
            known = {key: row[key].strip() for key in ("text", "writer", "split") if (row.get(key) or "").strip()}
            yield Line(raw / row["image"], **known)
        return
    found = False
    for path in sorted(raw.rglob("*")):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file():
            found = True
            yield Line(path)
    if not found:
        raise CorpusError(f"{raw}: no images in it ({' '.join(sorted(SUFFIXES))}); give the folder that holds them")


def read_csv(path: Path) -> Iterator[dict[str, str]]:
    try:
        rows = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines(keepends=True))
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: not UTF-8 ({error.reason}); convert it to UTF-8") from error
    if "image" not in (rows.fieldnames or ()):
        raise CorpusError(f"{path}:1: has no column image; its first line must name the columns")
    for row in rows:
        if None in row or not row["image"]:
            what = "has more columns than the first line names" if None in row else "names no image"
            raise CorpusError(f"{path}:{rows.line_num}: {what}; correct the line")
        yield row


def text_beside(image: Path) -> str | None:
    """What a text file beside an image says, white space of any kind being one blank; None if there is none.

    Raises CorpusError if it is not UTF-8, or holds several lines.
    """
    stems = dict.fromkeys([image.stem, image.name.split(".")[0]])
    paths = [image.with_name(f"{stem}{suffix}") for stem in stems for suffix in (".gt.txt", ".txt")]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8-sig").strip().splitlines()
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: not UTF-8 ({error.reason}); convert it to UTF-8") from error
    if len(lines) > 1:
        raise CorpusError(f"{path}: holds {len(lines)} lines of text; cut {image.name} into lines, each with its own")
    return " ".join(lines[0].split()) if lines else None


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    add_naming_options(parser)
    args = parser.parse_args(argv)
    writer_of = writer_finder(args.writer_from, args.raw)
    splits, taken, files = {}, {}, {}
    linked_folders(args.raw)

    def make(line: Line) -> Utterance:
        name = name_of(line.image, args.raw)
        if name in taken:
            raise CorpusError(f"{line.image}: would be called {name!r} like {taken[name]}; rename one of them")
        text = line.text or text_beside(line.image)
        text = unicodedata.normalize("NFC", text) if text else None
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
