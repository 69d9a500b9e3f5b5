"""Utterances that a model finds unlikely, on one page to look at or listen to without a network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from unitdisc import __version__
from unitdisc.files import write_text
from unitdisc.reports import summary
from unitdisc.reports.finds import Find, card, widest
from unitdisc.reports.rendering import sources, template

SHOWN = 40
REASONS = {
    "signal": "unlikely, given its units",
    "predictable": "unusually predictable",
    "stretch": "a stretch of it is unlikely",
    "units": "its units tell little of it",
    "voice": "another voice would be likelier",
}


class Suspected(Protocol):
    """One utterance: which of REASONS is the strongest, and how strong it is."""

    because: str
    largest: float


def write_outliers_page(path: Path, shown: Sequence[tuple[Find, Suspected]], facts: Mapping[str, Any]) -> None:
    """Writes the page. What cannot be read any more is said in its place."""
    cards = [(card(find, None), outlier) for find, outlier in shown]
    page = (
        template()
        .environment.get_template("outliers.html.jinja")
        .render(
            cards=cards,
            reasons=REASONS,
            widest=widest(each for each, _ in cards),
            images=bool(shown) and shown[0][0].utterance.is_image,
            facts=facts,
            settings=summary.table("settings", facts),
            version=__version__,
            **sources(),
        )
    )
    write_text(path, page)
