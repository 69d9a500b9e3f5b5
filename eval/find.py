"""How well words, characters or phones are found by example: mean average precision within and across speakers.

python eval/find.py data/test.jsonl exp/vq/encodings/test/mfcc exp/vq/encodings/test/condition --tier word

Labelled stretches are drawn from a tier and looked for in the whole corpus; what counts as found stands at the top of
unitdisc/retrieval/average_precision.py. All encodings are asked the same stretches.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.foreign import require
from unitdisc.evaluation.frame_checks import open_for
from unitdisc.evaluation.settings import corpus_settings, versions
from unitdisc.files import write_json
from unitdisc.retrieval.average_precision import SCOPES, drawn_tokens, rankings, summary
from unitdisc.retrieval.materials import Collection, materials
from unitdisc.retrieval.search import BY, NORMALISE, FindOptions
from unitdisc.retrieval.subsequence_dtw import DISTANCES


def main(argv: Sequence[str] | None = None) -> dict[str, dict]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, metavar="CORPUS", help="manifest or Kaldi data directory with labels")
    parser.add_argument("encodings", type=Path, nargs="+", metavar="ENCODINGS", help="folders to compare")
    parser.add_argument("--tier", default="word", help="whose labels are looked for")
    parser.add_argument("--queries", type=int, default=100, help="stretches drawn, as many of each label as can be")
    parser.add_argument("--by", choices=BY, default="frames", help="compare frames, or the means of their codes")
    parser.add_argument("--distance", choices=DISTANCES, default="angular")
    parser.add_argument("--normalise", choices=NORMALISE, default="speaker", help="what gives frames their scale")
    parser.add_argument("--frame-rate", type=float, help="frames per second, for folders of other tools")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", "-o", type=Path, help="JSON file for the result")
    args = parser.parse_args(argv)

    if args.queries < 1:
        raise ValueError(f"--queries must be 1 or more, not {args.queries}")
    options = FindOptions(args.by, args.distance, args.normalise, args.threads)
    utterances = [utterance for utterance in read_corpus(args.corpus, False) if args.tier in utterance.alignment]
    if not utterances:
        raise UnscorableError(f"{args.corpus}: no utterance has a tier {args.tier!r}; choose another with --tier")
    scores = {}
    print(f"{'':34}{'mean average precision':>30}{'precision at 10':>17}{'recall':>8}{'chance':>8}{'queries':>9}")
    for folder in args.encodings:
        started = time.monotonic()
        encodings = open_for(folder, utterances, args.frame_rate)
        require([utterance.id for utterance in utterances], encodings, args.corpus)
        scores[str(folder)] = score(Collection(encodings, utterances), args, options)
        show(folder, encodings, scores[str(folder)], time.monotonic() - started)
    if args.output is not None:
        how = {"by": args.by, "distance": args.distance, "normalise": args.normalise, "seed": args.seed}
        how |= {"queries": args.queries, **corpus_settings(utterances, args.tier)}
        write_json(args.output, {"retrieval": scores, "settings": how, "versions": versions()})
    return scores


def score(collection: Collection, args: argparse.Namespace, options: FindOptions) -> dict:
    tokens = drawn_tokens(collection, args.tier, args.queries, args.seed)
    prepared = materials(collection, None, options.how, threads=options.threads)
    found = rankings(collection, prepared, tokens, args.tier, options.threads)
    return summary(found, args.seed)


def show(folder: Path, encodings: Encodings, found: Mapping[str, Mapping], seconds: float) -> None:
    for scope in SCOPES:
        title = f"{encodings.settings.get('point', folder.name)}, {scope} speakers"
        one = found[scope]
        if "why" in one:
            print(f"{title:34}not measured: {one['why']}")
            continue
        interval = " to ".join(f"{100 * bound:.1f}" for bound in one["interval"])
        figures = [f"{100 * one[name]:.1f}" for name in ("precision_at_10", "recall", "chance")]
        print(
            f"{title:34}{100 * one['mean_average_precision']:9.1f} % ({interval:>14})  "
            f"{figures[0]:>15}{figures[1]:>8}{figures[2]:>8}{one['queries']:9d}"
        )
    print(f"{'':34}{folder}: {seconds:.1f} s")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
