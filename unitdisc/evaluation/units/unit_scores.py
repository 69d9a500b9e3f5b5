"""Every score of units in one dictionary, ready for JSON: against labels, boundaries and words; their use and bits."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.units.agreement import agreement
from unitdisc.evaluation.units.bitrate import UnitBitrates, unit_bitrates
from unitdisc.evaluation.units.boundaries import TOLERANCE_COLUMNS, TOLERANCE_MS, unit_boundaries
from unitdisc.evaluation.units.clustering import code_usage
from unitdisc.evaluation.units.codes import coded, shifted_by
from unitdisc.evaluation.units.vocabulary import vocabulary_scores
from unitdisc.evaluation.units.words import unit_terms

BITRATES = tuple(field.name for field in fields(UnitBitrates))


def score_units(
    encodings: Encodings,
    utterances: Sequence[Utterance],
    tier: str,
    seed: int = 0,
    tolerance: float | None = None,
    spelling: str = "phone",
    learn: tuple[Encodings, Sequence[Utterance]] | None = None,
    shift: float = 0.0,
) -> dict[str, Any]:
    """Codes against labels, how evenly codes are used, their bitrate, their boundaries, and units as words.

    tolerance: of boundaries, in ms, or in pixel columns where there is no rate (default: 20 ms, 1 column);
    spelling: tier of the phones that the labels of `tier` are spelled with, for term discovery scores;
    learn: other encodings, of other utterances, whose labels name the codes for `many_to_one_learnt`.
    shift: of boundaries, by so many ms (or columns) later, before they and words are scored.
    """
    try:
        units = coded(encodings, utterances)
    except UnscorableError as error:
        why = {"why": str(error)}
        return why | dict.fromkeys(("usage", *BITRATES, "boundaries", "terms", "vocabulary"), why)
    elsewhere = learn and coded(*learn)
    try:
        scores = agreement(units, tier, elsewhere, seed)
    except UnscorableError as error:
        scores = {"why": str(error)}
    scores["usage"] = asdict(code_usage(units))
    try:
        scores |= asdict(unit_bitrates(units, tier))
    except UnscorableError as error:
        scores |= {name: {"why": str(error)} for name in BITRATES}
    segments = shifted_by(units, shift)
    for name, count in (
        ("boundaries", lambda: unit_boundaries(segments, tier, tolerance)),
        ("terms", lambda: unit_terms(segments, tier, spelling)),
        ("vocabulary", lambda: vocabulary_scores(segments, tier, seed)),
    ):
        try:
            scores[name] = asdict(count())
        except UnscorableError as error:
            scores[name] = {"why": str(error)}
    return scores


def boundary_settings(tolerance: float | None = None, shift: float = 0.0) -> dict[str, Any]:
    """How boundaries are counted; `evaluation.units.boundaries` says why."""
    default = {"ms": TOLERANCE_MS, "columns": TOLERANCE_COLUMNS}
    return {
        "tolerance": default if tolerance is None else dict.fromkeys(default, tolerance),  # columns without a rate
        "shift": shift,  # ms later, or columns
        "edges": "the start and the end of an utterance are no boundaries",
        "silence": "its borders with speech are boundaries; silences next to each other are one",
        "average": "hits are summed over utterances",
    }
