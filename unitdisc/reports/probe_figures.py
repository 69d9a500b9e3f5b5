"""The drawings of the report on probes: labels against voices, and what was taken for what."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from unitdisc.reports.figures import COLOURS, INK, MOST_LABELS, similar_rows, style, svg, transparent

VOICES = ("speaker", "gender")
SHAPES = "os^Dv*PXph"  # of points in figures

Scores = Mapping[str, Mapping[str, Mapping[str, Any]]]  # point -> task -> figures


def labels_against_voices(probes: Mapping[str, Scores], keys: Mapping[str, str]) -> Markup | None:
    """Accuracy of labels against that of speaker and gender with 95 % intervals; a colour for every reader.

    keys: tier -> the task of its labels; the first that was asked is drawn.
    """
    asked = {task for scores in probes.values() for tasks in scores.values() for task in tasks}
    tier, labels = next(((tier, key) for tier, key in keys.items() if key in asked), ("", None))
    both = [
        voice
        for voice in VOICES
        if any(measured(tasks, labels) and measured(tasks, voice) for s in probes.values() for tasks in s.values())
    ]
    if not both:
        return None
    points = list(dict.fromkeys(point for scores in probes.values() for point in scores))
    with style():
        drawing = Figure(figsize=(4.6 * len(both) + 1.5, 4.2), layout="constrained")
        for number, voice in enumerate(both, start=1):
            axes = drawing.add_subplot(1, len(both), number)
            for colour, scores in zip(COLOURS, probes.values()):
                draw_path(axes, scores, points, (voice, labels), colour)
            axes.set_xlabel(f"{voice} accuracy (utterances)")
            axes.set_ylabel(f"{tier} accuracy (frames)" if number == 1 else None)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(PercentFormatter(1))
            axes.margins(0.1)
            axes.grid(alpha=0.15, color=INK)
        handles = [
            Line2D([], [], color=INK, linestyle="", marker=SHAPES[place % len(SHAPES)], label=point)
            for place, point in enumerate(points)
        ]
        if len(probes) > 1:
            handles += [Line2D([], [], color=c, linewidth=3, label=reader) for c, reader in zip(COLOURS, probes)]
        drawing.legend(handles=handles, loc="outside right upper")
        return svg(drawing, f"{tier} accuracy against speaker and gender accuracy at the probe points")


def measured(tasks: Mapping[str, Mapping], task: str | None) -> bool:
    return (tasks.get(task) or {}).get("accuracy") is not None


def draw_path(axes: Axes, scores: Scores, points: Sequence[str], tasks: tuple[str, str], colour: str) -> None:
    """The points of one reader, joined in their order, with the majority classes as dotted lines."""
    there = [point for point in points if all(measured(scores.get(point, {}), task) for task in tasks)]
    places = [[scores[point][task]["accuracy"] for task in tasks] for point in there]
    axes.plot(*np.transpose(places), color=colour, linewidth=1.2, alpha=0.5)
    for point, place in zip(there, places):
        bounds = [scores[point][task]["intervals"].get("utterances", [value] * 2) for task, value in zip(tasks, place)]
        reach = [[[value - low], [high - value]] for value, (low, high) in zip(place, bounds)]
        shape = SHAPES[points.index(point) % len(SHAPES)]
        axes.errorbar(
            *np.array(place)[:, None], *reversed(np.abs(reach)), fmt=shape, color=colour, markersize=7, elinewidth=0.8
        )
    for draw, task in zip((axes.axvline, axes.axhline), tasks):
        draw(scores[there[0]][task]["majority"], color=INK, alpha=0.35, linewidth=0.8, linestyle=":")


def confusion_matrix(labels: Sequence[str], counts: np.ndarray) -> Markup:
    """Of the items of every class, the share read as each: rows are what was said, similar classes side by side."""
    chosen = np.sort(np.argsort(-counts.sum(1), kind="stable")[:MOST_LABELS])
    chosen = chosen[similar_rows(counts[np.ix_(chosen, chosen)])]
    share = counts[np.ix_(chosen, chosen)] / np.maximum(counts[chosen].sum(1, keepdims=True), 1)
    names = [labels[place] for place in chosen]
    side = 1.4 + 0.15 * len(names)
    small = 7 if len(names) <= 48 else 5
    with style():
        drawing = Figure(figsize=(side + 0.5, side), layout="constrained", dpi=150)
        axes = drawing.add_subplot()
        image = axes.imshow(share, interpolation="nearest", cmap=transparent(), vmin=0, vmax=1)
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=small)
        axes.set_yticks(range(len(names)), names, fontsize=small)
        axes.tick_params(length=0)
        axes.set_xlabel("read as")
        axes.set_ylabel("label")
        bar = drawing.colorbar(image, ax=axes, format=PercentFormatter(1, decimals=0), fraction=0.03, pad=0.02)
        bar.outline.set_visible(False)
        return svg(drawing, "What was read as what")
