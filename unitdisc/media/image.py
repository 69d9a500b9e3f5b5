"""Images in and out: from a file to grey levels or ink in [0, 1] and back, by Pillow."""

import io
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from unitdisc.corpus import FileError, Utterance
from unitdisc.files import written_aside
from unitdisc.files.refusals import refuse_blameless
from unitdisc.media.tars import TarError, in_tar, open_member

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".pgm", ".pbm", ".ppm", ".pnm", ".gif", ".jp2")
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM", "GIF", "JPEG2000")  # all decoded here: none runs a program
OTHERS = {  # how files begin that look like images and are none of these
    b"%PDF": "a PDF document",
    b"<svg": "an SVG drawing",
    b"<?xml": "XML (an SVG drawing?)",
    b"%!PS": "PostScript",
    b"AT&TFORM": "DjVu",
    b"8BPS": "a Photoshop document",
    b"PK\3\4": "a ZIP archive",
    b"\x1f\x8b": "compressed by gzip",
    b"version https://git-lfs": "a pointer to a file kept elsewhere (Git LFS)",
    b"<!DOCTYPE html": "a web page",
    b"<html": "a web page",
}
MAX_PIXELS = 80_000_000  # an A3 page at 600 dots per inch; as much again is refused by Pillow before we are asked
MAX_SIDE = 65_535  # pixels, the most that JPEG allows
BLANK = 0.02  # an image whose grey levels differ by less than this (5 of 255) shows nothing
DEPTHS = (1, 255, 65535)  # what white may be in an image of floating-point numbers
TURNS = {  # EXIF orientation -> what undoes it
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class ImageError(FileError):
    """An image cannot be used: the message says which file, what is wrong with it, and the cure."""


class ImageInfo(NamedTuple):
    """The size of an image in pixels, as it is to be seen: after the rotation that EXIF asks for."""

    width: int
    height: int


def image_info(path: str | Path) -> ImageInfo:
    """The size of an image, from its header.

    Raises ImageError if the file is missing, empty, no image, of a kind that is not read here, of several pages, or
    too small or too large to be one of writing.
    """
    with opened(path) as image:
        return size_of(image)


def read_image(path: str | Path) -> np.ndarray:
    """The grey levels of an image, 1 = white: float32 [rows, columns] in [0, 1].

    Any colours become grey (ITU-R 601-2), what is transparent shows white paper, and EXIF rotation is undone.
    Raises ImageError as `image_info` does, and if the image is truncated or damaged, or holds NaN.
    """
    with opened(path) as image:
        turn = TURNS.get(orientation(image))
        image.load()  # Pillow turns a TIFF itself
        grey = grey_of(image, path)
    return np.asarray(grey if turn is None or image.format == "TIFF" else turned(grey, turn))


def dots_per_inch(path: str | Path) -> float | None:
    """How finely an image was scanned, if it says so; programs that do not know write 72 or 96.

    Raises ImageError as `image_info` does.
    """
    with opened(path) as image:
        across, down = image.info.get("dpi") or (0, 0)
    known = across == down and 100 <= across < 10_000
    return float(across) if known else None


def read_line(utterance: Utterance) -> np.ndarray:
    """The ink of a line image, 1 = black: float32 [columns, rows] in [0, 1].

    Only the columns [start, start + ticks) of the file are given. Raises ImageError as `read_image` does, if the
    file has not the size that is listed, and if nothing is on it.
    """
    grey = read_image(utterance.path)
    check_size(utterance, ImageInfo(grey.shape[1], grey.shape[0]))
    ink = np.ascontiguousarray(1 - grey.T[utterance.start : utterance.start + utterance.ticks])
    if np.ptp(ink) < BLANK:
        raise blank(utterance)
    return ink


def check_size(utterance: Utterance, info: ImageInfo) -> None:
    """Raises ImageError if an image has not the size that is listed for an utterance, or the utterance is empty."""
    last = utterance.start + utterance.ticks
    if not utterance.ticks:
        raise ImageError.at(utterance.path, f"{utterance.id} is empty (0 columns)", "take it off the list")
    if info.height != utterance.height:
        what = f"has {info.height} rows, but {utterance.id} is listed with {utterance.height}"
        raise ImageError.at(utterance.path, what, "correct the list, or prepare the corpus again")
    if info.width < last:
        what = f"has {info.width} columns, but {utterance.id} is listed up to {last}"
        raise ImageError.at(utterance.path, what, "copy it again if it was cut, or correct the list")


def blank(utterance: Utterance) -> ImageError:
    return ImageError.at(utterance.path, f"{utterance.id} is blank (all of one colour)", "take it off the list")


def write_image(path: Path, ink: np.ndarray) -> None:
    """Writes ink in [0, 1], [columns, rows], dark on white as an 8-bit grey PNG; what is darker than 1 is black.

    Raises ImageError for another suffix, for ink that is not finite, and where there are no pixels.
    """
    if path.suffix.lower() != ".png":
        raise ImageError.at(path, f"cannot write {path.suffix or 'no suffix'}", "use .png")
    if not ink.size or not np.isfinite(ink).all():
        raise ImageError.at(path, "NaN, infinity or nothing at all cannot be written", "look at what computed the ink")
    levels = 255 - np.round(np.clip(ink.T, 0, 1) * 255).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(levels).save(content, format="PNG")
    with written_aside(path) as aside:
        aside.write_bytes(content.getvalue())


def resized(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """An image of any size, smoothed where it becomes smaller: float32 [rows, columns]."""
    if image.shape == (rows, columns):
        return np.asarray(image, dtype=np.float32)
    picture = Image.fromarray(np.asarray(image, dtype=np.float32))
    return np.asarray(picture.resize((columns, rows), Image.Resampling.BILINEAR))


@contextmanager
def opened(path: str | Path) -> Iterator[Image.Image]:
    """An image that may be decoded; whatever goes wrong with it meanwhile is an ImageError."""
    if not in_tar(path):
        check_file(Path(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what is refused or repaired here
            # given a file and not its name, for from a mapped file Pillow turns uncompressed TIFFs wrongly
            with source(path) as file, Image.open(file, formats=FORMATS) as image:
                check_kind(image, path)
                yield image
    except ImageError:
        raise
    except TarError as error:
        raise ImageError.at(error.file, error.what, error.cure) from error
    except Image.DecompressionBombError:
        raise too_large(path) from None
    except MemoryError:
        raise ImageError.at(path, "does not fit into memory", "make it smaller") from None
    except Exception as error:  # a damaged file can raise nearly anything
        refuse_blameless(error, path)
        reason = str(error).rstrip(".") or type(error).__name__
        if isinstance(error, UnidentifiedImageError):
            reason = "no image is recognised in it"
        raise ImageError.at(path, f"cannot be read ({reason})", "copy it again, or convert it to PNG") from error


def source(path: str | Path) -> AbstractContextManager[io.IOBase]:
    """A file, or one in a tar (`x.tar:512`), opened for reading."""
    return open_member(path) if in_tar(path) else Path(path).open("rb")


def check_file(path: Path) -> None:
    listed = "correct the path in the list, or take the image off it"
    try:
        if path.exists() and not path.is_file():
            raise ImageError.at(path, "is not a file", listed)
        with path.open("rb") as file:
            head = file.read(64)
    except FileNotFoundError as error:
        raise ImageError.at(path, "no such file", listed) from error
    except ImageError:
        raise
    except (OSError, ValueError) as error:  # not allowed to, or a name that no file can have
        refuse_blameless(error, path)
        reason = getattr(error, "strerror", None) or error
        raise ImageError.at(path, f"cannot be read ({reason})", "correct the path, or allow reading it") from error
    if not head:
        raise ImageError.at(path, "is empty (0 bytes)", "copy it again, or take it off the list")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, kind in OTHERS.items():
        if start[: len(magic)].lower() == magic.lower():
            raise ImageError.at(path, f"is {kind} and no image of pixels", "convert it to PNG, or copy the image")
    if head[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"):
        raise ImageError.at(path, f"is {head[8:12].decode().upper()}, which is not read here", "convert it to PNG")


def check_kind(image: Image.Image, path: str | Path) -> None:
    """Raises ImageError for what should not be decoded at all."""
    width, height = image.size
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise too_large(path, f" ({width} x {height})")
    if min(width, height) < 2:
        raise ImageError.at(path, f"is {width} x {height} pixels, too small for writing", "take it off the list")
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:  # an MPO is a photo with its own thumbnails
        raise ImageError.at(path, f"holds {image.n_frames} pages or frames", "save each as an image of its own")


def too_large(path: str | Path, size: str = "") -> ImageError:
    what = f"is too large{size}: more than {MAX_PIXELS} pixels, or {MAX_SIDE} on a side"
    return ImageError.at(path, what, "make it smaller, or cut it into lines")


def size_of(image: Image.Image) -> ImageInfo:
    swapped = orientation(image) >= 5 and image.format != "TIFF"  # of a TIFF, Pillow tells the size after turning
    return ImageInfo(*(image.size[::-1] if swapped else image.size))


def orientation(image: Image.Image) -> int:
    """What EXIF says in the header of an image; 1, upright, where it says nothing that can be understood."""
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # looking further would decode it
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a damaged note does not make the image unreadable
        return 1
    return found if found in TURNS else 1


def turned(grey: np.ndarray, turn: Image.Transpose) -> np.ndarray:
    return np.asarray(Image.fromarray(grey).transpose(turn))


def grey_of(image: Image.Image, path: str | Path) -> np.ndarray:
    """The grey levels of a decoded image: float32 [rows, columns], 1 = white."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.float32) / 65535
    if image.mode in ("I", "F"):
        return grey_of_numbers(np.asarray(image), image.mode, path)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    elif image.mode == "LAB":
        image = image.getchannel(0)
    elif image.mode not in ("1", "L"):
        image = image.convert("RGB")  # palettes and CMYK have no way of their own to grey
    return np.asarray(image.convert("L"), dtype=np.float32) / 255


def grey_of_numbers(values: np.ndarray, mode: str, path: str | Path) -> np.ndarray:
    """The grey levels of an image of 32-bit whole numbers or of floating-point numbers."""
    if not np.isfinite(values).all():
        what = f"holds NaN or infinity (in {(~np.isfinite(values)).sum()} of {values.size} pixels)"
        raise ImageError.at(path, what, "convert the original again")
    white = next((depth for depth in DEPTHS if values.max() <= depth), None) if mode == "F" else 65535
    if values.min() < 0 or white is None or values.max() > white:
        what = f"holds values from {values.min():g} to {values.max():g}, of which none is known to be white"
        raise ImageError.at(path, what, "convert it to 8 or 16 bits")
    return (values / white).astype(np.float32)
