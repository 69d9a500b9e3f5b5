"""Merging neighbours greedily, the cheapest pair first, until so many segments are left (as in DistSup, 2019)."""

import heapq

import numba
import numpy as np

from unitdisc.segmentation.viterbi import Path, packed, path_of


def merged_path(costs: np.ndarray, segments: int, lengths: np.ndarray | None = None) -> Path:
    """Begins with a segment per frame and merges the two neighbours whose common code costs least more than their own.

    costs: [N, K]; lengths: [B], of the sequences that the frames are of, one after the other (default: one sequence):
    nothing is merged across them. Merging goes on while there are more than `segments` over all sequences. What costs
    nothing comes first: neighbours of the same code. Of merges that cost the same, the first. A last merge can give a
    segment the code of its neighbour, so there can be a run less than there are segments.
    Raises ValueError if there are more sequences than wanted segments.
    """
    costs, lengths = packed(costs, lengths)
    enough(lengths, segments)
    codes = np.empty(len(costs), np.int64)
    merge(costs.astype(np.float64), lengths, segments, codes)
    return path_of(costs, lengths, codes)


def enough(lengths: np.ndarray, segments: int) -> None:
    """Raises ValueError if there are more sequences (that have frames) than segments."""
    if (sequences := int((lengths > 0).sum())) > segments:
        raise ValueError(f"{sequences} sequences cannot make {segments} segments; each is one at least")


@numba.njit(cache=True)
def merge(sums, lengths, wanted, codes):
    """Fills `codes` [N]. sums: [N, K], overwritten: the row of a segment's first frame becomes the sum of its rows."""
    frames = len(sums)
    end = np.arange(1, frames + 1)  # of the segment that begins at a frame: its end; 0 once it is part of another
    before = np.arange(-1, frames - 1)  # and where the segment before it begins; -1 if it is the first of a sequence
    lowest = np.empty(frames)  # and what it costs with its best code
    changed = np.zeros(frames, np.int64)  # and how often it has changed
    last = np.zeros(frames, np.bool_)  # the last frames of sequences
    first = 0
    for length in lengths:
        if length:
            before[first] = -1
            last[first + length - 1] = True
        first += length
    for frame in range(frames):
        lowest[frame] = np.inf
        for code in range(sums.shape[1]):
            lowest[frame] = min(lowest[frame], sums[frame, code])
    queue = [(0.0, 0, 0, 0) for _ in range(0)]  # (what merging costs, left segment, changes of left, of right)
    for left in range(frames):
        if not last[left]:
            queue.append((merging_cost(sums, lowest, left, left + 1), left, 0, 0))
    heapq.heapify(queue)
    segments = frames
    while segments > wanted:
        _, left, changes, changes_of_right = heapq.heappop(queue)
        right = end[left]
        if not right or changed[left] != changes or last[right - 1] or changed[right] != changes_of_right:
            continue  # one of the two has changed since
        after = end[right]
        lowest[left] = np.inf
        for code in range(sums.shape[1]):  # in a loop: numba takes seconds to compile a sum of arrays
            sums[left, code] += sums[right, code]
            lowest[left] = min(lowest[left], sums[left, code])
        end[left] = after
        end[right] = 0
        changed[left] += 1
        segments -= 1
        if not last[after - 1]:
            before[after] = left
            heapq.heappush(queue, (merging_cost(sums, lowest, left, after), left, changed[left], changed[after]))
        if before[left] >= 0:
            earlier = before[left]
            heapq.heappush(queue, (merging_cost(sums, lowest, earlier, left), earlier, changed[earlier], changed[left]))
    frame = 0
    while frame < frames:
        codes[frame : end[frame]] = sums[frame].argmin()
        frame = end[frame]


@numba.njit(cache=True)
def merging_cost(sums, lowest, left, right):
    """What two neighbours cost with one code more than each with its own."""
    together = np.inf
    for code in range(sums.shape[1]):
        together = min(together, sums[left, code] + sums[right, code])
    return together - (lowest[left] + lowest[right])
