"""Stretches of line images to see: crops as PNG data: URIs, with the place of the stretch within them.

    crop = line_crop(utterance, 120, 180)
    f'<img src="{crop.picture}" width="{crop.width}" height="{crop.height}" alt="">'

The stretch is `crop.focus`, (x, width) in pixels of the crop as drawn; what is left and right of it is margin, to be
drawn paler.
"""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from unitdisc.corpus import Utterance
from unitdisc.media.image import read_line, resized
from unitdisc.reports.boxes import data_uri

HEIGHT = 64  # of a line of writing on the page, in pixels
SHARPNESS = 2  # pixels of the picture to a pixel of the page: screens may be finer than they say
LEVELS = 16  # shades of grey: half a byte for a pixel, and nobody sees the difference
MARGIN = 0.4  # of the height of the line, left and right of a stretch
LONGEST = 8.0  # heights of the line that are shown of a stretch


@dataclass(frozen=True)
class ImageCrop:
    """A stretch of a line image with a little of what surrounds it."""

    picture: str  # data: URI, PNG, as dark as the image is
    width: int  # as drawn, in pixels
    height: int
    focus: tuple[float, float]  # x and width of the stretch, in pixels of the width
    first: int  # the columns [first, last) of the utterance that are shown
    last: int


def line_crop(
    utterance: Utterance,
    start: int,
    end: int,
    margin: int | None = None,
    height: int = HEIGHT,
    longest: float = LONGEST,
    ink: np.ndarray | None = None,
) -> ImageCrop:
    """The columns [start, end) of a line image, and `margin` columns on either side where there are any.

    margin: in columns of the utterance (default: MARGIN times its height); height: of the crop as drawn, in pixels;
    longest: of a longer stretch, only the first so many heights of the line are shown; ink: what `read_line` gives for
    the utterance, where it has been read already.
    Raises ImageError if the image cannot be read, ValueError if the stretch is empty or not in the utterance.
    """
    if not 0 <= start < end <= utterance.ticks:
        raise ValueError(f"{utterance.id}: [{start}, {end}) is no stretch of {utterance.ticks} columns")
    ink = read_line(utterance) if ink is None else ink
    margin = round(MARGIN * ink.shape[1]) if margin is None else margin
    end = min(end, start + max(1, round(longest * ink.shape[1])))
    first, last = max(0, start - margin), min(utterance.ticks, end + margin)
    scale = height / ink.shape[1]
    return ImageCrop(
        picture=picture_uri(ink[first:last], height),
        width=max(1, round((last - first) * scale)),
        height=height,
        focus=((start - first) * scale, (end - start) * scale),
        first=first,
        last=last,
    )


def picture_uri(ink: np.ndarray, height: int) -> str:
    """Ink [columns, rows] in [0, 1] as the data: URI of a PNG that is sharp if drawn `height` pixels high."""
    rows = min(ink.shape[1], SHARPNESS * height)
    columns = max(1, round(len(ink) * rows / ink.shape[1]))
    grey = 1 - np.clip(resized(ink.T, rows, columns), 0, 1)
    picture = Image.fromarray(np.round(grey * (LEVELS - 1)).astype(np.uint8), mode="P")
    picture.putpalette([round(255 * level / (LEVELS - 1)) for level in range(LEVELS) for _ in range(3)])
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True, bits=4)
    return data_uri("image/png", file.getvalue())
