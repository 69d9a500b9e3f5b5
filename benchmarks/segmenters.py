"""The ways to segment that are compared: ours, and those that others published."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from baselines import distsup_merge, dpdp
from sequences import Sequence

from unitdisc.segmentation import calibrated, evaluation, exact_path, merged_path, viterbi_path
from unitdisc.segmentation.semi_markov import semi_markov_path

LONGEST = 15  # frames, where runs are bounded
OURS, DISTSUP, DPDP = "unitdisc", "DistSup", "DPDP"


class Segmenter(NamedTuple):
    """One way to segment a sequence: run(sequence, switch_cost) gives codes [T].

    told_price: whether it uses the switch cost it is given; the others count segments, or find their own.
    seconds: about how long T frames, K codes and S segments take, to leave out what would not end.
    """

    source: str
    name: str
    told_price: bool
    run: Callable[[Sequence, float], np.ndarray]
    seconds: Callable[[int, int, int], float]

    @property
    def title(self) -> str:
        return f"{self.source}: {self.name}"


def our_greedy(sequence: Sequence, _: float) -> np.ndarray:
    return merged_path(sequence.costs, sequence.segments).codes


def our_calibrated(sequence: Sequence, _: float) -> np.ndarray:
    """Finds the price, then the path."""
    price = calibrated(evaluation(sequence.costs), sequence.segments).switch_cost
    return viterbi_path(sequence.costs, price).codes


def our_exact(sequence: Sequence, _: float) -> np.ndarray:
    return exact_path(sequence.costs, sequence.segments).codes


def our_viterbi(sequence: Sequence, switch_cost: float) -> np.ndarray:
    return viterbi_path(sequence.costs, switch_cost).codes


def our_semi_markov(sequence: Sequence, switch_cost: float) -> np.ndarray:
    """The runs that DPDP seeks too when it bounds them: neighbours may share a code."""
    return semi_markov_path(sequence.costs, np.zeros(LONGEST), switch_cost=switch_cost, distinct=False).codes


def heap_merge(sequence: Sequence, _: float) -> np.ndarray:
    return distsup_merge.merge(sequence.costs, sequence.segments).codes


def heap_merge_then_viterbi(sequence: Sequence, _: float) -> np.ndarray:
    """Merging tells the price, as in training; Viterbi finds the codes, as at inference."""
    price = distsup_merge.switch_cost(distsup_merge.merge(sequence.costs, sequence.segments))
    return distsup_merge.viterbi(sequence.costs, price)


def dense_viterbi(sequence: Sequence, switch_cost: float) -> np.ndarray:
    return distsup_merge.viterbi(sequence.costs, switch_cost)


def dpdp_pairs(sequence: Sequence, switch_cost: float) -> np.ndarray:
    return dpdp.segment_by_pairs(sequence.costs, switch_cost).codes


def dpdp_all(sequence: Sequence, switch_cost: float) -> np.ndarray:
    return dpdp.segment(sequence.costs, switch_cost).codes


def dpdp_bounded(sequence: Sequence, switch_cost: float) -> np.ndarray:
    return dpdp.segment(sequence.costs, switch_cost, LONGEST).codes


def dpdp_counted(sequence: Sequence, _: float) -> np.ndarray:
    return dpdp.segment_into(sequence.costs, sequence.segments).codes


SEGMENTERS = [
    Segmenter(OURS, "greedy", False, our_greedy, lambda t, k, s: 3e-9 * t * k + 1e-6 * t),
    Segmenter(OURS, "Viterbi, calibrated", False, our_calibrated, lambda t, k, s: 3e-8 * t * k),
    Segmenter(OURS, "exact", False, our_exact, lambda t, k, s: 3e-8 * t * k),
    Segmenter(OURS, "Viterbi", True, our_viterbi, lambda t, k, s: 2e-9 * t * k),
    Segmenter(OURS, f"semi-Markov, {LONGEST} frames", True, our_semi_markov, lambda t, k, s: 3e-8 * t * k),
    Segmenter(DISTSUP, "heap merge", False, heap_merge, lambda t, k, s: t * (1e-5 + 3e-9 * k)),
    Segmenter(DISTSUP, "merge, then dense Viterbi", False, heap_merge_then_viterbi, lambda t, k, s: dense(t, k)),
    Segmenter(DISTSUP, "dense Viterbi", True, dense_viterbi, lambda t, k, s: dense(t, k)),
    Segmenter(DPDP, "as published", True, dpdp_pairs, lambda t, k, s: t * t * (3e-6 + 1e-9 * k)),
    Segmenter(DPDP, "runs of any length", True, dpdp_all, lambda t, k, s: 1e-9 * t * t * k),
    Segmenter(DPDP, f"{LONGEST} frames", True, dpdp_bounded, lambda t, k, s: t * (1e-5 + 2e-8 * k)),
    Segmenter(DPDP, "given number of runs", False, dpdp_counted, lambda t, k, s: 1e-9 * t * t * (k + 3 * s)),
]


def dense(frames: int, codes: int) -> float:
    return frames * (8e-5 + 1e-9 * codes * codes)
