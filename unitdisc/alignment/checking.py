"""How good an alignment is, where another is at hand: borders of characters, and labels column by column."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from unitdisc.corpus import Utterance, labels_at
from unitdisc.evaluation import UnscorableError, labelled
from unitdisc.evaluation.units.boundaries import BoundaryScores, segmentation_scores, utterance_segmentation

COLUMNS = (2, 4, 8)  # of pixels: tolerances of line images
MILLISECONDS = (10, 20, 50)  # of recordings


@dataclass(frozen=True)
class TierCheck:
    """One tier against another."""

    alike: float  # share of the ticks inside an interval of the reference that have the same label in both
    alike_everywhere: float  # share of all ticks: gaps must be gaps, too
    boundaries: dict[str, BoundaryScores]  # by tolerance: columns of pixels, or milliseconds
    unit: str  # of the tolerances
    utterances: int
    intervals: int  # of the reference


def compare_tiers(
    utterances: Iterable[Utterance], found: str, reference: str, tolerances: Sequence[float] | None = None
) -> TierCheck:
    """Compares two tiers of the utterances that have both.

    Raises UnscorableError if none has, or if some are line images and others recordings.
    """
    both = [utterance for utterance in utterances if {found, reference} <= utterance.alignment.keys()]
    if not both:
        raise UnscorableError(f"no utterance has both of the tiers {found!r} and {reference!r}")
    kinds = {utterance.is_image for utterance in both}
    if len(kinds) > 1:
        raise UnscorableError("some utterances are line images and others recordings; check them apart")
    images = kinds.pop()
    tolerances = tolerances or (COLUMNS if images else MILLISECONDS)
    made, there = ([utterance_segmentation(u, tier) for u in both] for tier in (found, reference))
    boundaries = {
        f"{tolerance:g}": segmentation_scores(
            made, there, [tolerance if images else tolerance * u.rate / 1000 for u in both]
        ).strict
        for tolerance in tolerances
    }
    inside, alike, same, ticks = np.sum([agreeing(utterance, found, reference) for utterance in both], axis=0).tolist()
    return TierCheck(
        alike=alike / inside,
        alike_everywhere=same / ticks,
        boundaries=boundaries,
        unit="columns" if images else "ms",
        utterances=len(both),
        intervals=sum(len(labelled(utterance, reference)) for utterance in both),
    )


def agreeing(utterance: Utterance, found: str, reference: str) -> tuple[int, int, int, int]:
    """Ticks inside an interval of the reference, those alike, all ticks alike, and all ticks."""
    middles = np.arange(utterance.ticks) + 0.5
    ours, theirs = (labels_at(labelled(utterance, tier), middles) for tier in (found, reference))
    inside = theirs != ""
    return int(inside.sum()), int((ours == theirs)[inside].sum()), int((ours == theirs).sum()), utterance.ticks
