"""The sections of the report: scores, the comparison with other experiments, units to hear, resyntheses."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.data.audio import audio_info
from unitdisc.encodings import Encodings
from unitdisc.report import figures
from unitdisc.report.clips import Clip, unit_clip, utterance_clip
from unitdisc.report.examples import Occurrence, Usage, most_used, phones_in_units, typical_utterances
from unitdisc.report.scores import (
    AbxRow,
    Measure,
    ProbeRow,
    Task,
    abx_rows,
    compared,
    measure,
    measured_points,
    positions,
    probe_rows,
    probe_tasks,
)
from unitdisc.units import read_units

UNIT_PIXELS = 540  # to a second of a unit
UTTERANCE_PIXELS = 320  # to a second of an utterance
RESYNTHESIS_PIXELS = 140  # less, so that versions stand side by side
UNITS = 12
EXAMPLES = 6
WHOLE = 3  # utterances shown whole
RESYNTHESISED = 4  # utterances
VERSIONS = 4  # of each of them
RESYNTHESIS_SECONDS = 6.0  # of each version: sounds are most of the page's size
COMPARED = {  # what a table of experiments shows: the path of the figure
    "ABX error across speakers": ("abx", "*", "across"),
    "ABX error within speakers": ("abx", "*", "within"),
    "Phone probe, accuracy per frame": ("probes", "*", "labels", "accuracy"),
    "Speaker probe, accuracy per utterance": ("probes", "*", "speaker", "accuracy"),
    "Gender probe, accuracy per utterance": ("probes", "*", "gender", "accuracy"),
}


class UnitFigure(NamedTuple):
    path: tuple[str, ...]  # of keys in the scores of units
    form: str  # how it is written
    meaning: str


UNIT_FIGURES = {
    "codes in use": UnitFigure(("usage", "used"), "%.0f", "different units found in the corpus"),
    "perplexity": UnitFigure(("usage", "perplexity"), "%.1f", "as many units, used equally often, would say as much"),
    "bits per second": UnitFigure(
        ("bitrate", "bits_per_second"), "%.0f", "what the units can say at most, frame by frame"
    ),
    "bits per second, runs": UnitFigure(
        ("bitrate_collapsed", "bits_per_second"), "%.0f", "the same without repetitions"
    ),
    "many-to-one": UnitFigure(
        ("many_to_one",),
        "%.3f",
        "frames named rightly if every unit is named after its most frequent label, by other speakers",
    ),
    "PNMI": UnitFigure(("pnmi",), "%.3f", "share of what there is to know of the labels that the units tell"),
    "V-measure": UnitFigure(
        ("v_measure",), "%.3f", "whether units hold one label each, and labels one unit each: 1 at best"
    ),
    "AMI": UnitFigure(
        ("ami",), "%.3f", "agreement of units and labels, less what chance gives: 0 is chance, 1 is perfect"
    ),
    "boundary F1": UnitFigure(
        ("boundaries", "strict", "f1"),
        "%.3f",
        "boundaries of units against those of labels: one to one, at most 20 ms (or one column) apart",
    ),
    "R-value": UnitFigure(
        ("boundaries", "strict", "r_value"), "%.3f", "the same, and too many boundaries cost more: 1 at best"
    ),
}


@dataclass(frozen=True)
class Scored:
    """ABX and probes of this experiment."""

    points: list[str]  # that anything was measured at
    tier: str  # the labels that were told apart
    triphones: bool  # between the same neighbours
    abx: list[AbxRow]
    probes: list[ProbeRow]
    tasks: dict[str, Task]
    figure: Markup | None
    missing: list[str]  # why figures are missing, each reason once


@dataclass(frozen=True)
class Comparison:
    """This experiment beside others: title -> experiment -> column -> figure."""

    tables: dict[str, dict[str, dict[str, Measure]]]
    units: dict[str, dict[str, Measure]]
    figure: Markup | None


@dataclass(frozen=True)
class Example:
    occurrence: Occurrence
    clip: Clip


@dataclass(frozen=True)
class Card:
    """A unit and where it is heard."""

    usage: Usage
    examples: list[Example]


@dataclass(frozen=True)
class Units:
    why: str = ""  # there is nothing to show
    tier: str | None = None  # of the labels that units are compared with
    figures: dict[str, Measure] = field(default_factory=dict)
    matrix: Markup | None = None
    cards: list[Card] = field(default_factory=list)
    whole: list[tuple[Utterance, Clip]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # recordings that could not be read


@dataclass(frozen=True)
class Resynthesis:
    """An utterance beside what the model made of its units."""

    utterance: Utterance
    versions: list[tuple[str, Clip]]  # caption, sound; the original first
    problems: list[str]


def scored(scores: Mapping) -> Scored:
    abx, probes, paths = abx_rows(scores), probe_rows(scores), positions(scores)
    measures = [entry for row in abx for entry in (row.within, row.across)]
    measures += [entry for row in probes for entry in row.tasks.values()]
    blocks = [measure(scores, block) for block in ("abx", "probes") if not scores.get(block)]
    settings = scores.get("settings") or {}
    return Scored(
        measured_points(scores, "abx", "probes"),
        settings.get("tier") or "phone",
        (settings.get("abx") or {}).get("context", "triphone") == "triphone",
        abx,
        probes,
        probe_tasks(scores),
        figures.phones_against_voices({"this": paths}) if any(paths.values()) else None,
        sorted({entry.why for entry in measures + blocks if entry.value is None}),
    )


def comparison(systems: Mapping[str, Mapping]) -> Comparison | None:
    """systems: name -> scores, this experiment first. None if it is the only one."""
    if len(systems) < 2:
        return None
    found = {title: compared(systems, *path) for title, path in COMPARED.items()}
    tables = {title: rows for title, rows in found.items() if any(map(any_value, rows.values()))}
    units = {name: unit_measures(scores) for name, scores in systems.items()}
    paths = {name: positions(scores) for name, scores in systems.items()}
    drawn = any(any(path.values()) for path in paths.values())
    return Comparison(
        tables,
        units if any(map(any_value, units.values())) else {},
        figures.phones_against_voices(paths) if drawn else None,
    )


def any_value(measures: Mapping[str, Measure]) -> bool:
    return any(entry.value is not None for entry in measures.values())


def unit_measures(scores: Mapping) -> dict[str, Measure]:
    return {title: measure(scores, "units", *figure.path) for title, figure in UNIT_FIGURES.items()}


def units(utterances: Sequence[Utterance], encodings: Encodings | None, scores: Mapping, first: Iterable[str]) -> Units:
    """What the units are; `first`: ids of utterances to show whole before others."""
    if encodings is None:
        return Units("there are no encodings of the point `bottleneck`")
    utterances = [utterance for utterance in utterances if utterance.id in encodings]
    if not utterances:
        return Units(f"{encodings.folder} holds none of the utterances")
    if any(encodings.codes[utterance.id] is None for utterance in utterances):
        return Units("the bottleneck is continuous: it gives vectors, not units")
    tier = (scores.get("settings") or {}).get("tier") or "phone"
    labelled = any(tier in utterance.alignment for utterance in utterances)
    found = phones_in_units(utterances, encodings, tier)
    spoken = [utterance for utterance in utterances if utterance.rate]
    shown = Units(
        tier=tier if labelled else None,
        figures=unit_measures(scores) if scores.get("units") else {},
        matrix=figures.unit_matrix(found) if labelled and found.counts.size else None,
    )
    if not spoken or not found.counts.size:
        return replace(shown, problems=["there are no recordings of speech to listen to"])
    problems: list[str] = []
    usages = most_used(found, spoken, encodings, tier, UNITS, EXAMPLES)
    cards = [Card(usage, list(heard_examples(usage, encodings, tier, problems))) for usage in usages]
    whole = list(heard_whole(typical_utterances(spoken, WHOLE, first), encodings, tier, problems))
    return replace(shown, cards=cards, whole=whole, problems=problems)


def tiers_of(utterance: Utterance, encodings: Encodings, tier: str) -> dict[str, list[Interval]]:
    """What is drawn below a spectrogram: units, and the labels where there are any."""
    lanes = {"unit": read_units(encodings, utterance).intervals}
    return lanes | ({tier: utterance.alignment[tier]} if tier in utterance.alignment else {})


def heard_examples(usage: Usage, encodings: Encodings, tier: str, problems: list[str]) -> Iterable[Example]:
    for occurrence in usage.examples:
        utterance = occurrence.utterance
        lanes = tiers_of(utterance, encodings, tier)
        try:
            yield Example(occurrence, unit_clip(utterance, occurrence.interval, lanes, UNIT_PIXELS))
        except CorpusError as error:
            problems.append(str(error))


def heard_whole(
    utterances: Iterable[Utterance], encodings: Encodings, tier: str, problems: list[str]
) -> Iterable[tuple[Utterance, Clip]]:
    for utterance in utterances:
        try:
            yield utterance, utterance_clip(utterance, tiers_of(utterance, encodings, tier), UTTERANCE_PIXELS)
        except CorpusError as error:
            problems.append(str(error))


def resyntheses(utterances: Iterable[Utterance], made: Mapping[str, Sequence[tuple[str, Path]]]) -> list[Resynthesis]:
    """The originals beside what was made of their units; `made`: utterance id -> (caption, audio file)."""
    known = {utterance.id: utterance for utterance in utterances}
    shown = sorted(known.keys() & made.keys())[:RESYNTHESISED]
    return [resynthesis(known[name], made[name]) for name in shown]


def resynthesis(utterance: Utterance, made: Sequence[tuple[str, Path]]) -> Resynthesis:
    versions, problems = [], []
    for caption, source in [("original", utterance), *list(made)[:VERSIONS]]:
        try:
            sound = source if isinstance(source, Utterance) else recording(Path(source))
            versions.append((caption, utterance_clip(sound, {}, RESYNTHESIS_PIXELS, RESYNTHESIS_SECONDS)))
        except CorpusError as error:
            problems.append(str(error))
    return Resynthesis(utterance, versions, problems)


def recording(path: Path) -> Utterance:
    """A whole audio file as an utterance."""
    info = audio_info(path)
    return Utterance(id="resynthesis", path=str(path), speaker=None, ticks=info.ticks, rate=info.rate)
