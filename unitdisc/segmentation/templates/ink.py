"""Where the ink of units begins and ends: the last pass over units of lines, at the columns of the file.

What cuts a line sees the columns around each, of a line that was set upright: borders lie some columns beside the
strokes. Between neighbours a seam goes from the first row to the last where it crosses the least ink (as those of
Avidan & Shamir, 2007, "Seam carving for content-aware image resizing"); what lies between two seams is the ink of a
unit.
"""

import numpy as np
from numba import njit
from scipy.ndimage import label

from unitdisc.data.line_cleaning import body_of

DARK = 0.3  # ink from which on a pixel is of a stroke
SPECK = 0.02  # of a square as tall as small letters: strokes have so many pixels, or more
REACH = 1 / 3  # of the narrower neighbour: how far beside its border a seam may go
LEAN = 0.5  # what a column sideways costs, a row of full ink being 1
ASTRAY = 0.03  # what a row costs as far beside the border as may be
APART = 0.15  # of the mean unit of a line: as wide is a blank; what is narrower is divided between neighbours


def along_ink(ink: np.ndarray, starts: np.ndarray, ends: np.ndarray, blank: bool = True) -> np.ndarray:
    """The first column of every unit, and the one after its last: [S, 2] int, in order, none empty.

    ink: a line, [columns, rows] in [0, 1]. starts, ends: where its units were found, in columns, in order, each one
    column wide or more: [S]. blank: whether columns may be of no unit; if not, all that lies between two is divided.
    Neighbours share a border, the middle of what neither has, or both, unless it is a blank. What has no ink stays
    where it was, and every unit keeps the column in its middle.
    """
    if not len(starts):
        return np.zeros((0, 2), np.int64)
    ink = strokes(ink)
    seams = cheapest_seams(ink, *ways(starts, ends), LEAN, ASTRAY)
    first, end = inked_columns(ink >= DARK, seams)
    inked = end > 0
    first, end = np.where(inked, first, np.round(starts)), np.where(inked, end, np.round(ends))
    shared = np.floor((first[1:] + end[:-1]) / 2)
    near = first[1:] - end[:-1] < APART * np.mean(ends - starts) if blank else True
    own = np.floor((starts + ends) / 2)
    end[:-1] = np.clip(np.where(near, shared, end[:-1]), own[:-1] + 1, own[1:])
    first[1:] = np.clip(np.where(near, shared, first[1:]), end[:-1], own[1:])
    first[0], end[-1] = np.clip(first[0], 0, own[0]), np.clip(end[-1], own[-1] + 1, len(ink))
    return np.stack([first, end], 1).astype(np.int64)


def strokes(ink: np.ndarray) -> np.ndarray:
    """A line without specks, and without what reaches in from others: what stays touches rows of small letters."""
    first, end = body_of(ink)
    dark = ink >= DARK
    parts, count = label(dark, np.ones((3, 3)))
    sizes, within = (np.bincount(rows.ravel(), minlength=count + 1) for rows in (parts, parts[:, first:end]))
    kept = (within > 0) & (sizes >= SPECK * (end - first) ** 2)
    return np.where(dark & ~kept[parts], 0, ink)


def ways(starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the seams between units may go: the column in the middle, and how far to either side, [S - 1] each."""
    widths = ends - starts
    reach = REACH * np.minimum(widths[1:], widths[:-1]) + (starts[1:] - ends[:-1]) / 2
    return np.round((ends[:-1] + starts[1:]) / 2).astype(np.int64), np.ceil(reach).astype(np.int64)


@njit(cache=True, nogil=True)
def cheapest_seams(ink: np.ndarray, middles: np.ndarray, reach: np.ndarray, lean: float, astray: float) -> np.ndarray:
    """Of every row, the column that a seam lies before: [N, rows].

    ink: [columns, rows]. middles, reach: of columns where a seam may be, [N]. A row costs half of the ink on either
    side and, in proportion to how far from the middle it is, up to `astray`; from a row to the next a seam goes one
    column sideways at most, for `lean`.
    """
    columns, rows = ink.shape
    seams = np.empty((len(middles), rows), np.int64)
    for seam in range(len(middles)):
        middle, far = middles[seam], reach[seam]
        places = 2 * far + 1
        cost, before = np.zeros(places), np.zeros((rows, places), np.int64)
        for row in range(rows):
            reached = np.empty(places)
            for place in range(places):
                least, origin = cost[place], place
                if row > 0:
                    for other in (place - 1, place + 1):
                        if 0 <= other < places and cost[other] + lean < least:
                            least, origin = cost[other] + lean, other
                column = middle - far + place
                left = ink[column - 1, row] if 1 <= column <= columns else 0.0
                right = ink[column, row] if 0 <= column < columns else 0.0
                reached[place] = least + (left + right) / 2 + astray * abs(place - far) / max(far, 1)
                before[row, place] = origin
            cost = reached
        place = np.argmin(cost)
        for row in range(rows - 1, -1, -1):
            seams[seam, row] = middle - far + place
            place = before[row, place]
    return seams


@njit(cache=True, nogil=True)
def inked_columns(dark: np.ndarray, seams: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first dark column between seams, and the one after the last, 0 if none is: [columns, rows], [N, rows] ->
    [N + 1] each."""
    columns, rows = dark.shape
    count = len(seams) + 1
    first, end = np.full(count, columns), np.zeros(count, np.int64)
    for row in range(rows):
        for unit in range(count):
            start = max(seams[unit - 1, row], 0) if unit > 0 else 0
            stop = min(seams[unit, row], columns) if unit + 1 < count else columns
            for column in range(start, stop):
                if dark[column, row]:
                    first[unit] = min(first[unit], column)
                    end[unit] = max(end[unit], column + 1)
    return first, end
