"""What a pen and the paper add to a composed line: strokes that join characters, ink that fades, stains."""

import numpy as np

THINNER = 0.65  # a joining stroke beside the strokes of its characters
HAIRLINE = 0.9  # pixels: no stroke is thinner
DIP = (-0.5, 3.0)  # rows by which a joining stroke hangs below the lower of its ends
PERIOD = 48  # columns between one turn of the baseline, the ink or the paper and the next, about


def pen_width(ink: np.ndarray) -> float:
    """How broad the strokes of a character are, in pixels: twice their area over the length of their outline.

    ink: [columns, rows], not all 0; how dark it is does not matter.
    """
    padded = np.pad(ink.astype(np.float64), 1)
    across, down = np.diff(padded, axis=0)[:, :-1], np.diff(padded, axis=1)[:-1]
    return float(2 * padded.sum() / np.hypot(across, down).sum())


def last_ink(ink: np.ndarray) -> tuple[int, int]:
    """Where the pen leaves a character: column and row of the lowest full ink in its last columns."""
    columns, rows = np.nonzero(ink >= ink.max() / 2)
    near = columns >= columns.max() - 1
    lowest = np.argmax(np.where(near, rows, -1))
    return int(columns[lowest]), int(rows[lowest])


def first_ink(ink: np.ndarray, row: int) -> tuple[int, int]:
    """Where a pen that comes from a row meets a character: column and row of the nearest full ink in its first columns.

    Nearest, because long strokes from foot to head are hard to tell from digits.
    """
    columns, rows = np.nonzero(ink >= ink.max() / 2)
    near = columns <= columns.min() + 1
    nearest = np.argmin(np.where(near, np.abs(rows - row), ink.shape[1]))
    return int(columns[nearest]), int(rows[nearest])


def draw_joining_stroke(
    line: np.ndarray,
    start: tuple[int, int],
    end: tuple[int, int],
    width: float,
    darkness: float,
    rng: np.random.Generator,
) -> None:
    """Draws a thin curve that hangs between two points (column, row) into the ink of a line [columns, rows].

    It is thinner than `width`, the pen of its characters, as dark as they are, and in no column beyond its ends but
    by half of its own width.
    """
    radius = max(THINNER * width, HAIRLINE) / 2
    along = np.linspace(0, 1, 8 * (abs(end[0] - start[0]) + abs(end[1] - start[1]) + 1))
    lowest = min(max(start[1], end[1]) + rng.uniform(*DIP), line.shape[1] - 1)
    bend = np.array([(start[0] + end[0]) / 2, lowest])
    weights = np.stack([(1 - along) ** 2, 2 * along * (1 - along), along**2])  # a quadratic Bézier curve
    curve = (weights[:, :, None] * np.array([start, bend, end])[:, None]).sum(axis=0)
    reach = int(np.ceil(radius)) + 1
    low = np.maximum(np.floor(curve.min(axis=0)).astype(int) - reach, 0)
    high = np.minimum(np.ceil(curve.max(axis=0)).astype(int) + reach + 1, line.shape)
    pixels = np.stack(np.mgrid[low[0] : high[0], low[1] : high[1]], axis=-1)
    distance = np.sqrt(((pixels[:, :, None] - curve) ** 2).sum(axis=-1)).min(axis=-1)
    part = line[low[0] : high[0], low[1] : high[1]]
    np.maximum(part, np.clip(radius + 0.5 - distance, 0, 1) * darkness, out=part, casting="same_kind")


def wave(count: int, rng: np.random.Generator) -> np.ndarray:
    """A smooth curve by chance along a line of so many columns: [count] in [-1, 1]."""
    return smoothed(rng.uniform(-1, 1, count // PERIOD + 2), count, PERIOD)


def paper(shape: tuple[int, int], stain: float, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Uneven paper: ink [columns, rows] in [0, 1], smooth stains up to `stain`, and noise from pixel to pixel."""
    period = PERIOD, max(1, shape[1] // 2)
    knots = rng.uniform(0, stain, (shape[0] // period[0] + 2, shape[1] // period[1] + 2))
    stains = smoothed(smoothed(knots, shape[0], period[0]).T, shape[1], period[1]).T
    return np.clip(stains + rng.normal(0, noise, shape), 0, 1)


def smoothed(knots: np.ndarray, count: int, period: int) -> np.ndarray:
    """Values at knots [N, ...], so far apart, at every step between: [count, ...]; never beyond those of the knots."""
    place = np.arange(count) / period
    before = place.astype(int)
    part = (place - before).reshape(-1, *[1] * (knots.ndim - 1))
    weight = part**2 * (3 - 2 * part)
    return (1 - weight) * knots[before] + weight * knots[before + 1]
