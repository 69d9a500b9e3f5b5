"""The tables of `eval/handwriting.py` in Markdown: a row for every system, mean and deviation over its seeds."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from result_files import NAMED_ELSEWHERE

Scores = Mapping
Interval = Sequence[float] | None

POINTS = ("columns", "encoder", "projection", "bottleneck", "condition")
PUBLISHED = {  # Chorowski, Deep Unsupervised Learning (UWr 2021), ScribbleLens; whether MI is AMI or NMI is not said
    "Tasman, VQ": (47, 54, 34, 0.15, 0.15),
    "Tasman, piecewise-constant": (30, 65, 57, 0.23, 0.36),
    "all scribes, VQ": (60, 42, 30, 0.13, 0.10),
    "all scribes, piecewise-constant": (51, 49, 39, 0.18, 0.20),
}


class Figure(NamedTuple):
    """A column of a table: the figure of a system, how many digits of it are shown, and its 95 % interval."""

    of: Callable[[Scores], float | None]
    digits: int = 1
    interval: Callable[[Scores], Interval] = lambda scores: None


def under(scores: Scores, path: Iterable[str]):
    """What lies at a path; None where there is nothing."""
    for key in path:
        scores = scores.get(key) if isinstance(scores, Mapping) else None
    return scores


def at(*path: str, percent: bool = True, digits: int = 1) -> Figure:
    """The figure at a path, and the interval that is beside it under "intervals"."""
    unit = 100 if percent else 1

    def measure(scores: Scores) -> float | None:
        found = under(scores, path)
        return None if found is None else unit * found

    def interval(scores: Scores) -> Interval:
        bounds = under(scores, (*path[:-1], "intervals", path[-1]))
        return bounds and [unit * bound for bound in bounds]

    return Figure(measure, digits, interval)


def first_of(*figures: Figure) -> Figure:
    """The first of several figures that a system has."""

    def there(scores: Scores) -> Figure:
        return next((figure for figure in figures if figure.of(scores) is not None), figures[-1])

    return Figure(
        lambda scores: there(scores).of(scores), figures[0].digits, lambda scores: there(scores).interval(scores)
    )


UNITS, BY_COLUMN = ("bottleneck", "units"), ("bottleneck", "units_by_column")
OWN = {  # the last two flatter many codes
    "codes": at("bottleneck", "usage", "used", percent=False, digits=0),
    "CER %": at("bottleneck", "ctc", "error_rate"),
    "many-to-one %": first_of(*(at(*UNITS, name) for name in NAMED_ELSEWHERE)),
    "always the commonest %": at(*UNITS, "majority"),
    "AMI": at(*UNITS, "ami", percent=False, digits=3),
    "ARI": at(*UNITS, "ari", percent=False, digits=3),
    "AMI, every unit once": at(*UNITS, "each_unit_once", "ami", percent=False, digits=3),
    "PNMI, chance included": at(*UNITS, "homogeneity", percent=False, digits=3),
    "many-to-one %, named on itself": at(*UNITS, "many_to_one_same_data"),
}
COLUMN_BY_COLUMN = {
    "CER %": at("bottleneck", "ctc", "error_rate"),
    "MLP accuracy %": at("bottleneck", "labels", "accuracy"),
    "token to character %, by column": at(*BY_COLUMN, "many_to_one_same_data"),
    "ARI, by column": at(*BY_COLUMN, "ari", percent=False, digits=2),
    "AMI, by column": at(*BY_COLUMN, "ami", percent=False, digits=2),
    "NMI, by column": at(*BY_COLUMN, "nmi", percent=False, digits=2),
}
SHOWN = ("1", "2", "4")  # columns of the scaled line that a boundary may be away


def unit_columns(tolerance: str) -> dict[str, Figure]:
    def boundaries(reach: str, name: str) -> Figure:
        return at("bottleneck", "boundaries", reach, "strict", name)

    shown = SHOWN if tolerance in SHOWN else (*SHOWN, tolerance)
    return {f"boundary F1 % (±{reach})": boundaries(reach, "f1") for reach in shown} | {
        f"R-value % (±{tolerance})": boundaries(tolerance, "r_value"),
        "units per 100 columns": at("bottleneck", "units_per_100_columns", percent=False),
        "perplexity": at("bottleneck", "usage", "perplexity", percent=False),
        "bits per character": at("bottleneck", "bitrate_collapsed", "bits_per_label", percent=False),
    }


def point_columns(points: Iterable[str], *path: str) -> dict[str, Figure]:
    return {point: at("points", point, *path) for point in points}


def tables(
    groups: Mapping[str, Sequence[Scores]], points: Sequence[str] | None, abx: str, tolerance: str, named: str
) -> Iterable[str]:
    """Everything in Markdown.

    points: where characters are read, if they are asked for; abx: what is compared; named: where codes get their names.
    """
    there = [point for point in POINTS if any(point in scores["points"] for each in groups.values() for scores in each)]
    lines = "in brackets: 95 % over lines"
    yield table(
        f"Units against characters: every frame in one, counted once; codes named on {named}; {lines}", OWN, groups
    )
    yield table("Units and their boundaries", unit_columns(tolerance), groups)
    beside = {
        f"*{name}*": [
            f"*{number(value, figure.digits)}*" for value, figure in zip((*row, None), COLUMN_BY_COLUMN.values())
        ]
        for name, row in PUBLISHED.items()
    }
    title = (
        "Column by column, as published: frames repeated, codes named on the lines scored, which flatters many codes"
    )
    yield table(title, COLUMN_BY_COLUMN, groups, beside)
    yield table("Scribe probe, accuracy per line (%)", point_columns(there, "speaker", "accuracy"), groups)
    for speaker in ("within", "across"):
        title = f"ABX error {speaker} scribes (%), characters, {abx}"
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


def cell(figure: Figure, seeds: Sequence[Scores]) -> str:
    """Mean and, over several seeds, standard deviation, and the mean interval; a dash where there is no figure."""
    known = [value for value in map(figure.of, seeds) if value is not None]
    if not known:
        return "–"
    mean = number(statistics.mean(known), figure.digits)
    deviation = f" ± {number(statistics.stdev(known), figure.digits)}" if len(known) > 1 else ""
    bounds = mean_interval(figure, seeds)
    between = f" [{', '.join(number(bound, figure.digits) for bound in bounds)}]" if bounds else ""
    return mean + deviation + between


def mean_interval(figure: Figure, seeds: Iterable[Scores]) -> Interval:
    """The mean of the intervals of seeds, as of one of them: the lines are the same."""
    known = [bounds for bounds in map(figure.interval, seeds) if bounds]
    return [statistics.mean(ends) for ends in zip(*known)] or None


def number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def summary(groups: Mapping[str, Sequence[Scores]]) -> dict[str, dict]:
    """Own frames and column by column by row, each with its seeds, mean, standard deviation and interval."""
    found: dict[str, dict] = {}
    for name, seeds in groups.items():
        found[name] = {}
        for column, figure in (OWN | COLUMN_BY_COLUMN).items():
            values = [value for value in map(figure.of, seeds) if value is not None]
            found[name][column] = {
                "seeds": values,
                "mean": statistics.mean(values) if values else None,
                "deviation": statistics.stdev(values) if len(values) > 1 else None,
                "interval": mean_interval(figure, seeds),
            }
    return found


def published() -> dict[str, dict[str, float]]:
    return {name: dict(zip(COLUMN_BY_COLUMN, row)) for name, row in PUBLISHED.items()}
