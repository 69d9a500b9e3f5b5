"""Segmentation: the codes of least cost when a unit, a run of one code, shall span many frames.

Minibatches (`batches`): nearest, viterbi, merge_greedily, exact, calibrate. Corpora, one or several sequences at a
time (`paths`, `merging`, `exact`): viterbi_path, merged_path, exact_path; `calibration` finds the price of a change.
Where runs cost by their duration, and changes by what they change (`durations`, `transitions`): semi_markov_path,
transition_path, and expected_counts to learn them from. Costs are whatever a frame costs as each of the codes, such as
squared distances; they must be finite.
"""

from unitdisc.segmentation.batches import (
    CalibratedBatch,
    calibrate,
    exact,
    merge_greedily,
    nearest,
    viterbi,
)
from unitdisc.segmentation.calibration import Calibration, calibrated, evaluation
from unitdisc.segmentation.exact import exact_path
from unitdisc.segmentation.expectations import expected_counts
from unitdisc.segmentation.greedy import merged_path
from unitdisc.segmentation.semi_markov import semi_markov_path
from unitdisc.segmentation.transitions import transition_path
from unitdisc.segmentation.viterbi import Path, viterbi_path

__all__ = [
    "CalibratedBatch",
    "Calibration",
    "Path",
    "calibrate",
    "calibrated",
    "evaluation",
    "exact",
    "exact_path",
    "expected_counts",
    "merge_greedily",
    "merged_path",
    "nearest",
    "semi_markov_path",
    "transition_path",
    "viterbi",
    "viterbi_path",
]
