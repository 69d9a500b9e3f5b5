"""The names of a sequence of units: all ways to cut it into names, compiled; forward-backward and Viterbi.

Names follow one another by a bigram. A name is written by one run or by several, up to C, each with the probability
that its unit is one of the name; the duration of all of them is log-normal, and how they share it uniform. Several
names in a row, alike, up to K, may be written by one run that lasts K times as long: they are tied.

likeness [R, M]       log-probability of the unit of every run, by name
x [R]                 log of the ticks of every run
follows [M+1, M+1]    log-probability of a name (column) after a name (row); the last row is the beginning, and the last
                      column the end
mu, sigma [M]         mean and deviation of the log of the ticks of a name
shape [M, C]          log-probability that a name takes so many runs
tie [M, 2]            log-probability that a name, and the same one after it, share a run, and that they do not

Semi-Markov models as in Sarawagi and Cohen (2004); durations in logarithms, so that all densities are of the same runs.
"""

import numba
import numpy as np

NONE = -1e30
HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


@numba.njit(cache=True, nogil=True)
def log_add(left, right):
    if left < right:
        left, right = right, left
    return left if right <= NONE / 2 else left + np.log1p(np.exp(right - left))


@numba.njit(cache=True, nogil=True)
def log_normal(x, mean, deviation):
    return -0.5 * ((x - mean) / deviation) ** 2 - np.log(deviation) - HALF_LOG_2PI


@numba.njit(cache=True, nogil=True)
def segments(likeness, x, follows, mu, sigma, shape, tie, most_tied):
    """Log-probabilities of what begins at every run: [R, C + K - 1, M]; first by runs taken, then tied 2, 3, ..."""
    runs, names = likeness.shape
    most = shape.shape[1]
    found = np.full((runs, most + most_tied - 1, names), NONE)
    for first in range(runs):
        for name in range(names):
            emitted, total = 0.0, 0.0
            logs, rising = 0.0, 0.0
            for taken in range(1, min(most, runs - first) + 1):
                run = first + taken - 1
                emitted += likeness[run, name]
                total += np.exp(x[run])
                logs += x[run]
                rising += np.log(taken - 1) if taken > 1 else 0.0  # log (c - 1)!
                long = np.log(total)
                score = emitted + log_normal(long, mu[name], sigma[name]) + shape[name, taken - 1]
                found[first, taken - 1, name] = score + rising + logs - taken * long
            for tied in range(2, most_tied + 1):
                if tie[name, 0] > NONE / 2:
                    lasting = log_normal(x[first], mu[name] + np.log(tied), sigma[name] / np.sqrt(tied))
                    again = (tied - 1) * (follows[name, name] + tie[name, 0])
                    found[first, most + tied - 2, name] = likeness[first, name] + lasting + again
    return found


@numba.njit(cache=True, nogil=True)
def between(follows, tie):
    """Transitions between stretches: one that stays in a name is not tied."""
    names = len(tie)
    found = follows.copy()
    for name in range(names):
        found[name, name] += tie[name, 1]
    return found


@numba.njit(cache=True, nogil=True)
def forward(scores, follows, tie, most):
    """Sums over all ways to the end of every stretch, and to its beginning: alpha [R + 1, M], entry [R, M]."""
    runs, kinds, names = scores.shape
    moves = between(follows, tie)
    alpha = np.full((runs + 1, names), NONE)
    entry = np.full((runs, names), NONE)
    for end in range(runs + 1):
        for name in range(names):
            for kind in range(kinds):
                first = end - (kind + 1 if kind < most else 1)
                if first >= 0:
                    alpha[end, name] = log_add(alpha[end, name], entry[first, name] + scores[first, kind, name])
        if end < runs:
            for name in range(names):
                if end == 0:
                    entry[0, name] = follows[names, name]
                else:
                    highest = NONE
                    for other in range(names):
                        highest = max(highest, alpha[end, other] + moves[other, name])
                    summed = 0.0
                    for other in range(names):
                        summed += np.exp(alpha[end, other] + moves[other, name] - highest)
                    entry[end, name] = highest + np.log(summed) if highest > NONE / 2 else NONE
    return alpha, entry


@numba.njit(cache=True, nogil=True)
def counts(units, x, scores, follows, tie, most, transitions, shapes, ties, emitted, lasting):
    """Adds to the expected counts of one sequence; returns its log-probability and the posteriors of runs [R, M].

    transitions [M+1, M+1], shapes [M, C], ties [M, 2], emitted [U, M]; lasting [M, 4]: sums of weights, weights times
    names, and of these times log-durations and their squares.
    """
    runs, kinds, names = scores.shape
    moves = between(follows, tie)
    alpha, entry = forward(scores, follows, tie, most)
    total = NONE
    for name in range(names):
        total = log_add(total, alpha[runs, name] + follows[name, names])
    beta = np.full((runs + 1, names), NONE)
    out = np.full((runs, names), NONE)
    posterior = np.zeros((runs, names))
    for name in range(names):
        beta[runs, name] = follows[name, names]
        transitions[name, names] += np.exp(alpha[runs, name] + follows[name, names] - total)
    for first in range(runs - 1, -1, -1):
        for name in range(names):
            for kind in range(kinds):
                taken = kind + 1 if kind < most else 1
                if first + taken <= runs and scores[first, kind, name] > NONE / 2:
                    ahead = scores[first, kind, name] + beta[first + taken, name]
                    out[first, name] = log_add(out[first, name], ahead)
                    weight = np.exp(entry[first, name] + ahead - total)
                    if weight > 1e-12:
                        long = 0.0
                        for run in range(first, first + taken):
                            posterior[run, name] += weight
                            emitted[units[run], name] += weight
                            long += np.exp(x[run])
                        tied = 1 if kind < most else kind - most + 2
                        x_one = np.log(long) - np.log(tied)
                        lasting[name, 0] += weight
                        lasting[name, 1] += weight * tied
                        lasting[name, 2] += weight * tied * x_one
                        lasting[name, 3] += weight * tied * x_one * x_one
                        if kind < most:
                            shapes[name, kind] += weight
                        else:
                            ties[name, 0] += weight * (tied - 1)
                            transitions[name, name] += weight * (tied - 1)
        if first == 0:
            for name in range(names):
                transitions[names, name] += np.exp(follows[names, name] + out[0, name] - total)
        else:
            for name in range(names):
                highest = NONE
                for other in range(names):
                    highest = max(highest, moves[name, other] + out[first, other])
                summed = 0.0
                for other in range(names):
                    move = moves[name, other] + out[first, other]
                    summed += np.exp(move - highest)
                    weight = np.exp(alpha[first, name] + move - total)
                    transitions[name, other] += weight
                    if other == name:
                        ties[name, 1] += weight
                beta[first, name] = highest + np.log(summed) if highest > NONE / 2 else NONE
    return total, posterior


@numba.njit(cache=True, nogil=True)
def best_path(scores, follows, tie, most):
    """The likeliest stretches: first run, runs taken, tied names and name of each [S, 4], and its log-probability."""
    runs, kinds, names = scores.shape
    moves = between(follows, tie)
    alpha = np.full((runs + 1, names), NONE)
    kept = np.zeros((runs + 1, names), np.int64)  # the kind of stretch that ends there
    entry = np.full((runs, names), NONE)
    before = np.full((runs, names), -1, np.int64)
    for end in range(runs + 1):
        for name in range(names):
            for kind in range(kinds):
                first = end - (kind + 1 if kind < most else 1)
                if first >= 0:
                    score = entry[first, name] + scores[first, kind, name]
                    if score > alpha[end, name]:
                        alpha[end, name], kept[end, name] = score, kind
        if end < runs:
            for name in range(names):
                if end == 0:
                    entry[0, name] = follows[names, name]
                for other in range(names if end else 0):
                    score = alpha[end, other] + moves[other, name]
                    if score > entry[end, name]:
                        entry[end, name], before[end, name] = score, other
    found = np.zeros((runs, 4), np.int64)
    best, name = NONE, 0
    for other in range(names):
        if alpha[runs, other] + follows[other, names] > best:
            best, name = alpha[runs, other] + follows[other, names], other
    end, stretches = runs, 0
    while end > 0:
        kind = kept[end, name]
        taken = kind + 1 if kind < most else 1
        found[stretches] = (end - taken, taken, 1 if kind < most else kind - most + 2, name)
        name = before[end - taken, name]
        end -= taken
        stretches += 1
    return found[:stretches][::-1].copy(), best
