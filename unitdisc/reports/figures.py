"""The drawn figures of the report: SVG that goes into the page and takes on its colours, light or dark."""

import io
import re
import warnings
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter
from scipy.cluster.hierarchy import leaves_list, linkage

from unitdisc.evaluation.units.clustering import Confusion
from unitdisc.reports.score_rows import POINTS, UNLEARNED, Curve, Position
from unitdisc.reports.wording import Words

INK = "#0a0b0c"  # stands for the colour of the page's text, whatever that is
COLOURS = ("#2f7fd6", "#e0662b", "#1b9e77", "#b668b8", "#c99700", "#7d8590")  # seen on white and on black
MARKERS = {
    "log-mel": "P",
    "mfcc": "D",
    "columns": "D",
    "features": "v",
    "encoder": "o",
    "projection": "^",
    "bottleneck": "s",
    "condition": "*",
}
STYLE = {
    "svg.fonttype": "none",  # text stays text: it can be searched, and a browser knows more letters than a font
    "svg.hashsalt": "unitdisc",  # the same figure gives the same bytes
    "text.parse_math": False,  # a $ in a name is a $
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}
MOST_LABELS = 64
MOST_UNITS = 256


def curve_panel(curve: Curve) -> Markup:
    """A loss or metric over the steps of training, by split."""
    with style():
        figure = Figure(figsize=(3.3, 2.2), layout="constrained")
        axes = figure.add_subplot(title=curve.name)
        for split, points in sorted(curve.points.items()):
            steps, values = zip(*points, strict=True)
            few = "o" if len(steps) < 30 else None
            colour = COLOURS[split != "train"]
            axes.plot(steps, values, color=colour, label=split, marker=few, markersize=3, linewidth=1.4)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set_xlabel("training step")
        axes.grid(alpha=0.15, color=INK)
        if len(curve.points) > 1:
            axes.legend()
        return svg(figure, f"{curve.name} over the steps of training")


def agreement_of_halves(tried: Sequence[Mapping[str, float]]) -> Markup:
    """How well halves of a corpus agree about numbers of names; of each, "names", "agreement" and its "error"."""
    with style():
        figure = Figure(figsize=(4.6, 2.8), layout="constrained")
        axes = figure.add_subplot()
        axes.errorbar(*([each[key] for each in tried] for key in ("names", "agreement", "error")), linewidth=1.4)
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("names")
        axes.set_ylabel("agreement of halves (AMI)")
        axes.grid(alpha=0.15, color=INK)
        return svg(figure, "Agreement of halves of the corpus against the number of names")


def labels_against_voices(systems: Mapping[str, Mapping[str, Sequence[Position]]], tier: str, words: Words) -> Markup:
    """Accuracy of labels against speaker and gender accuracy, one line per experiment along its probe points.

    systems: experiment -> task ("speaker", "gender") -> positions, in the order of the signal. Features that are not
    learned are drawn once, as the first experiment has them.
    """
    tasks = [task for task in ("speaker", "gender") if any(system.get(task) for system in systems.values())]
    voices = {"speaker": words.speaker, "gender": "gender"}
    with style():
        figure = Figure(figsize=(4.6 * len(tasks) + 1.3, 4.2), layout="constrained")
        for number, task in enumerate(tasks, start=1):
            axes = figure.add_subplot(1, len(tasks), number)
            for place, (colour, system) in enumerate(zip(cycled(len(systems)), systems.values(), strict=True)):
                path = system.get(task, ())
                draw_path(axes, [position for position in path if position.point not in UNLEARNED], colour)
                if place == 0:
                    draw_path(axes, [position for position in path if position.point in UNLEARNED], INK)
            axes.set_xlabel(f"{voices[task]} accuracy ({words.utterance}s)")
            axes.set_ylabel(f"{tier} accuracy (frames)" if number == 1 else None)
            axes.xaxis.set_major_formatter(PercentFormatter(1))
            axes.yaxis.set_major_formatter(PercentFormatter(1))
            axes.margins(0.12)
            axes.grid(alpha=0.15, color=INK)
        add_legend(figure, systems)
        what = f"{tier.capitalize()} accuracy against {words.speaker} and gender accuracy"
        return svg(figure, f"{what} at the probe points")


def draw_path(axes: Axes, path: Sequence[Position], colour: str) -> None:
    axes.plot(
        [place.voices for place in path], [place.labels for place in path], color=colour, linewidth=1.3, alpha=0.7
    )
    for place in path:
        size = 11 if place.point == "condition" else 7
        axes.plot(place.voices, place.labels, MARKERS[place.point], color=colour, markersize=size)


def add_legend(figure: Figure, systems: Mapping[str, Mapping[str, Sequence[Position]]]) -> None:
    """Markers say the probe point, colours the experiment."""
    shown = {position.point for system in systems.values() for path in system.values() for position in path}
    handles = [
        Line2D([], [], color=INK, linestyle="", marker=MARKERS[point], label=POINTS[point].name)
        for point in POINTS
        if point in shown
    ]
    if len(systems) > 1:
        handles += [
            Line2D([], [], color=colour, linewidth=3, label=name)
            for colour, name in zip(cycled(len(systems)), systems, strict=True)
        ]
    figure.legend(handles=handles, loc="outside right upper")


def unit_matrix(found: Confusion, tier: str) -> Markup:
    """P(label | unit) as a heat map: units in the order of their labels, labels that share units side by side."""
    labels = np.sort(np.argsort(-found.counts.sum(1), kind="stable")[:MOST_LABELS])
    codes = np.sort(np.argsort(-found.counts.sum(0), kind="stable")[:MOST_UNITS])
    frames = found.counts[np.ix_(labels, codes)]
    labels = labels[similar_rows(frames)]
    share = found.counts[np.ix_(labels, codes)] / found.counts[:, codes].sum(0)
    best = share.argmax(0)
    order = np.lexsort((-share.max(0), best))
    names = [found.labels[row] for row in labels]
    units = [str(found.codes[column]) for column in codes[order]]
    with style():
        figure = Figure(figsize=(10, 1.2 + 0.16 * len(names)), layout="constrained", dpi=200)
        axes = figure.add_subplot()
        image = axes.imshow(share[:, order], aspect="auto", interpolation="nearest", cmap=transparent(), vmin=0)
        axes.set_yticks(range(len(names)), names, fontsize=7)
        if len(units) <= 128:
            axes.set_xticks(range(len(units)), units, rotation=90, fontsize=7 if len(units) <= 80 else 5)
        else:
            axes.set_xticks([])
        axes.tick_params(length=0)
        axes.set_xlabel("unit")
        axes.set_ylabel(tier)
        bar = figure.colorbar(image, ax=axes, format=PercentFormatter(1, decimals=0), fraction=0.02, pad=0.01)
        bar.outline.set_visible(False)
        return svg(figure, f"How the frames of every unit are shared among {tier}s")


def similar_rows(frames: np.ndarray) -> np.ndarray:
    """An order of the rows in which those alike in their shares (by Hellinger distance) stand together: [rows]."""
    if len(frames) < 3:
        return np.arange(len(frames))
    shares = np.sqrt(frames / np.maximum(frames.sum(1, keepdims=True), 1))
    return leaves_list(linkage(shares, "average", optimal_ordering=True))


def transparent() -> LinearSegmentedColormap:
    """From nothing to full colour, so that the page shines through."""
    red, green, blue = (int(COLOURS[0][place : place + 2], 16) / 255 for place in (1, 3, 5))
    return LinearSegmentedColormap.from_list("transparent", [(red, green, blue, 0), (red, green, blue, 1)])


def cycled(count: int) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(count)]


def style():
    return matplotlib.rc_context(STYLE)


def svg(figure: Figure, description: str) -> Markup:
    """The figure as an element of the page, INK replaced by the colour of its text."""
    file = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # drawn by the browser, with a font that has it
        figure.savefig(
            file, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    opening = re.search(r'viewBox="[^"]*"', text)[0]
    width = float(re.search(r'width="([\d.]+)pt"', text)[1]) * 4 / 3
    head = f'<svg {opening} style="max-width: {width:.0f}px" role="img" aria-label="{escape(description)}" '
    return Markup(re.sub(r"^<svg[^>]*>", head + 'xmlns:xlink="http://www.w3.org/1999/xlink">', text))
