"""Codes against labels: every frame at the system's own rate, counted once, and how sure the scores are."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.intervals import interval
from unitdisc.evaluation.units.clustering import LabelledCodes, labelled_codes, named_confusion, unit_scores
from unitdisc.evaluation.units.codes import CodedUtterance
from unitdisc.evaluation.units.jackknife import jackknife_intervals
from unitdisc.evaluation.units.naming import named_by, named_by_others

ONCE = ("ami", "ari", "v_measure", "homogeneity", "frames")  # of units that are counted once, however long


def agreement(
    units: Sequence[CodedUtterance], tier: str, learn: Sequence[CodedUtterance] | None = None, seed: int = 0
) -> dict[str, Any]:
    """Codes against the labels of their frames, each the label of its centre.

    learn: other utterances, where codes get the names of `many_to_one_learnt`. Beside the fields of `UnitScores`

        {"many_to_one_learnt", if there is `learn`, "many_to_one": named by other speakers, or None and "why",
         "many_to_one_other_utterances": whoever speaks, "codes": in use where there are labels,
         "intervals": {SCORE: [low, high]}, 95 % over utterances, naming not repeated,
         "each_unit_once": AMI and others of runs of one code, each with the label of its middle, "frames" of them,
         "confusion": {"labels", "codes", "counts"}}

    Raises UnscorableError if no frame has a label.
    """
    found = labelled_codes(units, tier)
    counts = named_confusion(found)
    scores: dict[str, Any] = asdict(unit_scores(counts)) | {"codes": len(counts.codes)}
    scores["intervals"] = jackknife_intervals(found, seed)
    for name, way in named_elsewhere(found, tier, learn, seed).items():
        try:
            right = way()
        except UnscorableError as error:
            scores[name] = None
            scores.setdefault("why", str(error))
            continue
        scores[name] = float(right.mean())
        if bounds := interval(right, np.ones(len(right)), found.utterances, seed):
            scores["intervals"][name] = bounds
    once = asdict(unit_scores(named_confusion(labelled_codes(map(each_once, units), tier))))
    scores["each_unit_once"] = {name: once[name] for name in ONCE}
    scores["confusion"] = {"labels": counts.labels, "codes": counts.codes, "counts": counts.counts.tolist()}
    return scores


def named_elsewhere(
    found: LabelledCodes, tier: str, learn: Sequence[CodedUtterance] | None, seed: int
) -> dict[str, Callable[[], np.ndarray]]:
    """What says which frames [N] are called by their labels, by where names are learnt."""

    def others(groups: np.ndarray) -> Callable[[], np.ndarray]:
        return lambda: named_by_others(found.codes, found.labels, groups, seed)

    ways = {"many_to_one": others(found.speakers), "many_to_one_other_utterances": others(found.utterances)}
    if learn is not None:
        ways = {"many_to_one_learnt": lambda: named_by(labelled_codes(learn, tier), found)} | ways
    return ways


def each_once(entry: CodedUtterance) -> CodedUtterance:
    """An utterance with a frame for every unit, in its middle."""
    return CodedUtterance(entry.utterance, entry.runs.codes, entry.runs.intervals.mean(1))
