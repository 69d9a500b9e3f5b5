"""What knowing nothing gives: lines of writing cut where columns are blank, scored against their characters.

unitdisc features data/test.jsonl exp/pixels --kind columns
python eval/blank_cuts.py data/test.jsonl exp/pixels

FRAMES are columns of pixels. A column is blank if all of it is lighter than a threshold, and columns that are not, one
beside the other, are a segment. The threshold is the best one for the very lines that are scored, which is more than a
system can know. Ends of words lie at wide blanks and are always found: the last two figures leave them out.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import Encoding, Encodings
from unitdisc.encodings.runs import runs_of
from unitdisc.evaluation.units.boundaries import (
    Segmentation,
    SegmentationScores,
    reach,
    segmentation_scores,
    tolerances,
    utterance_segmentation,
)
from unitdisc.files import write_json

THRESHOLDS = tuple(np.linspace(0.02, 0.98, 49).tolist())  # ink


class BlankCuts(NamedTuple):
    scores: SegmentationScores
    threshold: float  # ink, of a blank column at most
    inside_words: float  # boundaries of characters that are no ends of words: how many are found, of 1
    touching: float  # neighbours in a word without a column between them, of 1


def main(argv: list[str] | None = None) -> BlankCuts:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, metavar="CORPUS", help="manifest with the true labels")
    parser.add_argument("frames", type=Path, metavar="FRAMES", help="folder that unitdisc features wrote")
    parser.add_argument("--tier", default="character")
    parser.add_argument("--tolerance", type=float, help="columns (default: 1)")
    parser.add_argument("--output", "-o", type=Path, help="JSON file for the result")
    args = parser.parse_args(argv)

    lines = [utterance for utterance in read_corpus(args.corpus, False) if args.tier in utterance.alignment]
    if not lines:
        raise CorpusError(f"{args.corpus}: no line has labels in tier {args.tier!r}; give --tier")
    encodings = Encodings.open(args.frames)
    found = blank_cuts(lines, [encodings[line.id] for line in lines], args.tier, args.tolerance)
    strict, token = found.scores.strict, found.scores.token
    print(f"boundaries: F1 {strict.f1:.3f}, precision {strict.precision:.3f}, recall {strict.recall:.3f}")
    print(f"characters with both ends in place: F1 {token.f1:.3f}; best threshold {found.threshold:.2f}")
    print(f"inside words: {found.inside_words:.1%} of the boundaries found; {found.touching:.1%} of neighbours touch")
    if args.output is not None:
        write_json(args.output, asdict(found.scores) | {key: found._asdict()[key] for key in BlankCuts._fields[1:]})
    return found


def blank_cuts(
    lines: Sequence[Utterance], pixels: Sequence[Encoding], tier: str = "character", tolerance: float | None = None
) -> BlankCuts:
    """Cuts lines at the blank columns of their pixels, with the best threshold; tolerance: columns (default: 1)."""
    reference = [utterance_segmentation(line, tier) for line in lines]
    near = tolerances(lines, tolerance)

    def cut(threshold: float) -> list[Segmentation]:
        return [inked(line, frames, threshold) for line, frames in zip(lines, pixels, strict=True)]

    scores = {threshold: segmentation_scores(cut(threshold), reference, near) for threshold in THRESHOLDS}
    best = max(THRESHOLDS, key=lambda threshold: scores[threshold].strict.f1)
    hits = []
    for line, found, there, ticks in zip(lines, cut(best), reference, near, strict=True):
        ends = [edge for word in line.alignment.get("word", ()) for edge in (word.start, word.end)]
        first, last = reach(np.setdiff1d(there.boundaries, ends), found.boundaries, ticks)
        hits += (first < last).tolist()
    gaps = [gap for line in lines for gap in gaps_in_words(line, tier)]
    return BlankCuts(scores[best], best, float(np.mean(hits)), float(np.mean(np.array(gaps) <= 0)))


def inked(line: Utterance, pixels: Encoding, threshold: float) -> Segmentation:
    """Stretches of columns that are not blank."""
    runs = runs_of((pixels.frames.max(axis=1) >= threshold).astype(int), pixels.centres, line.ticks)
    return Segmentation(runs.intervals[np.asarray(runs.codes) == 1], line.ticks)


def gaps_in_words(line: Utterance, tier: str) -> list[int]:
    """Columns between each interval of a line and the next, but between words."""
    starts = {word.start for word in line.alignment.get("word", ())}
    return [after.start - before.end for before, after in pairwise(line.alignment[tier]) if after.start not in starts]


if __name__ == "__main__":
    main()
