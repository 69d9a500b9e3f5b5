"""The switch cost at which a corpus, or a batch, falls into a wanted number of segments."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unitdisc.segmentation.viterbi import viterbi_path

SMALLEST = 1e-12  # switch cost that is tried where codes that cost the same leave none
FARTHEST = 1e6  # from the first guess


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


def calibrated(evaluate: Callable[[float], tuple[float, int]], segments: int, near: float | None = None) -> Calibration:
    """The switch cost at which a corpus has `segments` runs of one code, or as nearly so many as any gives.

    evaluate: of a switch cost, the total cost of the codes that Viterbi chooses (without that of their changes) and
    the number of runs. near: a guess that saves time. If the nearest codes have no more runs than wanted, the switch
    cost is 0.
    Raises ValueError if there are more sequences than wanted segments.
    """
    found = bracket(evaluate, segments, near)
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


def bracket(
    evaluate: Callable[[float], tuple[float, int]], segments: int, near: float | None = None
) -> Calibration | Bracket:
    """The solution with a wanted number of segments, or those on either side of it if no switch cost gives it.

    If the nearest codes have fewer segments than wanted, they are the solution. `near`: a switch cost to begin with.
    """
    search = Search(evaluate, segments)
    search.enclose(near)
    while search.found is None:
        if search.close or search.evaluations % 6 == 0:
            search.where_lines_meet()
        else:
            search.look_at(search.interpolated())
    return search.found


class Search:
    """Two solutions with fewer and with more segments than wanted, that draw nearer to each other.

    The number of segments falls smoothly with the switch cost where there are many, so interpolation soon comes near
    the wanted one. In the end, the least of cost + switch cost x segments, as a function of the switch cost, is made
    of straight lines, one for each solution. Where the lines of two solutions meet, either a third one is better, and
    takes the place of one of them, or no solution lies between (Dinkelbach's method for parametric problems, 1967).
    """

    CLOSE = 8  # segments between the two solutions, from where on lines are better than interpolation

    def __init__(self, evaluate: Callable[[float], tuple[float, int]], segments: int):
        self.evaluate = evaluate
        self.segments = segments
        self.evaluations = 0
        self.few: Calibration | None = None  # fewer segments than wanted
        self.many: Calibration | None = None  # more
        self.found: Calibration | Bracket | None = None
        self.stayed = 0  # how often in a row many (if above 0) or few (below) was not replaced

    def solution(self, switch_cost: float) -> Calibration:
        self.evaluations += 1
        cost, runs = self.evaluate(switch_cost)
        return Calibration(switch_cost, runs, cost, self.evaluations)

    def look_at(self, switch_cost: float) -> Calibration:
        """Solves at a switch cost, and puts the solution on the side where it belongs."""
        solution = self.solution(switch_cost)
        if solution.segments == self.segments or (switch_cost == 0 and solution.segments < self.segments):
            self.found = solution
        elif solution.segments < self.segments:
            self.stayed = max(self.stayed, 0) + 1
            self.few = solution
        else:
            self.stayed = min(self.stayed, 0) - 1
            self.many = solution
        return solution

    def enclose(self, near: float | None) -> None:
        """Finds a solution on either side.

        Raises ValueError if even one segment per sequence is more than wanted.
        """
        if not near:
            nearest = self.look_at(0.0)
            near = nearest.cost / max(nearest.segments, 1) or 1.0
        factor = 1.25
        up = down = near
        if self.found is None:
            self.look_at(near)
        while self.found is None and (self.few is None or self.many is None):
            if self.few is None:
                up = up * factor if up < near * FARTHEST else np.inf
                runs = self.look_at(up).segments
                if up == np.inf and runs > self.segments:
                    raise ValueError(f"{runs} sequences cannot make {self.segments} segments; each is one at least")
            else:
                down = down / factor if down > near / FARTHEST else 0.0
                self.look_at(down)
            factor **= 2

    @property
    def close(self) -> bool:
        return not np.isfinite(self.few.switch_cost) or self.many.segments - self.few.segments <= self.CLOSE

    def interpolated(self) -> float:
        """The switch cost where, between the two solutions, the logarithm of the number of segments would be right.

        A side that stays while the other is replaced counts for less and less (the Illinois method). No segment at all,
        where frames may be blank, counts as half of one.
        """
        above = np.log(self.many.segments / self.segments) * 0.5 ** max(self.stayed - 1, 0)
        below = np.log(self.segments / max(self.few.segments, 0.5)) * 0.5 ** max(-self.stayed - 1, 0)
        share = float(above / (above + below))
        return self.many.switch_cost + share * (self.few.switch_cost - self.many.switch_cost)

    def where_lines_meet(self) -> None:
        critical = (self.few.cost - self.many.cost) / (self.many.segments - self.few.segments)
        few, many = self.few, self.many
        between = self.look_at(critical)
        if self.found is None and not few.segments < between.segments < many.segments:
            self.found = Bracket(few, many, critical)


def evaluation(costs: np.ndarray, lengths: np.ndarray | None = None) -> Callable[[float], tuple[float, int]]:
    """What `calibrated` asks for, of costs [N, K] that are in memory; lengths: [B], as in `viterbi_path`."""

    def evaluate(switch_cost: float) -> tuple[float, int]:
        path = viterbi_path(costs, switch_cost, lengths)
        return path.cost, path.segments

    return evaluate
