"""How sure scores of codes against labels are: jackknife over utterances, left out a group at a time (Tukey 1958).

Not a bootstrap: it draws utterances more than once, so that the same frames count several times, the very thing that
makes chance vanish from AMI, and purity rise. Of 20 utterances of random codes, whose AMI is 0, its 95 % interval lies
above 0; a test keeps both beside each other.
"""

from collections.abc import Iterator

import numpy as np

from unitdisc.evaluation.intervals import LEVEL
from unitdisc.evaluation.units.bitrate import entropy_in_bits
from unitdisc.evaluation.units.clustering import LabelledCodes, adjusted_mutual_information, adjusted_rand_index
from unitdisc.evaluation.units.expected_information import log_factorials

GROUPS = 100  # of utterances; as many as there are utterances, if there are fewer
SCORES = ("ami", "ari", "v_measure", "homogeneity", "completeness", "many_to_one_same_data")


def jackknife_intervals(found: LabelledCodes, seed: int = 0) -> dict[str, list[float]]:
    """The 95 % intervals [low, high] of SCORES over utterances; none of a single utterance.

    Score ± t · standard error, which is that of the scores without each group (Efron and Tibshirani 1993, ch. 11);
    no further than 1. Utterances are dealt to groups at random.
    """
    from scipy.stats import t as student  # which takes a second to import

    utterances = np.unique(found.utterances)
    if len(utterances) < 2:
        return {}
    groups = min(GROUPS, len(utterances))
    dealt = np.random.default_rng(seed).permutation(len(utterances)) % groups
    tables = groups_of(found, dealt[np.searchsorted(utterances, found.utterances)], groups)
    factorials = log_factorials(len(found.codes))
    whole, *without = [scores_of(table, factorials) for table in tables]
    deviation = np.sqrt((groups - 1) * np.var(without, axis=0))
    reach = student.ppf((1 + LEVEL) / 2, groups - 1) * deviation
    bounds = np.minimum(np.stack([whole - reach, whole + reach], axis=1), 1)
    return dict(zip(SCORES, bounds.tolist()))


def groups_of(found: LabelledCodes, owners: np.ndarray, groups: int) -> Iterator[np.ndarray]:
    """The table [labels, codes] of all frames, then those without the frames of each group; owners: [N]."""
    codes, columns = np.unique(found.codes, return_inverse=True)
    shape = (len(found.names), len(codes))
    cells = found.labels * len(codes) + columns
    total = np.bincount(cells, minlength=np.prod(shape))
    yield total.reshape(shape)
    order = np.argsort(owners, kind="stable")
    for part in np.split(cells[order], np.searchsorted(owners[order], np.arange(1, groups))):
        yield (total - np.bincount(part, minlength=len(total))).reshape(shape)


def scores_of(counts: np.ndarray, factorials: np.ndarray) -> np.ndarray:
    """SCORES of a table [labels, codes], some of whose rows and columns may be empty."""
    counts = counts[counts.any(1)][:, counts.any(0)]
    labels, codes = entropy_in_bits(counts.sum(1)), entropy_in_bits(counts.sum(0))
    information = labels + codes - entropy_in_bits(counts.ravel())
    mean = (labels + codes) / 2
    return np.array(
        [
            adjusted_mutual_information(counts, information, mean, factorials),
            adjusted_rand_index(counts),
            information / mean if mean else 1.0,
            information / labels if labels else 1.0,
            information / codes if codes else 1.0,
            counts.max(0).sum() / counts.sum(),
        ]
    )
