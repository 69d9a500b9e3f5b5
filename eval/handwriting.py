"""Character-like units of several systems beside each other, and beside the published table: CER, accuracy, ARI, AMI.

Each system is an experiment whose folder `encodings` has those of the corpora in `train` and `test`, each with a folder
per probe point (bottleneck, and encoder, projection, condition if they are there), or NAME=FOLDER with such encodings:

python eval/handwriting.py data/test.jsonl --train data/train.jsonl --output exp/handwriting.json \\
    exp/vq-0 exp/vq-1 piecewise-0=elsewhere/encodings

Names that differ in a number at their end are seeds of one system: one row, mean and standard deviation. What is
measured, and on which columns, stands at the top of unitdisc/evaluation/handwriting/five_columns.py. Without --train,
probes learn from other lines of the test corpus.
"""

import argparse
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from unitdisc.corpus import CorpusError, Utterance, corpus_checksum
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.evaluation.handwriting import LineCorpus, LineOptions, score_lines
from unitdisc.evaluation.settings import versions
from unitdisc.files import write_json

POINTS = ("columns", "encoder", "projection", "bottleneck", "condition")
PUBLISHED = {  # Chorowski, Deep Unsupervised Learning (UWr 2021), ScribbleLens; whether MI is AMI or NMI is not said
    "Tasman, VQ": (47, 54, 34, 0.15, 0.15),
    "Tasman, piecewise-constant": (30, 65, 57, 0.23, 0.36),
    "all scribes, VQ": (60, 42, 30, 0.13, 0.10),
    "all scribes, piecewise-constant": (51, 49, 39, 0.18, 0.20),
}
Scores = Mapping


class Figure(NamedTuple):
    """A column of a table: the figure of a system, and how many digits of it are shown."""

    of: Callable[[Scores], float | None]
    digits: int = 1


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
    for table in tables(groups, args.points, options, f"{args.tolerance:g}"):
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
    parser.add_argument("--train", type=Path, help="manifest of other lines, that probes learn from")
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
    parser.add_argument("--tolerance", type=float, choices=(1, 2, 4, 8), default=1, help="of boundaries, in columns")
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


def at(*path: str, percent: bool = True, digits: int = 1) -> Figure:
    """The figure that lies at a path in scores; None where it is not."""

    def measure(scores: Scores) -> float | None:
        for key in path:
            scores = scores.get(key) if isinstance(scores, Mapping) else None
        return scores if scores is None or not percent else 100 * scores

    return Figure(measure, digits)


UNITS = ("bottleneck", "units")
FIVE = {
    "CER %": at("bottleneck", "ctc", "error_rate"),
    "MLP accuracy %": at("bottleneck", "labels", "accuracy"),
    "token to character %": at(*UNITS, "many_to_one_same_data"),
    "ARI": at(*UNITS, "ari", percent=False, digits=2),
    "AMI": at(*UNITS, "ami", percent=False, digits=2),
    "NMI": at(*UNITS, "nmi", percent=False, digits=2),
}


def unit_columns(tolerance: str) -> dict[str, Figure]:
    strict = ("bottleneck", "boundaries", tolerance, "strict")
    return {
        f"boundary F1 % (±{tolerance})": at(*strict, "f1"),
        f"R-value % (±{tolerance})": at(*strict, "r_value"),
        "units per 100 columns": at("bottleneck", "units_per_100_columns", percent=False),
        "codes": at("bottleneck", "usage", "used", percent=False, digits=0),
        "perplexity": at("bottleneck", "usage", "perplexity", percent=False),
        "bits per character": at("bottleneck", "bitrate_collapsed", "bits_per_label", percent=False),
        "always the commonest character %": at(*UNITS, "majority"),
    }


def point_columns(points: Iterable[str], *path: str) -> dict[str, Figure]:
    return {point: at("points", point, *path) for point in points}


def tables(
    groups: Mapping[str, Sequence[Scores]], points: Sequence[str] | None, options: LineOptions, tolerance: str
) -> Iterable[str]:
    """Everything in Markdown."""
    there = [point for point in POINTS if any(point in scores["points"] for each in groups.values() for scores in each)]
    beside = {
        f"*{name}*": [f"*{number(value, figure.digits)}*" for value, figure in zip((*row, None), FIVE.values())]
        for name, row in PUBLISHED.items()
    }
    yield table("Characters, on the columns that are in one", FIVE, groups, beside)
    yield table("Units", unit_columns(tolerance), groups)
    yield table("Scribe probe, accuracy per line (%)", point_columns(there, "speaker", "accuracy"), groups)
    what = f"{options.items_in_a_group or 'all'} items of a character by a scribe"
    for speaker in ("within", "across"):
        title = f"ABX error {speaker} scribes (%), characters, context {options.context}, {what}"
        yield table(title, point_columns(there, "abx", speaker), groups)
    if points is not None:
        asked = [point for point in there if point in points]
        title = "Character probe, accuracy per column (%)"
        yield table(title, {point: character_accuracy(point) for point in asked}, groups)


def character_accuracy(point: str) -> Figure:
    path = ("bottleneck",) if point == "bottleneck" else ("points", point)
    return at(*path, "labels", "accuracy")


def table(
    title: str,
    columns: Mapping[str, Figure],
    groups: Mapping[str, Sequence[Scores]],
    beside: Mapping[str, Sequence[str]] | None = None,
) -> str:
    rows = {name: [cell(figure, seeds) for figure in columns.values()] for name, seeds in groups.items()}
    lines = [
        f"**{title}**",
        "",
        "| system | seeds | " + " | ".join(columns) + " |",
        "|---" + "|---:" * (len(columns) + 1) + "|",
    ]
    lines += [f"| {name} | {len(groups[name])} | " + " | ".join(cells) + " |" for name, cells in rows.items()]
    lines += [f"| {name} | | " + " | ".join(cells) + " |" for name, cells in (beside or {}).items()]
    return "\n".join(lines)


def cell(figure: Figure, seeds: Iterable[Scores]) -> str:
    """Mean and, over several seeds, standard deviation; a dash where there is no figure."""
    known = [value for value in map(figure.of, seeds) if value is not None]
    if not known:
        return "–"
    mean = number(statistics.mean(known), figure.digits)
    return mean if len(known) == 1 else f"{mean} ± {number(statistics.stdev(known), figure.digits)}"


def number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def summary(groups: Mapping[str, Sequence[Scores]]) -> dict[str, dict]:
    """The five columns by row, each with its seeds, mean and standard deviation."""
    found: dict[str, dict] = {}
    for name, seeds in groups.items():
        found[name] = {}
        for column, figure in FIVE.items():
            values = [value for value in map(figure.of, seeds) if value is not None]
            found[name][column] = {
                "seeds": values,
                "mean": statistics.mean(values) if values else None,
                "deviation": statistics.stdev(values) if len(values) > 1 else None,
            }
    return found


def published() -> dict[str, dict[str, float]]:
    return {name: dict(zip(FIVE, row)) for name, row in PUBLISHED.items()}


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, CorpusError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
