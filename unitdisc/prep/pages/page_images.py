"""The image of a page: where it is, and how its size compares with what the page file says."""

import os.path
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

import numpy as np

from unitdisc.corpus import CorpusError, Problem
from unitdisc.media.image import SUFFIXES, ImageError, ImageInfo, image_info
from unitdisc.prep.pages.layout import LinePart, Page, PageLine
from unitdisc.prep.pages.workspace import images_of, is_workspace

SLACK = 0.01  # by how much of its length a side may differ after scaling: whoever scaled it rounded


def find_image(page: Page, root: str | Path, *others: str | Path) -> Path:
    """The image of a page, looked for below the folder `root`, and `others`, alone, whatever the page file says.

    That is the path it gives, from where it is itself or from a folder above it, as in workspaces of OCR-D; or else a
    file of this name beside it, in the folder above or in one of `others`, capitals aside; or what a METS file says is
    the image of this page; or one with another suffix; or one called like the page file. No link leads out of these
    folders, which may be links themselves. Raises CorpusError if there is none.
    """
    roots = [Path(os.path.normpath(folder)) for folder in (root, *others)]
    out = None
    for path in candidates(page, roots):
        if not is_file(path) or not any(Path(os.path.normpath(path)).is_relative_to(each) for each in roots):
            continue
        if stays_in(path, roots):
            return path
        out = out or path
    if out:
        what = f"its image {out} is a link that leads out of {roots[0]}, to {os.path.realpath(out)}"
        raise CorpusError(f"{page.path}: {what}; copy the image there, or give its folder with --images")
    named = f"its image {page.image[-80:]!r}" if page.image else "its image, which it does not name,"
    where = " and ".join(map(str, roots))
    raise CorpusError(f"{page.path}: {named} is not below {where}; copy the image beside it")


def stays_in(path: Path, roots: Sequence[Path]) -> bool:
    """Whether a path, once all links are followed, is in one of some folders."""
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(os.path.realpath(root)) for root in roots)


def is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no file can be called so
        return False


def candidates(page: Page, roots: Sequence[Path]) -> Iterator[Path]:
    """Where the image may be, the likeliest first; what is not below the folders is for others to refuse."""
    home = Path(os.path.normpath(page.path.parent))
    above = [folder for folder in (home, *home.parents) if folder.is_relative_to(roots[0])]
    workspaces = [folder for folder in above if is_workspace(folder)]
    name = PureWindowsPath(page.image).name  # either slash ends a folder
    beside = [*[folder for folder in (home, home.parent) if folder in above], *roots[1:]]
    if page.image:
        yield from (folder / path for folder in (home, *workspaces, *above) for path in spellings(page.image))
        yield from (path for folder in beside for each in spellings(name) for path in named(folder, each))
    for workspace in workspaces:
        yield from (path for path in images_of(page.path, workspace, name) if is_of_size(path, page, roots))
    for folder in beside:
        for wanted in filter(None, (Path(name).stem, page.path.stem)):
            yield from pictures(folder, wanted)


def spellings(image: str) -> list[str]:
    """A path as it is, with slashes for backslashes, and with what URLs quote."""
    return [*dict.fromkeys([image, PureWindowsPath(image).as_posix(), unquote(image)])]


def named(folder: Path, name: str) -> Iterator[Path]:
    """The file of a name in a folder; or, if there is none, those that are called so but for capitals."""
    if is_file(folder / name):
        yield folder / name
    elif name and folder.is_dir():
        wanted = name.casefold()
        yield from sorted(path for path in folder.iterdir() if path.name.casefold() == wanted)


def pictures(folder: Path, stem: str) -> list[Path]:
    """The images of a folder that are called so, whatever their suffix; in order of SUFFIXES."""
    found = [path for path in folder.iterdir() if path.stem.casefold() == stem.casefold()] if folder.is_dir() else []
    found = [path for path in found if path.suffix.lower() in SUFFIXES]
    return sorted(found, key=lambda path: (SUFFIXES.index(path.suffix.lower()), path))


def is_of_size(path: Path, page: Page, roots: Sequence[Path]) -> bool:
    """Whether an image that the page file does not name has the size that it tells; other images of a page have not."""
    if not is_file(path) or not stays_in(path, roots):
        return False
    try:
        return page.size is None or not page.pixels or image_info(path) == page.size
    except ImageError:
        return False


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
    repaired = Problem("warning", str(page.path), None, what=what, cure=f"all is scaled by {factor:.4g}")
    problems = [*page.problems, *([repaired] if page.pixels else [])]
    return replace(page, lines=[scaled(line, factor) for line in page.lines], problems=problems)


def scaled(line: PageLine, factor: float) -> PageLine:
    def scale(points: np.ndarray) -> np.ndarray:
        return points * factor

    parts = {tier: [LinePart(label, scale(outline)) for label, outline in parts] for tier, parts in line.parts.items()}
    baseline = None if line.baseline is None else scale(line.baseline)
    return replace(line, outline=scale(line.outline), baseline=baseline, parts=parts)
