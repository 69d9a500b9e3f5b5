"""Dynamic time warping and edit distance between one item and several at once, compiled.

The several stand side by side in lanes: the same step is done for all of them, which is what a processor's vector
units do well. Costs are integers (see distances.py).
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from unitdisc.evaluation.abx.distances import STEPS
from unitdisc.evaluation.abx.matrix_products import context_array, element

LANES = 16
LANES_LONG = ir.Constant(ir.IntType(64), LANES)
# The state of a lattice column: for each lane the cost, the length of the path, and both as they were one row above.
COST, LENGTH, COST_ABOVE, LENGTH_ABOVE, STATE = (section * LANES for section in range(5))
# Two lengths in one number, for where paths of equal cost differ in length: the low half counts a path that prefers
# its predecessor to the left (the frame before in the lanes), the high half one that prefers the one above. The first
# is the length from X to Y, the second from Y to X.
HALF = 2**15
BOTH = HALF + 1
LONGEST = HALF // 2  # frames of an item
SHORT = 128  # frames of two items together, of at most 2^24 steps each: their costs fit into 32 bits


@intrinsic
def warp_row(context, lattice, row, start, columns, state):
    """Moves the costs and lengths of all columns of a lattice down to a row of it: `warp`, but for the first row.

    To each place from its cheapest predecessor, the diagonal first if several are: the rule of ABXpy, Libri-Light and
    fastabx, told forwards, so that no path is kept. What the next column needs of this one stays in registers: as a
    loop of numba it goes through the memory, and takes three times as long.
    """

    def generate(target, builder, signature, arguments):
        steps, row, start, columns, paths = arguments
        steps, paths = (
            context_array(target, builder, signature.args[k], value) for k, value in ((0, steps), (4, paths))
        )
        number = target.get_value_type(signature.args[4].dtype)
        vector = ir.VectorType(number, LANES)

        def same(value):
            return ir.Constant(vector, [value] * LANES)

        def place(column, section):
            begin = element(builder, paths, column, ir.Constant(column.type, section))
            return builder.bitcast(begin, vector.as_pointer())

        def load(column, section):
            return builder.load(place(column, section), align=number.width // 8)

        def step(column):
            begin = element(builder, steps, row, builder.add(start, builder.mul(column, LANES_LONG)))
            kind = ir.VectorType(target.get_value_type(signature.args[0].dtype), LANES)
            found = builder.load(builder.bitcast(begin, kind.as_pointer()), align=kind.element.width // 8)
            if kind.element.width > number.width:  # compiled, but never run: `advance`
                return builder.trunc(found, vector)
            return builder.sext(found, vector)  # nothing, where they are as wide

        def keep(column, cost, length):
            for section, value in ((COST, cost), (LENGTH, length)):
                builder.store(value, place(column, section), align=number.width // 8)

        def least(one, other):
            return builder.select(builder.icmp_signed("<", one, other), one, other)

        zero, one = (ir.Constant(columns.type, value) for value in (0, 1))
        diagonal = load(zero, COST), load(zero, LENGTH)
        left = builder.add(diagonal[0], step(zero)), builder.add(diagonal[1], same(BOTH))
        keep(zero, *left)
        carried = [cgutils.alloca_once_value(builder, value) for value in (*diagonal, *left)]
        with cgutils.for_range_slice(builder, one, columns, one) as (column, _):
            cost_diagonal, length_diagonal, cost_left, length_left = map(builder.load, carried)
            cost_up, length_up = load(column, COST), load(column, LENGTH)
            side = least(cost_left, cost_up)
            length = builder.select(builder.icmp_signed("<", cost_left, cost_up), length_left, length_up)
            tied = builder.or_(builder.and_(length_left, same(HALF - 1)), builder.and_(length_up, same(~(HALF - 1))))
            length = builder.select(builder.icmp_signed("==", cost_left, cost_up), tied, length)
            length = builder.select(builder.icmp_signed("<=", cost_diagonal, side), length_diagonal, length)
            cost = builder.add(least(cost_diagonal, side), step(column))
            length = builder.add(length, same(BOTH))
            keep(column, cost, length)
            for variable, value in zip(carried, (cost_up, length_up, cost, length), strict=True):
                builder.store(value, variable)
        return target.get_dummy_value()

    return types.void(lattice, types.intp, types.intp, types.intp, state), generate


@njit(nogil=True)
def warp(lattice: np.ndarray, start: int, rows: int, columns: int, state: np.ndarray, done: int) -> None:
    """Moves the costs and lengths of the cheapest paths to every column down some rows.

    lattice: [rows, W] distances in steps, those of lane l and column m at start + m * LANES + l;
    state: [columns, STATE], of the row above if some are done, and then of the last row.
    """
    if done == 0:
        row = lattice[0, start : start + columns * LANES]
        for lane in range(LANES):
            state[0, COST + lane] = row[lane]
            state[0, LENGTH + lane] = BOTH
        for m in range(1, columns):
            left, here, steps = state[m - 1], state[m], row[m * LANES : (m + 1) * LANES]
            for lane in range(LANES):
                here[COST + lane] = left[COST + lane] + steps[lane]
                here[LENGTH + lane] = left[LENGTH + lane] + BOTH
    for i in range(1 if done == 0 else 0, rows):
        warp_row(lattice, i, start, columns, state)


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
