"""How far values lie from the middle of others, where some of these may be wrong themselves."""

from collections.abc import Sequence

import numpy as np

STANDS_OUT = 3.5  # a modified z-score from which on a value is called an outlier (Iglewicz and Hoaglin, 1993)
FARTHEST = 1000.0
NORMAL = 0.6745  # the median absolute deviation of a standard normal variable
NORMAL_MEAN = 0.7979  # its mean absolute deviation


def modified_z(values: Sequence[float], among: Sequence[float] | None = None) -> np.ndarray:
    """Modified z-scores (Iglewicz and Hoaglin, 1993): distance to the median in median absolute deviations.

    among: whose middle and spread count (default: those of the values). Where more than half are the same, the mean
    absolute deviation stands in; where all are, what is the same has 0, and what differs FARTHEST, which none exceeds.
    """
    values = np.asarray(values, np.float64)
    others = values if among is None else np.asarray(among, np.float64)
    middle = np.median(others)
    apart, distances = values - middle, np.abs(others - middle)
    spread = np.median(distances) / NORMAL or distances.mean() / NORMAL_MEAN
    if spread == 0:
        return np.where(apart == 0, 0.0, np.sign(apart) * FARTHEST)
    return np.clip(apart / spread, -FARTHEST, FARTHEST)
