"""The switch cost at which a corpus, or a batch, falls into a wanted number of segments."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unitdisc.bottlenecks.segmentation.paths import viterbi_path

SMALLEST = 1e-12  # switch cost that is tried where codes that cost the same leave none


@dataclass(frozen=True)
class Calibration:
    """What Viterbi makes of the frames at a switch cost: as near to the wanted number of segments as any can be."""

    switch_cost: float
    segments: int
    cost: float  # of the codes chosen, without that of the changes
    evaluations: int = 0  # runs of Viterbi it took


@dataclass(frozen=True)
class Bracket:
    """The two solutions on either side of the wanted number of segments, with nothing in between that Viterbi finds."""

    few: Calibration  # at most as many segments as wanted
    many: Calibration  # more
    critical: float  # the switch cost at which both cost the same


def calibrated(evaluate: Callable[[float], tuple[float, int]], segments: int) -> Calibration:
    """The switch cost at which a corpus has `segments` runs of one code, or as nearly so many as any gives.

    evaluate: of a switch cost, the total cost of the codes that Viterbi chooses (without that of their changes) and
    the number of runs. If the nearest codes have no more runs than wanted, the switch cost is 0.
    Raises ValueError if there are more sequences than wanted segments.
    """
    found = bracket(evaluate, segments)
    if isinstance(found, Calibration):
        return found
    nearer = min((found.few, found.many), key=lambda side: abs(side.segments - segments))
    if np.isfinite(nearer.switch_cost):
        return nearer
    above, runs = found.critical or SMALLEST, segments + 1
    while runs > nearer.segments:  # one run per sequence
        above *= 2
        cost, runs = evaluate(above)
    return Calibration(above, runs, cost, nearer.evaluations)


def bracket(evaluate: Callable[[float], tuple[float, int]], segments: int) -> Calibration | Bracket:
    """The solutions that enclose a wanted number of segments; one alone if the nearest codes have so few already.

    The least of cost + switch cost x segments, as a function of the switch cost, is made of straight lines, one for
    each solution. Where the lines of two solutions meet, either a third one is better, and takes the place of one of
    them, or no solution lies between (the method of Dinkelbach, 1967, for parametric problems). It ends by itself, at
    the exact switch cost where the solution changes; bisection, every third time, keeps it from creeping.
    """
    evaluations = 0

    def solution(switch_cost: float) -> Calibration:
        nonlocal evaluations
        evaluations += 1
        cost, runs = evaluate(switch_cost)
        return Calibration(switch_cost, runs, cost, evaluations)

    many = solution(0.0)
    if many.segments <= segments:
        return many
    few = solution(np.inf)
    if few.segments > segments:
        raise ValueError(f"{few.segments} sequences cannot make {segments} segments; each is one at least")
    while True:
        critical = (few.cost - many.cost) / (many.segments - few.segments)
        between = solution(critical)
        if not few.segments < between.segments < many.segments:
            return Bracket(few, many, critical)
        few, many = (between, many) if between.segments <= segments else (few, between)
        if evaluations % 3 == 0 and np.isfinite(few.switch_cost):
            middle = solution((few.switch_cost + many.switch_cost) / 2)
            few, many = (middle, many) if middle.segments <= segments else (few, middle)


def evaluation(costs: np.ndarray, lengths: np.ndarray | None = None) -> Callable[[float], tuple[float, int]]:
    """What `calibrated` asks for, of costs [N, K] that are in memory; lengths: [B], as in `viterbi_path`."""

    def evaluate(switch_cost: float) -> tuple[float, int]:
        path = viterbi_path(costs, switch_cost, lengths)
        return path.cost, path.segments

    return evaluate
