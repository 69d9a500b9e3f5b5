"""Lines that were written again in other hands: a manifest of them, and whose they look like.

unitdisc resynthesise exp/ae data/test.jsonl exp/ae/resyntheses --speaker ada --speaker gus
python eval/other_hands.py data/test.jsonl exp/ae/resyntheses exp/ae/other-hands.jsonl --train data/train.jsonl

The manifest has the characters of the originals, so that what was written can be scored as any corpus is. Whose hand it
is, a linear discriminant of the mean and the deviation of every row of pixels tells, which learns from the lines of
TRAIN. How often it is right of lines of CORPUS comes first, then how often it takes a line for one by the hand that was
asked for, and for one by that of the original; lines that stay in their own hand are left out.

Lines are set upright and made as tall as all others first, as decoders are shown them. With --as-written they are not,
and the directions of strokes count, too (Bulacu and Schomaker, 2007): for lines of `unitdisc convert`.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.data.targets import GreyTarget
from unitdisc.files import write_json

FEATURES = ColumnFeatures(slant=True, body=True)
AS_WRITTEN = ColumnFeatures()
DIRECTIONS = 16  # that half a turn is divided into
SHRUNK = 0.1  # share of the covariance that is a multiple of the identity


class Hands(NamedTuple):
    lines: int  # in other hands
    originals_told: float  # lines of the corpus whose hand is told right, of 1
    asked_for: float  # lines in other hands that are taken for ones by the hand that was asked for
    of_original: float  # that are taken for ones by the hand of the original


def main(argv: list[str] | None = None) -> Hands:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("resyntheses", type=Path, help="folder of ID--HAND.png")
    parser.add_argument("manifest", type=Path, help="to write")
    parser.add_argument("--train", type=Path, required=True, help="lines by the same hands")
    parser.add_argument("--as-written", action="store_true", help="slant, height and directions of strokes count, too")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    options = parser.parse_args(argv)
    corpus = {utterance.id: utterance for utterance in read_corpus(options.corpus)}
    written = [again for path in sorted(options.resyntheses.glob("*.png")) if (again := line_of(path, corpus))]
    others = [again for again in written if again.speaker != corpus[again.id.partition("--")[0]].speaker]
    if not others:
        raise CorpusError(f"{options.resyntheses}: no line of {options.corpus} is there in another hand")
    write_manifest(options.manifest, others)
    describe = described_as_written if options.as_written else described
    hands, axes = discriminant(read_corpus(options.train), describe)
    told = [hands[each] for each in scores_of(others, axes, describe).argmax(1)]
    right = [hands[each] for each in scores_of([*corpus.values()], axes, describe).argmax(1)]
    sources = [corpus[again.id.partition("--")[0]].speaker for again in others]
    found = Hands(
        len(others),
        share(right, [utterance.speaker for utterance in corpus.values()]),
        share(told, [again.speaker for again in others]),
        share(told, sources),
    )
    print("  ".join(f"{name} {value:.3g}" for name, value in found._asdict().items()))
    if options.output:
        write_json(
            options.output, found._asdict() | {"features": asdict(AS_WRITTEN if options.as_written else FEATURES)}
        )
    return found


def line_of(path: Path, corpus: dict[str, Utterance]) -> Utterance | None:
    """A line that was written again, with the characters of the original; None for one of which a part was given."""
    name, *hand = path.stem.split("--")
    if len(hand) != 1 or name not in corpus:
        return None
    original = corpus[name]
    columns = FEATURES.frames_in(original)
    scale = columns / original.ticks
    tiers = {
        tier: [Interval(round(each.start * scale), round(each.end * scale), each.label) for each in intervals]
        for tier, intervals in original.alignment.items()
    }
    return Utterance(
        path.stem, str(path), hand[0], columns, text=original.text, alignment=tiers, height=FEATURES.height
    )


def described(utterance: Utterance, features: ColumnFeatures = FEATURES) -> np.ndarray:
    """Mean and deviation of every row of pixels, on the levels that decoders draw: [2 H]."""
    levels = GreyTarget(features.height)(features.signal(utterance)).astype(np.float64)
    return np.concatenate([levels.mean(0), levels.std(0)])


def described_as_written(utterance: Utterance) -> np.ndarray:
    """The same of lines as they lean, and how much of all edges runs in which direction: [2 H + DIRECTIONS]."""
    along, up = np.gradient(AS_WRITTEN.signal(utterance).astype(np.float64))
    places = np.arctan2(up, along) % np.pi / np.pi * DIRECTIONS
    edges = np.bincount(places.astype(int).ravel() % DIRECTIONS, np.hypot(along, up).ravel(), DIRECTIONS)
    return np.concatenate([described(utterance, AS_WRITTEN), DIRECTIONS * edges / max(edges.sum(), 1e-9)])


Describe = Callable[[Utterance], np.ndarray]


def discriminant(
    utterances: Sequence[Utterance], describe: Describe = described
) -> tuple[list[str], tuple[np.ndarray, np.ndarray]]:
    """Hands, and the linear function [D, H], [H] whose greatest value tells which."""
    hands = sorted({utterance.speaker for utterance in utterances})
    rows = np.stack([describe(utterance) for utterance in utterances])
    means = np.stack([rows[[u.speaker == hand for u in utterances]].mean(0) for hand in hands])
    inside = rows - means[[hands.index(u.speaker) for u in utterances]]
    covariance = inside.T @ inside / len(rows)
    even = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    weights = np.linalg.solve((1 - SHRUNK) * covariance + SHRUNK * even, means.T)
    return hands, (weights, -0.5 * (means.T * weights).sum(0))


def scores_of(
    utterances: Sequence[Utterance], axes: tuple[np.ndarray, np.ndarray], describe: Describe = described
) -> np.ndarray:
    return np.stack([describe(utterance) for utterance in utterances]) @ axes[0] + axes[1]


def share(told: Sequence[str], wanted: Sequence[str]) -> float:
    return float(np.mean([one == other for one, other in zip(told, wanted, strict=True)]))


if __name__ == "__main__":
    main()
