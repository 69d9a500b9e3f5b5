"""ScribbleLens: Dutch manuscripts of the 16th to 18th century, ship's journals and letters, by about 60 scribes.

Origin    Dolfing, Bellegarda, Chorowski, Marxer and Laurent, 2020; https://www.openslr.org/84. Read from the zip files.
Licence   as https://www.openslr.org/84 states it.
Files     scribblelens.corpus.v1.2.zip   in the folder scribblelens.corpus.v1/:
            nl/<scribe>/<page>/line<number>.jpg  with the transcript of the line beside it; nl/unsupervised/...  without
            corpora/nl.<bw|gray|color>.lines.[<slice>.]<train|test>.dat   image and transcript, one line of writing to a
                                                                          line; a slice is what one scribe wrote
            corpora/all.nl.<bw|gray|color>.lines.unsupervised.dat         images
            corpora/nl.writers.scribes.v2.txt   scribes: name, number, folder, year, ...
          scribblelens.paths.1.4b.zip    where it is there, alignments, named like the images: .../line<number>.ali,
            a line "image length targetStr:text", and one "t t+1 symbol score" for each column of the image scaled to 32
            rows; "*" is background, "_" (or SPACE) a blank
Scribes   tasman, kieft, ...: the name of the folder, or where several scribes share it, folder-number:
          owic.brieven.49-47, roggeveen-80.
Tiers     character: from the alignment, in columns of the image. Background and blanks belong to no interval. Letters
          that are double in the text ("oo") are one run in the alignment, which is cut in halves. word: the letters
          between blanks. text: of the transcript, full stops and apostrophes left out as in the alignments ("transcript
          mode 5"), which --punctuation keeps.
Split     that of the lists, of all scribes or of one --slice; --unsupervised adds unsupervised.jsonl. Images are copied
          out of the zip, beside the manifests: images/<scribe>/<page>/line<number>.jpg.

python data_prep/scribblelens.py downloads data/scribblelens_tasman --slice tasman
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.files import written_aside
from unitdisc.prep.archives import Archive, inside
from unitdisc.prep.notes import Notes
from unitdisc.prep.scripts import collect, run, script_parser, write_corpus
from unitdisc.prep.utterances import line_image

ROOT = "scribblelens.corpus.v1"
COLOURS = ("bw", "gray", "color")
ROWS = 32  # of the images the alignments were made of
BACKGROUND, BLANKS = "*", ("_", "SPACE")
NOISE = str.maketrans("", "", ".'")  # what transcript mode 5 leaves out
IMAGE, TEXT = 16 << 20, 4 << 20  # bytes that no image, list or alignment is longer than


@dataclass(frozen=True)
class Listed:
    """A line of a list."""

    image: PurePosixPath  # within the zip
    transcript: PurePosixPath | None

    @property
    def parts(self) -> tuple[str, ...]:
        """What is below the folder of the language: ("tasman", "12", "line3.jpg")."""
        return self.image.parts[2:]


def newest(raw: Path, pattern: str) -> Path | None:
    return max(raw.glob(pattern), default=None, key=lambda path: path.name)


def lists(archive: Archive, colour: str, part: str | None, unsupervised: bool) -> dict[str, PurePosixPath]:
    """Split -> its list. Raises CorpusError where there is none, naming the slices there are."""
    pattern = re.compile(rf"(?:all\.)?nl\.{colour}\.lines\.(?:(.+)\.)?([^.]+)\.dat")
    found, parts = {}, set()
    for name in sorted(archive.names):
        path = PurePosixPath(name)
        match = pattern.fullmatch(path.name)
        if match and path.parent == PurePosixPath(ROOT, "corpora"):
            parts.add(match[1])
            if match[1] == part and (unsupervised or match[2] != "unsupervised"):
                found[match[2]] = path
    if not found:
        there = sorted(name for name in parts if name)
        what = f"no list of {colour} lines" + (f" of {part}" if part else "")
        raise CorpusError(
            f"{archive.path}: has {what}; choose another --colour ({', '.join(COLOURS)}) or --slice {there}"
        )
    return found


def listed_in(archive: Archive, path: PurePosixPath) -> list[tuple[str, str]]:
    """The lines of a list, with where they stand."""
    rows = archive.lines(path, TEXT)
    return [(f"{archive.path}: {path}:{number}", line) for number, line in rows if line.strip()]


def parsed(where: str, line: str) -> Listed:
    """Raises CorpusError if the line names no image, or one that is not in the zip."""
    try:
        image, *transcript = (within(name) for name in line.split()[:2])
        if image.suffix != ".jpg" or len(image.parts) < 4 or any(each.suffix != ".txt" for each in transcript):
            raise ValueError("it must be nl/<scribe>/.../<image>.jpg, and perhaps <transcript>.txt")
    except ValueError as error:
        raise CorpusError(f"{where}: {line[:200]!r} names no line ({error}); download it again") from error
    return Listed(image, transcript[0] if transcript else None)


def within(name: str) -> PurePosixPath:
    """A name from a list as one in the zip file. Raises ValueError if it leads elsewhere."""
    path = inside(name)
    return path if path.parts[0] == ROOT else PurePosixPath(ROOT) / path


def read_scribes(archive: Archive) -> dict[str, dict[str, str]]:
    """Folder of several scribes -> page -> scribe, of the table; empty where there is no table."""
    tables = sorted(
        name for name in archive.names if re.fullmatch(rf"{ROOT}/corpora/nl\.writers\.scribes.*\.txt", name)
    )
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for _, line in archive.lines(PurePosixPath(tables[-1]), TEXT) if tables else []:
        row = line.split()
        if len(row) < 3 or not row[1].isdigit():
            continue  # the heading
        name, number, folder = row[:3]
        home, _, pages = name.partition("/")
        last = PurePosixPath(folder).name
        if not pages and last.startswith("["):  # roggeveen has its pages in the name of the folder alone
            pages = last
        for page in pages_of(pages):
            found[home][page] = f"{home}-{number}"
    return dict(found)


def pages_of(pattern: str) -> Iterator[str]:
    """The pages a pattern of the table stands for.

    (3-14) is 3 to 14; 17[2346] is 172, 173, 174 and 176; 21.[1368-13] is 21.1, 21.3, 21.6, 21.8 and 21.13;
    [6.0-25.0] is 6.0, 6.1, 7.0, ... 25.0, left and right sides of openings.
    """
    if match := re.fullmatch(r"\((\d+)-(\d+)\)", pattern):
        yield from map(str, range(int(match[1]), int(match[2]) + 1))
    elif match := re.fullmatch(r"\[(\d+)\.([01])-(\d+)\.([01])\]", pattern):
        first, last = (2 * int(match[page]) + int(match[page + 1]) for page in (1, 3))
        yield from (f"{side // 2}.{side % 2}" for side in range(first, last + 1))
    elif match := re.fullmatch(r"([^\[\]()]*)\[([\d,-]+)\]", pattern):
        single, *longer = re.split("[-,]", match[2])
        yield from (match[1] + page for page in (*single, *longer) if page)
    elif pattern:
        yield pattern


def scribe_of(parts: tuple[str, ...], scribes: Mapping[str, Mapping[str, str]]) -> str:
    folder, *below = parts[1:] if parts[0] == "unsupervised" else parts
    return scribes.get(folder, {}).get(below[0], folder) if len(below) > 1 else folder


def read_alignment(text: str, where: str) -> tuple[list[str], str]:
    """The symbol of every column, and the text they spell. Raises CorpusError naming the line that is wrong."""
    head, *rows = text.removesuffix("\n").split("\n")
    match = re.match(r"\S+\s+(\d+)\b", head)
    if match is None or len(rows) < int(match[1]) or int(match[1]) == 0:
        what = f"begins with {head[:100]!r} and has {len(rows)} lines more"
        raise CorpusError(
            f"{where}: {what}; it must be 'image length targetStr:text' and as many lines; download it again"
        )
    symbols = []
    for number, row in enumerate(rows[: int(match[1])], start=2):
        columns = row.split()
        if len(columns) != 4 or columns[0] != str(number - 2):
            raise CorpusError(f"{where}:{number}: {row[:100]!r} is not 't t+1 symbol score'; download it again")
        symbols.append(columns[2])
    return symbols, head.partition("targetStr:")[2].replace(BACKGROUND, "").strip()


class Run(NamedTuple):
    """Columns of an alignment, one after the other, with the same symbol; a double letter once it is cut is two."""

    symbol: str
    start: int
    end: int


def runs_of(symbols: Iterable[str]) -> list[Run]:
    runs, position = [], 0
    for symbol, same in groupby(symbols):
        end = position + len(list(same))
        runs.append(Run(symbol, position, end))
        position = end
    return [run for run in runs if run.symbol != BACKGROUND]


def agree(runs: list[Run], text: str) -> bool:
    """Whether an alignment spells a text, double letters being one."""
    spelt = [" " if run.symbol in BLANKS else run.symbol for run in runs]
    return spelt == [symbol for symbol, _ in groupby(" ".join(text.split()))]


def doubled(runs: list[Run], text: str) -> Iterator[Run]:
    """Cuts runs where the text has the same letter several times; none where text and alignment do not agree."""
    times = [(symbol, len(list(same))) for symbol, same in groupby(" ".join(text.split()))]
    if not agree(runs, text):
        yield from runs
        return
    for (symbol, start, end), (_, count) in zip(runs, times, strict=True):
        cuts = [start + (end - start) * part // count for part in range(count + 1)]
        yield from (Run(symbol, *cut) for cut in pairwise(cuts))


def tiers(symbols: list[str], text: str, columns: int) -> dict[str, list[Interval]]:
    """Characters and words of an alignment, in columns of an image that has so many."""
    words: list[list[Interval]] = [[]]
    for symbol, *edges in doubled(runs_of(symbols), text):
        start, end = (round(edge * columns / len(symbols)) for edge in edges)
        if symbol in BLANKS:
            words.append([])
        elif start < end:
            words[-1].append(Interval(start, end, symbol))
    words = [word for word in words if word]
    if not words:
        return {}
    whole = [Interval(word[0].start, word[-1].end, "".join(each.label for each in word)) for word in words]
    return {"character": [each for word in words for each in word], "word": whole}


def aligned(line: Utterance, alignments: Archive, name: PurePosixPath, notes: Notes) -> Utterance:
    """The line with its tiers. Raises CorpusError if the alignment is of an image of another size."""
    where = f"{alignments.path}: {name}"
    symbols, text = read_alignment(alignments.text(name, TEXT), where)
    wide = int(0.5 + ROWS / line.height * line.ticks)
    if abs(wide - len(symbols)) > 1:
        what = f"has {len(symbols)} columns, but the image, scaled to {ROWS} rows, has {wide}"
        raise CorpusError(f"{where}: {what}; download both files again")
    if not agree(runs_of(symbols), text):
        notes.add("lines whose alignment spells something else than its text, so that double letters are one", line.id)
    return replace(line, alignment=tiers(symbols, text, line.ticks))


def copied(archive: Archive, listed: Listed, folder: Path) -> Path:
    path = folder.joinpath("images", *listed.parts)
    content = archive.read(listed.image, IMAGE)
    with written_aside(path) as aside:
        aside.write_bytes(content)
    return path


def unaligned(lines: Iterable[Utterance]) -> int:
    return sum(line.text is not None and not line.alignment for line in lines)


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--slice", metavar="SCRIBE", help="tasman, kieft, zeewijck, ...; default: all scribes")
    parser.add_argument("--colour", choices=COLOURS, default="bw", help="which of the three images of a line")
    parser.add_argument("--unsupervised", action="store_true", help="list the lines without transcript too")
    parser.add_argument("--punctuation", action="store_true", help="keep full stops and apostrophes in the text")
    args = parser.parse_args(argv)

    found = newest(args.raw, "scribblelens.corpus*.zip")
    if found is None:
        raise CorpusError(f"{args.raw}: no scribblelens.corpus*.zip in it; download it, and give the folder it is in")
    archive = Archive(found)
    paths = newest(args.raw, "scribblelens.paths*.zip")
    alignments = Archive(paths) if paths else None
    scribes = read_scribes(archive)
    notes = Notes()

    def make(row: tuple[str, str]) -> Utterance:
        listed = parsed(*row)
        path = copied(archive, listed, args.output)
        try:
            name = "-".join(listed.parts).removesuffix(".jpg")
            line = line_image(path, name, speaker=scribe_of(listed.parts, scribes))
            if listed.transcript is not None:
                text = " ".join(archive.text(listed.transcript, TEXT).split())
                line = replace(line, text=text if args.punctuation else text.translate(NOISE))
            alignment = listed.image.with_suffix(".ali")
            if alignments is not None and str(alignment) in alignments.names:
                line = aligned(line, alignments, alignment, notes)
            return line
        except CorpusError:
            path.unlink()  # nothing lists it
            raise

    splits = {
        split: collect(listed_in(archive, path), make, args.strict, found)
        for split, path in lists(archive, args.colour, args.slice, args.unsupervised).items()
    }
    if missing := sum(map(unaligned, splits.values())):
        said = "no scribblelens.paths*.zip beside the corpus" if alignments is None else f"not in {paths}"
        print(f"{missing} transcribed lines have no alignment, so no characters: {said}", file=sys.stderr)
    write_corpus(args.output, splits, notes)


if __name__ == "__main__":
    run(main)
