"""Every score of a set of encodings in one dictionary, ready for JSON: ABX, probes, units against phones, bitrate."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.abx import AbxProtocol, abx, label_items, triphone_items
from unitdisc.evaluation.probes import ProbeOptions, Progress, probe_points, probe_settings
from unitdisc.evaluation.settings import corpus_settings, versions
from unitdisc.evaluation.units.scores import boundary_settings, score_units

SPEAKERS = ("within", "across")
PROTOCOL = AbxProtocol()


def score(
    points: Mapping[str, Encodings],
    utterances: Iterable[Utterance],
    mel: Encodings | None = None,
    tier: str = "phone",
    context: Literal["triphone", "any"] = "triphone",
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Scores encodings of the same utterances at several points (mfcc, encoder, ..., condition).

    mel: log-mel frames to reconstruct; context: "triphone" compares phones between the same neighbours, "any" the
    labels of the tier whatever is around them, as suits words. Accuracies and errors are fractions, 0 to 1:

        {"abx": {POINT: {"within": error, "across": error}},
         "abx_counts": {POINT: {"within": {"items", "skipped", "cells", "triplets", "ties"}, ...}},
         "probes": {POINT: {"labels" | "speaker" | "gender": {"accuracy", "majority", ...}, "mel": {"r2", ...}}},
         "units": the codes of the point `bottleneck` against labels, with "confusion", "usage" and "bitrate",
         "settings": ..., "versions": ...}

    What the corpus cannot tell is None, and "why" beside it says what is missing.
    Raises EncodingsError naming the file if encodings are missing or unusable.
    """
    utterances = list(utterances)
    jobs = len(points) * 6 + 1  # two ABX and four probes at each point, and the units
    tell = progress or (lambda done, jobs, job: None)
    errors, counts = abx_points(points, items(utterances, tier, context), lambda done, job: tell(done, jobs, job))
    after_abx = 2 * len(points)
    probes = probe_points(points, utterances, mel, tier, seed, lambda done, _, job: tell(after_abx + done, jobs, job))
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
            "abx": {"context": context} | asdict(PROTOCOL),
            "boundaries": boundary_settings(),
            "probes": probe_settings(ProbeOptions(seed=seed)),
        },
        "versions": versions(),
    }


def items(utterances: Sequence[Utterance], tier: str, context: str) -> Sequence:
    aligned = [utterance for utterance in utterances if tier in utterance.alignment]
    return triphone_items(aligned, tier) if context == "triphone" else label_items(aligned, tier)


def abx_points(points: Mapping[str, Encodings], items: Sequence, tell: Callable[[int, str], None]) -> tuple[dict, dict]:
    """Errors and counts of ABX at every point, within and across speakers."""
    errors, counts = {}, {}
    for number, (point, encodings) in enumerate(points.items()):
        errors[point], counts[point] = {}, {}
        for step, speaker in enumerate(SPEAKERS):
            tell(2 * number + step, f"ABX {speaker} speakers, {point}")
            try:
                result = abx(items, encodings, speaker, PROTOCOL)
            except UnscorableError as error:
                errors[point][speaker] = None
                errors[point].setdefault("why", str(error))
                continue
            errors[point][speaker] = result.error
            names = ("items", "skipped", "cells", "triplets", "ties")
            counts[point][speaker] = {name: getattr(result, name) for name in names}
    return errors, counts
