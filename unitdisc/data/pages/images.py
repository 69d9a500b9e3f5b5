"""The image of a page: where it is, and how its size compares with what the page file says."""

import os.path
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PureWindowsPath

import numpy as np

from unitdisc.corpus import CorpusError, Problem
from unitdisc.data.image import SUFFIXES, ImageInfo
from unitdisc.data.pages.layout import Line, Page, Part

SLACK = 0.01  # by how much of its length a side may differ after scaling: whoever scaled it rounded


def find_image(page: Page, root: str | Path) -> Path:
    """The image of a page, which is looked for below the folder `root` alone, whatever the page file says.

    That is the path it gives from where it is itself; or else a file of this name beside it or in the folder above
    it; or one with another suffix; or one called like the page file. Raises CorpusError if there is none.
    """
    root = Path(os.path.normpath(root))
    for path in candidates(page, root):
        if Path(os.path.normpath(path)).is_relative_to(root) and is_file(path):
            return path
    named = f"its image {page.image[-80:]!r}" if page.image else "its image, which it does not name,"
    raise CorpusError(f"{page.path}: {named} is not below {root}; copy the image beside it")


def is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no file can be called so
        return False


def candidates(page: Page, root: Path) -> Iterator[Path]:
    home = page.path.parent
    name = PureWindowsPath(page.image).name  # either slash ends a folder
    if page.image:
        yield home / page.image
    for folder in (home, home.parent):
        for wanted in filter(None, (name, Path(name).stem, page.path.stem)):
            yield folder / wanted
            yield from (folder / f"{wanted}{suffix}" for suffix in SUFFIXES)


def scaled_to(page: Page, info: ImageInfo) -> Page:
    """The page in pixels of its image, which may be larger or smaller than the one that was transcribed.

    Raises CorpusError if its sides are not as those in the file.
    """
    if page.size is None:
        if not page.pixels:
            what = "measures in other units than pixels, and does not say how large the page is"
            raise CorpusError(f"{page.path}: {what}; give the page WIDTH and HEIGHT")
        return page
    factor = info.width / page.size[0]
    if abs(factor * page.size[1] - info.height) > SLACK * info.height + 1:
        what = f"is about an image of {page.size[0]:g} x {page.size[1]:g}, but it has {info.width} x {info.height}"
        raise CorpusError(f"{page.path}: {what} pixels; copy the image that belongs to it, not cut or turned")
    if factor == 1:
        return page
    what = f"is about an image of {page.size[0]:g} x {page.size[1]:g}, and it has {info.width} x {info.height} pixels"
    repaired = Problem("warning", str(page.path), None, what, f"all is scaled by {factor:.4g}")
    problems = [*page.problems, *([repaired] if page.pixels else [])]
    return replace(page, lines=[scaled(line, factor) for line in page.lines], problems=problems)


def scaled(line: Line, factor: float) -> Line:
    def scale(points: np.ndarray) -> np.ndarray:
        return points * factor

    parts = {tier: [Part(label, scale(outline)) for label, outline in parts] for tier, parts in line.parts.items()}
    baseline = None if line.baseline is None else scale(line.baseline)
    return replace(line, outline=scale(line.outline), baseline=baseline, parts=parts)
