"""Effects on the columns of a line image, ink in [0, 1], [T, height] -> the same; none moves a letter along the line.

Each is given how strong it is at most, and draws from `rng` how strong it is this time.
"""

from collections.abc import Callable

import numpy as np

from unitdisc.data.line_cleaning import sheared

WAVES = 4  # that uneven paper is made of


def slanted(ink: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Leant to the left or right by at most so many degrees, about the middle row."""
    return sheared(ink, rng.uniform(-most, most))


def heightened(ink: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Letters taller or lower by a factor whose logarithm is at most so large, about the middle row."""
    return of_height(ink, float(np.exp(rng.uniform(-most, most))))


def of_height(ink: np.ndarray, factor: float) -> np.ndarray:
    """[T, height] -> [T, height]; rows that come from beyond the line are paper."""
    from scipy.ndimage import affine_transform  # recordings do without

    middle = (ink.shape[1] - 1) / 2
    matrix, offset = [1, 1 / factor], [0, middle - middle / factor]  # where each pixel comes from
    return affine_transform(ink, matrix, offset, order=1, mode="constant", cval=float(np.median(ink)))


def strokes_changed(ink: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Strokes wider or narrower by at most so many pixels on either side; the most is 1."""
    return with_strokes(ink, rng.uniform(-most, most))


def with_strokes(ink: np.ndarray, wider: float) -> np.ndarray:
    """Between what is there (0) and the darkest (1), or lightest (-1), of each pixel and its eight neighbours."""
    from scipy.ndimage import maximum_filter, minimum_filter

    extreme = maximum_filter(ink, 3) if wider > 0 else minimum_filter(ink, 3)
    return ink + abs(wider) * (extreme - ink)


def noisy(ink: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Grain: white noise, of a standard deviation between 0 and `most`."""
    return ink + rng.uniform(0, most) * rng.standard_normal(ink.shape)


def stained(ink: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Paper that is darker here and there, smoothly, by at most so much; ink stays as dark as it is."""
    columns, rows = (np.arange(size)[:, None] / ink.shape[1] for size in ink.shape)
    across, along = rng.uniform(-np.pi, np.pi, (2, WAVES))  # less than one wave in the height of a line
    stains = np.cos(columns * along + rng.uniform(0, 2 * np.pi, WAVES))[:, None] * np.cos(rows * across)
    darkness = rng.uniform(0, most) * (1 + stains.mean(-1)) / 2
    return ink + (1 - ink) * darkness


def shifted(ink: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Higher or lower by at most so many rows; what comes from beyond the line is paper."""
    from scipy.ndimage import shift

    return shift(ink, (0, rng.uniform(-most, most)), order=1, mode="constant", cval=float(np.median(ink)))


def blurred(ink: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Out of focus: a Gaussian of a standard deviation between 0 and so many pixels."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(ink, rng.uniform(0, most))


def with_gaps(ink: np.ndarray, most: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Strips without ink: so many of them, of up to so many columns each."""
    ink, (number, widest) = ink.copy(), most
    paper = np.median(ink)
    for _ in range(number):
        first = rng.integers(len(ink))
        ink[first : first + rng.integers(widest + 1)] = paper
    return ink


LINE_EFFECTS: dict[str, Callable] = {
    "slant": slanted,
    "height": heightened,
    "shift": shifted,
    "strokes": strokes_changed,
    "blur": blurred,
    "gaps": with_gaps,
    "paper": stained,
    "noise": noisy,
}
