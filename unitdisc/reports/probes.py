"""The report on probes: every point, task and reader beside its controls on one page, and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from unitdisc import __version__
from unitdisc.files import write_json, write_text
from unitdisc.reports import summary
from unitdisc.reports.probe_figures import confusion_matrix, labels_against_voices
from unitdisc.reports.rendering import jsonable, sources, template

FIGURES = {"accuracy": "% right", "r2": "R²", "error_rate": "% errors"}
CONTROLS = {
    "majority": "majority",
    "shuffled": "shuffled labels",
    "control": "control task",
    "selectivity": "selectivity",
    "balanced_accuracy": "balanced",
}
READINGS = {"linear": "linear reader", "mlp": "MLP, one hidden layer"}
COUNTS = (
    *("substitutions", "deletions", "insertions", "labels", "too_short"),
    *("classes", "unseen", "items", "speakers", "folds", "training_items"),
)
PAIRS = 8  # most confused, of each matrix

Scores = Mapping[str, Mapping[str, Mapping[str, Any]]]  # point -> task -> figures


@dataclass(frozen=True)
class Cell:
    """A figure of the grid, or why there is none."""

    figure: str
    interval: str = ""
    selectivity: str = ""
    why: str = ""
    warning: str = ""  # why the figure does not mean what it seems to


@dataclass(frozen=True)
class ProbeGrid:
    """Points by tasks, read by one reader."""

    reader: str
    tasks: list[str]
    rows: dict[str, list[Cell]]  # by point
    chance: list[str]  # of each task: what knowing nothing gives


@dataclass(frozen=True)
class Details:
    """All figures of a task."""

    title: str
    columns: list[str]
    rows: dict[str, list[str]]  # by point
    notes: list[str]


@dataclass(frozen=True)
class Matrix:
    """What was taken for what at a point."""

    title: str
    drawing: Markup
    pairs: list[list]


def write_probe_report(folder: Path, title: str, found: Mapping[str, Any], tables: Sequence[summary.Table]) -> Path:
    """Writes probes.json and index.html into a folder; gives the path of the page.

    found: "probes" (reader -> point -> task -> figures, as `evaluation.probes.probe_tasks` gives them) and "settings",
    "versions", ...: all of it goes into the JSON. tables: what was probed, for the page.
    """
    probes: Mapping[str, Scores] = found["probes"]
    keys = label_keys(found["settings"]["tiers"])
    page = (
        template()
        .environment.get_template("probes.html.jinja")
        .render(
            title=title,
            version=__version__,
            tables=list(tables),
            grids=[grid(reader, scores, keys) for reader, scores in probes.items()],
            figure=labels_against_voices(probes, keys),
            details=[each for reader, scores in probes.items() for each in details(reader, scores, keys)],
            matrices=[each for reader, scores in probes.items() for each in matrices(reader, scores, keys)],
            examples=examples(probes),
            settings=[summary.table(key, found[key]) for key in ("settings", "versions")],
            style=sources()["style"],
        )
    )
    write_json(folder / "probes.json", jsonable(found))
    write_text(folder / "index.html", page)
    return folder / "index.html"


def label_keys(tiers: Sequence[str]) -> dict[str, str]:
    """Tier -> the key of the frame probe of its labels: "labels", or "labels-TIER" where there are several tiers."""
    several = len({*tiers}) > 1
    return {tier: f"labels-{tier}" if several else "labels" for tier in tiers}


def titled(task: str, keys: Mapping[str, str]) -> str:
    """What a task is called: a frame probe after its tier."""
    return next((tier for tier, key in keys.items() if key == task), task)


def figure_of(score: Mapping[str, Any]) -> str:
    return next(name for name in FIGURES if name in score)


def written(value: float | None, name: str) -> str:
    """A share in percent, R² as it is."""
    if value is None:
        return ""
    return f"{value:.3f}" if name == "r2" else f"{100 * value:.1f}"


def span(score: Mapping[str, Any], over: str) -> str:
    bounds = score.get("intervals", {}).get(over)
    return " to ".join(written(bound, figure_of(score)) for bound in bounds) if bounds else ""


def tasks_of(scores: Scores) -> list[str]:
    return list(next(iter(scores.values()), {}))


def grid(reader: str, scores: Scores, keys: Mapping[str, str]) -> ProbeGrid:
    """keys: tier -> task, as `label_keys` gives them."""
    tasks = tasks_of(scores)
    rows = {point: [cell(found[task]) for task in tasks] for point, found in scores.items()}
    chance = []
    for task in tasks:
        known = [found[task]["majority"] for found in scores.values() if "majority" in found[task]]
        name = figure_of(next(iter(scores.values()))[task])
        chance.append(written(known[0], name) if known else {"r2": "0", "error_rate": "100"}.get(name, ""))
    return ProbeGrid(
        READINGS[reader],
        [f"{titled(task, keys)}, {FIGURES[figure_of(scores[next(iter(scores))][task])]}" for task in tasks],
        rows,
        chance,
    )


def cell(score: Mapping[str, Any]) -> Cell:
    name = figure_of(score)
    if score[name] is None:
        return Cell("–", why=score["why"])
    return Cell(
        written(score[name], name),
        span(score, "utterances"),
        written(score.get("selectivity"), name),
        warning=score.get("warning") or "",
    )


def details(reader: str, scores: Scores, keys: Mapping[str, str]) -> list[Details]:
    found = []
    for task in tasks_of(scores):
        measured = {point: tasks[task] for point, tasks in scores.items() if "why" not in tasks[task]}
        if not measured:
            continue
        one = next(iter(measured.values()))
        name = figure_of(one)
        columns = [FIGURES[name], "95 % over utterances", "95 % over speakers"]
        columns += [title for key, title in CONTROLS.items() if key in one]
        columns += [key.replace("_", " ") for key in COUNTS if key in one]
        rows = {
            point: [
                written(score[name], name),
                span(score, "utterances"),
                span(score, "speakers") or "–",
                *(written(score[key], name) for key in CONTROLS if key in one),
                *(f"{score[key]:,}" for key in COUNTS if key in one),
            ]
            for point, score in measured.items()
        }
        notes = [f"Control task: {one['control_task']}."] if "control_task" in one else []
        found.append(Details(f"{titled(task, keys)}, {READINGS[reader]}", columns, rows, notes))
    return found


def matrices(reader: str, scores: Scores, keys: Mapping[str, str]) -> list[Matrix]:
    return [
        Matrix(
            f"{titled(task, keys)}, {point}, {READINGS[reader]}",
            confusion_matrix(score["confusion"]["labels"], np.array(score["confusion"]["counts"])),
            score["confused"][:PAIRS],
        )
        for task in tasks_of(scores)
        for point, score in ((point, tasks[task]) for point, tasks in scores.items())
        if "confusion" in score and score["classes"] > 2
    ]


def examples(probes: Mapping[str, Scores]) -> dict[str, list[list[str]]]:
    """What CTC probes wrote: title -> [utterance, reference, written]."""
    return {
        f"{task}, {point}": score["examples"]
        for scores in list(probes.values())[:1]
        for point, tasks in scores.items()
        for task, score in tasks.items()
        if "examples" in score
    }
