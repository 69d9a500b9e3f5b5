"""Images of any mode become the same grey; what is listed is what is read; what cannot be used is named."""

import numpy as np
import pytest
from PIL import Image

from unitdisc.corpus import Utterance
from unitdisc.media.image import (
    SUFFIXES,
    ImageError,
    ImageInfo,
    image_info,
    read_image,
    read_line,
    resized,
    write_image,
)

LEVELS = np.linspace(0, 255, 12 * 20).reshape(12, 20).round().astype(np.uint8)


def grey() -> Image.Image:
    return Image.fromarray(LEVELS)


def with_alpha(mode: str) -> Image.Image:
    """White paper whose ink lies in the transparency alone: where the levels are dark, it is opaque black."""
    image = Image.new(mode, (20, 12))
    image.putalpha(Image.fromarray(255 - LEVELS))
    return image


def one_transparent(mode: str) -> Image.Image:
    image = grey().convert(mode)
    image.info["transparency"] = image.getpixel((0, 0))
    return image


MODES = {  # file -> image
    "l.png": grey(),
    "la.png": with_alpha("LA"),
    "rgb.png": grey().convert("RGB"),
    "rgba.png": with_alpha("RGBA"),
    "palette.png": grey().quantize(256),
    "i16.png": Image.fromarray(LEVELS.astype(np.uint16) * 257),
    "i16.tif": Image.fromarray(LEVELS.astype(np.uint16) * 257),
    "i32.tif": Image.fromarray(LEVELS.astype(np.int32) * 257),
    "cmyk.tif": grey().convert("RGB").convert("CMYK"),
    "cmyk.jpg": grey().convert("RGB").convert("CMYK"),
    "f1.tif": Image.fromarray(LEVELS.astype(np.float32) / 255),
    "f255.tif": Image.fromarray(LEVELS.astype(np.float32)),
    "f65535.tif": Image.fromarray(LEVELS.astype(np.float32) * 257),
    "lab.tif": Image.merge("LAB", [grey(), *[Image.new("L", (20, 12), 128)] * 2]),
    "l.jpg": grey(),
    "l.pgm": grey(),
    "l.bmp": grey(),
    "l.webp": grey(),
    "l.gif": grey(),
    "l.jp2": grey(),
}


@pytest.mark.parametrize("name", MODES)
def test_every_mode_is_the_same_grey(tmp_path, name):
    MODES[name].save(tmp_path / name, **({"quality": 100} if name.endswith(("jpg", "webp")) else {}))
    assert image_info(tmp_path / name) == ImageInfo(20, 12)
    image = read_image(tmp_path / name)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, LEVELS / 255, atol=0.02)


def test_one_bit(tmp_path):
    Image.fromarray(LEVELS > 100).save(tmp_path / "bits.png")
    assert np.array_equal(read_image(tmp_path / "bits.png"), LEVELS > 100)


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_a_transparent_colour_shows_white_paper(tmp_path, mode):
    one_transparent(mode).save(tmp_path / "x.png")
    found = read_image(tmp_path / "x.png")
    assert found[0, 0] == 1
    np.testing.assert_allclose(found.ravel()[1:], LEVELS.ravel()[1:] / 255, atol=0.01)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotation_by_exif_is_undone(tmp_path, suffix, orientation):
    """Whatever the orientation, the corner called first row and first column is where EXIF says it is."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    levels = LEVELS.repeat(8, 0).repeat(8, 1)
    options = {"quality": 100} if suffix in ("jpg", "webp") else {}
    Image.fromarray(levels).save(tmp_path / f"x.{suffix}", exif=exif, **options)
    upright = {  # by the table of the EXIF standard: where the stored row 0 and the stored column 0 are seen
        1: levels,
        2: levels[:, ::-1],
        3: levels[::-1, ::-1],
        4: levels[::-1],
        5: levels.T,
        6: levels[::-1].T,
        7: levels[::-1, ::-1].T,
        8: levels.T[::-1],
    }[orientation]
    found = read_image(tmp_path / f"x.{suffix}")
    assert found.shape == upright.shape == image_info(tmp_path / f"x.{suffix}")[::-1]
    np.testing.assert_allclose(found, upright / 255, atol=0.05)


def test_what_is_written_is_read(tmp_path):
    ink = np.random.default_rng(0).uniform(-0.2, 1.2, (20, 12))
    write_image(tmp_path / "deep/x.png", ink)
    whole = Utterance("x", str(tmp_path / "deep/x.png"), None, 20, height=12)
    np.testing.assert_allclose(read_line(whole), np.clip(ink, 0, 1), atol=0.5001 / 255)
    part = Utterance("x", whole.path, None, 7, height=12, start=5)
    assert np.array_equal(read_line(part), read_line(whole)[5:12])
    assert read_line(part).flags["C_CONTIGUOUS"]


@pytest.mark.parametrize(
    "name,ink,message",
    [
        ("x.jpg", np.ones((3, 4)), "x.jpg: cannot write .jpg; use .png"),
        ("x.png", np.full((3, 4), np.nan), "x.png: NaN, infinity or nothing at all cannot be written"),
        ("x.png", np.ones((0, 4)), "x.png: NaN, infinity or nothing at all cannot be written"),
    ],
)
def test_what_cannot_be_written(tmp_path, name, ink, message):
    with pytest.raises(ImageError, match=message):
        write_image(tmp_path / name, ink)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "listed,message",
    [
        ({"ticks": 20, "height": 13}, "x.png: has 12 rows, but x is listed with 13; correct the list"),
        ({"ticks": 21, "height": 12}, "x.png: has 20 columns, but x is listed up to 21; copy it again"),
        ({"ticks": 20, "height": 12, "start": 1}, "x.png: has 20 columns, but x is listed up to 21; copy it again"),
        ({"ticks": 0, "height": 12}, r"x.png: x is empty \(0 columns\); take it off the list"),
        ({"ticks": 3, "height": 12}, r"x.png: x is blank \(all of one colour\); take it off the list"),
    ],
)
def test_the_size_must_be_as_listed_and_something_written_there(tmp_path, listed, message):
    levels = LEVELS.copy()
    levels[:, :3] = 200
    Image.fromarray(levels).save(tmp_path / "x.png")
    with pytest.raises(ImageError, match=message) as raised:
        read_line(Utterance("x", str(tmp_path / "x.png"), None, **listed))
    error = raised.value
    assert str(error) == f"{error.file}: {error.what}; {error.cure}"


def test_resizing_keeps_the_share_of_ink():
    """Antialiased: thin strokes become grey, and do not come and go with the raster."""
    ink = np.zeros((50, 200), np.float32)
    ink[:, ::7] = 1
    assert resized(ink, 20, 30).mean() == pytest.approx(ink.mean(), rel=0.02)
    assert resized(ink, 20, 30).shape == (20, 30)
    assert np.array_equal(resized(ink, 50, 200), ink)


def test_real_lines(real_data):
    for path in sorted((real_data / "hw_medieval_fro/images").rglob("*.jpg"))[::300]:
        image = read_image(path)
        assert image.shape[::-1] == image_info(path)
        assert image.shape[0] == 48
        assert 0.5 < image.mean() < 1  # more paper than ink
        assert path.suffix in SUFFIXES
