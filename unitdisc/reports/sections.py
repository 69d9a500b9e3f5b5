"""The sections of scores: this experiment's own, and its comparison with others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from unitdisc.reports import figures
from unitdisc.reports.score_rows import (
    AbxRow,
    Measure,
    ProbeRow,
    ProbeTask,
    abx_rows,
    baseline,
    compared,
    measure,
    measured_points,
    positions,
    probe_rows,
    probe_tasks,
    probe_warnings,
    tier_of,
)
from unitdisc.reports.wording import Words

COMPARED = {  # what a table of experiments shows: the path of the figure
    "ABX error across {words.speaker}s": ("abx", "*", "across"),
    "ABX error within {words.speaker}s": ("abx", "*", "within"),
    "{Tier} probe, accuracy per frame": ("probes", "*", "labels", "accuracy"),
    "{Speaker} probe, accuracy per {words.utterance}": ("probes", "*", "speaker", "accuracy"),
    "Gender probe, accuracy per {words.utterance}": ("probes", "*", "gender", "accuracy"),
}


class UnitFigure(NamedTuple):
    path: tuple[str, ...]  # of keys in the scores of units
    form: str  # how it is written
    meaning: str
    written: bool | None = None  # of line images alone; False: of recordings alone


UNIT_FIGURES = {
    "codes in use": UnitFigure(("usage", "used"), "%.0f", "different units found in the corpus"),
    "perplexity": UnitFigure(("usage", "perplexity"), "%.1f", "as many units, used equally often, would say as much"),
    "bits per second": UnitFigure(
        ("bitrate", "bits_per_second"), "%.0f", "what the units can say at most, frame by frame", written=False
    ),
    "bits per second, runs": UnitFigure(
        ("bitrate_collapsed", "bits_per_second"), "%.0f", "the same without repetitions", written=False
    ),
    "bits per 100 columns": UnitFigure(
        ("bitrate", "bits_per_100_columns"), "%.1f", "what the units can say at most, frame by frame", written=True
    ),
    "bits per 100 columns, runs": UnitFigure(
        ("bitrate_collapsed", "bits_per_100_columns"), "%.1f", "the same without repetitions", written=True
    ),
    "bits per label, runs": UnitFigure(
        ("bitrate_collapsed", "bits_per_label"),
        "%.1f",
        "the same for each label, such as a character",
        written=True,
    ),
    "many-to-one": UnitFigure(
        ("many_to_one",),
        "%.3f",
        "frames named rightly if every unit is named after its most frequent label, by other {words.speaker}s",
    ),
    "PNMI": UnitFigure(("pnmi",), "%.3f", "share of what there is to know of the labels that the units tell"),
    "V-measure": UnitFigure(
        ("v_measure",), "%.3f", "whether units hold one label each, and labels one unit each: 1 at best"
    ),
    "AMI": UnitFigure(
        ("ami",), "%.3f", "agreement of units and labels, less what chance gives: 0 is chance, 1 is perfect"
    ),
    "ARI": UnitFigure(("ari",), "%.3f", "the same, counted by pairs of frames (adjusted Rand index)", written=True),
    "boundary F1": UnitFigure(
        ("boundaries", "strict", "f1"),
        "%.3f",
        "boundaries of units against those of labels: one to one, at most {words.apart} apart",
    ),
    "R-value": UnitFigure(
        ("boundaries", "strict", "r_value"), "%.3f", "the same, and too many boundaries cost more: 1 at best"
    ),
}


@dataclass(frozen=True)
class Scored:
    """ABX and probes of this experiment."""

    points: list[str]  # that anything was measured at
    baseline: str  # the one before any learning
    tier: str  # the labels that were told apart
    triphones: bool  # between the same neighbours
    abx: list[AbxRow]
    probes: list[ProbeRow]
    tasks: dict[str, ProbeTask]
    figure: Markup | None
    sample: str  # what ABX drew; nothing if it compared all
    missing: list[str]  # why figures are missing, each reason once
    warnings: list[str]  # what figures do not mean


@dataclass(frozen=True)
class Comparison:
    """This experiment beside others: title -> experiment -> column -> figure."""

    tables: dict[str, dict[str, dict[str, Measure]]]
    units: dict[str, dict[str, Measure]]
    figure: Markup | None
    samples: dict[str, str]  # experiment -> what its ABX drew, where that is not the same for all


def scored(scores: Mapping, words: Words) -> Scored:
    abx, probes, paths = abx_rows(scores), probe_rows(scores), positions(scores)
    measures = [entry for row in abx for entry in (row.within, row.across)]
    measures += [entry for row in probes for entry in row.tasks.values()]
    blocks = [measure(scores, block) for block in ("abx", "probes") if not scores.get(block)]
    settings, tier = scores.get("settings") or {}, tier_of(scores, words)
    return Scored(
        measured_points(scores, "abx", "probes"),
        baseline(scores),
        tier,
        (settings.get("abx") or {}).get("context", "triphone") == "triphone",
        abx,
        probes,
        probe_tasks(scores, words),
        figures.labels_against_voices({"this": paths}, tier, words) if any(paths.values()) else None,
        sample(scores, words),
        sorted({entry.why for entry in measures + blocks if entry.value is None}),
        probe_warnings(scores),
    )


def comparison(systems: Mapping[str, Mapping], words: Words) -> Comparison | None:
    """systems: name -> scores, this experiment first. None if it is the only one."""
    if len(systems) < 2:
        return None
    tier = tier_of(next(iter(systems.values())), words)
    names = {"words": words, "Tier": tier.capitalize(), "Speaker": words.speaker.capitalize()}
    found = {title.format(**names): compared(systems, *path) for title, path in COMPARED.items()}
    tables = {title: rows for title, rows in found.items() if any(map(any_value, rows.values()))}
    units = {name: unit_measures(scores, words) for name, scores in systems.items()}
    paths = {name: positions(scores) for name, scores in systems.items()}
    drawn = any(any(path.values()) for path in paths.values())
    samples = {name: sample(scores, words) or "all" for name, scores in systems.items() if scores.get("abx")}
    return Comparison(
        tables,
        units if any(map(any_value, units.values())) else {},
        figures.labels_against_voices(paths, tier, words) if drawn else None,
        samples if len({*samples.values()}) > 1 else {},
    )


def sample(scores: Mapping, words: Words) -> str:
    """What ABX drew, in words; nothing if it compared all, or nobody knows."""
    drawn = ((scores.get("settings") or {}).get("abx") or {}).get("sampling")
    if not isinstance(drawn, Mapping):
        return ""
    size, others = drawn.get("max_size_group"), drawn.get("max_x_across")
    parts = [] if size is None else [f"at most {size} items of one {tier_of(scores, words)} by one {words.speaker}"]
    parts += [] if others is None else [f"{others} other {words.speaker}s for each"]
    return f"a sample: {', and '.join(parts)} (seed {drawn.get('seed')})" if parts else ""


def any_value(measures: Mapping[str, Measure]) -> bool:
    return any(entry.value is not None for entry in measures.values())


def unit_measures(scores: Mapping, words: Words) -> dict[str, Measure]:
    """The figures of UNIT_FIGURES that are of this kind of corpus."""
    return {
        title: measure(scores, "units", *figure.path)
        for title, figure in UNIT_FIGURES.items()
        if figure.written in (None, words.written)
    }
