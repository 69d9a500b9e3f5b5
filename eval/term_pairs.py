"""Recurring stretches beside labels: are the two stretches of a pair said alike, and how much of the corpus is in any?

python eval/term_pairs.py exp/terms data/test.jsonl -o scores.json

FOUND was made by `unitdisc terms`. For the best 100 pairs, the best 1000 and so on: the normalised edit distance of the
phones of their two stretches (NED), and the share of phones that are in any (coverage), as zerospeech-tde counts them;
how many are of two speakers, and the NED of these; and the same of as many stretches as long, where lot puts them. Then
the groups, scored as classes of the ZeroSpeech challenges.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.read import read_corpus
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.settings import corpus_settings, versions
from unitdisc.evaluation.units.term_files import Fragment, Gold, read_classes
from unitdisc.evaluation.units.terms import term_scores
from unitdisc.evaluation.units.words import aligned
from unitdisc.files import write_json
from unitdisc.files.text import read_lines

BEST = (50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000)
Pair = tuple[Fragment, Fragment]


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("found", type=Path, metavar="FOUND", help="folder made by `unitdisc terms`")
    parser.add_argument("corpus", type=Path, metavar="CORPUS", help="manifest (.jsonl) or Kaldi data directory")
    parser.add_argument("--phones", default="phone", metavar="TIER", help="by which stretches are spelled")
    parser.add_argument("--words", default="word", metavar="TIER", help="by which groups are scored")
    parser.add_argument("--best", type=int, nargs="+", default=BEST, metavar="N", help="so many pairs, from the best")
    parser.add_argument("--seed", type=int, default=0, help="of the stretches drawn by lot")
    parser.add_argument("--output", "-o", type=Path, help="JSON file for the result")
    args = parser.parse_args(argv)

    utterances = {utterance.id: utterance for utterance in read_corpus(args.corpus)}
    gold = gold_of(args.corpus, list(utterances.values()), args.phones, args.words)
    pairs = read_pairs(args.found / "pairs.jsonl", utterances, gold)
    rng = np.random.default_rng(args.seed)
    by_lot = [tuple(moved(stretch, utterances, sorted(gold.phones), rng) for stretch in pair) for pair in pairs]
    numbers = sorted({min(number, len(pairs)) for number in args.best if number > 0})
    rows = [row_of(pairs[:number], by_lot[:number], utterances, gold) for number in numbers]
    groups = asdict(term_scores(gold, read_classes(args.found / "classes.txt", gold)))
    show(rows, groups)
    found = {"pairs": rows, "groups": groups}
    if args.output is not None:
        settings = corpus_settings(list(utterances.values()), args.phones) | {"words": args.words, "seed": args.seed}
        write_json(args.output, found | {"found": str(args.found), "settings": settings, "versions": versions()})
    return found


def gold_of(corpus: Path, utterances: Sequence[Utterance], phones: str, words: str) -> Gold:
    """Raises UnscorableError if no utterance has both tiers."""
    there = [utterance for utterance in utterances if {phones, words} <= utterance.alignment.keys() and utterance.rate]
    if not there:
        raise UnscorableError(f"{corpus}: no utterance has a rate and the tiers {phones!r} and {words!r}")
    return Gold(*({u.id: aligned(u, tier, silent) for u in there} for tier, silent in ((phones, True), (words, False))))


def read_pairs(path: Path, utterances: dict[str, Utterance], gold: Gold) -> list[Pair]:
    """Raises CorpusError naming the line that is wrong, or of an utterance without labels."""
    found = []
    for number, line in read_lines(path, CorpusError):
        try:
            stretches = [(one["utterance"], one["start"], one["end"]) for one in json.loads(line)["stretches"]]
            one, other = (
                Fragment(name, start / utterances[name].rate, end / utterances[name].rate)
                for name, start, end in stretches
                if gold.phones[name]
            )
        except (ValueError, TypeError, KeyError) as error:
            raise CorpusError(f"{path}:{number}: is no pair of labelled utterances of this corpus ({error})") from error
        found.append((one, other))
    if not found:
        raise UnscorableError(f"{path}: has no pairs; search again with more frames alike")
    return found


def moved(stretch: Fragment, utterances: dict[str, Utterance], names: list[str], rng: np.random.Generator) -> Fragment:
    """A stretch as long where lot puts it, in an utterance that is long enough; longer ones are drawn more often."""
    length = stretch.end - stretch.start
    rooms = np.array([max(utterances[name].ticks / utterances[name].rate - length, 0) for name in names])
    place = int(rng.choice(len(names), p=rooms / rooms.sum())) if rooms.any() else names.index(stretch.file)
    start = float(rng.uniform(0, rooms[place]))
    return Fragment(names[place], start, start + length)


def row_of(
    pairs: Sequence[Pair], by_lot: Sequence[Pair], utterances: dict[str, Utterance], gold: Gold
) -> dict[str, float | int | None]:
    across = [pair for pair in pairs if len({utterances[stretch.file].speaker for stretch in pair}) == 2]
    scores, of_lot = scored(pairs, gold), scored(by_lot, gold)
    return {
        "pairs": len(pairs),
        "seconds": float(np.mean([stretch.end - stretch.start for pair in pairs for stretch in pair])),
        "ned": scores.ned,
        "coverage": scores.coverage,
        "across": len(across) / len(pairs),
        "across_ned": scored(across, gold).ned if across else None,
        "lot_ned": of_lot.ned,
        "lot_coverage": of_lot.coverage,
    }


def scored(pairs: Sequence[Pair], gold: Gold):
    """Every pair as a class of its own."""
    return term_scores(gold, {str(number): pair for number, pair in enumerate(pairs)})


def show(rows: Sequence[dict], groups: dict) -> None:
    print("| pairs | mean s | NED | coverage | of two speakers | their NED | NED by lot | coverage by lot |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        cells = [f"{100 * row[name]:.1f}" if row[name] is not None else "" for name in list(row)[2:]]
        print(f"| {row['pairs']} | {row['seconds']:.2f} | {' | '.join(cells)} |")
    of_groups = f"NED {100 * groups['ned']:.1f}" if groups["ned"] is not None else "no pairs"
    print(
        f"\n{groups['classes']} groups of {groups['fragments']} stretches: {of_groups} of {groups['pairs']} pairs, "
        f"coverage {100 * groups['coverage']:.1f}"
    )
    for name in ("grouping", "type", "token", "boundary"):
        score = groups[name]
        print(
            f"{name}: precision {100 * score['precision']:.1f}, recall {100 * score['recall']:.1f}, "
            f"F1 {100 * score['f1']:.1f}"
        )


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
