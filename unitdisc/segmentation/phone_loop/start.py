"""Where learning begins: units that are runs of codes of k-means, cut into as many states."""

import numpy as np

from unitdisc.segmentation.durations import starts_of
from unitdisc.segmentation.phone_loop.variational import Statistics, statistics

FRAMES_PER_STATE = 3  # of the mean run


def first_statistics(
    frames: np.ndarray, codes: np.ndarray, vectors: np.ndarray, states: int, directions: np.ndarray, middle: np.ndarray
) -> Statistics:
    """What an utterance [T, D] says if its codes [T] are its units, and every run of one is cut into even parts.

    vectors: [K, D], what codes stand for. directions: [C, D]; a frame is of the Gaussian whose direction from its code
    it lies in.
    """
    starts = starts_of(codes)
    lengths = np.diff(starts, append=len(codes))
    place = np.arange(len(codes)) - np.repeat(starts, lengths)
    state = place * states // np.repeat(lengths, lengths)
    component = ((frames - vectors[codes]) @ directions.T).argmax(1)
    shares = np.zeros((len(frames), len(vectors), states, len(directions)), frames.dtype)
    shares[np.arange(len(frames)), codes, state, component] = 1
    stays, leaves = np.zeros((2, len(vectors), states))
    same = (codes[1:] == codes[:-1]) & (state[1:] == state[:-1])
    np.add.at(stays, (codes[:-1][same], state[:-1][same]), 1)
    np.add.at(leaves, (codes[:-1][~same], state[:-1][~same]), 1)
    entries = np.bincount(codes[starts], minlength=len(vectors)).astype(np.float64)
    return statistics(frames, shares, middle, entries, stays, leaves)
