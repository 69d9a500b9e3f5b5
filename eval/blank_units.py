"""The simplest units of writing: pieces between blank columns, each named by k-means of its shape.

for set in train test; do unitdisc features data/$set.jsonl exp/blank/pixels/$set --kind columns --slant; done
python eval/blank_units.py exp/blank/pixels exp/blank --codes 20
python eval/handwriting.py data/test.jsonl --train data/train.jsonl exp/blank

A column is blank if its darkest pixel is lighter than the threshold of Otsu (1979) between the darkest pixels of all
columns of the train set. The ink of a piece is brought to 16 x 16 pixels, and these and the directions of its strokes
are named by k-means of the train set. What beats this has to do so where characters touch.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from unitdisc.clustering import KMeansOptions, kmeans
from unitdisc.clustering.assignment import nearest_codes
from unitdisc.data.gradient_features import WEIGHT, GradientFeatures
from unitdisc.encodings import Encoding, Encodings, EncodingsWriter

SIZE, CELL = 16, 2  # pixels: a piece is brought to SIZE x SIZE, and described by cells of CELL x CELL
LEVELS = 256  # of ink, between which the threshold lies
SETS = ("train", "test")


def main(argv: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pixels", type=Path, help="folder with train and test, of unitdisc features --kind columns")
    parser.add_argument("output", type=Path, help="to write; encodings/SET/bottleneck in it have the units")
    parser.add_argument("--codes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)

    pixels = {name: Encodings.open(args.pixels / name) for name in SETS}
    threshold = otsu(np.concatenate([pixels["train"][line].frames.max(axis=1) for line in pixels["train"].codes]))
    shapes = {name: Shapes(pixels[name], threshold) for name in SETS}
    vectors = kmeans(shapes["train"], KMeansOptions(args.codes, seed=args.seed)).vectors
    for name in SETS:
        folder = args.output / "encodings" / name / "bottleneck"
        written = write_units(folder, shapes[name], vectors)
        print(f"{folder}: {written} pieces; ink from {threshold:.2f} on")
    return threshold


def otsu(values: np.ndarray) -> float:
    """Between values [N] of 0 to 1: where the variance between those below and those above is greatest."""
    counts, edges = np.histogram(values, LEVELS, (0, 1))
    middles = (edges[:-1] + edges[1:]) / 2
    below = counts.cumsum()[:-1]
    above = len(values) - below
    sums = (counts * middles).cumsum()[:-1]
    apart = sums / np.maximum(below, 1) - ((counts * middles).sum() - sums) / np.maximum(above, 1)
    return float(edges[1:-1][np.argmax(below * above * apart**2)])


class Shapes:
    """The shapes of the pieces of every line, as frames: [S, D]; lines without ink are left out."""

    def __init__(self, pixels: Encodings, threshold: float):
        self.pixels, self.threshold, self.folder = pixels, threshold, pixels.folder
        self.describe = GradientFeatures(height=SIZE, rows=SIZE, cells=SIZE).oriented
        self.names = sorted(line for line in pixels.codes if len(self.bounds(line)[0]))
        self.dim = self[self.names[0]].shape[1]

    def bounds(self, line: str) -> tuple[np.ndarray, np.ndarray]:
        """First columns and ends of pieces: [S] each."""
        return inked(self.pixels[line].frames.max(axis=1) >= self.threshold)

    def __getitem__(self, line: str) -> np.ndarray:
        columns = np.asarray(self.pixels[line].frames)
        return np.stack([self.shape(columns[start:end]) for start, end in zip(*self.bounds(line), strict=True)])

    def shape(self, piece: np.ndarray) -> np.ndarray:
        """Columns [T, height] of ink, dark somewhere -> ink and directions in cells: [D]."""
        rows = np.flatnonzero(piece.max(axis=0) >= self.threshold)
        cut = Image.fromarray(piece[:, rows[0] : rows[-1] + 1].astype(np.float32), mode="F")
        ink = np.asarray(cut.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
        planes = np.concatenate([ink[None], WEIGHT * self.describe(ink)])
        cells = planes.reshape(len(planes), SIZE // CELL, CELL, SIZE // CELL, CELL).mean((2, 4))
        return cells.ravel().astype(np.float32)


def inked(dark: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First columns and ends of stretches that are dark: [S] each."""
    changes = np.diff(np.concatenate([[0], dark.astype(int), [0]]))
    return np.flatnonzero(changes == 1), np.flatnonzero(changes == -1)


def write_units(folder: Path, shapes: Shapes, vectors: np.ndarray) -> int:
    """Returns how many pieces there are."""
    pixels, blank, middle, count = shapes.pixels, len(vectors), vectors.mean(0), 0
    writer = EncodingsWriter(folder, {**pixels.settings, "point": "units", "num_codes": blank + 1, "blank": blank})
    for line in pixels.codes:
        codes = np.full(len(pixels[line].frames), blank)
        if line in shapes.names:
            named = nearest_codes(shapes[line], vectors - middle, middle)
            for start, end, code in zip(*shapes.bounds(line), named, strict=True):
                codes[start:end] = code
            count += len(named)
        regular = not (pixels.folder / "centres" / f"{line}.npy").exists()  # as for lines of another height
        writer.write(Encoding(line, pixels[line].centres, codes[:, None].astype("f"), codes=codes), regular)
    writer.finish()
    return count


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
