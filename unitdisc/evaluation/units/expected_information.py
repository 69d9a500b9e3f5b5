"""How much information two partitions share by chance, fast enough to be counted hundreds of times."""

from math import exp, log

import numpy as np
from numba import njit
from scipy.special import gammaln

NEGLIGIBLE = 1e-18  # of the probability of a count: what is less likely adds nothing to a sum of doubles


def log_factorials(largest: int) -> np.ndarray:
    """log n! of n = 0 .. largest."""
    return gammaln(np.arange(largest + 1) + 1.0)


def expected_information(by_label: np.ndarray, by_code: np.ndarray, factorials: np.ndarray) -> float:
    """Expected mutual information, in nats, of N frames with these counts [L], [K] of labels and codes.

    Labels and codes are dealt out at random, so that a cell of the table is hypergeometric (Vinh et al. 2010, eq. 24a).
    factorials: `log_factorials` of N or more. scikit-learn's `expected_mutual_information` gives the same: it sums all
    counts that a cell could have, and here the sum begins at the likeliest and ends where none is to be expected.
    """
    return float(summed(by_label[by_label > 0].astype(np.int64), by_code[by_code > 0].astype(np.int64), factorials))


@njit(cache=True, nogil=True)
def summed(by_label: np.ndarray, by_code: np.ndarray, factorials: np.ndarray) -> float:
    frames = by_label.sum()
    total = 0.0
    for a in by_label:
        for b in by_code:
            least, most = max(0, a + b - frames), min(a, b)
            mode = min(max((a + 1) * (b + 1) // (frames + 2), least), most)
            rest = frames - a - b
            likeliest = exp(
                factorials[a]
                + factorials[b]
                + factorials[frames - a]
                + factorials[frames - b]
                - factorials[frames]
                - factorials[mode]
                - factorials[a - mode]
                - factorials[b - mode]
                - factorials[rest + mode]
            )
            unit = log(frames) - log(a) - log(b)
            count, probability = mode, likeliest
            while probability > NEGLIGIBLE and count <= most:
                if count:
                    total += probability * count * (unit + log(count))
                probability *= (a - count) * (b - count) / ((count + 1.0) * (rest + count + 1.0))
                count += 1
            count, probability = mode, likeliest
            while probability > NEGLIGIBLE and count > least:
                probability *= count * (rest + count) / ((a - count + 1.0) * (b - count + 1.0))
                count -= 1
                if count:
                    total += probability * count * (unit + log(count))
    return total / frames
