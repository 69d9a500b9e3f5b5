"""Dynamic time warping and edit distance between one item and several at once, compiled.

The several stand side by side in lanes: the same step is done for all of them, which is what a processor's vector
units do well. Costs are integers (see distances.py).
"""

import numpy as np
from numba import njit

from unitdisc.evaluation.abx.distances import STEPS

LANES = 16
# The state of a lattice column: for each lane the cost, the length of the path, and both as they were one row above.
COST, LENGTH, COST_ABOVE, LENGTH_ABOVE, STATE = (section * LANES for section in range(5))
# Two lengths in one number, for where paths of equal cost differ in length: the low half counts a path that prefers
# its predecessor to the left (the frame before in the lanes), the high half one that prefers the one above. The first
# is the length from X to Y, the second from Y to X.
HALF = 2**15
BOTH = HALF + 1
LONGEST = HALF // 2  # frames of an item
SHORT = 128  # frames of two items together, of at most 2^24 steps each: their costs fit into 32 bits


@njit(nogil=True)
def warp_column(left: np.ndarray, here: np.ndarray, steps: np.ndarray) -> None:
    """Moves one column of the lattice down a row: the cheapest predecessor, the diagonal first if several are.

    This is the rule of ABXpy, Libri-Light and fastabx, told forwards: no path is kept.
    """
    number = here.dtype.type  # mixed with wider ones, numbers are slow
    for lane in range(LANES):
        cost_left, length_left = left[COST + lane], left[LENGTH + lane]
        cost_up, length_up = here[COST + lane], here[LENGTH + lane]
        cost_diagonal = left[COST_ABOVE + lane]
        here[COST_ABOVE + lane] = cost_up
        here[LENGTH_ABOVE + lane] = length_up
        side = min(cost_left, cost_up)
        length = length_left if cost_left < cost_up else length_up
        tied = (length_left & number(HALF - 1)) | (length_up & number(~(HALF - 1)))
        length = tied if cost_left == cost_up else length
        length = left[LENGTH_ABOVE + lane] if cost_diagonal <= side else length
        here[COST + lane] = min(cost_diagonal, side) + steps[lane]
        here[LENGTH + lane] = length + number(BOTH)


@njit(nogil=True)
def warp(lattice: np.ndarray, start: int, rows: int, columns: int, state: np.ndarray, done: int) -> None:
    """Moves the costs and lengths of the cheapest paths to every column down some rows.

    lattice: [rows, W] distances in steps, those of lane l and column m at start + m * LANES + l;
    state: [columns, STATE], of the row above if some are done, and then of the last row.
    """
    first = state[0]
    if done == 0:
        row = lattice[0, start : start + columns * LANES]
        for lane in range(LANES):
            first[COST + lane] = row[lane]
            first[LENGTH + lane] = BOTH
        for m in range(1, columns):
            left, here, steps = state[m - 1], state[m], row[m * LANES : (m + 1) * LANES]
            for lane in range(LANES):
                here[COST + lane] = left[COST + lane] + steps[lane]
                here[LENGTH + lane] = left[LENGTH + lane] + BOTH
    for i in range(1 if done == 0 else 0, rows):
        row = lattice[i, start : start + columns * LANES]
        for lane in range(LANES):
            first[COST_ABOVE + lane] = first[COST + lane]
            first[LENGTH_ABOVE + lane] = first[LENGTH + lane]
            first[COST + lane] += row[lane]
            first[LENGTH + lane] += BOTH
        for m in range(1, columns):
            warp_column(state[m - 1], state[m], row[m * LANES : (m + 1) * LANES])


@njit(nogil=True)
def edit_column(left: np.ndarray, here: np.ndarray, steps: np.ndarray) -> None:
    """Moves one column down a row: a substitution costs the distance of the frames, anything else a whole one."""
    for lane in range(LANES):
        cost_up = here[COST + lane]
        cost_diagonal = left[COST_ABOVE + lane] + steps[lane]
        here[COST_ABOVE + lane] = cost_up
        here[COST + lane] = min(cost_diagonal, min(left[COST + lane], cost_up) + STEPS)


@njit(nogil=True)
def edit(lattice: np.ndarray, start: int, rows: int, columns: int, state: np.ndarray, done: int) -> None:
    """Moves edit distances (Levenshtein) to every column down some rows; lengths are left at one.

    lattice, state: as in `warp`.
    """
    if done == 0:
        for m in range(columns):
            for lane in range(LANES):
                state[m, COST + lane] = (m + 1) * STEPS  # the row above the first: everything inserted
                state[m, LENGTH + lane] = BOTH
    border = np.empty(STATE, state.dtype)
    for i in range(rows):
        row = lattice[i, start : start + columns * LANES]
        for lane in range(LANES):
            border[COST_ABOVE + lane] = (done + i) * STEPS  # the column before the first: everything deleted
            border[COST + lane] = (done + i + 1) * STEPS
        edit_column(border, state[0], row[:LANES])
        for m in range(1, columns):
            edit_column(state[m - 1], state[m], row[m * LANES : (m + 1) * LANES])


@njit(nogil=True)
def advance(
    edits: bool,
    short: bool,
    lattice: np.ndarray,
    start: int,
    rows: int,
    columns: int,
    narrow: np.ndarray,
    wide: np.ndarray,
    done: int,
) -> None:
    """Moves paths down some rows, in 32 bits if they are short enough not to overflow.

    narrow, wide: states of all columns of the lattice, in 32 and in 64 bits; done: rows of X before.
    """
    m = start // LANES
    if edits:
        edit(lattice, start, rows, columns, wide[m : m + columns], done)
    elif short:
        warp(lattice, start, rows, columns, narrow[m : m + columns], done)
    else:
        warp(lattice, start, rows, columns, wide[m : m + columns], done)


@njit(nogil=True)
def arrived(state: np.ndarray, column: int, lane: int) -> tuple[float, float]:
    """The distance from X to the item in a lane, which ends in some column, and back."""
    cost, lengths = np.int64(state[column, COST + lane]), np.int64(state[column, LENGTH + lane])
    return cost / (lengths & (HALF - 1)), cost / (lengths // HALF)
