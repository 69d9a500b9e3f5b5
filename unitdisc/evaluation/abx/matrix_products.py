"""Products of frames, compiled: a matrix product of which every element is the same wherever it stands.

A library's product is as fast, but sums an element in an order that depends on its place in the matrix, and on the
matrix. Here an element is always the sum over dimensions from first to last, rounded once per dimension where the
processor can: equal frames have equal products, bit for bit.
"""

from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

COLUMNS = 16  # of a tile; a panel's width is a multiple of it


def tile_of(rows: int) -> Callable:
    """Makes tile(xs, i, panel, j, products): products[i : i + rows, j : j + COLUMNS] = xs[...] @ panel[...].

    The sums stay in registers: numba's loops would write them to memory in every step. Arrays of one precision, rows
    contiguous.
    """

    @intrinsic
    def tile(context, xs, i, panel, j, products):
        def generate(target, builder, signature, arguments):
            x, first_row, y, first_column, out = arguments
            x, y, out = (
                context_array(target, builder, signature.args[k], value) for k, value in ((0, x), (2, y), (4, out))
            )
            number = target.get_value_type(signature.args[2].dtype)
            vector = ir.VectorType(number, COLUMNS)
            zero = ir.Constant(ir.IntType(64), 0)
            sums = [cgutils.alloca_once_value(builder, ir.Constant(vector, None)) for _ in range(rows)]
            fused = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{COLUMNS}{number.intrinsic_name}"
            )
            with cgutils.for_range(builder, cgutils.unpack_tuple(builder, x.shape)[1]) as loop:
                place = element(builder, y, loop.index, first_column)
                frame = builder.load(builder.bitcast(place, vector.as_pointer()), align=4)
                for row in range(rows):
                    above = builder.add(first_row, ir.Constant(zero.type, row))
                    value = builder.load(element(builder, x, above, loop.index))
                    single = builder.insert_element(ir.Constant(vector, ir.Undefined), value, zero)
                    lanes = ir.Constant(ir.VectorType(ir.IntType(32), COLUMNS), None)
                    same = builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), lanes)
                    builder.store(builder.call(fused, [same, frame, builder.load(sums[row])]), sums[row])
            for row in range(rows):
                above = builder.add(first_row, ir.Constant(zero.type, row))
                place = builder.bitcast(element(builder, out, above, first_column), vector.as_pointer())
                builder.store(builder.load(sums[row]), place, align=4)
            return target.get_dummy_value()

        return types.void(xs, types.intp, panel, types.intp, products), generate

    return tile


def context_array(target, builder, kind, value):
    return target.make_array(kind)(target, builder, value)


def element(builder, array, row, column):
    """The address of an element of a matrix."""
    width = cgutils.unpack_tuple(builder, array.shape)[1]
    return builder.gep(array.data, [builder.add(builder.mul(row, width), column)])


six, four, two, one = (tile_of(rows) for rows in (6, 4, 2, 1))


@njit(nogil=True)
def multiply(xs: np.ndarray, panel: np.ndarray, start: int, stop: int, products: np.ndarray) -> None:
    """products[:N, start:stop] = xs @ panel[:, start:stop]: [N, D], [D, W] -> [N or more, W]."""
    count = len(xs)
    for j in range(start, stop, COLUMNS):
        i = 0
        while i < count:  # the last tile may lie over the one before: the same sums again
            left = count - i
            if left >= 6:  # rows of two registers: what a processor holds
                six(xs, i, panel, j, products)
                i += 6
            elif left >= 3 and count >= 4:
                four(xs, min(i, count - 4), panel, j, products)
                i += 4
            elif count >= 2:
                two(xs, min(i, count - 2), panel, j, products)
                i += 2
            else:
                one(xs, i, panel, j, products)
                i += 1
