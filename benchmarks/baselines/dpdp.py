"""Duration-penalised dynamic programming (Kamper & van Niekerk, 2021), as published over pairs of frames: a baseline.

Written from a description of that code, which loops in Python over starts and ends of runs, as `segment_by_pairs` does.
The others are kinder: numpy loops over the starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Segmentation:
    codes: np.ndarray  # [T]
    cost: float  # with the penalty


def segment(distances: np.ndarray, weight: float, longest: int | None = None) -> Segmentation:
    """The runs of least distance with the linear penalty -weight * (duration - 1): [T, K] -> Segmentation.

    longest: frames in a run at most (15 as published); None for any. O(T * longest * K), hence O(T^2 K).
    """
    sums = sums_of(distances)
    frames = len(distances)
    penalties = -weight * np.arange(frames)  # of a run of 1, 2, ... frames
    best, begun = np.zeros(frames + 1), np.zeros(frames + 1, np.int64)
    for end in range(1, frames + 1):
        first = max(0, end - (longest or frames))
        runs = (sums[end] - sums[first:end]).min(1)
        totals = best[first:end] + runs + penalties[end - first - 1 :: -1]
        chosen = int(totals.argmin())
        best[end], begun[end] = totals[chosen], first + chosen
    return Segmentation(codes_of(sums, traced(begun)), float(best[-1]))


def segment_by_pairs(distances: np.ndarray, weight: float, longest: int | None = None) -> Segmentation:
    """The same as `segment`, one pair of start and end after the other."""
    sums = sums_of(distances)
    frames = len(distances)
    best, begun = [0.0], [0]
    for end in range(1, frames + 1):
        cheapest, chosen = np.inf, 0
        for start in range(max(0, end - (longest or frames)), end):
            total = best[start] + (sums[end] - sums[start]).min() - weight * (end - start - 1)
            if total < cheapest:
                cheapest, chosen = total, start
        best.append(cheapest)
        begun.append(chosen)
    return Segmentation(codes_of(sums, traced(begun)), float(best[-1]))


def segment_into(distances: np.ndarray, segments: int) -> Segmentation:
    """The exact number of runs of least distance, neighbours free to share a code: O(T^2 (K + segments))."""
    sums = sums_of(distances)
    frames = len(distances)
    runs = np.full((frames, frames + 1), np.inf)  # of a run from a start to an end
    for end in range(1, frames + 1):
        runs[:end, end] = (sums[end] - sums[:end]).min(1)
    best = np.full(frames + 1, np.inf)
    best[0] = 0.0
    begun = np.zeros((segments, frames + 1), np.int64)
    for row in begun:
        totals = best[:-1, None] + runs
        row[:] = totals.argmin(0)
        best = np.take_along_axis(totals, row[None], 0)[0]
    starts, end = [], frames
    for row in begun[::-1]:
        end = row[end]
        starts.append(end)
    return Segmentation(codes_of(sums, starts[::-1]), float(best[-1]))


def traced(begun: Sequence[int]) -> list[int]:
    """Where the runs start, from where the best run to every end starts: [T + 1] -> [segments]."""
    starts = [begun[-1]]
    while starts[-1]:
        starts.append(begun[starts[-1]])
    return starts[::-1]


def sums_of(distances: np.ndarray) -> np.ndarray:
    """Sums of the frames before each: [T, K] -> [T + 1, K]."""
    sums = np.zeros((len(distances) + 1, distances.shape[1]))
    np.cumsum(distances, 0, out=sums[1:])
    return sums


def codes_of(sums: np.ndarray, starts: list[int]) -> np.ndarray:
    """The best code of every run, for each of its frames: [T]."""
    ends = [*starts[1:], len(sums) - 1]
    codes = [(sums[end] - sums[start]).argmin() for start, end in zip(starts, ends)]
    return np.repeat(codes, np.subtract(ends, starts))
