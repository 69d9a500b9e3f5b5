"""The drawings of a lexicon: how the vocabulary grows, and how frequencies fall, beside those of true words."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from matplotlib.figure import Figure

from unitdisc.reports.figures import COLOURS, INK, style, svg


def growth_of(curves: Mapping[str, Sequence[Sequence[float]]]) -> Markup:
    """Types among so many tokens, one curve per lexicon."""
    with style():
        figure = Figure(figsize=(4.2, 2.9), layout="constrained")
        axes = figure.add_subplot()
        for (name, points), colour in zip(curves.items(), COLOURS):
            axes.plot(*zip(*points, strict=True), color=colour, label=name, linewidth=1.6)
        axes.set_xlabel("tokens")
        axes.set_ylabel("types among these")
        axes.grid(alpha=0.15, color=INK)
        axes.legend()
        return svg(figure, "How the vocabulary grows with the tokens")


def ranks_of(counts: Mapping[str, Sequence[int]]) -> Markup:
    """Tokens of each type, from the commonest on, both axes logarithmic."""
    with style():
        figure = Figure(figsize=(4.2, 2.9), layout="constrained")
        axes = figure.add_subplot()
        for (name, own), colour in zip(counts.items(), COLOURS):
            axes.plot(range(1, len(own) + 1), own, color=colour, label=name, linewidth=1.6, drawstyle="steps-post")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("rank")
        axes.set_ylabel("tokens")
        axes.grid(alpha=0.15, color=INK)
        axes.legend()
        return svg(figure, "Tokens of each type against its rank")
