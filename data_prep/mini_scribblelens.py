"""Mini handwriting in the shape of ScribbleLens: a zip file of lines with lists of them, another of alignments.

Origin    a corpus that mini_handwriting.py made, RAW/train.jsonl and RAW/test.jsonl.
Licence   its.
Files     scribblelens.corpus.v1.2.zip, scribblelens.paths.1.4b.zip: laid out as scribblelens.py describes them.
What      The first eight writers have the names of the eight scribes whose lines are transcribed (the first is tasman),
is made   so that what is made for ScribbleLens runs as it is; the others have names of those whose lines are not. Lines
          are three times as high as they were, black on white, JPEG. Splits stay what they were.
          Alignments are like those of ScribbleLens: a character lasts until the next one begins, the same character
          twice is one run, and a blank between words is "_".
          scribblelens.py makes a corpus of the zip files, as it does of those of ScribbleLens.
Tiers     none: the alignments are in the second zip file.

python data_prep/mini_scribblelens.py data/mini_scribblelens/lines data/mini_scribblelens/raw
"""

import argparse
import io
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import read_manifest
from unitdisc.files import written_aside
from unitdisc.media.image import read_line
from unitdisc.prep.scripts import run

ROOT = "scribblelens.corpus.v1"
TRANSCRIBED = {  # scribe -> number in the table of scribes
    "tasman": 4,
    "kieft": 3,
    "zeewijck": 7,
    "brouwer.chili": 0,
    "craen.de.vos.ijszee": 1,
    "van.neck.tweede": 5,
    "van.neck.vierde": 6,
    "hamel.p1156": 2,
}
UNTRANSCRIBED = {  # folder and page -> row of the table of scribes
    "roggeveen/6.1": "roggeveen 80 {root}/nl/unsupervised/roggeveen/[6.0-25.0]",
    "roggeveen/25.1": "roggeveen 81 {root}/nl/unsupervised/roggeveen/[25.1-39.0]",
    "owic.brieven.49/21.13": "owic.brieven.49/21.[1368-13] 47 {root}/nl/unsupervised/owic.brieven.49/21.",
    "ridderschap/71": "ridderschap 14 {root}/nl/unsupervised/ridderschap",
}
LINES_PER_PAGE = 20
LARGER = 3
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # so that the same lines make the same file


def jpeg(ink: np.ndarray) -> bytes:
    """Ink [columns, rows] in [0, 1] as a larger image of black on white."""
    picture = Image.fromarray(np.ascontiguousarray(ink.T * 255).astype(np.uint8))
    picture = picture.resize((picture.width * LARGER, picture.height * LARGER), Image.Resampling.BICUBIC)
    levels = np.asarray(picture, dtype=np.float32)
    black = levels > levels.max() / 2
    content = io.BytesIO()
    Image.fromarray(np.where(black, 0, 255).astype(np.uint8)).save(content, format="JPEG", quality=90)
    return content.getvalue()


def alignment(line: Utterance, image: str) -> str:
    """The content of an .ali file, a line for every column."""
    symbols = np.full(line.ticks, "*", dtype=object)
    characters, ends = line.alignment["character"], {word.end for word in line.alignment["word"]}
    for one, following in zip(characters, [*characters[1:], None], strict=True):
        symbols[one.start : one.end] = one.label
        if following is not None:
            symbols[one.end : following.start] = "_" if one.end in ends else one.label
    head = f"{image} {line.ticks} targetStr:*{line.text}*\n"
    return head + "".join(f"{t} {t + 1} {symbol} 0.000000\n" for t, symbol in enumerate(symbols))


def write_zip(path: Path, members: Mapping[str, str | bytes]) -> None:
    with written_aside(path) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), members[name], zipfile.ZIP_DEFLATED)


def scribe_table() -> str:
    rows = [f"{name} {number} {ROOT}/nl/{name}" for name, number in TRANSCRIBED.items()]
    rows += [row.format(root=ROOT) for row in UNTRANSCRIBED.values()]
    return "writer-name ID directory year slant curviness\n\n" + "".join(f"{row} 1700 0 0\n" for row in rows)


def names(writers: Iterable[str]) -> dict[str, str]:
    """Writer -> folder below nl/. Raises CorpusError if there are more writers than names for them."""
    known = [*TRANSCRIBED, *(f"unsupervised/{page}" for page in UNTRANSCRIBED)]
    listed = sorted(writers)
    if len(listed) > len(known):
        raise CorpusError(f"there are {len(listed)} writers, but names for {len(known)}; leave some out with --writers")
    return dict(zip(listed, known, strict=False))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path, help="a corpus made by mini_handwriting.py")
    parser.add_argument("output", type=Path, help="folder to create, with the two zip files in it")
    args = parser.parse_args(argv)
    manifests = {split: args.raw / f"{split}.jsonl" for split in ("train", "test")}
    if missing := [path.name for path in manifests.values() if not path.exists()]:
        raise CorpusError(f"{args.raw}: no {' and '.join(missing)} in it; give the folder mini_handwriting.py made")

    splits = {split: list(read_manifest(path)) for split, path in manifests.items()}
    folders = names({line.speaker for lines in splits.values() for line in lines})
    corpus, paths = {"corpora/nl.writers.scribes.v2.txt": scribe_table()}, {}
    lists: dict[str, list[str]] = defaultdict(list)
    counts: dict[str, int] = defaultdict(int)
    for split, lines in splits.items():
        for line in lines:
            folder = folders[line.speaker]
            number = counts[folder]
            counts[folder] += 1
            transcribed = not folder.startswith("unsupervised/")
            page = f"nl/{folder}/{number // LINES_PER_PAGE + 1}" if transcribed else f"nl/{folder}"
            stem = f"{page}/line{number % LINES_PER_PAGE + 1 if transcribed else number + 1}"
            corpus[f"{stem}.jpg"] = jpeg(read_line(line))
            if transcribed:
                corpus[f"{stem}.txt"] = f"{line.text}\n"
                paths[f"{ROOT}/{stem}.ali"] = alignment(line, f"{ROOT}/{stem}.jpg")
                for name in (f"nl.bw.lines.{split}", f"nl.bw.lines.{folder}.{split}"):
                    lists[name].append(f"{stem}.jpg {stem}.txt\n")
            else:
                lists["all.nl.bw.lines.unsupervised"].append(f"{stem}.jpg\n")
    corpus |= {f"corpora/{name}.dat": "".join(rows) for name, rows in lists.items()}
    write_zip(args.output / "scribblelens.corpus.v1.2.zip", {f"{ROOT}/{name}": made for name, made in corpus.items()})
    write_zip(args.output / "scribblelens.paths.1.4b.zip", paths)
    print(f"{args.output}: {len(paths)} transcribed lines, {sum(counts.values()) - len(paths)} others")


if __name__ == "__main__":
    run(main)
