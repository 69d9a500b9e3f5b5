"""Schedules: what part of a learning rate holds at which time of a training."""

import math
from collections.abc import Callable, Sequence

Schedule = Callable[[float, float, Sequence[int]], float]  # step from 0, number of steps, halvings -> the part


def halved(step: float, steps: float, halve_at: Sequence[int]) -> float:
    """Half of it from each of these steps on; how many steps there are changes nothing."""
    return 0.5 ** sum(step >= halving for halving in halve_at)


def cosine(step: float, steps: float, halve_at: Sequence[int] = ()) -> float:
    """Rises from a tenth in the first 9 % of all steps, and falls to 0 along a cosine (Loshchilov & Hutter, 2017)."""
    done = step / steps
    return min(1.0, 0.1 + 10 * done) * (1 + math.cos(math.pi * done)) / 2


def constant(step: float, steps: float, halve_at: Sequence[int] = ()) -> float:
    """All of it, always."""
    return 1.0


SCHEDULES: dict[str, Schedule] = {"step": halved, "cosine": cosine, "constant": constant}
