"""The least cost that any segmentation can have: what every method is held against."""

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


def lower_bound(costs: np.ndarray, segments: int, steps: int = 30) -> float:
    """No segmentation into at most so many runs costs less (Lagrangian duality); for inputs too long for the above."""
    low, high = 0.0, float(costs.max())
    bound = -np.inf
    while penalised(costs, high)[1] >= segments:
        high *= 2
    for _ in range(steps):
        switch_cost = (low + high) / 2
        total, changes = penalised(costs, switch_cost)
        bound = max(bound, total - switch_cost * (segments - 1))
        low, high = (switch_cost, high) if changes >= segments else (low, switch_cost)
    return bound
