"""What lies between items, step by step, on one page to look at without a network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from unitdisc import __version__
from unitdisc.files import write_text
from unitdisc.reports import summary
from unitdisc.reports.image_crops import picture_uri
from unitdisc.reports.page import sources, template

GAP = 2  # pixels between pictures of a sheet
LINE = 0.25  # ink of what divides them


class Way(Protocol):
    """From one end to the other: see `unitdisc.morph`."""

    first: str
    last: str
    bits: Sequence[float | None]
    read: Sequence[str]
    leaning: Sequence[float]


class Shown(NamedTuple):
    """A way, and the picture of every step of it, [columns, rows] in [0, 1]."""

    way: Way
    pictures: Sequence[np.ndarray]


def sheet(rows: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Pictures [columns, rows] beside each other, and rows of them below each other: ink [columns, rows]."""
    height = max(picture.shape[1] for row in rows for picture in row)
    width = max(sum(len(picture) + GAP for picture in row) for row in rows) + GAP
    drawn = np.full((width, len(rows) * (height + GAP) + GAP), LINE, np.float32)
    for number, row in enumerate(rows):
        left, top = GAP, GAP + number * (height + GAP)
        for picture in row:
            drawn[left : left + len(picture), top : top + picture.shape[1]] = picture
            left += len(picture) + GAP
    return drawn


def write_morph_page(path: Path, shown: Sequence[Shown], facts: Mapping[str, Any]) -> None:
    """Writes the page. Figures that nothing is known of are left empty."""
    height = max(picture.shape[1] for one in shown for picture in one.pictures)
    page = (
        template()
        .environment.get_template("morph.html.jinja")
        .render(
            ways=[(one.way, picture_uri(sheet([one.pictures]), 2 * (height + 2 * GAP))) for one in shown],
            height=2 * (height + 2 * GAP),
            facts=facts,
            settings=summary.table("settings", facts),
            version=__version__,
            **sources(),
        )
    )
    write_text(path, page)
