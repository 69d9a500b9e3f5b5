"""The cheapest codes for sequences when every change of code has a price: Viterbi in O(T K) time and O(T) memory."""

from dataclasses import dataclass

import numba
import numpy as np


@dataclass(frozen=True)
class Path:
    """Codes chosen for one or several sequences, one after the other."""

    codes: np.ndarray  # [N] int64
    cost: float  # the sum of the costs of the codes chosen; what changes cost is not in it
    segments: int  # runs of one code; a new sequence begins a new run


def viterbi_path(costs: np.ndarray, switch_cost: float, lengths: np.ndarray | None = None) -> Path:
    """The codes whose costs, plus `switch_cost` for every change of code inside of a sequence, are the least.

    costs: [N, K], what each code costs at each frame; lengths: [B], of the sequences that the frames are of, one after
    the other (default: one sequence). switch_cost: 0 gives the nearest codes, infinity one code per sequence.
    Of paths that cost the same, the one that rather keeps its code, else the one of the lowest codes.

    It is enough to remember, for every frame, the best code to end on and where its run began: a run that begins
    later can only follow the best end before it.
    """
    costs, lengths = packed(costs, lengths)
    if not switch_cost >= 0:
        raise ValueError(f"the switch cost is {switch_cost}; it must be 0 or more")
    codes = np.empty(len(costs), np.int64)
    cheapest_codes(costs, lengths, float(switch_cost), codes)
    return path_of(costs, lengths, codes)


def path_of(costs: np.ndarray, lengths: np.ndarray, codes: np.ndarray) -> Path:
    """A path through packed sequences, with its cost and its number of segments."""
    return Path(codes, price_of(costs, codes), count_runs(codes, lengths))


def packed(costs: np.ndarray, lengths: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Costs [N, K] and lengths [B] as the kernels read them.

    Raises ValueError if they do not fit each other.
    """
    costs = np.ascontiguousarray(costs, costs.dtype if costs.dtype in (np.float32, np.float64) else np.float64)
    lengths = np.asarray([len(costs)] if lengths is None else lengths, np.int64)
    if costs.ndim != 2 or not costs.shape[1] or lengths.sum() != len(costs) or (lengths < 0).any():
        raise ValueError(f"costs of shape {costs.shape} do not fit sequences of lengths {lengths.tolist()}")
    return costs, lengths


@numba.njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def cheapest_codes(costs, lengths, switch_cost, codes):
    """Viterbi over every sequence; fills `codes` [N]."""
    num_codes = costs.shape[1]
    prices = np.empty(num_codes)  # of the best path that ends in each code, less that of the best one frame before
    lowest = 0.0  # of these
    starts = np.empty(num_codes, np.int64)  # the frame where its last run began
    best = np.empty(len(costs), np.int64)  # of every frame: the code that the best path ends in
    begun = np.empty(len(costs), np.int64)  # and where its last run began
    first = 0
    for length in lengths:
        for frame in range(first, first + length):
            row = costs[frame]
            if frame == first:
                for code in range(num_codes):
                    prices[code] = row[code]
                    starts[code] = frame
            else:
                for code in range(num_codes):
                    price = prices[code] - lowest
                    starts[code] = starts[code] if price <= switch_cost else frame
                    prices[code] = row[code] + min(price, switch_cost)
            one = two = three = four = prices[0]
            for code in range(0, num_codes - 3, 4):  # four minima at a time: one alone waits for itself
                one = min(one, prices[code])
                two = min(two, prices[code + 1])
                three = min(three, prices[code + 2])
                four = min(four, prices[code + 3])
            for code in range(num_codes - num_codes % 4, num_codes):
                one = min(one, prices[code])
            lowest = min(min(one, two), min(three, four))
            cheapest = 0
            while prices[cheapest] > lowest:
                cheapest += 1
            best[frame] = cheapest
            begun[frame] = starts[cheapest]
        frame = first + length - 1
        while frame >= first:
            codes[begun[frame] : frame + 1] = best[frame]
            frame = begun[frame] - 1
        first += length


@numba.njit(cache=True)
def price_of(costs, codes):
    """The sum of the costs of the codes chosen, in double precision."""
    total = 0.0
    for frame in range(len(codes)):
        total += costs[frame, codes[frame]]
    return total


@numba.njit(cache=True)
def count_runs(codes, lengths):
    """Runs of one code, over all sequences."""
    runs = 0
    first = 0
    for length in lengths:
        for frame in range(first, first + length):
            runs += frame == first or codes[frame] != codes[frame - 1]
        first += length
    return runs
