"""The built-in corpus: lines of real handwritten digits with exact boundaries, and nothing to download.

Origin    Optical Recognition of Handwritten Digits (Alpaydin and Kaynak, 1998; https://doi.org/10.24432/C50P49), the
          1797 images of 8 x 8 pixels that come with scikit-learn. Who wrote them is not known.
Licence   CC BY 4.0.
Files     images/<split>/<writer>-<split>-<number>.png, lines of 8 to 14 digits, 32 rows high; train.jsonl, test.jsonl.
What      Twelve pseudo-writers: each enlarges the digits to a height and width, slants them and draws them with a pen
is made   and an ink of its own (WRITERS), a little differently every time. Blanks stand between words of 3 to 7 digits.
          Within a word digits touch, overlap by up to 4 columns or are joined by a thin stroke, some writers join more
          than others: of 5004 neighbours 91 % have no column between them, the others have one. The baseline wanders,
          ink fades, paper is stained and noisy. Cutting where columns are blank finds 27 % of the boundaries inside
          words (eval/blank_cuts.py).
          --layout apart: digits in columns of their own on white paper, with gaps of 1 to 3 columns, and words of 2 to
          5, on which cutting at blank columns makes no mistake. Figures from before there was a choice are of these.
Tiers     character: "0" to "9", exactly the columns of a digit, but that neighbours share a border in the middle of
          where they overlap, or of the columns that a stroke crosses; word: the digits of a word. Gaps and blanks
          belong to no interval.
Split     No image of a digit is on both sides. All writers are, or with --test-writers 3 these are in the test alone.

python data_prep/mini_handwriting.py data/mini_handwriting --train-lines 480 --test-lines 120 --seed 0
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from scipy.ndimage import affine_transform

from unitdisc.corpus import Utterance
from unitdisc.prep.composing import Glyph, composed, dealt, write_line
from unitdisc.prep.line_layout import LineLayout, layouts
from unitdisc.prep.scripts import add_layout_option, add_only_option, add_speaker_options, only, run, write_corpus
from unitdisc.prep.speakers import held_out

LAYOUTS = layouts(LineLayout(height=32, gap=(1, 3), word=(2, 5), blank=(8, 12), margin=(3, 8), wobble=1))
LENGTH = (8, 14)  # digits of a line
TEST_SHARE = 0.2  # of the images
CELLS = 8  # rows and columns of an image
PAPER = 2  # empty cells around it, so that the slant cuts nothing off
EDGE = 2.5  # how fast the pen fades to paper: ink per grey of the image


@dataclass(frozen=True)
class Hand:
    """How a pseudo-writer writes."""

    height: float  # rows of a digit
    width: float  # columns of an image of 8 cells
    slant: float  # columns to the right per row upwards
    pen: float  # how much of the grey of the image becomes ink: 0 hairline to 1 broad
    ink: float  # of its middle: 1 is black
    joining: float = 0.4  # how many neighbours of a word, of 1, it joins by a stroke, where the layout is joined


WRITERS = {
    "ada": Hand(23, 20, 0.00, 0.55, 1.00, 0.4),
    "ben": Hand(20, 15, 0.45, 0.35, 0.85, 0.6),
    "cleo": Hand(24, 24, -0.35, 0.70, 0.95, 0.2),
    "dora": Hand(22, 17, 0.25, 0.78, 1.00, 0.5),
    "emil": Hand(20, 22, -0.15, 0.20, 0.70, 0.3),
    "fay": Hand(24, 16, -0.42, 0.45, 0.90, 0.2),
    "gus": Hand(21, 24, 0.35, 0.60, 0.75, 0.7),
    "hana": Hand(24, 14, 0.10, 0.25, 0.95, 0.4),
    "ivo": Hand(20, 18, -0.25, 0.80, 0.80, 0.3),
    "jun": Hand(23, 23, 0.50, 0.30, 1.00, 0.6),
    "kai": Hand(21, 15, -0.05, 0.80, 0.65, 0.2),
    "lena": Hand(24, 20, 0.20, 0.10, 0.80, 0.5),
}


def pools(labels: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Which images go to which split: the same share of every digit."""
    shuffled = [rng.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    cuts = [round(TEST_SHARE * len(images)) for images in shuffled]
    return {
        "train": np.concatenate([images[cut:] for images, cut in zip(shuffled, cuts, strict=True)]),
        "test": np.concatenate([images[:cut] for images, cut in zip(shuffled, cuts, strict=True)]),
    }


def drawn(image: np.ndarray, hand: Hand, rng: np.random.Generator) -> np.ndarray:
    """A digit in a hand: ink [columns, rows] of an image [8, 8] (rows, columns) of grey, 1 being full."""
    height, width = hand.height * rng.uniform(0.96, 1.0), hand.width * rng.uniform(0.94, 1.06)
    slant, pen = hand.slant + rng.normal(0, 0.03), hand.pen + rng.normal(0, 0.04)
    rows = int(hand.height)
    columns = round((width + abs(slant) * height) * (1 + 2 * PAPER / CELLS))
    # Where in the image a pixel (column, row) of the result lies.
    matrix = np.array([[CELLS / width, slant * CELLS / width], [0, CELLS / height]])
    middle = (np.array([columns, rows]) - 1) / 2
    offset = (CELLS - 1) / 2 + PAPER - matrix @ middle
    grey = affine_transform(np.pad(image.T, PAPER), matrix, offset, (columns, rows), order=3, prefilter=True)
    threshold = 0.7 - 0.5 * pen
    return (np.clip((grey - threshold) * EDGE + 0.5, 0, 1) * hand.ink).astype(np.float32)


def lines(
    split: str,
    images: np.ndarray,
    labels: np.ndarray,
    writers: Sequence[str],
    count: int,
    folder: Path,
    seed: int,
    layout: str,
) -> Iterator[Utterance]:
    """Writes `count` lines of digits, the writers by turns, every image about as often as the others."""
    rng = np.random.default_rng([seed, *split.encode()])
    deck = dealt(len(images), rng)
    for number, writer in zip(range(count), cycle(writers)):
        hand = WRITERS[writer]
        members = list(islice(deck, int(rng.integers(LENGTH[0], LENGTH[1] + 1))))
        glyphs = [Glyph(drawn(images[each], hand, rng), str(labels[each])) for each in members]
        line = composed(glyphs, layout_of(hand, layout), rng)
        yield write_line(folder / f"{writer}-{split}-{number:04d}.png", writer, line)


def layout_of(hand: Hand, layout: str) -> LineLayout:
    return replace(LAYOUTS[layout], joining=hand.joining) if layout == "joined" else LAYOUTS[layout]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="corpus folder to create")
    parser.add_argument("--train-lines", type=int, default=480)
    parser.add_argument("--test-lines", type=int, default=120)
    add_speaker_options(parser, default=None, otherwise="all writers are on both sides", who="writer")
    add_only_option(parser)
    add_layout_option(parser, default="joined")
    args = parser.parse_args(argv)
    if min(args.train_lines, args.test_lines) < 1:
        parser.error("--train-lines and --test-lines must be 1 or more")

    from sklearn.datasets import load_digits  # here, because --help needs none of it

    digits = load_digits()
    writers = only(WRITERS, args.writers)
    test = held_out(dict.fromkeys(writers, ""), args.test_writers, args.seed, "writer") if args.test_writers else set()
    sides = {"train": [w for w in writers if w not in test], "test": [w for w in writers if w in test or not test]}
    counts = {"train": args.train_lines, "test": args.test_lines}
    made = {}
    for split, chosen in pools(digits.target, np.random.default_rng(args.seed)).items():
        images, labels = digits.images[chosen] / digits.images.max(), digits.target[chosen]
        folder = args.output / "images" / split
        made[split] = list(lines(split, images, labels, sides[split], counts[split], folder, args.seed, args.layout))
    write_corpus(args.output, made)


if __name__ == "__main__":
    run(main)
