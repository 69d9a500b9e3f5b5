"""The section of units: what each of them stands for, and where it is heard or seen."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.encodings import Encodings
from unitdisc.exports.units import read_units
from unitdisc.reports import figures
from unitdisc.reports.clips import Clip, unit_clip, utterance_clip
from unitdisc.reports.examples import Occurrence, Usage, blank_of, labels_in_units, most_used, typical_utterances
from unitdisc.reports.lines import Sheet, UnitCut, line_sheet, unit_cut
from unitdisc.reports.mean_images import MOST as AVERAGED
from unitdisc.reports.mean_images import MeanImage, mean_image
from unitdisc.reports.score_rows import Measure, tier_of
from unitdisc.reports.sections import unit_measures
from unitdisc.reports.wording import Words

UNIT_PIXELS = 540  # to a second of a unit
UTTERANCE_PIXELS = 320  # to a second of an utterance
UNITS = 12
EXAMPLES = 6
WHOLE = 3  # utterances shown whole
WHOLE_LINES = 4  # lines are lighter than sounds

Progress = Callable[..., AbstractContextManager[Callable[[int], None]]]
Tiers = Mapping[str, Sequence[Interval]]


def quiet(title: str, total: int, unit: str) -> AbstractContextManager[Callable[[int], None]]:
    """No progress is shown."""
    return nullcontext(lambda number: None)


@dataclass(frozen=True)
class Example:
    occurrence: Occurrence
    clip: Clip | UnitCut


@dataclass(frozen=True)
class UnitCard:
    """A unit and where it is heard or seen; of writing, what it looks like on average."""

    usage: Usage
    examples: list[Example]
    mean: MeanImage | None = None


@dataclass(frozen=True)
class UnitsSection:
    why: str = ""  # there is nothing to show
    tier: str | None = None  # of the labels that units are compared with
    figures: dict[str, Measure] = field(default_factory=dict)
    matrix: Markup | None = None
    cards: list[UnitCard] = field(default_factory=list)
    whole: list[tuple[Utterance, Clip | Sheet]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # recordings and images that could not be read
    rows: int | None = None  # that lines are high where the columns of units are counted


def units(
    utterances: Sequence[Utterance],
    encodings: Encodings | None,
    scores: Mapping,
    first: Iterable[str],
    words: Words,
    most: int = UNITS,
    progress: Progress = quiet,
) -> UnitsSection:
    """What the units are.

    first: ids of utterances to show whole before others. most: units that are shown. progress: as
    `console.progress`.
    """
    if encodings is None:
        return UnitsSection("there are no encodings of the point `bottleneck`")
    utterances = [utterance for utterance in utterances if utterance.id in encodings]
    if not utterances:
        return UnitsSection(f"{encodings.folder} holds none of the utterances")
    if any(encodings.codes[utterance.id] is None for utterance in utterances):
        waits = encodings.settings.get("codebook_waits")
        not_yet = "the codebook has not been started: the model was trained for too few steps"
        return UnitsSection(not_yet if waits else "the bottleneck is continuous: it gives vectors, not units")
    tier = tier_of(scores, words)
    labelled = any(tier in utterance.alignment for utterance in utterances)
    found, rows = labels_in_units(utterances, encodings, tier), encodings.settings.get("height")
    shown = UnitsSection(
        tier=tier if labelled else None,
        figures=unit_measures(scores, words) if scores.get("units") else {},
        matrix=figures.unit_matrix(found, tier) if labelled and found.counts.size else None,
        rows=rows if isinstance(rows, int) else None,
    )
    playable = [utterance for utterance in utterances if utterance.rate or utterance.is_image]
    if not playable or not found.counts.size:
        nothing = "lines of writing to look at" if words.written else "recordings of speech to listen to"
        return replace(shown, problems=[f"there are no {nothing}"])
    problems: list[str] = []
    usages = most_used(found, playable, encodings, tier, most, max(EXAMPLES, AVERAGED if words.written else 0))
    cards = []
    with progress("drawing", len(usages), "units") as advance:
        for usage in usages:
            cards.append(unit_card(usage, encodings, tier, words, problems))
            advance(1)
    chosen = typical_utterances(playable, WHOLE_LINES if words.written else WHOLE, first)
    sheets = list(whole(chosen, encodings, tier, problems))
    return replace(shown, cards=cards, whole=sheets, problems=list(dict.fromkeys(problems)))  # each once


def tiers_of(utterance: Utterance, encodings: Encodings, tier: str) -> dict[str, list[Interval]]:
    """What is drawn below a picture: units, and the labels where there are any."""
    blank = str(blank_of(encodings))
    lanes = {"unit": [unit for unit in read_units(encodings, utterance).intervals if unit.label != blank]}
    return lanes | ({tier: utterance.alignment[tier]} if tier in utterance.alignment else {})


def unit_card(usage: Usage, encodings: Encodings, tier: str, words: Words, problems: list[str]) -> UnitCard:
    examples = list(unit_examples(usage, encodings, tier, problems))
    return UnitCard(usage, examples, mean_image(usage.examples, problems) if words.written else None)


def unit_examples(usage: Usage, encodings: Encodings, tier: str, problems: list[str]) -> Iterable[Example]:
    for occurrence in usage.examples[:EXAMPLES]:
        utterance = occurrence.utterance
        lanes = tiers_of(utterance, encodings, tier)
        try:
            yield Example(occurrence, unit_drawn(utterance, occurrence.interval, lanes))
        except CorpusError as error:
            problems.append(str(error))


def unit_drawn(utterance: Utterance, unit: Interval, lanes: Tiers, longest: float = 0.6) -> Clip | UnitCut:
    """longest: seconds of a unit that are heard."""
    if utterance.is_image:
        return unit_cut(utterance, unit, lanes)
    return unit_clip(utterance, unit, lanes, UNIT_PIXELS, longest)


def whole(
    utterances: Iterable[Utterance], encodings: Encodings, tier: str, problems: list[str]
) -> Iterable[tuple[Utterance, Clip | Sheet]]:
    for utterance in utterances:
        lanes = tiers_of(utterance, encodings, tier)
        try:
            drawn = line_sheet if utterance.is_image else utterance_drawn
            yield utterance, drawn(utterance, lanes)
        except CorpusError as error:
            problems.append(str(error))


def utterance_drawn(utterance: Utterance, lanes: Tiers) -> Clip:
    return utterance_clip(utterance, lanes, UTTERANCE_PIXELS)
