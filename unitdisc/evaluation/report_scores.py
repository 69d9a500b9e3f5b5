"""Every score of a set of encodings in one dictionary, ready for JSON: ABX, probes, units against labels, bitrate."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.abx import AbxItems, AbxProtocol, Sampling, SurveyedItems, label_items, triphone_items
from unitdisc.evaluation.abx.cells import cells_across, grouped, pairs_in_contexts
from unitdisc.evaluation.probes import ProbeOptions, Progress, probe_points, probe_settings, usual_tasks
from unitdisc.evaluation.settings import corpus_settings, versions
from unitdisc.evaluation.units.unit_scores import boundary_settings, score_units

SPEAKERS = ("within", "across")
# above which ABX is of a sample: half a minute of a processor and half a gigabyte for the points of a report
MOST_CELLS = 4_000_000  # across speakers
MOST_PAIRS = 100_000_000  # of items in one context
LARGE = Sampling()  # that of Libri-Light, drawn by hashes


def score(
    points: Mapping[str, Encodings],
    utterances: Iterable[Utterance],
    original: Encodings | None = None,
    tier: str | None = None,
    context: Literal["triphone", "any"] | None = None,
    seed: int = 0,
    sampling: Sampling | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Scores encodings of the same utterances at several points (mfcc or columns, encoder, ..., condition).

    original: log-mel frames of recordings, or plain columns of line images, to reconstruct; tier: default "phone", of
    line images "character"; context: "triphone" (default) compares labels between the same neighbours, "any" (default
    of line images) whatever is around them, as suits words. sampling: what ABX compares; None: all. Accuracies and
    errors are fractions, 0 to 1:

        {"abx": {POINT: {"within": error, "across": error}},
         "abx_counts": {POINT: {"within": {"items", "skipped", "cells", "triplets", "ties"}, ...}},
         "probes": {POINT: {"labels" | "speaker" | "gender": {"accuracy", "majority", ...},
                            "mel" (of recordings) | "columns" (of line images): {"r2", ...}}},
         "units": the codes of the point `bottleneck` against labels, with "confusion", "usage" and "bitrate",
         "settings": ..., "versions": ...}

    What the corpus cannot tell is None, and "why" beside it says what is missing.
    Raises EncodingsError naming the file if encodings are missing or unusable.
    """
    utterances = list(utterances)
    written = any(utterance.is_image for utterance in utterances)
    tier = tier or ("character" if written else "phone")
    context = context or ("any" if written else "triphone")
    probed = len(usual_tasks(utterances, tier, original))
    jobs = len(points) * (len(SPEAKERS) + probed) + 1  # and the units
    tell = progress or (lambda done, jobs, job: None)
    protocol = AbxProtocol(sampling=sampling)
    compared = items(utterances, tier, context)
    errors, counts = abx_points(points, compared, protocol, lambda done, job: tell(done, jobs, job))
    after_abx = len(SPEAKERS) * len(points)

    def watch(done: int, _: int, job: str) -> None:
        tell(after_abx + done, jobs, job)

    probes = probe_points(points, utterances, original, tier, seed, watch)
    tell(jobs - 1, jobs, "units against labels")
    units = score_units(points["bottleneck"], utterances, tier, seed) if "bottleneck" in points else None
    return {
        "abx": errors,
        "abx_counts": counts,
        "probes": probes,
        "units": units or {"why": "no encodings of the point bottleneck"},
        "settings": {
            **corpus_settings(utterances, tier),
            "seed": seed,
            "abx": {"context": context} | asdict(protocol),
            "boundaries": boundary_settings(),
            "probes": probe_settings(ProbeOptions(seed=seed)),
        },
        "versions": versions(),
    }


def usual_sampling(utterances: Sequence[Utterance], tier: str, context: str) -> Sampling | None:
    """The sample that ABX of a corpus is of unless somebody says otherwise; None: few enough can be compared."""
    compared = items(utterances, tier, context)
    groups = grouped(compared, np.arange(len(compared)))
    many = pairs_in_contexts(compared) > MOST_PAIRS or cells_across(groups) > MOST_CELLS
    return LARGE if many else None


def items(utterances: Sequence[Utterance], tier: str, context: str) -> AbxItems:
    aligned = [utterance for utterance in utterances if tier in utterance.alignment]
    return triphone_items(aligned, tier) if context == "triphone" else label_items(aligned, tier)


def abx_points(
    points: Mapping[str, Encodings], items: AbxItems, protocol: AbxProtocol, tell: Callable[[int, str], None]
) -> tuple[dict, dict]:
    """Errors and counts of ABX at every point, within and across speakers."""
    errors: dict = {point: {} for point in points}
    counts: dict = {point: {} for point in points}
    for number, (point, encodings) in enumerate(points.items()):
        surveyed = None
        for step, speaker in enumerate(SPEAKERS):
            tell(2 * number + step, f"ABX {speaker} speakers, {point}")
            try:
                surveyed = surveyed or SurveyedItems.read(items, encodings, protocol)  # once for both errors
                result = surveyed.abx(speaker)
            except UnscorableError as error:
                errors[point][speaker] = None
                errors[point].setdefault("why", str(error))
                continue
            errors[point][speaker] = result.error
            names = ("items", "skipped", "cells", "triplets", "ties")
            counts[point][speaker] = {name: getattr(result, name) for name in names}
    return errors, counts
