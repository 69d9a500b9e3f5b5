"""Tables over several reported experiments: ABX and probes at every point, means and spread over seeds.

python eval/compare.py exp/mini_speech/*

Experiments named NAME-seed0, NAME-seed1, ... are one row. Prints Markdown, ready for a RESULTS.md.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from pathlib import Path

from markdown_tables import print_table
from result_files import many_to_one, percent, without_seed

from unitdisc.files.text import read_json

POINTS = ("mfcc", "columns", "features", "encoder", "projection", "bottleneck", "condition")
DASH = "–"
Scores = dict
Measure = Callable[[Scores, str], float | None]  # of the scores of an experiment, at a point


def abx(speaker: str) -> Measure:
    return lambda scores, point: percent(scores["abx"].get(point, {}).get(speaker))


def probe(task: str) -> Measure:
    return lambda scores, point: percent(scores["probes"].get(point, {}).get(task, {}).get("accuracy"))


def reconstruction(task: str) -> Measure:
    return lambda scores, point: percent(scores["probes"].get(point, {}).get(task, {}).get("r2"))


def boundary(units: dict, name: str) -> float | None:
    return percent(units.get("boundaries", {}).get("strict", {}).get(name))


TABLES = {
    "ABX error across speakers (%)": abx("across"),
    "ABX error within speakers (%)": abx("within"),
    "{tier} probe, accuracy per frame (%)": probe("labels"),
    "Speaker probe, accuracy per utterance (%)": probe("speaker"),
    "Gender probe, accuracy per utterance (%)": probe("gender"),
    "Mel reconstruction, R² (%)": reconstruction("mel"),
    "Pixel reconstruction, R² (%)": reconstruction("columns"),
}
UNITS = {
    "many-to-one (%)": many_to_one,
    "AMI (%)": lambda units: percent(units.get("ami")),
    "V-measure (%)": lambda units: percent(units.get("v_measure")),
    "PNMI (%)": lambda units: percent(units.get("pnmi")),
    "boundary F1, strict (%)": lambda units: boundary(units, "f1"),
    "R-value, strict (%)": lambda units: boundary(units, "r_value"),
    "codes in use": lambda units: units.get("usage", {}).get("used"),
    "perplexity": lambda units: units.get("usage", {}).get("perplexity"),
    "bits/s": lambda units: units.get("bitrate", {}).get("bits_per_second"),
    "bits/s, repeats collapsed": lambda units: units.get("bitrate_collapsed", {}).get("bits_per_second"),
    "bits/100 columns": lambda units: units.get("bitrate", {}).get("bits_per_100_columns"),
    "bits/100 columns, repeats collapsed": lambda units: units.get("bitrate_collapsed", {}).get("bits_per_100_columns"),
}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", type=Path, nargs="+", help="folders with report/scores.json")
    args = parser.parse_args(argv)

    groups = read(args.experiments)
    for title, measure in TABLES.items():
        rows = {
            name: [cell([measure(scores, point) for scores in seeds]) for point in POINTS]
            for name, seeds in groups.items()
        }
        print_titled(title.format(tier=tier_of(groups).capitalize()), POINTS, rows)
    rows = {
        name: [cell([measure(scores.get("units") or {}) for scores in seeds]) for measure in UNITS.values()]
        for name, seeds in groups.items()
    }
    print_titled("Units", list(UNITS), rows)
    rows = {name: [str(len(seeds)), *trained(seeds)] for name, seeds in groups.items()}
    print_titled("Training", ("seeds", "hours of speech", "columns of writing", "steps", "time"), rows)


def read(folders: Iterable[Path]) -> dict[str, list[Scores]]:
    """The scores of all experiments that have a report, by name without the seed."""
    reported = []
    for folder in folders:
        if (folder / "report" / "scores.json").exists():
            reported.append(folder)
        else:
            print(f"{folder}: no report yet, left out", file=sys.stderr)
    if not reported:
        sys.exit("error: none of these folders has report/scores.json; run `unitdisc report` on them first")
    return {name: [scores_of(folder) for folder in seeds] for name, seeds in by_name(reported).items()}


def scores_of(folder: Path) -> Scores:
    return read_json(folder / "report" / "scores.json")


def by_name(folders: Iterable[Path]) -> dict[str, list[Path]]:
    """The folders of NAME-seed0, NAME-seed1, ... by NAME."""
    groups = defaultdict(list)
    for folder in sorted(folders):
        groups[without_seed(folder.name)].append(folder)
    return dict(groups)


def tier_of(groups: dict[str, list[Scores]]) -> str:
    """The labels that were probed."""
    return ", ".join(sorted({scores["settings"]["tier"] for seeds in groups.values() for scores in seeds}))


def cell(values: Iterable[float | None]) -> str:
    """Mean and, over several seeds, standard deviation; a dash where there is no figure."""
    known = [value for value in values if value is not None]
    if not known:
        return DASH
    mean = f"{statistics.mean(known):.2f}"
    return mean if len(known) == 1 else f"{mean} ± {statistics.stdev(known):.2f}"


def trained(seeds: list[Scores]) -> list[str]:
    """Hours of speech or columns of writing, steps, and the time that training took."""
    hours, columns = (
        max(scores["experiment"]["corpus"].get(size, 0) for scores in seeds) for size in ("hours", "columns")
    )
    steps = sorted({scores["training"].get("steps", DASH) for scores in seeds})
    times = [scores["training"].get("time", DASH) for scores in seeds]
    size = [f"{hours:.2f}" if hours else DASH, f"{columns:,}" if columns else DASH]
    return [*size, "/".join(map(str, steps)), ", ".join(times)]


def print_titled(title: str, columns: Sequence[str], rows: dict[str, list[str]]) -> None:
    """Prints what there is: no column in which nothing was measured, and no table of such columns."""
    there = [any(cells[place] != DASH for cells in rows.values()) for place, _ in enumerate(columns)]
    if not any(there):
        return
    columns = list(compress(columns, there))
    rows = {name: list(compress(cells, there)) for name, cells in rows.items()}
    print(f"\n**{title}**\n")
    print_table(["experiment", *columns], ([name, *cells] for name, cells in rows.items()))


if __name__ == "__main__":
    main()
