"""Line images to see: units cut out of lines, and sheets of whole lines with the intervals drawn on them.

A sheet is cut into pieces that stand side by side and wrap like words, so that a line is read on any screen.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unitdisc.corpus import Interval, Utterance
from unitdisc.media.image import read_image, read_line
from unitdisc.reports.boxes import Box, boxes
from unitdisc.reports.image_crops import HEIGHT, ImageCrop, line_crop, picture_uri

UNIT_HEIGHT = 84  # of a line that a unit is cut out of, in pixels
PIECE = 272  # pixels: the widest piece, which the narrowest screens still show
LEAST = 0.5  # of PIECE: a piece may end with a unit from here on
LONGEST = 45.0  # heights of the line that are shown of it

Tiers = Mapping[str, Sequence[Interval]]


@dataclass(frozen=True)
class UnitCut:
    """A unit cut out of a line, and the intervals below it."""

    crop: ImageCrop
    lanes: dict[str, list[Box]]


class Given(NamedTuple):
    """What a decoder was given of a line: from where to where, in shares of the line; or in pixels of a piece."""

    start: float
    end: float


@dataclass(frozen=True)
class Strip:
    """A part of one version of a line."""

    picture: str  # data: URI, PNG; "" where this version has ended
    width: float  # as drawn, in pixels
    given: Given | None = None  # the part of these pixels; None if that is none


@dataclass(frozen=True)
class SheetPiece:
    """A part of a sheet: the same columns of every version, and the intervals below them."""

    width: float
    strips: list[Strip]
    lanes: dict[str, list[Box]]
    columns: tuple[int, int]  # of the utterance


@dataclass(frozen=True)
class Sheet:
    """Versions of a line, one below the other."""

    captions: list[str]  # of the versions; "" where there is only the original
    pieces: list[SheetPiece]
    shown: int  # columns of the utterance
    whole: bool  # whether these are all


@dataclass(frozen=True)
class Version:
    """A line as it is, or as the decoder wrote it."""

    caption: str
    ink: np.ndarray  # [columns, rows]
    given: Given | None = None  # the part that was given and not made


def unit_cut(utterance: Utterance, unit: Interval, tiers: Tiers) -> UnitCut:
    """A unit between margins. Raises ImageError if the image cannot be read."""
    crop = line_crop(utterance, unit.start, unit.end, height=UNIT_HEIGHT)
    return UnitCut(crop, boxes(tiers, crop.first, crop.last, crop.width / (crop.last - crop.first)))


def line_sheet(utterance: Utterance, tiers: Tiers) -> Sheet:
    """A whole line with the intervals of some tiers; pieces end where intervals of the first tier do.

    Raises ImageError if the image cannot be read.
    """
    return version_sheet(utterance, [Version("", read_line(utterance))], tiers)


def original(utterance: Utterance) -> Version:
    """Raises ImageError if the image cannot be read."""
    return Version("original", read_line(utterance))


def version_of(caption: str, path: Path, given: Given | None) -> Version:
    """What the decoder wrote, from its file. Raises ImageError if that cannot be read."""
    return Version(caption, 1 - read_image(path).T, given)


def version_sheet(utterance: Utterance, versions: Sequence[Version], tiers: Tiers) -> Sheet:
    """Versions of a line at one scale: a column of any is drawn below that column of the utterance which it stands for.

    What is wider than the utterance is cut off, what is narrower ends early.
    """
    scale = HEIGHT / utterance.height  # pixels to a column of the utterance
    last = min(utterance.ticks, round(LONGEST * utterance.height))
    borders = [interval.end for interval in next(iter(tiers.values()), ())]
    pieces = [
        SheetPiece(
            width=round((end - start) * scale, 2),
            strips=[strip(version, start * scale, end * scale) for version in versions],
            lanes=boxes(tiers, start, end, scale),
            columns=(start, end),
        )
        for start, end in pairwise(cuts(borders, last, PIECE / scale))
    ]
    return Sheet([version.caption for version in versions], pieces, last, last == utterance.ticks)


def strip(version: Version, start: float, end: float) -> Strip:
    """The part of a version that is drawn at pixels [start, end) of the sheet."""
    columns, rows = version.ink.shape
    first, last = (min(columns, round(place * rows / HEIGHT)) for place in (start, end))
    part = version.ink[first:last]
    return Strip(
        picture=picture_uri(part, HEIGHT) if len(part) else "",
        width=round(len(part) * HEIGHT / rows, 2),
        given=given_within(version.given, columns * HEIGHT / rows, start, end),
    )


def given_within(given: Given | None, width: float, start: float, end: float) -> Given | None:
    """The part of pixels [start, end) that was given of a line so wide, counted from `start`."""
    if given is None:
        return None
    first, last = (round(min(max(share * width, start), end) - start, 2) for share in given)
    return Given(first, last) if first < last else None


def cuts(borders: Sequence[int], last: int, widest: float) -> list[int]:
    """Where [0, last) is cut into pieces no wider than `widest` (but one tick at least): at borders where it can be."""
    ordered = sorted(borders)
    places = [0]
    while places[-1] < last:
        limit = places[-1] + max(1, int(widest))
        if limit >= last:
            places.append(last)
            break
        border = ordered[bisect_right(ordered, limit) - 1] if ordered and ordered[0] <= limit else 0
        places.append(border if border >= places[-1] + max(1, LEAST * widest) else limit)
    return places
