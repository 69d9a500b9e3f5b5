"""Lines of handwriting made alike: dark on light, even paper, upright, of one height.

Upright after Vinciarelli and Luettin (2001), "A new normalization technique for cursive handwritten words": of all
shears, the one that stands strokes up gathers the most ink in the fewest columns.
"""

import numpy as np

from unitdisc.media.image import resized

POLARITIES = ("auto", "dark", "light")  # the ink is darker or lighter than the paper
MAX_SLANT = 45  # degrees from upright, either way
SEEN = 96  # rows at which the slant is seen: more than most have, for strokes of few pixels look upright
BINS = 64  # of the histogram of levels
BODY = 0.375  # of the height of a line: small letters, without what rises above them or hangs below
TALLER = 2.0  # letters become so many times as tall, or low, at most
FAINTEST = 0.05  # what differs less than this from the paper is no ink


def normalised(
    ink: np.ndarray,
    columns: int,
    height: int,
    polarity: str = "auto",
    contrast: bool = True,
    slant: bool = False,
    body: bool = False,
) -> np.ndarray:
    """A line as the model sees it: ink in [0, 1], [columns, rows] of any size, to float32 [columns, height].

    `polarity` says whether the ink is "dark" or "light", "auto" looks. With `contrast`, paper becomes 0, however
    uneven, and ink 1. With `slant`, strokes are stood up by a shear about the middle row; the width stays.
    With `body`, small letters of all lines are as tall and stand at the same rows.
    """
    if polarity == "light" or (polarity == "auto" and is_light_on_dark(ink)):
        ink = 1 - ink
    if contrast:
        ink = without_paper(ink)
    if slant:
        ink = sheared(ink, -slant_of(ink))
    ink = resized(ink, columns, height)
    ink = np.clip(stretched(ink) if contrast else ink, 0, 1, dtype=np.float32)
    return with_body(ink) if body else ink


def is_light_on_dark(ink: np.ndarray) -> bool:
    """Whether most of a line, its edge counted once more, is on the dark side: of paper there is more than of ink."""
    dark = ink > threshold(ink)
    edge = np.concatenate([dark[0], dark[-1], dark[:, 0], dark[:, -1]])
    return bool(dark.mean() + edge.mean() > 1)


def threshold(ink: np.ndarray) -> float:
    """The level that parts ink from paper best (Otsu, 1979)."""
    return threshold_of_sorted(np.sort(ink, axis=None))


def threshold_of_sorted(ordered: np.ndarray) -> float:
    """The same of pixels in order: [pixels]. Bins are looked up in them, which is quicker than `np.histogram`."""
    edges = np.histogram_bin_edges(ordered[[0, -1]], BINS)
    below = np.searchsorted(ordered, edges[1:-1])
    above = ordered.size - below
    counts = np.diff(below, prepend=0, append=ordered.size)
    levels = (edges[:-1] + edges[1:]) / 2
    sums = np.cumsum(counts * levels)
    mean_below = sums[:-1] / np.maximum(below, 1)
    mean_above = (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[1 + np.argmax(below * above * (mean_below - mean_above) ** 2)])


def without_paper(ink: np.ndarray) -> np.ndarray:
    """The ink above the paper's own level, which may change along the line: [columns, rows] with paper around 0.

    Most of any stretch two lines wide is paper: its median is taken for the level, smoothly from stretch to stretch.
    """
    columns, rows = ink.shape
    stretches = np.array_split(np.arange(columns), max(1, round(columns / (2 * rows))))
    centres = [stretch.mean() for stretch in stretches]
    levels = [np.median(ink[stretch]) for stretch in stretches]
    return (ink - np.interp(np.arange(columns), centres, levels)[:, None]).astype(np.float32)


def stretched(ink: np.ndarray) -> np.ndarray:
    """The contrast at its fullest: paper, with what grain it has, at 0, and the darker part of the strokes at 1."""
    ordered = np.sort(ink, axis=None)
    if ordered[-1] - ordered[0] < FAINTEST:
        return np.zeros_like(ink)
    limit = threshold_of_sorted(ordered)
    paper, strokes = np.split(ordered, [np.searchsorted(ordered, ordered.dtype.type(limit), side="right")])
    level, lightest = np.percentile(paper, [50, 5])
    black = np.percentile(strokes, 75)
    low = min(level + (level - lightest), limit)  # as much grain above the level as below it
    return (ink - low) / max(black - low, FAINTEST)


def slant_of(ink: np.ndarray) -> float:
    """The angle of the strokes in degrees from upright, to the right positive; 0 where there are none."""
    columns, rows = ink.shape
    seen = np.clip(stretched(resized(ink, max(1, round(columns * SEEN / rows)), SEEN)), 0, 1)
    column, row = np.nonzero(seen > 0.2)
    if not len(column):
        return 0.0
    rise = (SEEN - 1) / 2 - row

    def concentration(angle: float) -> float:
        return gathered(column - np.tan(np.radians(angle)) * rise, seen[column, row])

    best = max(range(-MAX_SLANT, MAX_SLANT + 1, 5), key=concentration)
    return float(max(range(max(best - 4, -MAX_SLANT), min(best + 4, MAX_SLANT) + 1), key=concentration))


def gathered(position: np.ndarray, weight: np.ndarray) -> float:
    """How few columns some ink gathers in: the sum of the squares of what each holds."""
    from scipy.ndimage import gaussian_filter1d  # recordings do without

    position = position - position.min()
    whole = position.astype(np.int64)
    part = position - whole
    ink = np.bincount(whole, weight * (1 - part), whole.max() + 2) + np.bincount(whole + 1, weight * part)
    return float((gaussian_filter1d(ink, 1.5) ** 2).sum())  # smoothed, or whole columns (angle 0) would be favoured


def body_of(ink: np.ndarray) -> tuple[int, int]:
    """The first row of small letters and the one after their last: from where to where there is half as much ink as in
    the row that has most; of [columns, rows]."""
    from scipy.ndimage import gaussian_filter1d

    ink_of_rows = gaussian_filter1d(ink.sum(0, dtype=np.float64), 0.02 * ink.shape[1])
    dark = np.flatnonzero(ink_of_rows > ink_of_rows.max() / 2)
    return (int(dark[0]), int(dark[-1]) + 1) if len(dark) else (0, ink.shape[1])


def with_body(ink: np.ndarray) -> np.ndarray:
    """Small letters BODY of the height tall, and in the middle; columns stay where they are: [columns, rows]."""
    from scipy.ndimage import affine_transform

    first, end = body_of(ink)
    rows = ink.shape[1]
    factor = np.clip(BODY * rows / (end - first), 1 / TALLER, TALLER)
    matrix, offset = [1, 1 / factor], [0, (first + end - 1) / 2 - (rows - 1) / 2 / factor]  # where each pixel is from
    return np.clip(affine_transform(ink, matrix, offset, order=1, mode="constant"), 0, 1, dtype=np.float32)


def sheared(ink: np.ndarray, angle: float) -> np.ndarray:
    """Leans a line to the right by an angle in degrees about its middle row; the width stays: [columns, rows]."""
    if not angle:
        return ink
    from scipy.ndimage import affine_transform

    slope = np.tan(np.radians(angle))
    middle = (ink.shape[1] - 1) / 2
    matrix, offset = [[1, slope], [0, 1]], [-slope * middle, 0]  # where each pixel comes from
    return affine_transform(ink, matrix, offset, order=1, mode="constant", cval=float(np.median(ink)))
