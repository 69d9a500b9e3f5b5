"""Cutting a line out of a page: along its baseline, which becomes straight and level, and nothing of its neighbours."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import binary_fill_holes, map_coordinates

from unitdisc.corpus import Interval
from unitdisc.media.image import BLANK
from unitdisc.prep.pages.layout import LineError, LinePart, PageLine

STEP = 8  # pixels between the points of an outline that is bent with its baseline
SLACK = 2  # pixels beyond the page that are not worth a word
SMALLEST = 4  # pixels; less than this on a side is no line of writing
LARGEST = 4  # times the page; more than this would come from a baseline that runs up and down


@dataclass(frozen=True)
class LineCrop:
    """A line image, its ink in [0, 1], [columns, rows], and the tiers of its parts in columns."""

    ink: np.ndarray
    alignment: dict[str, list[Interval]]
    repairs: list[str]  # "what was wrong with the outline; how it was repaired"


@dataclass(frozen=True)
class Course:
    """How a line runs over its page: `along` it and, at right angles, `down` from it."""

    origin: np.ndarray
    along: np.ndarray  # unit vectors (x, y)
    down: np.ndarray
    positions: np.ndarray  # pixels along the line, at which ...
    bends: np.ndarray  # ... the baseline is so many pixels down

    def straighten(self, points: np.ndarray) -> np.ndarray:
        """Points (x, y) of the page as (along, down from the baseline): [N, 2]."""
        position, depth = (points - self.origin) @ self.along, (points - self.origin) @ self.down
        return np.stack([position, depth - np.interp(position, self.positions, self.bends)], 1)

    def places(self, position: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """The inverse: (x, y) of the page, [2, rows, columns]."""
        depth = depth[:, None] + np.interp(position, self.positions, self.bends)
        return self.origin[:, None, None] + self.along[:, None, None] * position + self.down[:, None, None] * depth


def crop(grey: np.ndarray, line: PageLine) -> LineCrop:
    """Cuts a line out of a page of grey levels, [rows, columns]; what is outside of its outline becomes paper.

    Raises LineError if the outline is outside of the page, has no width or height, or if nothing is written there.
    """
    outline, repairs = clipped(line.outline, grey), []
    baseline = line.baseline
    if baseline is not None and not is_near(baseline, grey):
        repairs.append("has a baseline far from the page; the middle of its outline is taken")
        baseline = None
    course = course_of(baseline, outline)
    edge = course.straighten(dense(outline))
    first, last = np.floor(edge.min(0) + 0.01).astype(int), np.ceil(edge.max(0) - 0.01).astype(int)
    columns, rows = last - first
    if min(columns, rows) < SMALLEST or columns * rows > LARGEST * grey.size:
        raise LineError(f"has an outline of {columns} x {rows} pixels", "correct it, or take the line out")
    x, y = course.places(first[0] + 0.5 + np.arange(columns), first[1] + 0.5 + np.arange(rows))
    found = map_coordinates(grey, [y - 0.5, x - 0.5], order=1, mode="nearest")  # pixel 0 has its middle at 0.5
    height, width = grey.shape
    inside = filled(edge - first, columns, rows) & (x >= 0) & (x <= width) & (y >= 0) & (y <= height)
    if not inside.any() or np.ptp(found[inside]) < BLANK:
        raise LineError("is blank (all of one colour)", "take it out, or correct its outline")
    alignment = {tier: intervals_of(parts, course, first[0], columns) for tier, parts in line.parts.items()}
    return LineCrop(1 - masked(found, inside).T, alignment, [*repairs, *repairs_of(line.outline, outline)])


def repairs_of(given: np.ndarray, used: np.ndarray) -> Iterator[str]:
    if np.abs(given - used).max() > SLACK:
        yield "has an outline that leaves the page; it is cut to it"
    if crosses(used):
        yield "has an outline that crosses itself; all that it goes around is taken"


def crosses(outline: np.ndarray) -> bool:
    """Whether two sides of a polygon cross: the ends of each are then on either side of the other."""
    start, side = outline, np.roll(outline, -1, axis=0) - outline

    def turn(points: np.ndarray) -> np.ndarray:
        """On which side of every polygon side (rows) points are (columns)."""
        to = points[None] - start[:, None]
        return np.sign(side[:, None, 0] * to[..., 1] - side[:, None, 1] * to[..., 0])

    apart = turn(start) * turn(start + side) < 0
    return bool((apart & apart.T).any())


def clipped(outline: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """An outline with the points beyond the page on its edge. Raises LineError if no page is left in it."""
    size = np.array(grey.shape[::-1])
    found = np.clip(outline, 0, size)
    if min(np.ptp(found, axis=0)) < 1:
        raise LineError(f"covers nothing of the page of {size[0]} x {size[1]} pixels", "correct its outline")
    return found


def is_near(baseline: np.ndarray, grey: np.ndarray) -> bool:
    """Whether a baseline is on the page, or no farther from it than the page is large."""
    size = np.array(grey.shape[::-1])
    return bool((baseline >= -size).all() and (baseline <= 2 * size).all())


def dense(outline: np.ndarray) -> np.ndarray:
    """A closed outline with points every few pixels: [N, 2]."""
    pieces = []
    for start, end in pairwise([*outline, outline[0]]):
        count = max(1, int(np.ceil(np.linalg.norm(end - start) / STEP)))
        pieces.append(start + (end - start) * np.arange(count)[:, None] / count)
    return np.concatenate(pieces)


def course_of(baseline: np.ndarray | None, outline: np.ndarray) -> Course:
    """Along a baseline from its first point to its last; without one, as the outline leans."""
    if baseline is None or np.linalg.norm(baseline[-1] - baseline[0]) < 1:
        baseline = middle_of(outline)
    along = baseline[-1] - baseline[0]
    if along[0] < 0 and abs(along[1]) < abs(along[0]):  # drawn from right to left: we go by columns of the page
        baseline, along = baseline[::-1], -along
    along = along / np.linalg.norm(along)
    down = np.array([-along[1], along[0]])
    positions, bends = (baseline - baseline[0]) @ along, (baseline - baseline[0]) @ down
    if (np.diff(positions) <= 0).any():  # it turns back, and only its ends can be trusted
        positions, bends = positions[[0, -1]], bends[[0, -1]]
    return Course(baseline[0], along, down, positions, bends)


def middle_of(outline: np.ndarray) -> np.ndarray:
    """The line through the middle of an outline, from left to right: level, unless the outline is long and leans."""
    points = dense(outline)
    centre = points.mean(0)
    lengths, axes = np.linalg.eigh(np.cov((points - centre).T))
    axis = axes[:, 1] * np.sign(axes[0, 1])
    if lengths[1] < 10 * lengths[0] or not 0.01 < abs(axis[1]) < axis[0]:
        centre, axis = np.floor(centre), np.array([1.0, 0.0])  # pixels stay as they are
    return np.array([centre - axis, centre + axis])


def filled(edge: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """What is within an outline, also where it crosses itself: bool [rows, columns]."""
    mask = Image.new("1", (int(columns), int(rows)))
    ImageDraw.Draw(mask).polygon([tuple(point) for point in edge - 0.5], fill=1, outline=1)
    return binary_fill_holes(np.asarray(mask))


def masked(grey: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Paper for all that is not inside: as light as that of the line near it, so that no edge shows."""
    rows, columns = grey.shape
    stretches = np.array_split(np.arange(columns), max(1, round(columns / (2 * rows))))
    known = [stretch for stretch in stretches if inside[:, stretch].any()]
    levels = [np.median(grey[:, stretch][inside[:, stretch]]) for stretch in known]
    paper = np.interp(np.arange(columns), [stretch.mean() for stretch in known], levels)
    return np.where(inside, grey, paper).astype(np.float32)


def intervals_of(parts: list[LinePart], course: Course, first: int, columns: int) -> list[Interval]:
    """Where the parts of a line are, in columns of its image; neighbours that overlap meet half-way."""
    spans = []
    for label, outline in parts:
        position = course.straighten(outline)[:, 0] - first
        start, end = np.clip(np.round([position.min(), position.max()]), 0, columns).astype(int).tolist()
        if start < end:
            spans.append((start, end, label))
    spans.sort()
    for index in range(1, len(spans)):
        (start, end, label), (following, last, other) = spans[index - 1], spans[index]
        if following < end:
            border = (following + min(end, last)) // 2
            spans[index - 1], spans[index] = (start, border, label), (border, max(last, border), other)
    return [Interval(*span) for span in spans if span[0] < span[1]]
