"""How often codes, and changes between them, are expected to occur if codes are drawn with probability exp(-cost).

The soft counterpart of counting along the cheapest path: forward filtering, then smoothing backwards.
"""

from dataclasses import dataclass

import numba
import numpy as np

from unitdisc.segmentation.semi_markov import cannot_be_coded, refuse_nan
from unitdisc.segmentation.transitions import linked
from unitdisc.segmentation.viterbi import packed


@dataclass(frozen=True)
class ExpectedCounts:
    """Expected over all paths; those of several utterances add up."""

    states: np.ndarray  # [K] frames of each code
    initial: np.ndarray  # [K] sequences that begin with each code
    transitions: np.ndarray  # [K, K] steps from each code (row) to each; on the diagonal, those that stay
    log_likelihood: float  # log of the sum of exp(-cost) over all paths

    def __add__(self, other: "ExpectedCounts") -> "ExpectedCounts":
        return ExpectedCounts(
            self.states + other.states,
            self.initial + other.initial,
            self.transitions + other.transitions,
            self.log_likelihood + other.log_likelihood,
        )


def expected_counts(
    costs: np.ndarray,
    transitions: np.ndarray | None = None,
    switch_cost: float = 0.0,
    initial: np.ndarray | None = None,
    lengths: np.ndarray | None = None,
) -> ExpectedCounts:
    """Counts of codes and of steps between them, where a path has the probability exp(-cost) over the sum of all.

    Arguments are those of `transition_path`; divide costs by twice the variance of a frame about its code where
    they are squared distances. `costs_of` makes costs of the transitions again.
    Time is O(N K^2), memory O(T K) for the longest sequence; probabilities are kept as logarithms.
    Raises ValueError for what does not fit or is not a number, and where no path is possible.
    """
    costs, lengths = packed(costs, lengths)
    refuse_nan(costs)
    num_codes = costs.shape[1]
    transitions = np.zeros((num_codes, num_codes)) if transitions is None else transitions
    between, initial = linked(num_codes, transitions, switch_cost, initial)
    states, begun, steps = np.zeros(num_codes), np.zeros(num_codes), np.zeros((num_codes, num_codes))
    log_likelihood, first = 0.0, 0
    for length in lengths.tolist():
        frames = costs[first : first + length]
        scores, total = filtered(frames, -between, -initial)
        if not total > -np.inf:
            raise ValueError(cannot_be_coded(length))
        smooth(-between, scores, states, begun, steps)
        log_likelihood += total
        first += length
    return ExpectedCounts(states, begun, steps, log_likelihood)


SMALLEST = -500.0  # logarithm of the sums that can be trusted when made of products; others are made by logarithms


@numba.njit(cache=True, nogil=True)
def log_arrivals(scores, links, weights, sums):
    """Fills `sums` [K] with the logarithm of the sum over the codes before: scores [K], links [K, K] = log weights."""
    num_codes = len(scores)
    sums[:] = 0.0
    for previous in range(num_codes):
        share = np.exp(scores[previous])
        if share > 0:
            for code in range(num_codes):
                sums[code] += share * weights[previous, code]
    for code in range(num_codes):
        sums[code] = np.log(sums[code]) if sums[code] > 0 else -np.inf
        if sums[code] < SMALLEST:  # it may still be the only way
            largest = (scores + links[:, code]).max()
            if largest > -np.inf:
                sums[code] = largest + np.log(np.exp(scores + links[:, code] - largest).sum())


@numba.njit(cache=True, nogil=True)
def filtered(costs, links, initial):
    """Log probability [T, K] of each code given the frames up to its own, less the largest; and that of all frames.

    links: [K, K], initial: [K], the logarithms of weights.
    """
    num_frames, num_codes = costs.shape
    scores = np.empty((num_frames, num_codes))
    weights = np.exp(links)
    sums = initial.copy()
    total = 0.0
    for time in range(num_frames):
        if time > 0:
            log_arrivals(scores[time - 1], links, weights, sums)
        scores[time] = sums - costs[time]
        largest = scores[time].max()
        if largest == -np.inf:
            return scores, largest
        scores[time] -= largest
        total += largest
    if num_frames > 0:
        total += np.log(np.exp(scores[-1]).sum())
    return scores, total


@numba.njit(cache=True, nogil=True)
def smooth(links, scores, states, initial, steps):
    """Adds what is expected given all frames to `states` [K], `initial` [K] and `steps` [K, K].

    From the last frame to the first: the probability of a code, times that of each code before it given this one.
    """
    num_frames, num_codes = scores.shape
    if num_frames == 0:
        return
    weights = np.exp(links)
    sums = np.empty(num_codes)
    now = np.exp(scores[-1])
    now /= now.sum()
    for time in range(num_frames - 1, 0, -1):
        states += now
        log_arrivals(scores[time - 1], links, weights, sums)
        before = np.zeros(num_codes)
        for code in range(num_codes):
            if now[code] > 0 and sums[code] < SMALLEST:
                for previous in range(num_codes):
                    step = now[code] * np.exp(scores[time - 1, previous] + links[previous, code] - sums[code])
                    steps[previous, code] += step
                    before[previous] += step
                now[code] = 0.0
            elif now[code] > 0:
                now[code] *= np.exp(-sums[code])
        for previous in range(num_codes):
            share = np.exp(scores[time - 1, previous])
            if share > 0:
                arriving = 0.0
                for code in range(num_codes):
                    step = share * weights[previous, code] * now[code]
                    steps[previous, code] += step
                    arriving += step
                before[previous] += arriving
        now = before
    states += now
    initial += now
