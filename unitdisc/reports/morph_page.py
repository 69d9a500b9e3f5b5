"""What lies between items, step by step, on one page to look at without a network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from unitdisc import __version__
from unitdisc.files import write_text
from unitdisc.media.sheets import GAP, sheet
from unitdisc.reports import summary
from unitdisc.reports.image_crops import picture_uri
from unitdisc.reports.rendering import sources, template


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
