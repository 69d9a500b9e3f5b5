"""Duplicates: the same picture in two files, as a JPEG and as a TIFF, smaller, or under two names."""

from pathlib import Path

import numpy as np

from unitdisc.media.image import read_image, resized

SIDE = 64  # pixels of a side that are compared with all pictures
LARGE = 512  # pixels of a side that are compared where those are alike
ALIKE = 0.9  # correlation of what is on a picture, its shades aside
SHADES = 8  # of the side: what is lighter or darker over so much is shade


class Pictures:
    """The pictures of a corpus, as they come."""

    def __init__(self):
        self.paths: list[Path] = []
        self.seen = np.zeros((16, SIDE * SIDE), np.float32)  # twice as many whenever they are full

    def earlier(self, path: Path, grey: np.ndarray) -> Path | None:
        """The first file that shows what this one shows, if any does. grey: [rows, columns]."""
        count, own = len(self.paths), features(grey, SIDE)
        alike = np.flatnonzero(self.seen[:count] @ own > ALIKE)
        for index in alike.tolist():
            if show_the_same(read_image(self.paths[index]), grey):
                return self.paths[index]
        if count == len(self.seen):
            self.seen = np.concatenate([self.seen, np.zeros_like(self.seen)])
        self.seen[count] = own
        self.paths.append(path)
        return None


def show_the_same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two pictures do, as far as both are fine enough to tell."""
    side = max(SIDE, min(LARGE, *one.shape, *other.shape) // SHADES * SHADES)
    return bool(features(one, side) @ features(other, side) > ALIKE)


def features(grey: np.ndarray, side: int) -> np.ndarray:
    """What is on a picture, its shades aside, as a vector of length 1 (0 of blank ones): [side * side]."""
    small = resized(grey, side, side).astype(np.float64)
    shades = resized(resized(grey, side // SHADES, side // SHADES), side, side)
    found = (small - shades).ravel()
    found -= found.mean()
    return (found / max(np.linalg.norm(found), 1e-6)).astype(np.float32)
