"""Long signals in overlapping windows, for networks whose memory grows with the square of what they see."""

from itertools import pairwise
from typing import NamedTuple


class Window(NamedTuple):
    """Frames [begin, end) are computed together, and of them [first, last) are kept."""

    begin: int
    end: int
    first: int
    last: int


def windows(frames: int, size: int, context: int) -> list[Window]:
    """Windows of `size` frames whose kept parts follow one another; one of all frames where they are no more than that.

    context: frames on either side of what is kept, but for the ends of the signal. Raises ValueError if that is all.
    """
    if frames <= size:
        return [Window(0, frames, 0, frames)]
    step = size - 2 * context
    if step < 1:
        raise ValueError(f"a window of {size} frames has none left between {context} frames of context on either side")
    begins = [*range(0, frames - size, step), frames - size]  # the last ends with the signal, and so is as long
    borders = [0, *(begin + context for begin in begins[1:]), frames]
    return [Window(begin, begin + size, *kept) for begin, kept in zip(begins, pairwise(borders))]
