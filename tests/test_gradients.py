"""Gradient features: which direction a stroke has, that paper is nothing, that bands tile the line."""

import numpy as np
import pytest

from unitdisc.data.features import features_of_kind
from unitdisc.data.gradient_features import GradientFeatures

OPTIONS = GradientFeatures()


def stroke(angle: float) -> np.ndarray:
    """A thick straight line through the middle, in degrees from lying along the columns: [64, 32]."""
    column, row = np.indices((64, 32))
    across = (column - 32) * np.sin(np.radians(angle)) - (row - 16) * np.cos(np.radians(angle))
    return (np.abs(across) < 2).astype(np.float32)


@pytest.mark.parametrize("direction,angle", [(0, 90), (1, 135), (2, 0), (3, 45)])
def test_gradients_are_counted_where_they_point(direction, angle):
    """Across the stroke: of an upright one, along the columns, which is direction 0."""
    strengths = OPTIONS.oriented(stroke(angle))[:, 24:40, 10:22].sum((1, 2))
    assert strengths.argmax() == direction
    assert strengths[direction] > 3 * np.delete(strengths, [direction]).max()


def test_a_gradient_is_shared_by_the_two_nearest_directions_and_none_is_lost():
    from scipy.ndimage import gaussian_filter, sobel

    ink = np.random.default_rng(0).random((40, 32)).astype(np.float32)
    blurred = gaussian_filter(ink, 0.7)
    strength = np.hypot(sobel(blurred, 0) / 4, sobel(blurred, 1) / 4)
    found = OPTIONS.oriented(ink)
    np.testing.assert_allclose(found.sum(0), strength, rtol=1e-5)
    assert ((found > 0).sum(0) <= 2).all()


def test_paper_is_nothing_and_ink_is_in_its_band():
    assert not OPTIONS(np.zeros((20, 32), np.float32)).any()
    ink = np.zeros((20, 32), np.float32)
    ink[:, 8:10] = 1
    frames = OPTIONS(ink)
    assert frames.shape == (20, 48) and frames[10, :16].argmax() == 4
    np.testing.assert_allclose(frames[:, :16].sum(1) * 2, ink.sum(1), rtol=1e-3)


@pytest.mark.parametrize(
    "options,message",
    [
        ({"rows": 5}, "height 32 is no multiple of rows 5"),
        ({"cells": 0}, "height 32 is no multiple of cells 0"),
        ({"orientations": 0}, "orientations must be 1 or more, not 0"),
        ({"height": 4}, "height 4 is no multiple of rows 16"),
    ],
)
def test_bands_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        features_of_kind("gradients", **options)
