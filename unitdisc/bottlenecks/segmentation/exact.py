"""The cheapest codes with at most so many segments: exact, in little more than the time of Viterbi.

The textbook programme over (frame, segments so far, code) takes O(N S K) time and memory. Here Viterbi at the critical
switch cost (`calibration.bracket`) first gives, for every code at every frame, how much is lost at least by being
there: the reduced cost. A path with the wanted number of segments need not lose more than a little, so that only few
codes at few frames can be part of it, and the programme over those alone finds the best. How little is not known
beforehand: a first guess is doubled until the best path found loses less than what was left out would.
"""

import numba
import numpy as np

from unitdisc.bottlenecks.segmentation.calibration import Bracket, Calibration, bracket, evaluation
from unitdisc.bottlenecks.segmentation.merging import enough
from unitdisc.bottlenecks.segmentation.paths import Path, packed, path_of, viterbi_path

BLOCK = 256  # frames whose reduced costs are in memory at once
FIRST_GUESS = 2.0**-10  # of what may be lost, in switch costs
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
    if isinstance(found, Calibration) or found.few.segments == segments:
        best = found if isinstance(found, Calibration) else found.few
        return viterbi_path(costs, best.switch_cost, lengths)
    return between(costs, lengths, segments, found)


def between(costs: np.ndarray, lengths: np.ndarray, segments: int, found: Bracket) -> Path:
    """The best path whose number of segments no switch cost gives."""
    spare = segments - found.few.segments  # Viterbi's own path with fewer segments loses this many switch costs
    allowed = found.critical * FIRST_GUESS
    while True:
        codes = np.empty(len(costs), np.int64)
        loss = best_within(costs, lengths, found.critical, segments, allowed, codes)
        if loss <= allowed:
            return path_of(costs, lengths, codes)
        if allowed >= found.critical * spare:  # rounding: nothing is better than Viterbi's own
            return viterbi_path(costs, found.few.switch_cost, lengths)
        allowed *= GROWTH


def best_within(
    costs: np.ndarray, lengths: np.ndarray, switch_cost: float, segments: int, allowed: float, codes: np.ndarray
) -> float:
    """Fills `codes` [N] with the best path among those that lose at most `allowed`; returns its loss, or infinity.

    The loss of a path of c segments is its cost + switch_cost x c less that of the best path, and another switch cost
    for every segment that it has fewer than `segments`.
    """
    ends = np.zeros(len(costs) + 1, np.bool_)  # where a sequence begins, and the end of all
    ends[np.append(0, np.cumsum(lengths))] = True
    checkpoints = checkpoint(costs, ends, switch_cost)
    return fewest_losses(costs, ends, checkpoints, float(switch_cost), segments, float(allowed), codes)


@numba.njit(cache=True)
def checkpoint(costs, begins, switch_cost):
    """What is lost at least by a code [K] at the first frame of every block, from the last block to the first."""
    blocks = (len(costs) + BLOCK - 1) // BLOCK
    kept = np.zeros((blocks + 1, costs.shape[1]))
    losses = np.zeros((1, costs.shape[1]))
    for block in range(blocks - 1, -1, -1):
        kept[block] = kept[block + 1]
        for frame in range(min(len(costs), (block + 1) * BLOCK) - 1, block * BLOCK - 1, -1):
            lose(costs[frame], begins[frame + 1], switch_cost, kept[block], losses[0])
            kept[block] = losses[0]
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
def fewest_losses(costs, begins, checkpoints, switch_cost, segments, allowed, codes):
    """The programme over (frame, code, segments so far) where the loss so far is allowed; see `best_within`."""
    frames, num_codes = costs.shape
    block_losses = np.zeros((BLOCK, num_codes))
    first_state = np.zeros(frames + 1, np.int64)  # of each frame; a state is a code and a number of segments so far
    state_code = np.empty(4 * frames, np.int32)
    state_count = np.empty(4 * frames, np.int64)
    state_from = np.empty(4 * frames, np.int64)  # the state one frame before
    state_loss = np.empty(4 * frames)
    states = 0
    for frame in range(frames):
        if frame % BLOCK == 0:  # what is lost at the frames of the next block, from its end
            block = frame // BLOCK
            later = checkpoints[block + 1]
            for row in range(min(frames, frame + BLOCK) - 1, frame - 1, -1):
                lose(costs[row], begins[row + 1], switch_cost, later, block_losses[row - frame])
                later = block_losses[row - frame]
        losses = block_losses[frame % BLOCK]
        first_state[frame] = states
        if frame == 0:
            low, high = 0, 0
            enter_loss, enter_from = np.zeros(1), np.full(1, -1)
        else:
            previous = first_state[frame - 1]
            low, high = state_count[previous], state_count[previous]
            for state in range(previous, states):
                low, high = min(low, state_count[state]), max(high, state_count[state])
            enter_loss, enter_from = np.full(high - low + 1, np.inf), np.full(high - low + 1, -1)
            for state in range(previous, states):
                leaving = 0.0 if begins[frame] else max(0.0, switch_cost - losses[state_code[state]])
                count = state_count[state] - low
                if state_loss[state] + leaving < enter_loss[count]:
                    enter_loss[count] = state_loss[state] + leaving
                    enter_from[count] = state
        room = states + (high - low + 2) * num_codes + (states - first_state[max(frame - 1, 0)])
        if room > len(state_loss):
            more = max(room, 2 * len(state_loss))
            state_code = grown(state_code, more)
            state_count = grown(state_count, more)
            state_from = grown(state_from, more)
            state_loss = grown(state_loss, more)
        # ways into a state: another code before (or another sequence), one segment more; or the same code
        place = np.full((num_codes, high - low + 2), -1)
        lowest = enter_loss.min()
        for code in range(num_codes):
            if lowest + losses[code] > allowed:
                continue
            for count in range(high - low + 1):
                loss = enter_loss[count] + losses[code]
                if loss <= allowed and low + count + 1 <= segments:
                    place[code, count + 1] = states
                    state_code[states], state_count[states] = code, low + count + 1
                    state_from[states], state_loss[states] = enter_from[count], loss
                    states += 1
        if not begins[frame]:
            for state in range(first_state[frame - 1], first_state[frame]):
                code, count = state_code[state], state_count[state]
                loss = state_loss[state] + max(0.0, losses[code] - switch_cost)
                if loss > allowed:
                    continue
                there = place[code, count - low]
                if there < 0:
                    there = states
                    place[code, count - low] = there
                    state_code[there], state_count[there], state_loss[there] = code, count, np.inf
                    states += 1
                if loss <= state_loss[there]:
                    state_from[there], state_loss[there] = state, loss
        if states == first_state[frame]:
            return np.inf
    best, best_loss = -1, np.inf
    for state in range(first_state[frames - 1], states):
        loss = state_loss[state] + switch_cost * (segments - state_count[state])
        if loss < best_loss:
            best, best_loss = state, loss
    for frame in range(frames - 1, -1, -1):
        codes[frame] = state_code[best]
        best = state_from[best]
    return best_loss


@numba.njit(cache=True)
def grown(values, size):
    larger = np.empty(size, values.dtype)
    larger[: len(values)] = values
    return larger
