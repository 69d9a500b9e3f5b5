"""Boundaries and tokens of any segmentation against the labels of a corpus: precision, recall, F1, R-value.

python eval/segmentation.py data/test.jsonl segments.jsonl --tier phone --found-tier segment --tolerance 20

REFERENCE and FOUND are manifests or Kaldi data directories with the same utterance ids; they may be the same one.
What is a boundary, and when one is hit, stands at the top of unitdisc/evaluation/units/boundaries.py.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from unitdisc.corpus import CorpusError, Utterance, corpus_checksum
from unitdisc.corpus.read import read_corpus
from unitdisc.evaluation.settings import versions
from unitdisc.evaluation.units.boundaries import SegmentationScores, tier_boundaries
from unitdisc.evaluation.units.unit_scores import boundary_settings
from unitdisc.files import write_json


def main(argv: list[str] | None = None) -> SegmentationScores:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=Path, metavar="REFERENCE", help="corpus with the true labels")
    parser.add_argument("found", type=Path, metavar="FOUND", help="corpus with the segments of a system")
    parser.add_argument("--tier", default="phone", help="tier of the reference")
    parser.add_argument("--found-tier", default="segment", help="tier of the segments; what is silent has no label")
    parser.add_argument("--tolerance", type=float, help="ms, or columns without a rate (default: 20 ms, 1 column)")
    parser.add_argument("--output", "-o", type=Path, help="JSON file for the result")
    args = parser.parse_args(argv)

    if args.tolerance is not None and not 0 <= args.tolerance < float("inf"):
        raise ValueError(f"--tolerance must be 0 or more ms (or pixel columns), not {args.tolerance:g}")
    reference, found = read_corpus(args.reference, False), read_corpus(args.found, False)
    both = side_by_side(args, reference, found)
    scores = tier_boundaries(both, "found", "reference", args.tolerance)
    show(scores)
    if args.output is not None:
        how = {"tier": args.tier, "found_tier": args.found_tier, "boundaries": boundary_settings(args.tolerance)}
        how |= {"reference": str(args.reference), "found": str(args.found), "corpus": corpus_checksum(both)}
        write_json(args.output, {"boundaries": asdict(scores), "settings": how, "versions": versions()})
    return scores


def side_by_side(
    args: argparse.Namespace, reference: Sequence[Utterance], found: Sequence[Utterance]
) -> list[Utterance]:
    """The utterances of the reference that have its tier, with both tiers.

    Raises CorpusError if the segments of one are missing or count time in another way.
    """
    segmented = {utterance.id: utterance for utterance in found}
    both = []
    for utterance in reference:
        if args.tier not in utterance.alignment:
            continue
        other = segmented.get(utterance.id)
        if other is None or args.found_tier not in other.alignment:
            what = f"no tier {args.found_tier!r} of {utterance.id}"
            raise CorpusError(f"{args.found}: {what}, which {args.reference} has labels of; add it")
        if (other.ticks, other.rate) != (utterance.ticks, utterance.rate):
            length, expected = (f"{u.ticks} ticks at rate {u.rate}" for u in (other, utterance))
            raise CorpusError(
                f"{args.found}: {utterance.id} has {length}, but {expected} in {args.reference}; give both alike"
            )
        tiers = {"reference": utterance.alignment[args.tier], "found": other.alignment[args.found_tier]}
        both.append(replace(utterance, alignment=tiers))
    if not both:
        raise CorpusError(f"{args.reference}: no utterance has a tier {args.tier!r}; choose another with --tier")
    return both


def show(scores: SegmentationScores) -> None:
    print(f"{scores.utterances} utterances; hits are summed over them")
    print(
        f"{'':20}{'precision':>10}{'recall':>10}{'F1':>10}{'over-seg.':>11}{'R-value':>9}{'found':>9}{'reference':>11}"
    )
    for title, score in (("strict, one to one", scores.strict), ("lenient", scores.lenient), ("tokens", scores.token)):
        rates = f"{score.precision:10.4f}{score.recall:10.4f}{score.f1:10.4f}"
        tokens = score is scores.token
        balance = " " * 20 if tokens else f"{score.over_segmentation:11.4f}{score.r_value:9.4f}"
        print(f"{title:20}{rates}{balance}{score.found:9d}{score.reference:11d}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
