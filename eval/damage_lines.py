"""Damages the lines of a corpus on purpose, so that it is known what they were: for `unitdisc restore`.

python eval/damage_lines.py data/test.jsonl data/damaged --fading 0.8 --bleed 0.6 --blots 1 --holes 0.8 --grain 0.1
python eval/damage_lines.py data/test.jsonl data/coarse --coarse 3
unitdisc restore exp/restorer data/damaged/lines.jsonl data/restored
python eval/restored_lines.py data/test.jsonl data/damaged/lines.jsonl data/restored/restored.jsonl

Writes FOLDER/images/ID.png, as large as the lines are, and FOLDER/lines.jsonl, with ids, writers, texts and tiers as
they were. Each option is a strength of [augmentation], which training draws from in the same way; but here what bleeds
through is the next line of the list. What becomes of a line follows from the seed and its id, and, of what bleeds
through, from the line after it.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.data.augmentation import LineAugmentation
from unitdisc.data.augmentation.damage import DAMAGE_EFFECTS
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.media.image import read_line, write_image
from unitdisc.prep.scripts import run

OPTIONS = tuple(DAMAGE_EFFECTS)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("folder", type=Path, help="to write")
    for name in OPTIONS:
        parser.add_argument(f"--{name}", type=float, default=0.0, help=f"augmentation.{name} (default: none)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    strengths = {name: getattr(options, name) for name in OPTIONS if getattr(options, name)}
    if not strengths or not all(strength > 0 for strength in strengths.values()):
        parser.error(f"give one or more of {', '.join(f'--{name}' for name in OPTIONS)}, above 0")
    if options.seed < 0:
        parser.error(f"--seed must be 0 or more, not {options.seed}")
    if options.corpus.resolve() == (options.folder / "lines.jsonl").resolve():
        parser.error(
            f"{options.corpus}: is the list of the lines themselves, which would be overwritten; choose another folder"
        )
    try:
        LineAugmentation(ColumnFeatures(), **strengths)
    except ValueError as error:
        parser.error(str(error))
    lines = sorted(read_corpus(options.corpus), key=lambda line: line.id)
    if not all(line.is_image for line in lines):
        raise CorpusError(f"{options.corpus}: has recordings; give one of line images")
    inks = [read_line(line) for line in lines]
    made = []
    for place, line in enumerate(lines):
        rng = np.random.default_rng([options.seed, *line.id.encode()])
        ink = damaged(inks[place], inks[(place + 1) % len(inks)], strengths, rng)
        made.append(written(options.folder / "images" / f"{line.id}.png", ink, line))
    write_manifest(options.folder / "lines.jsonl", made)
    print(f"{options.folder / 'lines.jsonl'}: {len(made)} lines damaged by {', '.join(strengths)}")


def damaged(ink: np.ndarray, back: np.ndarray, strengths: dict[str, float], rng: np.random.Generator) -> np.ndarray:
    """ink, and that of the line on the back of the leaf: [columns, rows] in [0, 1], of any size -> as `ink`."""
    for name in (name for name in DAMAGE_EFFECTS if name in strengths):
        more = {"back": back} if name == "bleed" else {}
        ink = DAMAGE_EFFECTS[name](ink, strengths[name], rng, **more)
    return np.clip(ink, 0, 1, dtype=np.float32)


def written(path: Path, ink: np.ndarray, line: Utterance) -> Utterance:
    """The line, in a file of its own. Raises CorpusError where that is the file of the line itself."""
    if path.resolve() == Path(line.path).resolve():
        raise CorpusError(f"{path}: is the line itself, which would be overwritten; choose another folder")
    write_image(path, ink)
    return replace(line, path=str(path.absolute()), start=0)


if __name__ == "__main__":
    run(main)
