"""Features of line images: ink and the directions of strokes, column by column, [T, C].

Histograms of oriented gradients (Dalal & Triggs, 2005) of one column's cells, beside the ink itself, both blurred: what
templates of characters are compared by. Paper is all zeros.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from unitdisc.data.column_features import ColumnFeatures

BLUR = 0.7  # pixels, before gradients
ALONG, ACROSS = 1.0, 1.5  # pixels, of gradients, columns and rows
WEIGHT = 1.2  # of gradients beside ink


@dataclass(frozen=True)
class GradientFeatures(ColumnFeatures):
    """Ink in `rows` bands and the strength of gradients in `orientations` directions in `cells` bands of a line.

    height, polarity, contrast, slant, body, normalise, adaptation: as of `ColumnFeatures`; height is a multiple of rows
    and of cells.
    """

    kind: str = "gradients"
    rows: int = 16
    cells: int = 8
    orientations: int = 4

    targets: ClassVar[tuple[str, ...]] = ()  # no decoder writes lines of them

    def __post_init__(self):
        for name in ("rows", "cells"):
            bands = getattr(self, name)
            if bands < 1 or self.height % bands:
                raise ValueError(f"height {self.height} is no multiple of {name} {bands}; change either")
        if self.orientations < 1:
            raise ValueError(f"orientations must be 1 or more, not {self.orientations}")
        super().__post_init__()

    @property
    def plain_dim(self) -> int:
        return self.rows + self.cells * self.orientations

    def __call__(self, line: np.ndarray) -> np.ndarray:
        """Ink in [0, 1], [T, height] -> [T, rows + orientations * cells], float32."""
        from scipy.ndimage import gaussian_filter  # recordings do without

        bands = [gaussian_filter(line, (BLUR, 1.0)).reshape(len(line), self.rows, -1).mean(2)]
        strengths = gaussian_filter(self.oriented(line), (0, ALONG, ACROSS))
        bands += [WEIGHT * strength.reshape(len(line), self.cells, -1).mean(2) for strength in strengths]
        return np.concatenate(bands, axis=1, dtype=np.float32)

    def oriented(self, line: np.ndarray) -> np.ndarray:
        """How strong the gradient is in each direction, either sign, shared by the nearest two: [O, T, height]."""
        from scipy.ndimage import gaussian_filter, sobel

        blurred = gaussian_filter(line, BLUR)
        along, across = sobel(blurred, 0) / 4, sobel(blurred, 1) / 4
        strength, angle = np.hypot(along, across), np.arctan2(across, along) % np.pi * (self.orientations / np.pi)
        lower = np.floor(angle).astype(int)
        share = angle - lower
        found = np.zeros((self.orientations, *line.shape), np.float32)
        at = (lower % self.orientations)[None]
        np.put_along_axis(found, at, strength * (1 - share), 0)
        after = (at + 1) % self.orientations
        np.put_along_axis(found, after, np.take_along_axis(found, after, 0) + strength * share, 0)
        return found
