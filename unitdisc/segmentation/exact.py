"""The cheapest codes with at most so many segments: exact, in little more time than it takes to calibrate Viterbi.

The textbook programme over (frame, segments so far, code) takes O(N S K) time and memory. Here Viterbi at the critical
switch cost (`calibration.bracket`) first gives, for every code at every frame, how much is lost at least by being
there: the reduced cost. A path with the wanted number of segments need not lose more than a little, so that only few
codes at few frames can be part of it, and the programme over those alone finds the best. How little is not known
beforehand: a first guess grows until the best path found loses less than what was left out would.
"""

import numba
import numpy as np

from unitdisc.segmentation.calibration import Bracket, Calibration, bracket, evaluation
from unitdisc.segmentation.greedy import enough
from unitdisc.segmentation.viterbi import Path, packed, path_of, viterbi_path

BLOCK = 256  # frames whose reduced costs are in memory at once
FIRST_GUESS = 2.0**-7  # of what may be lost, in switch costs
GROWTH = 8.0


def exact_path(costs: np.ndarray, segments: int, lengths: np.ndarray | None = None) -> Path:
    """The codes of least cost with at most `segments` runs of one code over all sequences.

    costs: [N, K]; lengths: [B], of the sequences that the frames are of, one after the other (default: one sequence).
    Fewer runs than wanted come out only where more would not cost less.
    Raises ValueError if there are more sequences than wanted segments.
    """
    costs, lengths = packed(costs, lengths)
    enough(lengths, segments)
    found = bracket(evaluation(costs, lengths), segments)
    if isinstance(found, Calibration):
        return viterbi_path(costs, found.switch_cost, lengths)
    return between(costs, lengths, segments, found)


def between(costs: np.ndarray, lengths: np.ndarray, segments: int, found: Bracket) -> Path:
    """The best path whose number of segments no switch cost gives.

    The loss of a path of c segments is its cost + switch cost x c less that of the best path, and another switch cost
    for every segment that it has fewer than wanted.
    """
    begins = np.zeros(len(costs) + 1, np.bool_)  # where a sequence begins, and the end of all
    begins[np.append(0, np.cumsum(lengths))] = True
    checkpoints = checkpoint(costs, begins, found.critical)
    codes = np.empty(len(costs), np.int64)
    spare = segments - found.few.segments  # Viterbi's own path with fewer segments loses this many switch costs
    allowed = found.critical * FIRST_GUESS
    while True:
        loss = least_loss(costs, begins, checkpoints, found.critical, segments, allowed, codes)
        if loss <= allowed:
            return path_of(costs, lengths, codes)
        if allowed >= found.critical * spare:  # rounding: nothing is better than Viterbi's own
            return viterbi_path(costs, found.few.switch_cost, lengths)
        allowed *= GROWTH


@numba.njit(cache=True)
def checkpoint(costs, begins, switch_cost):
    """What is lost at least by a code [K] at the first frame of every block, from the last block to the first."""
    blocks = (len(costs) + BLOCK - 1) // BLOCK
    kept = np.zeros((blocks + 1, costs.shape[1]))
    for block in range(blocks - 1, -1, -1):
        later = kept[block + 1]
        for frame in range(min(len(costs), (block + 1) * BLOCK) - 1, block * BLOCK - 1, -1):
            lose(costs[frame], begins[frame + 1], switch_cost, later, kept[block])
            later = kept[block]
    return kept


@numba.njit(cache=True)
def lose(row, ends, switch_cost, later, losses):
    """What is lost at least by each code at a frame [K], given what is lost at the next frame [K]."""
    lowest = np.inf
    for code in range(len(row)):
        losses[code] = row[code] + (0.0 if ends else min(later[code], switch_cost))
        lowest = min(lowest, losses[code])
    for code in range(len(row)):
        losses[code] -= lowest


@numba.njit(cache=True)
def least_loss(costs, begins, checkpoints, switch_cost, segments, allowed, codes):
    """Fills `codes` [N] with the best path among those that lose at most `allowed`; returns its loss, or infinity.

    The programme over (frame, code, segments so far), where only states are kept whose loss so far is allowed.
    """
    block = np.zeros((BLOCK, costs.shape[1]))
    states = [(-1, 0, -1, 0.0)]  # (code, segments so far, the state one frame before, loss so far)
    previous, current = 0, 1  # the first state of the frame before, and of this one
    for frame in range(len(costs)):
        if frame % BLOCK == 0:
            fill(block, costs, begins, checkpoints, frame, switch_cost)
        losses = block[frame % BLOCK]
        enter(states, previous, losses, begins[frame], switch_cost, segments, allowed)
        if not begins[frame]:
            stay(states, previous, current, losses, switch_cost, allowed)
        if len(states) == current:
            return np.inf
        previous, current = current, len(states)
    return trace(states, previous, switch_cost, segments, codes)


@numba.njit(cache=True)
def fill(block, costs, begins, checkpoints, first, switch_cost):
    """What is lost at least by each code at the frames of a block, from its last frame to its first."""
    later = checkpoints[first // BLOCK + 1]
    for frame in range(min(len(costs), first + BLOCK) - 1, first - 1, -1):
        lose(costs[frame], begins[frame + 1], switch_cost, later, block[frame - first])
        later = block[frame - first]


@numba.njit(cache=True)
def enter(states, previous, losses, begins, switch_cost, segments, allowed):
    """Adds the states where a segment begins: after another code, or at the beginning of a sequence."""
    before = len(states)
    low = high = states[previous][1]
    for state in range(previous, before):
        low, high = min(low, states[state][1]), max(high, states[state][1])
    least = np.full(high - low + 1, np.inf)  # of every number of segments so far, the least loss
    origin = np.full(high - low + 1, -1)
    for state in range(previous, before):
        code, count, _, loss = states[state]
        loss += 0.0 if begins else max(0.0, switch_cost - losses[code])
        if loss < least[count - low]:
            least[count - low] = loss
            origin[count - low] = state
    lowest = least.min()
    for code in range(len(losses)):
        if lowest + losses[code] <= allowed:
            for step in range(len(least)):
                if least[step] + losses[code] <= allowed and low + step < segments:
                    states.append((code, low + step + 1, origin[step], least[step] + losses[code]))


@numba.njit(cache=True)
def stay(states, previous, current, losses, switch_cost, allowed):
    """Adds the states whose segment goes on; of two with one code and as many segments, the better is kept."""
    entered = {(-1, -1): -1}
    for state in range(current, len(states)):
        entered[states[state][0], states[state][1]] = state
    for state in range(previous, current):
        code, count, _, loss = states[state]
        loss += max(0.0, losses[code] - switch_cost)
        if loss <= allowed:
            there = entered.get((code, count), -1)
            if there < 0:
                states.append((code, count, state, loss))
            elif loss <= states[there][3]:
                states[there] = (code, count, state, loss)


@numba.njit(cache=True)
def trace(states, first, switch_cost, segments, codes):
    """Fills `codes` with the best path to one of the states from `first` on; returns its loss."""
    best, least = -1, np.inf
    for state in range(first, len(states)):
        loss = states[state][3] + switch_cost * (segments - states[state][1])
        if loss < least:
            best, least = state, loss
    for frame in range(len(codes) - 1, -1, -1):
        codes[frame], _, best, _ = states[best]
    return least
