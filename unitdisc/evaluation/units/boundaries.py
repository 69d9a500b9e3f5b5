"""Boundaries and tokens: where units change against where labels do, within a tolerance.

The conventions, which differ from paper to paper and move the figures:

* The start and the end of an utterance are no boundaries (as in UnsupSeg and vqwordseg).
* A silence is what `silences_of` lists, or a stretch without a label; silences next to each other are one. The border
  between silence and speech is a boundary (as in UnsupSeg on TIMIT); what is found inside a silence is a mistake.
* A boundary is hit by one that is not further away than the tolerance: exactly as far counts.
* Strict: one to one, as many pairs as possible (DistSup, mir_eval; vqwordseg takes them first come, first served).
  Lenient: precision counts the boundaries found that are near any of the reference, recall those of the reference
  that are near any found (UnsupSeg, Kreuk et al. 2020). The two are different metrics: Strgar and Harwath (2022).
* Hits are summed over all utterances before anything is divided (micro average, as in UnsupSeg and vqwordseg).
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

import numpy as np

from unitdisc.corpus import Interval, Utterance
from unitdisc.evaluation import SILENCES, UnscorableError, silences_of
from unitdisc.evaluation.units.codes import CodedUtterance

TOLERANCE_MS = 20.0  # where there is a rate
TOLERANCE_COLUMNS = 1.0  # of pixels, where there is none: DistSup's


@dataclass(frozen=True)
class Segmentation:
    """An utterance in pieces, N of them: in order, not overlapping; what lies between them is silence."""

    intervals: np.ndarray  # [N, 2] int, ticks [start, end)
    ticks: int  # length of the utterance

    @property
    def boundaries(self) -> np.ndarray:
        """Where a piece starts or ends, but for the start and the end of the utterance: ticks, in order."""
        edges = np.unique(self.intervals)
        return edges[(edges > 0) & (edges < self.ticks)]


@dataclass(frozen=True)
class BoundaryScores:
    precision: float  # boundaries found that are right; 0 if none is found
    recall: float  # boundaries of the reference that are found
    f1: float
    over_segmentation: float  # recall / precision - 1: above 0 where too many are found, below where too few
    r_value: float  # 1 if all are found and no other; unlike F1, it falls with over-segmentation (Räsänen et al. 2009)
    found: int
    reference: int
    hits_found: int  # boundaries found that hit one of the reference
    hits_reference: int  # boundaries of the reference that are hit; equal to hits_found where matching is strict


@dataclass(frozen=True)
class TokenScores:
    """Pieces with both of their ends in place, one to one (vqwordseg). Those whose middle is silent do not count."""

    precision: float
    recall: float
    f1: float
    found: int
    reference: int
    hits: int


@dataclass(frozen=True)
class SegmentationScores:
    strict: BoundaryScores
    lenient: BoundaryScores
    token: TokenScores
    utterances: int


def segmentation_scores(
    found: Iterable[Segmentation], reference: Iterable[Segmentation], tolerances: Iterable[float]
) -> SegmentationScores:
    """Scores segmentations of the same utterances, in the same order; tolerances: in ticks, one for each.

    Raises ValueError for a tolerance that is negative, UnscorableError if the reference has no boundary.
    """
    counts = [counted(*utterance) for utterance in zip(found, reference, tolerances, strict=True)]
    total = np.sum(counts, axis=0, dtype=int).tolist() if counts else [0] * 8
    hits, hits_found, hits_reference, made, there, token_hits, tokens_made, tokens_there = total  # see counted
    if not there:
        raise UnscorableError("the reference has no boundary inside of any utterance, so there is none to find")
    return SegmentationScores(
        strict=boundary_scores(hits, hits, made, there),
        lenient=boundary_scores(hits_found, hits_reference, made, there),
        token=TokenScores(
            *precision_recall_f1(token_hits, tokens_made, token_hits, tokens_there), *total[6:], token_hits
        ),
        utterances=len(counts),
    )


def counted(found: Segmentation, reference: Segmentation, tolerance: float) -> tuple[int, ...]:
    """Boundaries: strict hits, lenient hits found and of the reference, found, of the reference; tokens: hits, both."""
    if not tolerance >= 0:  # NaN neither
        raise ValueError(f"the tolerance is {tolerance}; it must be 0 or more")
    made, there = found.boundaries, reference.boundaries
    first, last = reach(made, there, tolerance)
    near, far = reach(there, made, tolerance)
    tokens = spoken(found.intervals, reference.intervals)
    return (
        most_pairs(first, last),
        int((first < last).sum()),
        int((near < far).sum()),
        len(made),
        len(there),
        matched_tokens(tokens, reference.intervals, tolerance),
        len(tokens),
        len(reference.intervals),
    )


def reach(points: np.ndarray, others: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Of every point [N], which of the others [M] are near: from the first up to, not including, the last; [N] each."""
    return np.searchsorted(others, points - tolerance, "left"), np.searchsorted(others, points + tolerance, "right")


def most_pairs(first: np.ndarray, last: np.ndarray) -> int:
    """The most pairs, one to one, when item i may be paired with any of [first[i], last[i]) of the others.

    Both ends must not fall from one item to the next. Then whoever comes first takes the first that is left, and
    no other choice makes more pairs: an exchange of partners between two items loses none.
    """
    pairs = free = 0
    for low, high in zip(first.tolist(), last.tolist(), strict=True):
        partner = max(low, free)
        if partner < high:
            pairs += 1
            free = partner + 1
    return pairs


def matched_tokens(found: np.ndarray, reference: np.ndarray, tolerance: float) -> int:
    """The most pairs of intervals [N, 2] and [M, 2] that start and end at about the same ticks."""
    starts = reach(found[:, 0], reference[:, 0], tolerance)
    ends = reach(found[:, 1], reference[:, 1], tolerance)
    return most_pairs(np.maximum(starts[0], ends[0]), np.minimum(starts[1], ends[1]))


def spoken(found: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The intervals [N, 2] whose middle lies within one of the reference's."""
    if not len(reference):
        return found[:0]
    middles = found.sum(1) / 2
    under = np.searchsorted(reference[:, 0], middles, "right") - 1  # the last that starts before
    return found[(under >= 0) & (middles < reference[under, 1])]


def boundary_scores(hits_found: int, hits_reference: int, found: int, reference: int) -> BoundaryScores:
    """Scores from counts. Where nothing is hit, over-segmentation is found / reference - 1, its limit."""
    precision, recall, f1 = precision_recall_f1(hits_found, found, hits_reference, reference)
    over = recall / precision - 1 if precision else found / reference - 1
    return BoundaryScores(
        precision, recall, f1, over, r_value(recall, over), found, reference, hits_found, hits_reference
    )


def r_value(recall: float, over_segmentation: float) -> float:
    """How near to all boundaries and no other: 1 at best, without a lower bound (Räsänen, Laine and Altosaar 2009)."""
    to_the_target = np.hypot(1 - recall, over_segmentation)
    to_the_line = (recall - 1 - over_segmentation) / np.sqrt(2)  # along which a better recall costs nothing else
    return float(1 - (to_the_target + abs(to_the_line)) / 2)


def precision_recall_f1(hits_found: int, found: int, hits_reference: int, reference: int) -> tuple[float, float, float]:
    """0 where there is nothing to divide by."""
    precision = hits_found / found if found else 0.0
    recall = hits_reference / reference if reference else 0.0
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.0


def unit_segmentation(coded: CodedUtterance) -> Segmentation:
    """The units of an utterance, a boundary halfway between two frames of different codes, or the tokens it lists."""
    return Segmentation(coded.tokens.intervals, coded.utterance.ticks)


def tier_segmentation(intervals: Sequence[Interval], ticks: int, silences: Set[str] = SILENCES) -> Segmentation:
    """The intervals of a tier that are not silent."""
    kept = [(start, end) for start, end, label in intervals if label not in silences]
    return Segmentation(np.array(kept, dtype=int).reshape(-1, 2), ticks)


def utterance_segmentation(utterance: Utterance, tier: str) -> Segmentation:
    """One tier of an utterance; KeyError if it has no such tier."""
    return tier_segmentation(utterance.alignment[tier], utterance.ticks, silences_of(utterance))


def unit_boundaries(coded: Iterable[CodedUtterance], tier: str, tolerance: float | None = None) -> SegmentationScores:
    """Scores the units of utterances that have the tier against it.

    tolerance: milliseconds, or pixel columns of the image file where there is no rate (default: 20 ms or 1 column).
    Raises ValueError for a tolerance that is negative, UnscorableError if there is nothing to compare.
    """
    aligned = [entry for entry in coded if tier in entry.utterance.alignment]
    if not aligned:
        raise UnscorableError(f"no utterance has labels in tier {tier!r}, so there are no boundaries to find")
    utterances = [entry.utterance for entry in aligned]
    return segmentation_scores(
        map(unit_segmentation, aligned),
        [utterance_segmentation(utterance, tier) for utterance in utterances],
        tolerances(utterances, tolerance),
    )


def tier_boundaries(
    utterances: Iterable[Utterance], found: str, reference: str, tolerance: float | None = None
) -> SegmentationScores:
    """Scores one tier, such as the segments of another system, against another; as `unit_boundaries` does."""
    aligned = [utterance for utterance in utterances if {found, reference} <= utterance.alignment.keys()]
    if not aligned:
        raise UnscorableError(f"no utterance has both of the tiers {found!r} and {reference!r}")
    made, there = ([utterance_segmentation(utterance, tier) for utterance in aligned] for tier in (found, reference))
    return segmentation_scores(made, there, tolerances(aligned, tolerance))


def tolerances(utterances: Sequence[Utterance], tolerance: float | None = None) -> list[float]:
    """A tolerance in ms (or pixel columns) in the ticks of each utterance.

    Raises UnscorableError if only some have a rate.
    """
    rates = [utterance.rate for utterance in utterances]
    if None not in rates:
        return [(TOLERANCE_MS if tolerance is None else tolerance) * rate / 1000 for rate in rates]
    if lacking := [utterance.id for utterance in utterances if utterance.rate is not None]:
        raise UnscorableError(f"{lacking[0]} has a rate and others have none; score recordings and images apart")
    return [TOLERANCE_COLUMNS if tolerance is None else tolerance] * len(rates)
