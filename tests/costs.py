"""Strategies for small costs, and sums of large ones without rounding."""

import numpy as np
from hypothesis import strategies as st

COUNTED = st.integers(0, 4).map(float)  # small whole costs: many paths cost the same, and sums are exact
MEASURED = st.floats(0, 10, allow_subnormal=False)
NUMBERS = st.sampled_from([COUNTED, MEASURED])
IMPOSSIBLE = st.one_of(COUNTED, st.just(np.inf))


@st.composite
def tables(draw, *shape: int, of=None):
    of = draw(NUMBERS) if of is None else of
    size = int(np.prod(shape))
    return np.array(draw(st.lists(of, min_size=size, max_size=size))).reshape(shape)


def whole(numbers: np.ndarray) -> list[int]:
    """In units of 2^-60, so that nothing is rounded."""
    return [int(number * 2**60) for number in numbers.tolist()]


def exact_cost(costs: np.ndarray, codes: np.ndarray) -> int:
    return sum(whole(costs[np.arange(len(costs)), codes]))
