"""How many characters line images have, before any is known: two for every three upright strokes.

In 32 hands of Old French, of Latin and of French of the 18th century a character has 1.2 to 1.9 strokes, 1.5 in the
middle, and a tenth more or less in most; in digits 1.3 to 1.9; in letters drawn with a mouse 2 (Latin, Greek) to 4
(Balinese). How wide characters are beside their height differs by a factor of four (recipes/discovery/RESULTS.md).
"""

from collections.abc import Iterable

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.data.line_cleaning import body_of

ROWS = 64  # that lines are brought to
STROKES = 1.5  # of a character
SMOOTH = 1.5  # columns, standard deviation
LEAST = 0.15  # ink of a stroke, of 1


def characters_per_100_columns(lines: Iterable[Utterance], polarity: str = "auto") -> float:
    """Of all lines together; 0 if they are blank. Raises ImageError as `ColumnFeatures.signal` does."""
    features = ColumnFeatures(height=ROWS, polarity=polarity, slant=True)
    strokes, columns = 0, 0
    for line in lines:
        strokes += strokes_in(features.signal(line))
        columns += line.ticks
    return 100 * strokes / STROKES / columns


def strokes_in(ink: np.ndarray) -> int:
    """How often the ink among small letters is at its most: [columns, rows]."""
    from scipy.ndimage import gaussian_filter1d  # recordings do without

    first, end = body_of(ink)
    profile = gaussian_filter1d(ink[:, first:end].mean(1), SMOOTH)
    rises = np.diff(profile)
    return int(np.count_nonzero((rises[:-1] > 0) & (rises[1:] <= 0) & (profile[1:-1] > LEAST)))
