"""How good restored lines are: how like the clean ones, and what a reader makes of them who has read clean ones only.

unitdisc align data/train.jsonl --output exp/reader --tier read --prior 0
python eval/restored_lines.py data/test.jsonl data/damaged/lines.jsonl data/restored --reader exp/reader/aligner

Arguments: the clean corpus, the damaged one (see eval/damage_lines.py), and folders that `unitdisc restore` filled.
All lines are cleaned as features are (paper 0, ink 1) and compared with the clean ones: PSNR in dB and SSIM, means over
lines. CER is how many characters of the texts READER gets wrong, an aligner that learned to write from clean lines.
Beside the restored lines stand the damaged ones as they are, and what needs no learning: `median`, a median of 3 x 3
pixels; `binarised`, the paper divided away, Otsu's threshold, and that median; and with --coarse 3 `bicubic`, the clean
lines at a third of the resolution, brought back by bicubic interpolation.

--picture FILE.png shows --lines of them, damaged, binarised (or bicubic), restored and clean under each other.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from markdown_tables import print_table
from PIL import Image
from resyntheses import shown, strip, under_each_other
from scipy.ndimage import gaussian_filter, median_filter

from unitdisc.alignment import Aligner, load
from unitdisc.alignment.training import error_rate
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.read import read_corpus
from unitdisc.data.augmentation.damage import coarsened
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.data.line_cleaning import threshold
from unitdisc.evaluation.handwriting.likeness import psnr, ssim
from unitdisc.files import write_json
from unitdisc.media.image import read_line, write_image

PAPER = 0.5  # heights of a line over which its paper changes
DARKEST = 0.05  # of paper: what it is divided by, at least

Inks = Callable[[Utterance], np.ndarray]  # of a line, as a file would have it


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clean", type=Path)
    parser.add_argument("damaged", type=Path)
    parser.add_argument("folders", type=Path, nargs="*", metavar="RESTORED", help="filled by `unitdisc restore`")
    parser.add_argument("--reader", type=Path, help="the `aligner` folder of `unitdisc align` of clean lines")
    parser.add_argument("--coarse", type=float, help="how many times as low the resolution of the damaged lines is")
    parser.add_argument("--height", type=int, default=32, help="at which lines are compared (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    parser.add_argument("--picture", type=Path, help="PNG that shows lines and what became of them")
    parser.add_argument("--lines", type=int, default=3, help="of the picture (default: %(default)s)")
    options = parser.parse_args(argv)
    try:
        clean = by_id(options.clean)
        features = ColumnFeatures(height=options.height, polarity="dark")
        versions = versions_of(options, clean)
        reader = load(options.reader) if options.reader else None
        found = {name: figures(inks, clean, features, reader) for name, inks in versions.items()}
        if options.picture:
            write_image(options.picture, picture(versions, clean, features, options))
    except (ValueError, OSError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
    names = list(next(iter(found.values())))
    print_table(["", *names], ([name, *(shown(row[each]) for each in names)] for name, row in found.items()))
    if options.output:
        write_json(options.output, found)
    return found


def by_id(corpus: Path) -> dict[str, Utterance]:
    """The lines of a corpus. Raises CorpusError for recordings."""
    found = {line.id: line for line in read_corpus(corpus)}
    if not all(line.is_image for line in found.values()):
        raise CorpusError(f"{corpus}: has recordings; give one of line images")
    return found


def versions_of(options: argparse.Namespace, clean: dict[str, Utterance]) -> dict[str, Inks]:
    """What is compared, by name. Raises CorpusError where lines are missing."""
    damaged = corpus_beside(options.damaged, clean)
    versions: dict[str, Inks] = {"damaged": lambda line: read_line(damaged[line.id])}
    versions["median"] = lambda line: median_filter(read_line(damaged[line.id]), 3)
    versions["binarised"] = lambda line: binarised(read_line(damaged[line.id]))
    if options.coarse:
        versions["bicubic"] = lambda line: bicubic(read_line(line), options.coarse)
    for folder in options.folders:
        again = corpus_beside(folder / "restored.jsonl", clean)
        versions[folder.name] = lambda line, again=again: read_line(again[line.id])
    versions["clean"] = read_line
    return versions


def corpus_beside(corpus: Path, clean: dict[str, Utterance]) -> dict[str, Utterance]:
    found = by_id(corpus)
    if missing := sorted(clean.keys() - found.keys()):
        raise CorpusError(f"{corpus}: lacks {len(missing)} of the clean lines, as {missing[0]}; give all of them")
    return found


def binarised(ink: np.ndarray) -> np.ndarray:
    """The classical way: [columns, rows] in [0, 1] -> 0 or 1."""
    grey = 1 - ink
    wide = PAPER * ink.shape[1]
    paper = gaussian_filter(np.maximum(grey, np.median(grey)), wide)  # strokes do not darken it
    divided = 1 - np.clip(grey / np.maximum(paper, DARKEST), 0, 1)
    return median_filter((divided > threshold(divided)).astype(np.float32), 3)


def bicubic(ink: np.ndarray, factor: float) -> np.ndarray:
    """[columns, rows] -> the same, as it is after so many times as low a resolution."""

    def enlarged(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
        return np.asarray(Image.fromarray(image).resize((columns, rows), Image.Resampling.BICUBIC))

    return np.clip(coarsened(ink, factor, np.random.default_rng(0), enlarge=enlarged), 0, 1)


def figures(
    inks: Inks, clean: dict[str, Utterance], features: ColumnFeatures, reader: Aligner | None
) -> dict[str, float]:
    """Means over all lines, and the share of characters that the reader gets wrong."""
    pairs = [(cleaned(inks(line), line, features), features.signal(line)) for line in clean.values()]
    found = {"PSNR": float(np.mean([psnr(*pair) for pair in pairs]))}
    found["SSIM"] = float(np.mean([ssim(*pair) for pair in pairs]))
    if reader is not None:
        seen = reader.features
        rate = error_rate(reader, list(clean.values()), lambda line: seen(cleaned(inks(line), line, seen)))
        found["CER"] = float("nan") if rate is None else rate
    return found


def cleaned(ink: np.ndarray, line: Utterance, features: ColumnFeatures) -> np.ndarray:
    """As features have it, as wide as the clean line is there."""
    return features.cleaned(ink, features.frames_in(line))


def picture(
    versions: dict[str, Inks], clean: dict[str, Utterance], features: ColumnFeatures, options: argparse.Namespace
) -> np.ndarray:
    """Some lines in every version, one under the other: ink [columns, rows]. Raises CorpusError for none."""
    if not 1 <= options.lines <= len(clean):
        raise CorpusError(f"a picture is of 1 to {len(clean)} lines, not {options.lines}")
    lines = sorted(clean.values(), key=lambda line: line.id)
    chosen = [lines[place * len(lines) // options.lines] for place in range(options.lines)]
    hidden = {"median", "binarised" if options.coarse else "bicubic"}
    rows = [
        [strip(name, cleaned(inks(line), line, features)) for name, inks in versions.items() if name not in hidden]
        for line in chosen
    ]
    return under_each_other(rows)


if __name__ == "__main__":
    main()
