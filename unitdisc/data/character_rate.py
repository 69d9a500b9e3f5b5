"""How many characters line images have, before any is known: they are about as wide as small letters are tall.

On eight hands of Old French, alphabets of Omniglot, digits of MNIST and built-in ones, apart and joined, this is 0.8 to
1.3 of the true number (recipes/discovery/RESULTS.md).
"""

from collections.abc import Iterable

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.data.line_cleaning import body_of

ROWS = 64  # at which small letters are measured


def characters_per_100_columns(lines: Iterable[Utterance], polarity: str = "auto") -> float:
    """By the median height of small letters, of all lines. Raises ImageError as `ColumnFeatures.signal` does."""
    features = ColumnFeatures(height=ROWS, polarity=polarity)
    heights = []
    for line in lines:
        ink = features.signal(line)
        first, end = body_of(ink)
        heights.append((end - first) * line.ticks / len(ink))
    return 100 / float(np.median(heights))
