"""Paths through a phone loop, compiled: forward-backward over all of them, and Viterbi for the likeliest.

Scores are logarithms of likelihoods: [T, U, S], of U units with S states each, from left to right. An utterance begins
in the first state of a unit and ends in any state; after the last state of a unit comes the first of any. A step stays
in its state or leaves it (`stay`, `leave`: [U, S]), and `enter` [U] is paid whenever a unit begins.
"""

import numba
import numpy as np

NEGLIGIBLE = 40.0  # nats below the greatest, where double precision no longer sees a term


@numba.njit(cache=True, nogil=True)
def log_add(first, second):
    """log(exp(first) + exp(second))"""
    if first < second:
        first, second = second, first
    if second < first - NEGLIGIBLE or second == -np.inf:
        return first
    return first + np.log1p(np.exp(second - first))


@numba.njit(cache=True, nogil=True)
def log_sum(terms):
    highest = terms[0]
    for term in terms:
        highest = max(highest, term)
    if highest == -np.inf:
        return highest
    total = 0.0
    for term in terms:
        if term > highest - NEGLIGIBLE:
            total += np.exp(term - highest)
    return highest + np.log(total)


@numba.njit(cache=True, nogil=True)
def forward(scores, enter, stay, leave):
    """log p of all paths up to a frame that end in a state, [T, U, S], and of those that end a unit there, [T]."""
    frames, units, states = scores.shape
    reached = np.full((frames, units, states), -np.inf)
    left = np.empty(frames)
    leaving = np.empty(units)
    for time in range(frames):
        for unit in range(units):
            for state in range(states):
                if time == 0:
                    path = enter[unit] if state == 0 else -np.inf
                else:
                    path = reached[time - 1, unit, state] + stay[unit, state]
                    if state == 0:
                        path = log_add(path, left[time - 1] + enter[unit])
                    else:
                        path = log_add(path, reached[time - 1, unit, state - 1] + leave[unit, state - 1])
                reached[time, unit, state] = path + scores[time, unit, state]
            leaving[unit] = reached[time, unit, states - 1] + leave[unit, states - 1]
        left[time] = log_sum(leaving)
    return reached, left


@numba.njit(cache=True, nogil=True)
def forward_backward(scores, enter, stay, leave):
    """log p of the utterance, and what is expected: how probable every state is at every frame [T, U, S], how often
    units are entered [U], and how often states are stayed in and left [U, S]."""
    frames, units, states = scores.shape
    reached, left = forward(scores, enter, stay, leave)
    total = log_sum(reached[frames - 1].ravel())
    shares = np.zeros((frames, units, states))
    entries, stays, leaves = np.zeros(units), np.zeros((units, states)), np.zeros((units, states))
    after = np.zeros((units, states))  # log p of all that follows a frame, given its state
    here = np.empty((units, states))  # the same with the frame itself
    beginning = np.empty(units)
    entered = -np.inf  # of all that begin a unit at the frame
    for time in range(frames - 1, -1, -1):
        if time < frames - 1:
            for unit in range(units):
                for state in range(states):
                    onwards = entered if state == states - 1 else here[unit, state + 1]
                    staying = stay[unit, state] + here[unit, state]
                    moving = leave[unit, state] + onwards
                    after[unit, state] = log_add(staying, moving)
                    path = reached[time, unit, state] - total
                    if path + staying > -NEGLIGIBLE:
                        stays[unit, state] += np.exp(path + staying)
                    if path + moving > -NEGLIGIBLE:
                        leaves[unit, state] += np.exp(path + moving)
        for unit in range(units):
            for state in range(states):
                share = reached[time, unit, state] + after[unit, state] - total
                if share > -NEGLIGIBLE:
                    shares[time, unit, state] = np.exp(share)
                here[unit, state] = after[unit, state] + scores[time, unit, state]
            beginning[unit] = enter[unit] + here[unit, 0]
            before = left[time - 1] if time > 0 else 0.0
            if before + beginning[unit] - total > -NEGLIGIBLE:
                entries[unit] += np.exp(before + beginning[unit] - total)
        entered = log_sum(beginning)
    return total, shares, entries, stays, leaves


@numba.njit(cache=True, nogil=True)
def likeliest_path(scores, enter, stay, leave, units_of):
    """Fills in the units [T] of the likeliest path on which no unit follows itself; returns its score and how many.

    After a unit comes the best of all that ended, or, where that is the same unit, the best of the others: so no more
    than two of them are remembered for every frame.
    """
    frames, units, states = scores.shape
    reached = np.full((units, states), -np.inf)
    moved = np.zeros((frames, units, states), np.bool_)  # whether the best path came from another state
    best = np.full((frames, 2), -1)  # of units that end at a frame, that of the best path and the next
    for time in range(frames):
        first, second = (best[time - 1, 0], best[time - 1, 1]) if time > 0 else (-1, -1)
        ended = reached[first, states - 1] + leave[first, states - 1] if first >= 0 else -np.inf
        other = reached[second, states - 1] + leave[second, states - 1] if second >= 0 else -np.inf
        for unit in range(units):
            for state in range(states - 1, -1, -1):  # so that the state before is still that of the frame before
                staying = reached[unit, state] + stay[unit, state]
                if state > 0:
                    moving = reached[unit, state - 1] + leave[unit, state - 1]
                elif time == 0:
                    moving = enter[unit]
                else:
                    moving = (other if unit == first else ended) + enter[unit]
                moved[time, unit, state] = moving > staying
                reached[unit, state] = max(staying, moving) + scores[time, unit, state]
        for unit in range(units):
            price = reached[unit, states - 1] + leave[unit, states - 1]
            if price > -np.inf:
                place = best[time]
                if place[0] < 0 or price > reached[place[0], states - 1] + leave[place[0], states - 1]:
                    place[0], place[1] = unit, place[0]
                elif place[1] < 0 or price > reached[place[1], states - 1] + leave[place[1], states - 1]:
                    place[1] = unit
    unit, state = divmod(np.argmax(reached), states)
    score, count = reached[unit, state], 1
    for time in range(frames - 1, -1, -1):
        units_of[time] = unit
        if moved[time, unit, state] and time > 0:
            if state > 0:
                state -= 1
            else:
                unit = best[time - 1, 1] if best[time - 1, 0] == unit else best[time - 1, 0]
                state = states - 1
                count += 1
    return score, count
