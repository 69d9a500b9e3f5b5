"""What all pages are written with: one template, its style and its script; and figures as JSON knows them."""

import base64
import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from unitdisc.files.text import read_text
from unitdisc.reports import clips
from unitdisc.reports import image_crops as crops
from unitdisc.reports.boxes import LANE

HOME = Path(__file__).parent / "templates"
CAPTION = 22  # pixels above a version of a line, for what it is


def template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HOME),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"HEIGHT": clips.HEIGHT, "LINE": crops.HEIGHT, "CAPTION": CAPTION, "LANE": LANE, "hue": hue}
    return environment.get_template("page.html.jinja")


def hue(code: int | str) -> int:
    """The colour of a unit, in degrees: far from that of the next codes."""
    return round(int(code) * 137.5) % 360


def sources() -> dict[str, Markup]:
    """The style and the script of the page, and the hash by which a browser knows the one script it may run."""
    colours, style, script = (read_text(HOME / name) for name in ("palette.css", "page.css", "page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return {"style": Markup(colours + style), "script": Markup(script), "script_hash": f"sha256-{digest}"}


def jsonable(value: Any) -> Any:
    """The same with numpy's numbers made Python's, and null for what is not finite."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [jsonable(entry) for entry in value]
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
