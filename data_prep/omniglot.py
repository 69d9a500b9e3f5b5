"""Omniglot: lines of characters of five alphabets, each line by one of twenty people to an alphabet.

Origin    https://github.com/brendenlake/omniglot (Lake, Salakhutdinov and Tenenbaum, 2015), images_background_small1:
          Balinese, Early Aramaic, Greek, Korean and Latin, 136 characters, drawn once by each of 20 people.
Licence   MIT.
Files     images.npz  ink_packed (np.packbits of [images, 105 * 105], 1 is ink), shape (that of the images),
                      alphabet_names and, per image, alphabet (a number among these), character and drawer (numbers)
What      Lines of 5 to 9 characters of one drawer and one alphabet, 48 rows high, without blanks:
is made   images/<split>/<drawer>-<split>-<number>.png. Every image is in --rounds lines, each time among others. All
          images of a drawer are cut to the rows that any of them needs and made smaller alike, so that a character
          stands as high as it was drawn.
          --layout joined: characters touch, overlap or are joined by strokes, on wandering baselines and stained paper.
          --layout single: every character an image of its own, in the middle of 32 x 32 pixels, those of a drawer made
          smaller alike until the largest has 28: images/<split>/<drawer>-<character>-00.png. --per-writer 5: so many of
          a drawer on a side at most. --speaker label: the character, not its drawer, is listed as the speaker.
          Drawer 3 of Greek and drawer 3 of Latin are different people: they are Greek-drawer03 and Latin-drawer03.
Tiers     character: <alphabet>-<number of the character>, exactly its columns. Gaps of 2 to 4 columns belong to no
          interval. Joined, neighbours share a border in the middle of where they overlap, or of the columns that a
          stroke crosses. Single, the interval is the whole image.
Split     No image is on both sides, all characters and drawers are: of the characters of a drawer, a fifth are to test,
          and these are others for every drawer. With --test-writers 20, so many drawers, as many of each alphabet, to
          test and nothing of them to train.

python data_prep/omniglot.py ../shared/data/omniglot_small1 data/omniglot --alphabets Latin,Greek
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.media.image import resized
from unitdisc.prep.composing import Glyph, composed, cut, some_of_hand, write_line, write_singles
from unitdisc.prep.line_layout import LineLayout, layouts
from unitdisc.prep.scripts import (
    add_layout_option,
    add_only_option,
    add_speaker_options,
    collect,
    one_or_more,
    only,
    refuse_no_singles,
    run,
    script_parser,
    write_corpus,
)
from unitdisc.prep.speakers import held_out
from unitdisc.prep.tables import read_arrays

LAYOUTS = layouts(LineLayout(height=48, gap=(2, 4), word=None, margin=(4, 10), wobble=1))
ROWS = 44  # of a character
SIDE = 32  # of the square of a single character
EXTENT = 28  # of the largest character of a drawer in it
LENGTH = (5, 9)  # characters of a line
TEST_EVERY = 5  # of the characters of a drawer


@dataclass(frozen=True)
class Drawing:
    """A character as somebody drew it."""

    alphabet: str
    character: int
    drawer: int
    ink: np.ndarray  # bool [rows, columns]

    @property
    def label(self) -> str:
        return f"{self.alphabet}-{self.character:02d}"

    @property
    def writer(self) -> str:
        return f"{self.alphabet}-drawer{self.drawer:02d}"

    @property
    def side(self) -> str:
        return "train" if (self.character + self.drawer) % TEST_EVERY else "test"


def read_drawings(raw: Path, strict: bool) -> list[Drawing]:
    """All drawings; one that is empty, or of an alphabet without name, is reported and left out."""
    path = raw / "images.npz"
    arrays = read_arrays(path, ("ink_packed", "shape", "alphabet_names", "alphabet", "character", "drawer"))
    packed, shape, names, *numbers = arrays.values()
    count, rows, columns = shape.tolist() if shape.shape == (3,) else (0, 0, 0)
    wide = math.ceil(rows * columns / 8)
    if packed.dtype != np.uint8 or packed.shape != (count, wide) or any(each.shape != (count,) for each in numbers):
        what = (
            f"ink_packed {packed.shape} of {packed.dtype}, shape {shape.tolist()}, {[len(n) for n in numbers]} labels"
        )
        raise CorpusError(f"{path}: these do not belong together: {what}; copy it again")

    def make(number: int) -> Drawing:
        alphabet, character, drawer = (int(each[number]) for each in numbers)
        ink = np.unpackbits(packed[number])[: rows * columns].reshape(rows, columns).astype(bool)
        if not ink.any() or not 0 <= alphabet < len(names):
            raise CorpusError(f"{path}: image {number} is empty, or of no alphabet in alphabet_names; copy it again")
        return Drawing(str(names[alphabet]), character, drawer, ink)

    return collect(range(count), make, strict, raw)


def glyphs(drawings: list[Drawing], rows: slice) -> list[Glyph]:
    """Characters of one drawer, of these rows of the images, made smaller."""
    factor = ROWS / (rows.stop - rows.start)
    inks = [drawing.ink[rows].astype(np.float32) for drawing in drawings]
    smaller = [resized(ink, ROWS, max(1, round(ink.shape[1] * factor))) for ink in inks]
    return [Glyph(ink.T, drawing.label) for ink, drawing in zip(smaller, drawings, strict=True)]


def single_glyphs(drawings: list[Drawing]) -> list[Glyph]:
    """Characters of one drawer, made smaller alike, so that the largest has EXTENT rows or columns."""
    inked = [np.nonzero(drawing.ink) for drawing in drawings]
    factor = EXTENT / max(int(np.ptp(places)) + 1 for pair in inked for places in pair)
    found = []
    for drawing, pair in zip(drawings, inked, strict=True):
        box = drawing.ink[tuple(slice(places.min(), places.max() + 1) for places in pair)].astype(np.float32)
        ink = resized(box, *(max(1, round(extent * factor)) for extent in box.shape))
        found.append(Glyph(ink.T, drawing.label))
    return found


def inked_rows(drawings: list[Drawing]) -> slice:
    (rows,) = np.nonzero(np.any([drawing.ink for drawing in drawings], axis=(0, 2)))
    return slice(int(rows[0]), int(rows[-1]) + 1)


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--alphabets", metavar="NAMES", help="these alone (Latin,Greek); default: all")
    parser.add_argument("--rounds", type=one_or_more, default=4, help="in how many lines an image is")
    add_speaker_options(parser, default=None, otherwise="all drawers are on both sides", who="writer")
    add_only_option(parser)
    add_layout_option(parser, default="apart", singles=True)
    args = parser.parse_args(argv)
    refuse_no_singles(parser, args)

    drawings = read_drawings(args.raw, args.strict)
    alphabets = only((drawing.alphabet for drawing in drawings), args.alphabets, "alphabets")
    by_writer: dict[str, list[Drawing]] = defaultdict(list)
    for drawing in drawings:
        if drawing.alphabet in alphabets:
            by_writer[drawing.writer].append(drawing)
    writers = only(by_writer, args.writers)
    kinds = {writer: by_writer[writer][0].alphabet for writer in writers}  # drawn by turns, as women and men are
    test = held_out(kinds, args.test_writers, args.seed, "writer") if args.test_writers else None

    made: dict[str, list[Utterance]] = {"train": [], "test": []}
    for writer in writers:
        own = by_writer[writer]
        hand = single_glyphs(own) if args.layout == "single" else glyphs(own, inked_rows(own))
        rng = np.random.default_rng([args.seed, *writer.encode()])
        sides = defaultdict(list)
        for drawing, glyph in zip(own, hand, strict=True):
            sides[drawing.side if test is None else "test" if writer in test else "train"].append(glyph)
        for split, chosen in sorted(sides.items()):
            kept = some_of_hand(chosen, args.per_writer, rng)
            folder = args.output / "images" / split
            if args.layout == "single":
                made[split] += write_singles(folder, writer, kept, side=SIDE, speaker=args.speaker)
                continue
            pieces = [piece for _ in range(args.rounds) for piece in cut(kept, LENGTH, rng)]
            for number, piece in enumerate(pieces):
                path = folder / f"{writer}-{split}-{number:03d}.png"
                made[split].append(write_line(path, writer, composed(piece, LAYOUTS[args.layout], rng)))
    write_corpus(args.output, made)


if __name__ == "__main__":
    run(main)
