"""What a change from one code to another costs, learned from how often it occurs, and the cheapest codes under it.

Tables are [K, K], from the code in the row to that in the column. Staying in a code costs nothing, so the diagonal
is 0: a change costs -log p(k | j, k != j), on top of the switch cost that all changes share.
"""

import numba
import numpy as np

from unitdisc.segmentation.durations import starts_of
from unitdisc.segmentation.semi_markov import cannot_be_coded, checked, refuse_nan
from unitdisc.segmentation.viterbi import Path, packed, path_of


def counts_of(codes: np.ndarray, num_codes: int) -> np.ndarray:
    """How often runs of one code are followed by runs of another: codes [T] of one utterance -> [K, K].

    Counts of several utterances add up. The diagonal is 0.
    """
    units = np.asarray(codes)[starts_of(codes)]
    counts = np.zeros((num_codes, num_codes))
    np.add.at(counts, (units[:-1], units[1:]), 1)
    return counts


def costs_of(counts: np.ndarray, smoothing: float = 1.0) -> np.ndarray:
    """-log p of every change of code, [K, K], from counts, [K, K]; the diagonal is 0.

    smoothing: is added to the count of every change. With 0, changes that never occurred are impossible; from a code
    that was never left all changes are equally likely.
    """
    if not 0 <= smoothing < np.inf:
        raise ValueError(f"smoothing of transitions is {smoothing}; it must be 0 or more")
    counts = np.array(counts, np.float64)
    if not (counts >= 0).all() or not np.isfinite(counts).all():
        raise ValueError("counts of transitions must be finite, and 0 or more")
    counts += smoothing
    np.fill_diagonal(counts, 0)
    left = counts.sum(1)
    counts[left == 0] = 1
    np.fill_diagonal(counts, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        costs = np.log(counts.sum(1, keepdims=True)) - np.log(counts)
    np.fill_diagonal(costs, 0)
    return costs


def transition_path(
    costs: np.ndarray,
    transitions: np.ndarray,
    switch_cost: float = 0.0,
    initial: np.ndarray | None = None,
    lengths: np.ndarray | None = None,
) -> Path:
    """The codes whose costs, plus those of the changes from frame to frame, are the least: Viterbi in O(N K^2).

    costs: [N, K], what each code costs at each frame; lengths: [B], of the sequences that the frames are of, one
    after the other (default: one sequence).
    transitions: [K, K], of a change from one code (row) to another, and, on the diagonal, of staying.
    switch_cost: of every change, on top of that; both may be negative.
    initial: [K], of the first code of every sequence.
    Of paths that cost the same, the one that rather keeps its code, else that of lower codes.
    Raises ValueError for what does not fit or is not a number, and where no path is possible.
    """
    costs, lengths = packed(costs, lengths)
    refuse_nan(costs)
    between, initial = linked(costs.shape[1], transitions, switch_cost, initial)
    codes = np.zeros(len(costs), np.int64)
    first = 0
    for length in lengths.tolist():
        frames = costs[first : first + length]
        if not cheapest_linked_codes(frames, between, initial, codes[first : first + length]):
            raise ValueError(cannot_be_coded(length))
        first += length
    return path_of(costs, lengths, codes)


def linked(num_codes: int, transitions: np.ndarray, switch_cost: float, initial: np.ndarray | None) -> tuple:
    """Prices of a step from each code to each [K, K], and of the first code [K]."""
    if not np.isfinite(switch_cost):
        raise ValueError(f"the switch cost is {switch_cost}; it must be finite")
    between = checked("transitions", transitions, (num_codes, num_codes))
    between += switch_cost * ~np.eye(num_codes, dtype=bool)
    return between, np.zeros(num_codes) if initial is None else checked("initial costs", initial, (num_codes,))


@numba.njit(cache=True, nogil=True)
def cheapest_linked_codes(costs, between, initial, codes):
    """Fills in the cheapest codes [T] for costs [T, K] if a step from j to k costs between[j, k]; False if none are."""
    num_frames, num_codes = costs.shape
    if num_frames == 0:
        return True
    prices = np.empty(num_codes)  # of the best path that ends in each code, less that of the best of all
    reached = np.empty(num_codes)
    came = np.empty(num_codes, np.int64)
    before = np.empty((num_frames, num_codes), np.int32)  # the code of the frame before on the best path
    for code in range(num_codes):
        prices[code] = initial[code] + costs[0, code]
    for time in range(1, num_frames):
        lowest = np.inf
        for code in range(num_codes):
            lowest = min(lowest, prices[code])
        if lowest == np.inf:
            return False
        for code in range(num_codes):  # to stay comes first, so that it wins if nothing is better
            prices[code] -= lowest
            reached[code] = prices[code] + between[code, code]
            came[code] = code
        for previous in range(num_codes):
            paid = prices[previous]
            if paid < np.inf:
                step = between[previous]
                for code in range(num_codes):
                    price = paid + step[code]
                    came[code] = previous if price < reached[code] else came[code]
                    reached[code] = price if price < reached[code] else reached[code]
        for code in range(num_codes):
            before[time, code] = came[code]
            prices[code] = reached[code] + costs[time, code]
    code = np.argmin(prices)
    if prices[code] == np.inf:
        return False
    for time in range(num_frames - 1, -1, -1):
        codes[time] = code
        code = before[time, code]
    return True
