"""Sheets: many small pictures in rows, beside and below each other."""

from collections.abc import Sequence

import numpy as np

GAP = 2  # pixels of paper between pictures


def sheet(rows: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Pictures, ink [columns, rows of pixels] each, in rows of a sheet: ink [columns, rows of pixels].

    Every picture gets the room of the largest, and stands in its left upper corner. Raises ValueError without any.
    """
    pictures = [picture for row in rows for picture in row]
    if not pictures:
        raise ValueError("a sheet needs a picture")
    wide, high = (GAP + max(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    found = np.zeros((GAP + wide * max(map(len, rows)), GAP + high * len(rows)), dtype=np.float32)
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            left, above = GAP + across * wide, GAP + down * high
            found[left : left + picture.shape[0], above : above + picture.shape[1]] = picture
    return found
