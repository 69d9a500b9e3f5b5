"""Explicit-duration Viterbi over one sequence, compiled: every open run takes a frame in, and may end there."""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def cheapest_runs(costs, durations, shortest, tail, switch_cost, initial, distinct):
    """Starts and codes [S] of the cheapest runs where all changes cost the same; empty if there are none.

    costs: [T, K]; durations: [D, 1] or [D, K]. A run can only follow the best one that ends before it, or, if that
    one has the same code, the best one of another code: no more than these two are kept for every frame.
    """
    num_frames, num_codes = costs.shape
    longest = min(len(durations), max(num_frames, 1))
    last = durations.shape[1] - 1  # 0 if all codes share their durations
    opened = np.empty((longest, num_codes))  # price of all up to now if a run of the code began at start % longest
    ended = np.empty(num_codes)  # price if a run of the code ends here
    aged = np.full(num_codes, np.inf)  # price if a run ends here that is longer than the table
    since = np.zeros(num_codes, np.int64)  # its start
    frame = np.empty(num_codes)
    best = np.zeros((num_frames + 1, 2), np.int64)  # the two codes of the cheapest runs that end before each frame
    lasted = np.zeros((num_frames + 1, 2), np.int64)  # and how long they are
    for code in range(num_codes):
        opened[0, code] = initial[code]
    lowest = 0.0  # prices are less that of the best of all, so that they stay small
    for time in range(num_frames):
        for code in range(num_codes):
            frame[code] = costs[time, code] - lowest
            aged[code] += frame[code] + tail
            ended[code] = aged[code]
        for start in range(max(0, time + 1 - longest), time + 1):
            prices = opened[start % longest]
            duration = time - start
            if duration + 1 < shortest:
                for code in range(num_codes):
                    prices[code] += frame[code]
            elif last == 0:
                extra = durations[duration, 0]
                for code in range(num_codes):
                    price = prices[code] + frame[code]
                    prices[code] = price
                    price += extra
                    ended[code] = price if price < ended[code] else ended[code]
            else:
                extras = durations[duration]
                for code in range(num_codes):
                    price = prices[code] + frame[code]
                    prices[code] = price
                    price += extras[code]
                    ended[code] = price if price < ended[code] else ended[code]
        first = 0
        for code in range(1, num_codes):
            if ended[code] < ended[first]:
                first = code
        second = -1
        if distinct:
            for code in range(num_codes):
                if code != first and (second < 0 or ended[code] < ended[second]):
                    second = code
        for place, code in enumerate((first, second)):
            best[time + 1, place] = code
            price = np.inf
            if code >= 0:
                if aged[code] < np.inf:
                    price = aged[code]
                    lasted[time + 1, place] = time + 1 - since[code]
                for start in range(max(0, time + 1 - longest), time + 2 - shortest):  # the longest run first
                    duration = time - start
                    extra = durations[duration, min(code, last)]
                    if opened[start % longest, code] + extra < price:
                        price = opened[start % longest, code] + extra
                        lasted[time + 1, place] = duration + 1
        prices = opened[(time + 1) % longest]
        if time + 1 >= longest:  # the run that began there has as many frames as the table
            for code in range(num_codes):
                price = prices[code] + durations[longest - 1, min(code, last)]
                since[code] = time + 1 - longest if price < aged[code] else since[code]
                aged[code] = min(aged[code], price)
        for code in range(num_codes):
            prices[code] = ended[first] + switch_cost
        if distinct:
            prices[first] = ended[second] + switch_cost if second >= 0 else np.inf
        lowest = ended[first] if ended[first] < np.inf else 0.0
    starts = np.empty(num_frames, np.int64)
    codes = np.empty(num_frames, np.int64)
    runs, time, code = 0, num_frames, -1
    while time > 0:
        place = 1 if distinct and best[time, 0] == code else 0
        code = best[time, place]
        if lasted[time, place] == 0:  # nothing of a finite cost ends here
            return starts[:0], codes[:0]
        time -= lasted[time, place]
        starts[runs], codes[runs] = time, code
        runs += 1
    return starts[:runs][::-1].copy(), codes[:runs][::-1].copy()


@numba.njit(cache=True, nogil=True)
def cheapest_linked_runs(costs, durations, shortest, tail, between, initial):
    """Starts and codes [S] of the cheapest runs if a change from j to k costs between[j, k]; empty if there are none.

    costs: [T, K]; durations: [D, 1] or [D, K].
    """
    num_frames, num_codes = costs.shape
    longest = min(len(durations), max(num_frames, 1))
    last = durations.shape[1] - 1  # 0 if all codes share their durations
    opened = np.empty((longest, num_codes))  # price of all up to now if a run of the code began at start % longest
    ended = np.empty(num_codes)  # price if a run of the code ends here
    aged = np.full(num_codes, np.inf)  # price if a run ends here that is longer than the table
    since = np.zeros(num_codes, np.int64)  # its start
    frame = np.empty(num_codes)
    extras = np.empty(num_codes)
    lasting = np.empty(num_codes, np.int64)
    entered = np.empty(num_codes, np.int64)
    lasted = np.zeros((num_frames + 1, num_codes), np.int32)  # duration of the run that ends before each frame
    before = np.zeros((num_frames + 1, num_codes), np.int32)  # code of the run before one that begins there
    for code in range(num_codes):
        opened[0, code] = initial[code]
    lowest = 0.0  # prices are less that of the best of all, so that they stay small
    for time in range(num_frames):
        for code in range(num_codes):
            frame[code] = costs[time, code] - lowest
            aged[code] += frame[code] + tail
            ended[code] = aged[code]
            lasting[code] = time + 1 - since[code] if aged[code] < np.inf else 0
        for start in range(max(0, time + 1 - longest), time + 1):
            prices = opened[start % longest]
            duration = time - start
            if duration + 1 < shortest:
                for code in range(num_codes):
                    prices[code] += frame[code]
                continue
            for code in range(num_codes):
                extras[code] = durations[duration, min(code, last)]
            for code in range(num_codes):
                prices[code] += frame[code]
                price = prices[code] + extras[code]
                lasting[code] = duration + 1 if price < ended[code] else lasting[code]
                ended[code] = price if price < ended[code] else ended[code]
        prices = opened[(time + 1) % longest]
        if time + 1 >= longest:  # the run that began there has as many frames as the table
            for code in range(num_codes):
                price = prices[code] + durations[longest - 1, min(code, last)]
                since[code] = time + 1 - longest if price < aged[code] else since[code]
                aged[code] = min(aged[code], price)
        for code in range(num_codes):
            prices[code] = np.inf
            entered[code] = 0
        for previous in range(num_codes):
            paid = ended[previous]
            prices_of_change = between[previous]
            if paid < np.inf:
                for code in range(num_codes):
                    price = paid + prices_of_change[code]
                    entered[code] = previous if price < prices[code] else entered[code]
                    prices[code] = price if price < prices[code] else prices[code]
        lowest = np.inf
        for code in range(num_codes):
            lasted[time + 1, code] = lasting[code]
            before[time + 1, code] = entered[code]
            lowest = min(lowest, ended[code])
        lowest = lowest if lowest < np.inf else 0.0
    starts = np.empty(num_frames, np.int64)
    codes = np.empty(num_frames, np.int64)
    runs, time, code = 0, num_frames, np.argmin(ended)
    while time > 0:
        if lasted[time, code] == 0:  # nothing of a finite cost ends here
            return starts[:0], codes[:0]
        time -= lasted[time, code]
        starts[runs], codes[runs] = time, code
        runs += 1
        code = before[time, code]
    return starts[:runs][::-1].copy(), codes[:runs][::-1].copy()
