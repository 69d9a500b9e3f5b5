"""The report of an experiment: scores.json with every figure, and one page to read, see and hear, without a network."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from unitdisc import __version__
from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings
from unitdisc.files import write_json, write_text
from unitdisc.reports import figures, sections, summary
from unitdisc.reports.rendering import jsonable, sources, template
from unitdisc.reports.resyntheses import Made, resyntheses
from unitdisc.reports.score_rows import POINTS, UNLEARNED, curves
from unitdisc.reports.unit_cards import units
from unitdisc.reports.wording import words_of


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
