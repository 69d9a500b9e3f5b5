"""MNIST with its writers: lines of digits by 297 people.

Origin    The 10,000 test digits of MNIST (LeCun, Cortes and Burges, 1998), from NIST Special Database 19; who wrote
          them is from QMNIST (Yadav and Bottou, 2019; https://github.com/facebookresearch/qmnist).
Licence   MNIST: commonly given as CC BY-SA 3.0; QMNIST: BSD.
Files     mnist10k.npz  images uint8 [10000, 28, 28] (rows, columns; 255 is ink), label, writer (the number NIST gave),
                        hsf (0: employees of the Census Bureau, 4: high-school students)
What      Lines of 6 to 12 digits of one writer, as large as they are, every digit in one line, so that the boundaries
is made   are exactly known: images/<split>/<writer>-<split>-<number>.png, 32 rows high. What remains of a writer, down
          to a single digit, is a shorter line.
          --layout joined: digits touch, overlap or are joined by strokes, on wandering baselines and stained paper.
          --layout single: every digit an image of its own, in the middle of 32 x 32 pixels:
          images/<split>/<writer>-<digit>-<number>.png. --per-writer 10: so many of a writer on a side at most.
          --speaker label: the digit, not its writer, is listed as the speaker, for models that are told what to write.
          Writers are called w and their number, w2578, so that a number alone can be a count.
Tiers     character: "0" to "9", exactly the columns of a digit; word: the digits of a word. Gaps of 1 to 3 columns and
          the wider blanks belong to no interval. Joined, neighbours share a border in the middle of where they overlap,
          or of the columns that a stroke crosses. Single, the interval is the whole image, and there are no words.
Split     A fifth of the digits of every writer to test, or with --test-writers 60 these writers to test and nothing of
          them to train.

python data_prep/mnist_writers.py ../shared/data/mnist10k_writers data/mnist_writers --test-writers 60
"""

from collections import defaultdict
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.prep.composing import Glyph, composed, cut, some_of_hand, trimmed, write_line, write_singles
from unitdisc.prep.line_layout import LineLayout, layouts
from unitdisc.prep.scripts import (
    add_layout_option,
    add_only_option,
    add_speaker_options,
    collect,
    only,
    refuse_no_singles,
    run,
    script_parser,
    write_corpus,
)
from unitdisc.prep.speakers import held_out
from unitdisc.prep.tables import read_arrays

LAYOUTS = layouts(LineLayout(height=32, wobble=1))
SIDE = 32  # of the square of a single digit, in pixels
LENGTH = (6, 12)  # digits of a line
TEST_SHARE = 0.2  # of the digits of a writer


def read_digits(raw: Path, strict: bool) -> dict[str, list[Glyph]]:
    """Writer -> digits. One that is empty, or has no digit for a label, is reported and left out."""
    path = raw / "mnist10k.npz"
    arrays = read_arrays(path, ("images", "label", "writer"))
    images, labels, writers = arrays.values()
    if images.ndim != 3 or images.dtype != np.uint8 or not len(images) == len(labels) == len(writers):
        what = f"images {images.shape} of {images.dtype}, {len(labels)} labels and {len(writers)} writers"
        raise CorpusError(f"{path}: holds {what}; it needs as many of each, and images of uint8; copy it again")
    found: dict[str, list[Glyph]] = defaultdict(list)

    def make(number: int) -> Glyph:
        glyph = Glyph(images[number].T.astype(np.float32) / 255, str(labels[number]))
        if not len(trimmed(glyph.ink)) or glyph.label not in tuple("0123456789"):
            raise CorpusError(f"{path}: image {number} is empty, or its label {glyph.label} no digit; copy it again")
        found[f"w{writers[number]:04d}"].append(glyph)
        return glyph

    collect(range(len(images)), make, strict, raw)
    return dict(sorted(found.items()))


def shared_out(digits: list[Glyph], rng: np.random.Generator) -> dict[str, list[Glyph]]:
    """The digits of a writer on both sides; those of one who wrote two or more."""
    order = rng.permutation(len(digits)).tolist()
    count = max(1, round(TEST_SHARE * len(digits))) if len(digits) > 1 else 0
    return {"train": [digits[each] for each in order[count:]], "test": [digits[each] for each in order[:count]]}


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    add_speaker_options(parser, default=None, otherwise="all writers are on both sides", who="writer")
    add_only_option(parser)
    add_layout_option(parser, default="apart", singles=True)
    args = parser.parse_args(argv)
    refuse_no_singles(parser, args)

    digits = read_digits(args.raw, args.strict)
    writers = only(digits, args.writers)
    test = held_out(dict.fromkeys(writers, ""), args.test_writers, args.seed, "writer") if args.test_writers else None
    made: dict[str, list[Utterance]] = {"train": [], "test": []}
    for writer in writers:
        rng = np.random.default_rng([args.seed, *writer.encode()])
        shares = shared_out(digits[writer], rng) if test is None else {side(writer, test): digits[writer]}
        for split, share in shares.items():
            glyphs = some_of_hand(share, args.per_writer, rng)
            folder = args.output / "images" / split
            if args.layout == "single":
                made[split] += write_singles(folder, writer, glyphs, side=SIDE, speaker=args.speaker)
                continue
            for number, piece in enumerate(cut(glyphs, LENGTH, rng)):
                path = folder / f"{writer}-{split}-{number:03d}.png"
                made[split].append(write_line(path, writer, composed(piece, LAYOUTS[args.layout], rng)))
    write_corpus(args.output, made)


def side(writer: str, test: set[str]) -> str:
    return "test" if writer in test else "train"


if __name__ == "__main__":
    run(main)
