"""How far apart all pairs of some pieces are, as ABX compares items: by which words are grouped into types."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from unitdisc.evaluation.abx.block_kernels import distances_in_block, source_stamp
from unitdisc.evaluation.abx.distances import ANGULAR, STEPS
from unitdisc.evaluation.abx.item_frames import unit_frames

ROWS = 64  # pieces that are compared at once with all after them


def compiled(stamp: int) -> Callable[..., np.ndarray]:
    """Makes `block_angles`, which is kept on disk; compiled again when a file of the kernels changes, or this one."""

    @njit(cache=True, nogil=True)
    def block_angles(
        frames: np.ndarray, nulls: np.ndarray, first: np.ndarray, lengths: np.ndarray, block: np.ndarray
    ) -> np.ndarray:
        """Distances in steps from pieces (rows) to others (columns): [rows, columns]."""
        block = block + 0 * stamp
        return distances_in_block(ANGULAR, float(STEPS), False, False, frames, nulls, first, lengths, block)

    return block_angles


block_angles = compiled(source_stamp())


def warping_distances(
    frames: np.ndarray, first: np.ndarray, lengths: np.ndarray, *, threads: int, advance: Callable[[int], None]
) -> np.ndarray:
    """The mean angle, of 0 to 1 half turns, along the cheapest warping path of every pair of N pieces.

    frames: [F, D], in which piece n has lengths[n] from first[n] on, one at least and `dtw.LONGEST` at most.
    Returns [N (N - 1) / 2], in the order of `scipy.spatial.distance.pdist`: from each piece to those after it.
    Threads change no bit. advance: is told how many pieces have been compared with all others.
    """
    unit, nulls = unit_frames(frames)
    unit, first, lengths = np.ascontiguousarray(unit, np.float32), first.astype(np.int64), lengths.astype(np.int64)
    number = len(first)
    found = np.empty(number * (number - 1) // 2)

    def fill(top: int) -> int:
        bottom = min(top + ROWS, number)
        block = np.array([top, number, top, bottom], np.int64)
        distances = block_angles(unit, nulls, first, lengths, block) / STEPS
        for row in range(top, bottom):
            begin = row * number - row * (row + 1) // 2
            found[begin : begin + number - row - 1] = distances[row - top, row - top + 1 :]
        return bottom - top

    with ThreadPoolExecutor(threads) as pool:
        for done in pool.map(fill, range(0, number, ROWS)):
            advance(done)
    return found
