"""Character-like units of several systems beside each other, and beside the published table: CER, accuracy, ARI, AMI.

Each system is an experiment whose folder `encodings` has those of the corpora in `train` and `test`, each with a folder
per probe point (bottleneck, and encoder, projection, condition if they are there), or NAME=FOLDER with such encodings:

python eval/handwriting.py data/test.jsonl --train data/train.jsonl --output exp/handwriting.json \\
    exp/vq-0 exp/vq-1 piecewise-0=elsewhere/encodings

Names that differ in a number at their end are seeds of one system: one row, mean and standard deviation. What is
measured stands at the top of unitdisc/evaluation/handwriting/five_columns.py: every frame of a system counts once, and
beside it, as published, as often as it has columns. Probes, and names of codes, are learnt from --train; without it,
from other lines of the test corpus, names from those of other scribes where there are several.
"""

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from line_tables import POINTS, Scores, published, summary, tables

from unitdisc.corpus import CorpusError, Utterance, corpus_checksum
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.evaluation.handwriting import LineCorpus, LineOptions, score_lines
from unitdisc.evaluation.settings import versions
from unitdisc.files import write_json


def main(argv: list[str] | None = None) -> dict:
    args = parse(argv)
    utterances = read_corpus(args.corpus, False)
    learned = args.train and read_corpus(args.train, False)
    options = LineOptions(
        tier=args.tier,
        context_frames=args.context_frames,
        context=args.context,
        items_in_a_group=args.abx_items,
        labels_at=args.points or (),
        seed=args.seed,
    )
    found = {}
    for name, folder in systems(args.systems).items():
        test = opened(folder / "test", args.corpus, utterances)
        training = learned and opened(folder / "train", args.train, learned)
        if training:
            test, training = at_common_points(test, training)
        found[name] = score_lines(test, training, options, told(name))
    groups = grouped(found, args.group)
    compared = f"context {options.context}, {options.items_in_a_group or 'all'} items of a character by a scribe"
    named = "the corpus to learn from" if args.train else "lines of other scribes, or others of the one scribe"
    for table in tables(groups, args.points, compared, f"{args.tolerance:g}", named):
        print(table + "\n")
    settings = {"corpus": str(args.corpus), "corpus_checksum": corpus_checksum(utterances), "train": str(args.train)}
    settings |= {
        "options": asdict(options),
        "systems": {name: str(path) for name, path in systems(args.systems).items()},
    }
    result = {"systems": found, "rows": summary(groups), "published": published(), "settings": settings}
    if args.output is not None:
        write_json(args.output, result | {"versions": versions()})
    return result


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="manifest of the lines to score")
    parser.add_argument(
        "systems", nargs="+", metavar="SYSTEM", help="an experiment, or NAME=FOLDER: encodings, in test and train"
    )
    parser.add_argument("--train", type=Path, help="manifest of other lines, that probes and names of codes learn from")
    parser.add_argument("--tier", default="character", help="alignment tier of the characters")
    parser.add_argument(
        "--group", default=r"-(seed-?)?\d+$", help="what names of seeds of one system differ in (regular expression)"
    )
    parser.add_argument(
        "--points",
        nargs="*",
        choices=POINTS,
        help="also a table of scribes and characters at these points (none given: at all), for scribe conditioning",
    )
    parser.add_argument("--tolerance", type=float, choices=(1, 2, 4, 8), default=1, help="of the R-value, in columns")
    parser.add_argument("--context", choices=("any", "triphone"), default="any", help="of characters in ABX")
    parser.add_argument("--abx-items", type=int, default=10, help="of a character by a scribe, at most; 0: all")
    parser.add_argument("--context-frames", type=int, default=3, help="that a probe of columns sees: 1, 3, 5, ...")
    parser.add_argument("--output", "-o", type=Path, help="JSON file for everything")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    if args.points is not None and not args.points:
        args.points = list(POINTS)
    try:
        re.compile(args.group)
    except re.error as error:
        parser.error(f"--group {args.group}: is no regular expression ({error})")
    if args.abx_items < 0:
        parser.error(f"--abx-items must be 0 or more, not {args.abx_items}")
    return args


def systems(arguments: Iterable[str]) -> dict[str, Path]:
    """Name -> encodings. Raises ValueError for what is no experiment and no NAME=FOLDER, and for a repeated name."""
    found: dict[str, Path] = {}
    for argument in arguments:
        name, equals, folder = argument.partition("=")
        if not equals:
            name, folder = Path(argument).resolve().name, f"{argument}/encodings"
        if not (name and folder) or (not equals and not Path(folder).is_dir()):
            raise ValueError(f"{argument}: has no folder encodings; give an experiment, or NAME=FOLDER of encodings")
        if name in found:
            raise ValueError(f"{argument}: there is a system {name} already; give each a name of its own")
        found[name] = Path(folder)
    return found


def opened(folder: Path, manifest: Path, utterances: Sequence[Utterance]) -> LineCorpus:
    """The points in a folder; raises EncodingsError if there are none, or if lines are missing."""
    points = {point: Encodings.open(folder / point) for point in POINTS if (folder / point).is_dir()}
    if not points:
        raise EncodingsError(f"{folder}: has none of the folders {', '.join(POINTS)}; `unitdisc encode` makes them")
    for point, encodings in points.items():
        missing = [utterance.id for utterance in utterances if utterance.id not in encodings]
        if missing:
            what = f"lacks {len(missing)} of the {len(utterances)} lines of {manifest}, such as {missing[0]}"
            raise EncodingsError(f"{folder / point}: {what}; encode that corpus")
    return LineCorpus(points, utterances)


def at_common_points(test: LineCorpus, training: LineCorpus) -> tuple[LineCorpus, LineCorpus]:
    """Both at the points that both have."""
    both = [point for point in test.points if point in training.points]
    if not both:
        raise EncodingsError(f"no point is in both of {list(test.points)} (test) and {list(training.points)} (train)")
    return tuple(LineCorpus({point: c.points[point] for point in both}, c.utterances) for c in (test, training))


def told(name: str) -> Callable[[str], None]:
    return lambda job: print(f"{name}: {job}", file=sys.stderr, flush=True)


def grouped(found: Mapping[str, Scores], pattern: str) -> dict[str, list[Scores]]:
    """Systems by name without what tells seeds apart."""
    groups = defaultdict(list)
    for name, scores in found.items():
        groups[re.sub(pattern, "", name) or name if pattern else name].append(scores)
    return dict(groups)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, CorpusError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
