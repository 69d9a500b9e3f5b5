"""Every path through a few frames, priced from the definition: by runs of a duration, or step by step."""

from functools import cache
from itertools import pairwise, product

import numpy as np


def every_cut(frames: int) -> list[list[int]]:
    """The durations of the runs, for every way to cut."""
    if frames == 0:
        return [[]]
    return [[first, *rest] for first in range(1, frames + 1) for rest in every_cut(frames - first)]


@cache
def every_run_path(frames: int, num_codes: int, distinct: bool) -> list[list[tuple]]:
    """Lists of (code, duration)."""
    paths = []
    for cut in every_cut(frames):
        for codes in product(range(num_codes), repeat=len(cut)):
            if not distinct or all(one != other for one, other in pairwise(codes)):
                paths.append(list(zip(codes, cut)))
    return paths


def price_of_runs(
    runs, costs, durations, shortest=1, switch_cost=0.0, transitions=None, initial=None, tail=np.inf
) -> float:
    """durations: [K, D]; runs that are too short cost infinity, and every frame beyond the table the tail."""
    total, time, previous = 0.0, 0, None
    for code, duration in runs:
        beyond = max(duration - durations.shape[1], 0)
        if duration < min(shortest, len(costs)):
            return np.inf
        if previous is None:
            total += 0.0 if initial is None else initial[code]
        else:
            total += switch_cost + (0.0 if transitions is None else transitions[previous, code])
        total += (
            sum(costs[time : time + duration, code])
            + durations[code, duration - beyond - 1]
            + (beyond * tail if beyond else 0.0)
        )
        time, previous = time + duration, code
    return total


def cheapest_price(costs, durations, distinct=True, **prices) -> float:
    paths = every_run_path(*costs.shape, distinct)
    return min(price_of_runs(runs, costs, durations, **prices) for runs in paths)


def price_of_steps(codes, costs, transitions, switch_cost, initial) -> float:
    """Frame by frame; the diagonal of the transitions is what staying costs."""
    total = initial[codes[0]] + sum(costs[time, code] for time, code in enumerate(codes))
    for one, other in pairwise(codes):
        total += transitions[one, other] + switch_cost * (one != other)
    return total


def expectations(costs, transitions, switch_cost, initial) -> tuple:
    """Expected states [K], first codes [K], steps [K, K], and the log of the sum over all paths."""
    frames, num_codes = costs.shape
    states, begun, steps = np.zeros(num_codes), np.zeros(num_codes), np.zeros((num_codes, num_codes))
    paths = list(product(range(num_codes), repeat=frames))
    scores = -np.array([price_of_steps(path, costs, transitions, switch_cost, initial) for path in paths])
    total = np.logaddexp.reduce(scores)
    if total == -np.inf:
        return states, begun, steps, total
    for path, score in zip(paths, scores):
        share = np.exp(score - total)
        begun[path[0]] += share
        for code in path:
            states[code] += share
        for one, other in pairwise(path):
            steps[one, other] += share
    return states, begun, steps, total
