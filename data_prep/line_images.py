"""Line images of any origin: a folder of them, with what is written on them if that is known.

Files     RAW/**/NAME.png     one line of writing each; also jpg, tif, webp, bmp, pgm and the like
          RAW/**/NAME.txt     what is written there, one line in UTF-8; also NAME.gt.txt. For NAME.bin.png too.
          or, instead of text files, one table RAW/lines.tsv (tabs, no quotes) or RAW/lines.csv, whose first line names
          its columns: image (path from RAW), and if known text, writer, split
Writers   the folder an image is in; or --writer-from name:REGEX, the first group of a pattern found in the path below
          RAW, such as name:'^([a-z]+)-'; or --writer-from none. A column writer comes before these.
Splits    all.jsonl with all lines, or what the column split says. --test-writers 2 holds out writers, and
          --test-share 0.1 lines by chance: train.jsonl and test.jsonl. Images stay where they are.

python data_prep/line_images.py scans/lines data/archive --test-share 0.1
"""

import argparse
import csv
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.data.image import SUFFIXES
from unitdisc.data.preparing import (
    add_speaker_options,
    collect,
    hold_out,
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


def writer_finder(rule: str, raw: Path) -> Callable[[Path], str | None]:
    """What finds the writer of an image by --writer-from. Raises CorpusError if that is no rule."""
    if rule == "none":
        return lambda image: None
    if rule == "folder":
        return lambda image: image.parent.name if image.parent != raw else None
    kind, _, pattern = rule.partition(":")
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise CorpusError(f"--writer-from {rule}: is no regular expression ({error}); correct it") from error
    if kind != "name" or expression.groups < 1:
        raise CorpusError(
            f"--writer-from {rule}: must be folder, none, or name:REGEX with a group (...) for the writer"
        )

    def find(image: Path) -> str:
        below = image.relative_to(raw).as_posix()
        match = expression.search(below)
        if not match or not match[1]:
            raise CorpusError(
                f"{image}: its writer is not known, for {pattern!r} is not in {below!r}; correct the pattern"
            )
        return match[1]

    return find


def name_of(image: Path, raw: Path) -> str:
    """The path below the folder as an id: "ann/page 1/3.png" is "ann-page_1-3"."""
    below = image.relative_to(raw) if image.is_relative_to(raw) else Path(image.name)
    return "-".join("_".join(part.split()) for part in below.with_suffix("").parts)


def share_out(lines: list[Utterance], share: float, seed: int) -> dict[str, list[Utterance]]:
    """A split by chance. Raises CorpusError if either side would be empty."""
    count = round(share * len(lines))
    if not 0 < count < len(lines):
        raise CorpusError(f"cannot hold out {share} of {len(lines)} lines: both sides need at least one")
    ids = np.random.default_rng(seed).permutation(sorted(line.id for line in lines))[:count]
    chosen = set(ids.tolist())
    return {
        "train": [line for line in lines if line.id not in chosen],
        "test": [line for line in lines if line.id in chosen],
    }


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("--writer-from", default="folder", metavar="RULE", help="folder (default), none or name:REGEX")
    add_speaker_options(parser, default=None, otherwise="none", who="writer")
    parser.add_argument("--test-share", type=float, metavar="SHARE", help="lines to hold out instead of writers: 0.1")
    args = parser.parse_args(argv)
    if args.test_share is not None and args.test_writers is not None:
        parser.error("give --test-writers or --test-share, not both")
    return args


def main(argv: list[str] | None = None) -> None:
    args = parse_arguments(argv)
    writer_of = writer_finder(args.writer_from, args.raw)
    splits, taken = {}, {}

    def make(line: Line) -> Utterance:
        name = name_of(line.image, args.raw)
        if name in taken:
            raise CorpusError(f"{line.image}: would be called {name!r} like {taken[name]}; rename one of them")
        text = line.text or text_beside(line.image)
        text = unicodedata.normalize("NFC", text) if text else None
        utterance = line_image(line.image, name, speaker=line.writer or writer_of(line.image), text=text)
        splits[name], taken[name] = line.split, line.image
        return utterance

    lines = collect(find_lines(args.raw), make, args.strict, args.raw)
    if args.test_writers is not None:
        found = hold_out(lines, args.test_writers, args.seed)
    elif args.test_share is not None:
        found = share_out(lines, args.test_share, args.seed)
    else:
        found = {split: [line for line in lines if splits[line.id] == split] for split in sorted(set(splits.values()))}
    write_corpus(args.output, found)


if __name__ == "__main__":
    run(main)
