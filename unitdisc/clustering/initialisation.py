"""Codes to begin k-means with: those of a sample."""

from pathlib import Path

import numpy as np

from unitdisc.clustering.options import KMeansOptions
from unitdisc.clustering.passes import rounded
from unitdisc.clustering.states import State
from unitdisc.encodings import EncodingsError

SAMPLE_PASSES = 30


def first_state(sample: np.ndarray, options: KMeansOptions, folder: Path) -> State:
    """Codes from k-means of the sample."""
    different = len(np.unique(sample, axis=0))
    if different < options.codes:
        raise EncodingsError(
            f"{folder}: {len(sample)} frames drawn have {different} different values, but {options.codes} codes are "
            "wanted; ask for fewer, or for a larger sample"
        )
    from sklearn.cluster import KMeans  # takes longer to import than many a command runs

    found = KMeans(options.codes, n_init=options.starts, max_iter=SAMPLE_PASSES, random_state=options.seed).fit(sample)
    vectors = rounded(found.cluster_centers_, options.spherical, sample[: options.codes])
    sizes = np.bincount(found.labels_, minlength=options.codes)
    return State(vectors, vectors, sizes, sizes, phase="mini-batch" if options.mini_batch else "full")
