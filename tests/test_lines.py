"""Lines of handwriting become dark on light, even, upright and of one height, by the same rule for all."""

import numpy as np
import pytest

from unitdisc.data.line_cleaning import (
    BODY,
    body_of,
    is_light_on_dark,
    normalised,
    sheared,
    slant_of,
    threshold,
    with_body,
)
from unitdisc.media.image import read_image, resized


def strokes(angle: float, columns: int = 300, rows: int = 60) -> np.ndarray:
    """Strokes of a width of 3 pixels and of three heights, leaning to the right by an angle: [columns, rows]."""
    column, row = np.meshgrid(np.arange(columns), np.arange(rows), indexing="ij")
    upright = column - np.tan(np.radians(angle)) * ((rows - 1) / 2 - row)
    phase = upright % 17
    top = np.array([8, 20, 20])[((upright // 17) % 3).astype(int)]
    inside = (row >= top) & (row < rows - 15) & (upright > 20) & (upright < columns - 20)
    return np.clip(2 - np.abs(phase - 8), 0, 1) * inside


@pytest.fixture(scope="module")
def real_lines(real_data) -> list[np.ndarray]:
    paths = sorted((real_data / "hw_medieval_fro/images").rglob("*.jpg"))[::150]
    return [1 - read_image(path).T for path in paths]


def uneven(ink: np.ndarray) -> np.ndarray:
    """The line on grey, grained paper that is darker to the right."""
    shade = 0.2 + np.linspace(0, 0.4, len(ink))[:, None]
    grain = np.random.default_rng(0).normal(0, 0.01, ink.shape)
    return np.clip(shade + 0.35 * ink + grain, 0, 1)


@pytest.mark.parametrize("angle", [-30, -12, -3, 0, 5, 20, 40])
def test_slant_is_measured(angle):
    assert slant_of(strokes(angle)) == pytest.approx(angle, abs=1.5)
    assert slant_of(sheared(strokes(0), angle)) == pytest.approx(angle, abs=1.5)


@pytest.mark.parametrize("angle", [-30, 20, 40])
def test_slant_is_removed_about_the_middle_row_and_the_width_stays(angle):
    found = normalised(strokes(angle), 300, 60, slant=True)
    assert found.shape == (300, 60)
    assert abs(slant_of(found)) <= 1.5
    np.testing.assert_allclose(found[25:275, 29:31], strokes(0)[25:275, 29:31], atol=0.3)


def test_slant_of_real_lines(real_lines):
    """What is sheared is found to be sheared by so much more, on average over lines to a fraction of a degree."""
    more = [slant_of(sheared(ink, 12)) - slant_of(ink) for ink in real_lines]
    assert np.median(more) == pytest.approx(12, abs=1)
    assert np.percentile(np.abs(np.array(more) - 12), 80) <= 2


def test_polarity_is_found(real_lines):
    for ink in real_lines:
        assert not is_light_on_dark(ink)
        assert is_light_on_dark(1 - ink)
        assert is_light_on_dark(1 - uneven(ink))
        columns, rows = ink.shape
        np.testing.assert_allclose(normalised(1 - ink, columns, rows), normalised(ink, columns, rows), atol=0.02)


def test_polarity_that_is_told_is_believed():
    ink = strokes(0)
    assert np.array_equal(normalised(1 - ink, 300, 60, polarity="light"), normalised(ink, 300, 60, polarity="dark"))
    assert normalised(1 - ink, 300, 60, polarity="dark", contrast=False).mean() > 0.5


def test_paper_becomes_0_and_ink_1(real_lines):
    for ink in real_lines:
        found = normalised(ink, round(len(ink) * 32 / ink.shape[1]), 32)
        assert found.dtype == np.float32
        assert found.min() == 0
        assert found.max() == 1
        assert (found < 0.1).mean() > 0.4
        assert (found > 0.9).mean() > 0.02


def test_uneven_paper_is_evened():
    ink = strokes(0)
    found = normalised(uneven(ink), 300, 60)
    assert found[ink == 0].mean() < 0.05
    assert found[ink == 1].mean() > 0.9
    for end in (slice(0, 60), slice(-60, None)):
        assert found[end][ink[end] == 0].mean() < 0.05


def test_twice_is_once(real_lines):
    for ink in real_lines:
        once = normalised(ink, len(ink), 48)
        twice = normalised(once, len(ink), 48)
        assert np.abs(twice - once).mean() < 0.03


def test_the_same_line_at_another_resolution_is_the_same_line(real_lines):
    for ink in real_lines:
        columns, rows = ink.shape
        small = normalised(resized(ink, columns // 2, rows // 2), columns // 2, rows // 2)
        assert np.abs(normalised(ink, columns // 2, rows // 2) - small).mean() < 0.06


def test_without_contrast_levels_stay():
    ink = 0.3 + 0.2 * strokes(0)
    np.testing.assert_allclose(normalised(ink, 300, 60, contrast=False), ink, atol=1e-6)


def letters(first: int, end: int, rows: int = 60) -> np.ndarray:
    """Small letters from one row to another, with some that rise above them and hang below: [300, rows]."""
    ink = np.zeros((300, rows), np.float32)
    for column in range(10, 290, 12):
        ink[column : column + 4, first:end] = 1
    ink[22:26, first - 8 : first] = 1
    ink[70:74, end : end + 8] = 1
    return ink


@pytest.mark.parametrize("first,end", [(20, 40), (12, 24), (30, 48)])
def test_small_letters_are_brought_to_one_height_and_place(first, end):
    found = with_body(letters(first, end))
    top, bottom = body_of(found)
    assert abs(bottom - top - BODY * 60) <= 1.5 and abs((top + bottom) / 2 - 30) <= 1
    columns = [np.flatnonzero(ink.any(1)) for ink in (letters(first, end), found)]
    np.testing.assert_array_equal(*columns)


def test_letters_do_not_become_more_than_twice_as_tall():
    top, bottom = body_of(with_body(letters(28, 33)))
    assert abs(bottom - top - 10) <= 1.5
    np.testing.assert_array_equal(with_body(np.zeros((20, 32), np.float32)), 0)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("options", [{}, {"contrast": False}, {"slant": True}, {"body": True}])
def test_nothing_written_is_finite(level, options):
    found = normalised(np.full((40, 20), level), 20, 10, polarity="dark", **options)
    assert found.shape == (20, 10)
    assert np.isfinite(found).all()
    assert options.get("contrast") is False or not found.any()


def test_any_size_becomes_any_size():
    rng = np.random.default_rng(0)
    for shape in ((2, 2), (2, 300), (300, 2), (1, 5)):
        assert normalised(rng.random(shape), 7, 5, slant=True).shape == (7, 5)


def test_threshold_is_the_best_of_all():
    """Otsu's criterion against trying every level."""
    rng = np.random.default_rng(0)
    ink = np.concatenate([rng.normal(0.2, 0.05, 500), rng.normal(0.7, 0.1, 200)]).clip(0, 1)[:, None]

    def variance(level: float) -> float:
        low, high = ink[ink <= level], ink[ink > level]
        return len(low) * low.var() + len(high) * high.var() if len(low) and len(high) else np.inf

    best = min(map(variance, np.linspace(0, 1, 500)))
    assert variance(threshold(ink)) <= 1.02 * best


@pytest.mark.parametrize("levels", [None, 255, 64, 0], ids=["any", "8 bits", "on the edges of bins", "one"])
def test_threshold_is_that_of_a_histogram(levels):
    """Bit for bit, of bins as numpy makes them."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        ink = rng.random(tuple(rng.integers(2, 60, 2))).astype(np.float32) ** rng.integers(1, 6)
        ink[0, 0], ink[-1, -1] = 0, 1
        if levels is not None:
            ink = np.round(ink * levels) / np.float32(max(levels, 1))
        counts, edges = np.histogram(ink, bins=64)
        below = np.cumsum(counts)[:-1]
        sums = np.cumsum(counts * (edges[:-1] + edges[1:]) / 2)
        means = sums[:-1] / np.maximum(below, 1), (sums[-1] - sums[:-1]) / np.maximum(ink.size - below, 1)
        between = below * (ink.size - below) * (means[0] - means[1]) ** 2
        assert threshold(ink) == edges[1 + np.argmax(between)]
