"""Piecewise-constant codes from the definition: every sequence of codes is tried, or the textbook programme run."""

from itertools import product

import numpy as np


def every_path(frames: int, num_codes: int) -> np.ndarray:
    """All sequences of codes: [K ** N, N]."""
    return np.array(list(product(range(num_codes), repeat=frames)))


def costs_of(costs: np.ndarray, paths: np.ndarray) -> np.ndarray:
    """What each path [P, N] costs."""
    return costs[np.arange(len(costs)), paths].sum(1)


def segments_of(paths: np.ndarray, lengths: list[int]) -> np.ndarray:
    """How many runs of one code each path [P, N] has; a new sequence begins a new one."""
    changes = paths[:, 1:] != paths[:, :-1]
    joins = np.cumsum(lengths)[:-1] - 1
    inside = ~np.isin(np.arange(paths.shape[1] - 1), joins)
    return (changes & inside).sum(1) + np.count_nonzero(lengths)


def least_cost_within(costs: np.ndarray, segments: int) -> float:
    """The least cost of one sequence with at most so many segments, by the O(N S K) programme."""
    least = np.full((segments + 1, costs.shape[1]), np.inf)  # of (segments so far, code)
    least[1] = costs[0]
    for row in costs[1:].astype(np.float64):
        change = np.full_like(least, np.inf)
        change[1:] = least.min(1)[:-1, None]
        least = np.minimum(least, change) + row
    return least.min()
