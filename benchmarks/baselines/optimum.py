"""The least cost that any segmentation can have: what every method is held against."""

from collections.abc import Collection
from operator import itemgetter

import numpy as np
from numba import njit


@njit
def least_costs(costs: np.ndarray, most: int) -> np.ndarray:
    """Least cost with at most 1, 2, ... `most` runs, by dynamic programming: [T, K] -> [most]; O(T * most * K)."""
    frames, codes = costs.shape
    best = np.full((most, codes), np.inf)  # with so many runs, the last of this code
    cheapest = np.full(most, np.inf)  # whatever the last code
    for s in range(most):
        for k in range(codes):
            best[s, k] = costs[0, k]
        cheapest[s] = best[s].min()
    for t in range(1, frames):
        before = np.inf  # the cheapest with one run fewer, up to the frame before
        for s in range(most):
            least = np.inf
            for k in range(codes):
                total = min(best[s, k], before) + costs[t, k]
                best[s, k] = total
                least = min(least, total)
            before = cheapest[s]
            cheapest[s] = least
    return cheapest


@njit
def penalised(costs: np.ndarray, switch_cost: float) -> tuple[float, int]:
    """Least cost plus switch_cost for every change, and how many changes that takes: [T, K]; O(T K)."""
    frames, codes = costs.shape
    best, changes = costs[0].astype(np.float64), np.zeros(codes, np.int64)
    for t in range(1, frames):
        cheapest = best.argmin()
        total, count = best[cheapest] + switch_cost, changes[cheapest] + 1
        for k in range(codes):
            if total < best[k]:
                best[k], changes[k] = total, count
            best[k] += costs[t, k]
    cheapest = best.argmin()
    return best[cheapest], changes[cheapest]


def lower_bounds(costs: np.ndarray, counts: Collection[int]) -> dict[int, float]:
    """What no segmentation into at most so many segments costs less than, for inputs too long for `least_costs`.

    Every switch cost gives a bound on them all (Lagrangian duality): its least total less what the changes would cost.
    The best is where the lines of the two solutions around a number meet and no third is below.
    """
    found: dict[float, tuple[float, int]] = {}  # by switch cost: cost without that of the changes, and changes

    def solve(switch_cost: float) -> tuple[float, int]:
        if switch_cost not in found:
            total, changes = penalised(costs, switch_cost)
            found[switch_cost] = total - switch_cost * changes, changes
        return found[switch_cost]

    price = float(costs.max())
    while solve(price)[1]:
        price *= 2
    solve(0.0)
    for count in counts:
        while True:
            cost, more = min((one for one in found.values() if one[1] >= count), key=itemgetter(1), default=found[0.0])
            few_cost, few = max((one for one in found.values() if one[1] < count), key=itemgetter(1))
            if more < count or solve((few_cost - cost) / (more - few))[1] in (more, few):
                break
    return {
        count: max(cost + price * (changes - count + 1) for price, (cost, changes) in found.items()) for count in counts
    }
