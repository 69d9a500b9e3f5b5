"""What compiled sampling is made of: products in registers, gates, draws; every row of a batch as if it were alone.

An element of a product is the sum over the inputs from first to last, rounded once each where the processor can, so
that what is drawn does not depend on how many items are drawn together.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from torch import Tensor

LANES = 16  # columns of a panel
GROUP = 4  # panels that all rows are multiplied with before the next ones: what the nearer caches hold

# Eigen's rational approximation of tanh: odd powers above, even powers below, highest first
LIMIT = np.float32(7.90531110763549805)  # beyond, tanh is 1 in 32 bits
A13, A11, A9 = np.float32(-2.76076847742355e-16), np.float32(2.00018790482477e-13), np.float32(-8.60467152213735e-11)
A7, A5 = np.float32(5.12229709037114e-08), np.float32(1.48572235717979e-05)
A3, A1 = np.float32(6.37261928875436e-04), np.float32(4.89352455891786e-03)
B6, B4 = np.float32(1.19825839466702e-06), np.float32(1.18534705686654e-04)
B2, B0 = np.float32(2.26843463243900e-03), np.float32(4.89352518554385e-03)

LEAST = -700.0  # below, the exponential counts for nothing


def source_stamp() -> int:
    """A number that changes when this file does.

    numba keeps what it has compiled until the function's own file changes; a kept function that calls those of this
    file must be a closure over the stamp, which is part of what it is kept by.
    """
    return int.from_bytes(hashlib.sha256(Path(__file__).read_bytes()).digest()[:6], "little")


def array(tensor: Tensor) -> np.ndarray:
    """A contiguous array of 32-bit numbers."""
    return tensor.detach().float().contiguous().numpy()


def panels(weight: Tensor) -> np.ndarray:
    """The matrix [outputs, inputs] of a linear layer as `multiply` wants it: [panels, inputs, LANES], padded with 0."""
    matrix = array(weight)
    padded = np.zeros((padded_size(len(matrix)), matrix.shape[1]), np.float32)
    padded[: len(matrix)] = matrix
    return np.ascontiguousarray(padded.reshape(-1, LANES, matrix.shape[1]).transpose(0, 2, 1))


def padded_bias(bias: Tensor) -> np.ndarray:
    """As long as the panels are wide."""
    values = array(bias)
    return np.pad(values, (0, padded_size(len(values)) - len(values)))


def padded_size(size: int) -> int:
    """The next multiple of LANES."""
    return -(-size // LANES) * LANES


def tile_of(rows: int, width: int) -> Callable:
    """Makes tile(xs, i, matrix, p, out): adds xs[i : i + rows] @ the `width` panels from p on to their place in `out`.

    The sums stay in registers: numba's loops would write them to memory in every step. All arrays are contiguous, of
    32-bit numbers.
    """

    @intrinsic
    def tile(context, xs, i, matrix, p, out):
        def generate(target, builder, signature, arguments):
            xs, first_row, matrix, first_panel, out = arguments
            kinds = signature.args
            xs, matrix, out = (
                target.make_array(kinds[k])(target, builder, v) for k, v in ((0, xs), (2, matrix), (4, out))
            )
            number = ir.IntType(64)
            vector = ir.VectorType(ir.FloatType(), LANES)
            fused = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{LANES}f32"
            )
            inputs = cgutils.unpack_tuple(builder, matrix.shape)[1]

            def place(data, width, row, column):
                return builder.gep(data, [builder.add(builder.mul(row, width), column)])

            def vector_at(address):
                return builder.bitcast(address, vector.as_pointer())

            in_width = cgutils.unpack_tuple(builder, xs.shape)[1]
            out_width = cgutils.unpack_tuple(builder, out.shape)[1]
            rows_in = [builder.add(first_row, ir.Constant(number, row)) for row in range(rows)]
            chosen = [builder.add(first_panel, ir.Constant(number, k)) for k in range(width)]
            columns = [builder.mul(panel, ir.Constant(number, LANES)) for panel in chosen]
            starts = [builder.mul(panel, builder.mul(inputs, ir.Constant(number, LANES))) for panel in chosen]
            targets = [[vector_at(place(out.data, out_width, row, column)) for column in columns] for row in rows_in]
            sums = [[cgutils.alloca_once_value(builder, builder.load(at, align=4)) for at in row] for row in targets]
            with cgutils.for_range(builder, inputs) as loop:
                offset = builder.mul(loop.index, ir.Constant(number, LANES))
                weights = [
                    builder.load(vector_at(builder.gep(matrix.data, [builder.add(start, offset)])), align=4)
                    for start in starts
                ]
                for row, own in zip(rows_in, sums):
                    value = builder.load(place(xs.data, in_width, row, loop.index))
                    single = builder.insert_element(
                        ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
                    )
                    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)
                    same = builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), lanes)
                    for weight, total in zip(weights, own):
                        builder.store(builder.call(fused, [same, weight, builder.load(total)]), total)
            for own, ends in zip(sums, targets):
                for total, end in zip(own, ends):
                    builder.store(builder.load(total), end, align=4)
            return target.get_dummy_value()

        return types.void(xs, types.intp, matrix, types.intp, out), generate

    return tile


# as many sums as registers hold, or as are needed to hide how long one takes
six, four, two, one, two_wide, one_wide = (
    tile_of(*shape) for shape in ((6, 1), (4, 1), (2, 1), (1, 1), (2, 2), (1, GROUP))
)


@njit(nogil=True)
def multiply(xs, matrix, out):
    """out += xs @ matrix: xs [N, inputs], matrix as from `panels`, out [N, LANES * panels]."""
    for first in range(0, len(matrix), GROUP):
        last = min(first + GROUP, len(matrix))
        i = 0
        while i < len(xs):
            left = len(xs) - i
            rows = 6 if left == 6 or left > 8 else 4 if left >= 4 else 2 if left >= 2 else 1
            p = first
            while p < last:
                if rows == 6:
                    six(xs, i, matrix, p, out)
                    p += 1
                elif rows == 4:
                    four(xs, i, matrix, p, out)
                    p += 1
                elif rows == 2 and p + 2 <= last:
                    two_wide(xs, i, matrix, p, out)
                    p += 2
                elif rows == 2:
                    two(xs, i, matrix, p, out)
                    p += 1
                elif p + GROUP <= last:
                    one_wide(xs, i, matrix, p, out)
                    p += GROUP
                else:
                    one(xs, i, matrix, p, out)
                    p += 1
            i += rows


@njit(nogil=True)
def apply_dense(x, matrix, bias, out):
    """out = relu(x) @ matrix + bias; x is left rectified."""
    for item in range(len(x)):
        for channel in range(x.shape[1]):
            x[item, channel] = max(x[item, channel], np.float32(0))
        for channel in range(len(bias)):
            out[item, channel] = bias[channel]
    multiply(x, matrix, out)


@njit(nogil=True, fastmath={"contract"}, error_model="numpy")
def apply_gates(gates, gated):
    """gates [N, 2 * C or more]: signals, then gates -> gated [N, C]."""
    channels = gated.shape[1]
    half = np.float32(0.5)
    for item in range(len(gated)):
        for channel in range(channels):
            sigmoid = half + half * tanh(half * gates[item, channels + channel])
            gated[item, channel] = tanh(gates[item, channel]) * sigmoid


@njit(nogil=True, fastmath={"contract"}, error_model="numpy", inline="always")
def tanh(x):
    """Right to 4e-7, and plain arithmetic, so that the compiler does 8 of them at once."""
    x = min(max(x, -LIMIT), LIMIT)
    y = x * x
    above = x * ((((((A13 * y + A11) * y + A9) * y + A7) * y + A5) * y + A3) * y + A1)
    below = ((B6 * y + B4) * y + B2) * y + B0
    return above / below


@njit(nogil=True, fastmath={"contract"}, error_model="numpy")
def exponentials(logits, most, temperature, out):
    """out = exp((logits - most) / temperature), 0 below the exponential of LEAST; plain arithmetic, as `tanh`.

    A polynomial of the 1024th part, squared ten times: right to 1e-12 down to exp(-100).
    """
    for code in range(len(out)):
        x = np.float64(logits[code] - most) / temperature
        y = max(x, LEAST) / 1024
        e = (((y * (1 / 40320) + 1 / 5040) * y + 1 / 720) * y + 1 / 120) * y + 1 / 24
        e = (((e * y + 1 / 6) * y + 1 / 2) * y + 1) * y + 1
        for _ in range(10):
            e = e * e
        out[code] = e if x > LEAST else 0.0


@njit(nogil=True)
def draw(logits, uniform, temperature, likely):
    """As `likelihoods.categorical_draw`; likely: room for as many numbers as there are logits, 64-bit."""
    most = logits[0]
    for code in range(len(likely)):
        most = max(most, logits[code])
    exponentials(logits, most, max(temperature, 1e-9), likely)
    total = 0.0
    for code in range(len(likely)):
        total += likely[code]
    threshold, upto = uniform * total, 0.0
    for code in range(len(likely)):
        upto += likely[code]
        if upto > threshold:
            return code
    return len(likely) - 1
