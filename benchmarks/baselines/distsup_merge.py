"""Units by merging, and the Viterbi search with its price, as DistSup has them (Chorowski et al., 2019): a baseline.

Written from a description of that code, its defects kept: merges cross the joins between utterances, one segment more
than asked for is left, sums of float32 cancel in long inputs, and stale entries of the heap count in the price.
"""

import heapq
from dataclasses import dataclass

import numpy as np
import torch

LAST_MERGES = 25  # from which the price of a change is read


@dataclass(frozen=True)
class Merged:
    codes: np.ndarray  # [N]
    starts: np.ndarray  # [segments]: neighbours may share a code
    values: list[float]  # cost so far, at every entry taken from the heap


def merge(distances: np.ndarray, limit: float) -> Merged:
    """Merges the pair of neighbours that costs least until limit + 1 segments are left: [N, K] -> Merged."""
    count = len(distances)
    sums = np.zeros((count + 1, distances.shape[1]), np.float32)
    np.cumsum(distances, axis=0, dtype=np.float32, out=sums[1:])

    def cost(start: int, end: int) -> float:
        return float((sums[end] - sums[start]).min())

    end_of = list(range(1, count + 1))  # of the segment that starts here; 0 where none does
    start_of = list(range(-1, count))  # of the segment that ends here
    own = [float(value) for value in distances.min(1)]  # of the segment that starts here

    def entry(start: int, middle: int, end: int) -> tuple[float, int, int, int]:
        return cost(start, end) - own[start] - own[middle], middle, start, end

    heap = [entry(middle - 1, middle, middle + 1) for middle in range(1, count)]
    heapq.heapify(heap)
    values = [sum(own)]
    segments = count
    while segments > limit + 1 and heap:
        delta, middle, start, end = heapq.heappop(heap)
        values.append(values[-1] + delta)  # before it is known whether the entry still holds
        if end_of[start] != middle or end_of[middle] != end:
            continue
        own[start] += own[middle] + delta
        end_of[start], end_of[middle], start_of[end] = end, 0, start
        segments -= 1
        if start > 0:
            heapq.heappush(heap, entry(start_of[start], start, end))
        if end < count:
            heapq.heappush(heap, entry(start, end, end_of[end]))
    starts = np.array([start for start in range(count) if end_of[start]])
    codes = np.empty(count, np.int64)
    for start in starts:
        codes[start : end_of[start]] = (sums[end_of[start]] - sums[start]).argmin()
    return Merged(codes, starts, values)


def switch_cost(merged: Merged) -> float:
    """The price of a change that training keeps for inference: what the last 25 entries of the heap cost on average."""
    return (merged.values[-1] - merged.values[-1 - LAST_MERGES]) / LAST_MERGES


def viterbi(distances: np.ndarray, switch_cost: float) -> np.ndarray:
    """The cheapest path over a full matrix of transitions, found as the gradient of its cost: [T, K] -> [T]."""
    costs = torch.tensor(distances, requires_grad=True)
    transitions = switch_cost * (1 - torch.eye(costs.shape[1]))
    best, *frames = costs.unbind()
    for frame in frames:
        best = (best[:, None] + transitions).min(0).values + frame
    best.min().backward()
    return costs.grad.argmax(1).numpy()
