"""Every path through a few frames, priced from the definition: by runs of a duration, or step by step."""

from collections.abc import Callable
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


def pricing(costs, durations, shortest=1, switch_cost=0.0, transitions=None, initial=None, tail=np.inf) -> Callable:
    """What runs cost, as a function of them.

    durations: [K, D]; runs that are too short cost infinity, and every frame beyond the table the tail.
    """

    @cache
    def price_of_run(code: int, duration: int, time: int) -> float:
        if duration < min(shortest, len(costs)):
            return np.inf
        beyond = max(duration - durations.shape[1], 0)
        lasting = durations[code, duration - beyond - 1] + (beyond * tail if beyond else 0.0)
        return float(sum(costs[time : time + duration, code]) + lasting)

    @cache
    def price_of_change(previous: int | None, code: int) -> float:
        if previous is None:
            return 0.0 if initial is None else float(initial[code])
        return switch_cost + (0.0 if transitions is None else float(transitions[previous, code]))

    def price(runs: list[tuple]) -> float:
        total, time, previous = 0.0, 0, None
        for code, duration in runs:
            total += price_of_change(previous, code) + price_of_run(code, duration, time)
            time, previous = time + duration, code
        return total

    return price


def cheapest_price(costs, durations, distinct=True, **prices) -> float:
    return min(map(pricing(costs, durations, **prices), every_run_path(*costs.shape, distinct)))


def prices_of_steps(paths, costs, transitions, switch_cost, initial) -> np.ndarray:
    """Of each path [P, N], frame by frame; the diagonal of the transitions is what staying costs."""
    one, other = paths[:, :-1], paths[:, 1:]
    changes = transitions[one, other] + switch_cost * (one != other)
    return initial[paths[:, 0]] + costs[np.arange(len(costs)), paths].sum(1) + changes.sum(1)
