"""Damage to line images, as time and bad scans do it: ink in [0, 1], [columns, rows] -> the same; no letter moves.

Each is given how strong it is at most, and draws from `rng` how strong it is this time. Sizes are in heights of the
line, so that it is damaged alike at any resolution. Lines are damaged as they were scanned, before they are cleaned.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from unitdisc.data.augmentation.lines import noisy
from unitdisc.media.image import resized

RADII = (0.05, 0.2)  # of blots and holes, in heights
LOBES = 6  # circles that a blot, or a hole, is made of
EDGE = 0.04  # heights over which their edge fades
PATCHES = 1.5  # heights from one knot of fading to the next
BEHIND = 0.03  # heights by which ink from the other side of the leaf is blurred


class Shape(NamedTuple):
    """A blot, or a hole: how much of each pixel of a rectangle it covers, from 0 to 1, and where that lies."""

    cover: np.ndarray  # [c, r]
    place: tuple[slice, slice]


def shapes(size: tuple[int, int], most: float, rng: np.random.Generator) -> list[Shape]:
    """On average from 0 to `most` of them for each height of the line, anywhere; none is round."""
    columns, height = size
    number = rng.poisson(rng.uniform(0, most) * columns / height)
    return [shape(size, rng) for _ in range(number)]


def shape(size: tuple[int, int], rng: np.random.Generator) -> Shape:
    height = size[1]
    radius = height * np.exp(rng.uniform(*np.log(RADII)))
    centre = rng.uniform(0, size)
    lobes = centre + radius * rng.normal(0, 0.5, (LOBES, 2))
    radii = radius * rng.uniform(0.4, 1, LOBES)
    low = np.clip(np.floor((lobes - radii[:, None]).min(0) - 1), 0, size).astype(int)
    high = np.clip(np.ceil((lobes + radii[:, None]).max(0) + 2), 0, size).astype(int)
    columns, rows = (np.arange(*ends) for ends in zip(low, high))
    apart = np.hypot(columns[:, None, None] - lobes[:, 0], rows[None, :, None] - lobes[:, 1])
    inside = ((radii - apart) / max(EDGE * height, 0.5)).max(-1, initial=-1)  # 0 on the edge
    return Shape(np.clip(0.5 + inside, 0, 1), (slice(low[0], high[0]), slice(low[1], high[1])))


def faded(ink: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Ink that is paler here and there, smoothly; where it is palest, by a share of at most so much."""
    knots = rng.uniform(size=tuple(2 + round(size / (PATCHES * ink.shape[1])) for size in ink.shape))
    wave = (knots - knots.min()) / max(np.ptp(knots), 1e-6)
    return ink * (1 - rng.uniform(0, most) * resized(wave, *ink.shape))


def bled_through(ink: np.ndarray, most: float, rng: np.random.Generator, back: np.ndarray | None = None) -> np.ndarray:
    """What stands on the back of the leaf shows, mirrored and blurred, with at most so much of its ink.

    back: that line, of any size; by default the stretch itself, from another place on.
    """
    from scipy.ndimage import gaussian_filter

    back = ink if back is None else resized(back, max(1, round(len(back) * ink.shape[1] / back.shape[1])), ink.shape[1])
    strength, first = rng.uniform(0, most), rng.integers(len(back))
    seen = np.resize(np.roll(back, first, axis=0), ink.shape)[::-1]
    seen = gaussian_filter(seen - np.median(seen), BEHIND * ink.shape[1])
    return ink + (1 - ink) * strength * np.clip(seen, 0, 1)


def blotted(ink: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Blots of ink, for each height of the line at most so many on average; what is under a pale one still shows."""
    ink = ink.copy()
    for cover, place in shapes(ink.shape, most, rng):
        ink[place] += (1 - ink[place]) * rng.uniform(0.6, 1) * cover
    return ink


def holed(ink: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Holes, or worn places, that are as the paper is: for each height of the line at most so many on average."""
    ink, paper = ink.copy(), np.median(ink)
    for cover, place in shapes(ink.shape, most, rng):
        ink[place] += (paper - ink[place]) * cover
    return ink


def coarsened(
    ink: np.ndarray, factor: float, rng: np.random.Generator, enlarge: Callable[..., np.ndarray] = resized
) -> np.ndarray:
    """As a scan at a resolution so many times as low has it, brought back to the size; always by the whole factor.

    enlarge: image, rows, columns -> the image at that size.
    """
    return enlarge(resized(ink, *(max(1, round(size / factor)) for size in ink.shape)), *ink.shape)


DAMAGE_EFFECTS: dict[str, Callable] = {
    "fading": faded,
    "bleed": bled_through,
    "blots": blotted,
    "holes": holed,
    "coarse": coarsened,
    "grain": noisy,
}
