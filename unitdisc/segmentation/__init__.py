"""Segmentation: the codes of least cost when a unit, a run of one code, shall span many frames.

Minibatches (`batches`): nearest, viterbi. Sequences, one or several at a time: viterbi_path, where every change costs
the same (`calibration` finds the price that gives so many runs); exact_path, the best with at most so many runs;
merged_path, neighbours merged greedily; semi_markov_path and transition_path, where runs cost by their duration and
changes by what they change (`durations` has the priors to choose from, `transitions` learns from counts). Costs are
whatever a frame costs as each of the codes, such as squared distances; they must be finite. Corpora are segmented by
`corpora`, for `unitdisc segment`.
"""

from unitdisc.segmentation.batches import nearest, viterbi
from unitdisc.segmentation.calibration import Calibration, calibrated, evaluation
from unitdisc.segmentation.exact import exact_path
from unitdisc.segmentation.greedy import merged_path
from unitdisc.segmentation.semi_markov import semi_markov_path
from unitdisc.segmentation.transitions import transition_path
from unitdisc.segmentation.viterbi import Path, viterbi_path

__all__ = [
    "Calibration",
    "Path",
    "calibrated",
    "evaluation",
    "exact_path",
    "merged_path",
    "nearest",
    "semi_markov_path",
    "transition_path",
    "viterbi",
    "viterbi_path",
]
