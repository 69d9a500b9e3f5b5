"""The report of an experiment: scores.json with every figure, and one page to read, see and hear, without a network."""

import base64
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from unitdisc import __version__
from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings
from unitdisc.files import write_json, write_text
from unitdisc.files.text import read_text
from unitdisc.reports import clips, figures, sections, summary
from unitdisc.reports import image_crops as crops
from unitdisc.reports.boxes import LANE
from unitdisc.reports.resyntheses import Made, resyntheses
from unitdisc.reports.score_rows import POINTS, UNLEARNED, curves
from unitdisc.reports.unit_cards import units
from unitdisc.reports.wording import words_of

HOME = Path(__file__).parent / "templates"
CAPTION = 22  # pixels above a version of a line, for what it is


def write_report(
    experiment: Path,
    utterances: Iterable[Utterance],
    points: Mapping[str, Encodings],
    scores: Mapping[str, Any],
    compare: Mapping[str, Mapping[str, Any]] | None = None,
    made: Mapping[str, Sequence[Made]] | None = None,
) -> Path:
    """Writes EXPERIMENT/report/scores.json and EXPERIMENT/report/index.html; gives the path of the page.

    utterances: of the corpus that was encoded and scored. points: probe point -> encodings; the units are those of
    `bottleneck`. scores: as `evaluation.scores.score` gives them. compare: name -> scores.json of other experiments.
    made: utterance id -> what the decoder made of its units. The page of a corpus of line images speaks of lines and
    scribes. What is absent (labels, codes, scores, recordings or images that cannot be read) is said on it.
    Raises ReportError if there is no experiment, EncodingsError if the units do not fit the utterances.
    """
    experiment, compare, made = Path(experiment), compare or {}, made or {}
    utterances = sorted(utterances, key=lambda utterance: utterance.id)
    settings = summary.read_experiment(experiment)
    log = summary.read_log(experiment / "log.jsonl")
    name = experiment.resolve().name
    words, encodings = words_of(utterances), points.get("bottleneck")
    corpus = summary.corpus_table("scored on", utterances, (scores.get("settings") or {}).get("drawn"))
    training = summary.training_table(log)
    page = template().render(
        name=name,
        version=__version__,
        words=words,
        points=POINTS,
        unlearned=UNLEARNED,
        unit_figures=sections.UNIT_FIGURES,
        findings=summary.findings(scores, encodings, words),
        tables=[training, corpus, *summary.option_tables(settings)],
        curves=[figures.curve_panel(curve) for curve in curves(log)],
        scored=sections.scored(scores, words),
        comparison=sections.comparison({name: scores, **compare}, words),
        units=units(utterances, encodings, scores, list(made), words),
        resyntheses=resyntheses(utterances, made, encodings),
        settings=[summary.table(key, scores[key]) for key in ("settings", "versions") if scores.get(key)],
        **sources(),
    )
    others = {
        other: {key: value for key, value in scores.items() if key != "compare"} for other, scores in compare.items()
    }
    figures_shown = {
        "experiment": {"name": name, **settings},
        "training": dict(training.rows),
        "corpus": dict(corpus.rows),
        "compare": others,
    }
    write_json(experiment / "report" / "scores.json", jsonable({**scores, **figures_shown}))
    write_text(experiment / "report" / "index.html", page)
    return experiment / "report" / "index.html"


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
