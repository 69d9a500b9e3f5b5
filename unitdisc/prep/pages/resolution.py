"""Resolution: pages that say they measure in tenths of a millimetre or the like, and are as large as their image."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw

from unitdisc.corpus import CorpusError, Problem
from unitdisc.media.image import resized
from unitdisc.prep.pages.layout import Page, PageLine
from unitdisc.prep.pages.page_images import scaled

PER_INCH = {"mm10": 254, "inch1200": 1200}
SCANNED = (72, 96, 100, 150, 200, 240, 300, 350, 400, 600, 1200)  # dots per inch, as scanners are set
LOOKED_AT = 1000  # pixels on the longer side of the image in which ink is looked for
SLACK = 0.002  # of a side
APART = 0.1  # factors that are nearer to 1 put lines where they would be in pixels
CLEAR = 1.25  # times as much ink


def in_pixels(page: Page, grey: np.ndarray, dots: float | None) -> Page:
    """The page with its lines in pixels, if it is as large as its image; any other page stays as it is.

    A page in mm10 or inch1200 has as many of these as its image has pixels only by chance: either all of it is in
    pixels, or its lines are in that unit and its size is not. Where there is more ink in the lines tells which.
    grey: [rows, columns]. dots: per inch, if the image says so. Raises CorpusError if the lines are not in pixels, and
    nothing says how many pixels their unit has.
    """
    if page.pixels or page.size is None or not page.lines:
        return page
    if any(abs(one - other) > SLACK * other + 1 for one, other in zip(page.size, grey.shape[::-1])):
        return page
    unit = PER_INCH.get(page.unit.lower(), np.inf)
    tried = [each / unit for each in ((dots,) if dots else SCANNED)]
    ink = darkness(grey)
    as_said = {each: ink_in(ink, grey.shape, page.lines, each) for each in tried if abs(each - 1) > APART}
    best = max(as_said, key=as_said.__getitem__, default=1)
    what = f"says that it measures in {page.unit}, but is as large as its image in pixels"
    how = "all of it is taken to be in pixels"
    if as_said and as_said[best] > CLEAR * ink_in(ink, grey.shape, page.lines, 1):
        if not dots:
            cure = f"give WIDTH and HEIGHT in {page.unit}, too"
            raise CorpusError(f"{page.path}: {what}, and its lines are not where they would be in pixels; {cure}")
        how = f"its lines are taken to be in {page.unit}, of an image of {dots:.0f} dots per inch"
        page = replace(page, lines=[scaled(line, best) for line in page.lines])
    problem = Problem("warning", str(page.path), None, what=what, cure=how)
    return replace(page, pixels=True, problems=[*page.problems, problem])


def darkness(grey: np.ndarray) -> np.ndarray:
    """How much darker than paper an image is, made smaller: [rows, columns]."""
    factor = min(1, LOOKED_AT / max(grey.shape))
    small = resized(grey, *(max(1, round(side * factor)) for side in grey.shape))
    return np.clip(np.median(small) - small, 0, None)


def ink_in(ink: np.ndarray, shape: tuple[int, int], lines: Sequence[PageLine], factor: float) -> float:
    """The ink per pixel of the lines, their points times `factor` being pixels of an image of that shape."""
    smaller = np.array(ink.shape[::-1]) / np.array(shape[::-1])
    outlines = [np.clip(line.outline * factor * smaller, -1, 4 * LOOKED_AT) for line in lines]
    mask = Image.new("1", ink.shape[::-1])
    for outline in outlines:
        ImageDraw.Draw(mask).polygon([tuple(point) for point in outline], fill=1)
    area = sum(area_of(outline) for outline in outlines)  # what lies beyond the image has no ink
    return float(ink[np.asarray(mask)].sum()) / max(area, 1.0)


def area_of(outline: np.ndarray) -> float:
    x, y = outline.T
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2
