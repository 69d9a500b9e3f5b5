"""Folders of line images: what is written on each, and who wrote it, by tables and by text files beside them."""

import sys
from collections.abc import Iterator
from os.path import normpath, relpath
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from unitdisc.corpus import CorpusError, Utterance, id_fault
from unitdisc.files.text import printable, read_text
from unitdisc.media.image import SUFFIXES
from unitdisc.prep.image_folders import name_of, writer_finder
from unitdisc.prep.scripts import collect
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
    images = [path for path in sorted(raw.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file()]
    images = [path for path in images if not any(part.startswith(".") for part in path.relative_to(raw).parts)]
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


class LineFolder(NamedTuple):
    """The lines of a folder, the split that a table gives to each (by id), and its image."""

    lines: list[Utterance]
    splits: dict[str, str]
    images: dict[str, Path]


def read_lines_of(raw: Path, writer_from: str, strict: bool) -> LineFolder:
    """The line images of a folder, as data_prep/line_images.py describes it; bad ones are said and left out.

    writer_from: folder, none or name:REGEX. Raises CorpusError if there are none, and if `strict` for a bad one.
    """
    writer_of = writer_finder(writer_from, raw)
    splits, taken, files = {}, {}, {}

    def make(line: Line) -> Utterance:
        name = name_of(line.image, raw)
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

    return LineFolder(collect(find_lines(raw), make, strict, raw), splits, taken)
