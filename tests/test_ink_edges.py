"""Where the ink of units begins and ends: seams against all paths, planted borders, and what always holds."""

from itertools import pairwise, product

import numpy as np
import pytest

from unitdisc.segmentation.templates.ink import (
    APART,
    DARK,
    along_ink,
    cheapest_seams,
    inked_columns,
    strokes,
)

ROWS = 24


def line(columns, *boxes, rows=ROWS):
    """Paper with boxes of ink, each of (first column, end, first row, end)."""
    ink = np.zeros((columns, rows))
    for first, end, top, bottom in boxes:
        ink[first:end, top:bottom] = 1
    return ink


def moved(columns, by):
    """Where units are found that are at such columns: [S, 2]."""
    return np.array(columns, float) + by


def cost_of(ink, seam, middle, reach, lean, astray):
    """What a seam costs, term by term."""
    paper = np.pad(ink, ((9, 9), (0, 0)))  # beside the line
    rows = sum((paper[column + 8, row] + paper[column + 9, row]) / 2 for row, column in enumerate(seam))
    far = sum(abs(column - middle) for column in seam) / max(reach, 1)
    return rows + lean * sum(abs(a - b) for a, b in pairwise(seam)) + astray * far


@pytest.mark.parametrize("case", range(12))
def test_seams_are_the_cheapest_of_all(case):
    rng = np.random.default_rng(case)
    ink = rng.random((7, 4)) * (rng.random((7, 4)) < 0.7)
    middles, reach = np.array([1, 3, 6]), np.array([case % 3, 2, 1])
    lean, astray = rng.choice([0, 0.1, 0.5]), rng.choice([0, 0.03, 0.4])
    for seam, middle, far in zip(cheapest_seams(ink, middles, reach, lean, astray), middles, reach, strict=True):
        paths = product(range(middle - far, middle + far + 1), repeat=4)
        steps = [path for path in paths if all(abs(a - b) <= 1 for a, b in pairwise(path))]
        assert tuple(seam) in steps
        least = min(cost_of(ink, path, middle, far, lean, astray) for path in steps)
        assert cost_of(ink, seam, middle, far, lean, astray) == pytest.approx(least, abs=1e-12)


def test_ink_between_seams_is_of_the_unit_between():
    rng = np.random.default_rng(0)
    for _ in range(20):
        dark = rng.random((12, 3)) < 0.3
        seams = np.sort(rng.integers(-1, 14, (3, 3)), axis=0)
        bounds = np.concatenate([np.full((1, 3), -9), seams, np.full((1, 3), 99)])
        found = inked_columns(dark, seams)
        for unit, (first, end) in enumerate(zip(*found, strict=True)):
            own = [c for c, r in np.argwhere(dark) if bounds[unit, r] <= c < bounds[unit + 1, r]]
            assert (first, end) == ((min(own), max(own) + 1) if own else (12, 0))


@pytest.mark.parametrize("by", [-2, -0.75, 0, 1.5, 2])
def test_planted_borders_are_found_wherever_units_were_found_near_them(by):
    """Two words of two letters that a thin stroke joins."""
    ink = line(90, (10, 20, 4, 20), (24, 34, 4, 20), (50, 60, 4, 20), (64, 74, 4, 20))
    ink[20:24, 17:19] = 1
    ink[60:64, 4:6] = 1
    found = along_ink(ink, *moved([(10, 22), (22, 34), (50, 62), (62, 74)], by).T)
    assert found[:, 0].tolist() == [10, found[0, 1], 50, found[2, 1]] and found[[1, 3], 1].tolist() == [34, 74]
    assert 20 <= found[0, 1] <= 24 and 60 <= found[2, 1] <= 64


def test_neighbours_share_the_middle_of_what_both_have():
    """A stroke over the next letter: columns 18 to 23 are of both."""
    ink = line(50, (8, 16, 2, 22), (16, 24, 2, 7), (18, 34, 14, 22))
    found = along_ink(ink, *moved([(8, 21), (21, 34)], 0).T)
    assert found.tolist() == [[8, 21], [21, 34]]


@pytest.mark.parametrize("gap", [1, 2, 3, 4, 6])
def test_narrow_gaps_are_divided_and_wide_ones_are_blanks(gap):
    ink = line(40, (5, 17, 4, 20), (17 + gap, 29 + gap, 4, 20))
    middle = 17 + gap / 2
    starts, ends = np.array([5.0, middle]), np.array([middle, 29.0 + gap])
    blank = gap >= APART * np.mean(ends - starts)
    found = along_ink(ink, starts, ends)
    shared = 17 + gap // 2
    assert found.tolist() == ([[5, 17], [17 + gap, 29 + gap]] if blank else [[5, shared], [shared, 29 + gap]])
    found = along_ink(ink, starts, ends, blank=False)
    assert found.tolist() == [[5, shared], [shared, 29 + gap]]


def test_blanks_that_were_found_where_ink_goes_on_are_none():
    ink = line(40, (5, 29, 4, 20))
    found = along_ink(ink, np.array([5.0, 19.0]), np.array([15.0, 29.0]))
    assert found[0, 1] == found[1, 0] and found[0, 0] == 5 and found[1, 1] == 29


def test_specks_and_what_hangs_in_from_other_lines_are_no_strokes():
    letters = line(60, (10, 22, 8, 16), (40, 52, 8, 16))
    dirty = letters.copy()
    dirty[5, 12] = dirty[25, 10] = 1  # specks
    dirty[28:36, 0:3] = 1  # of the line above
    np.testing.assert_array_equal(strokes(dirty), letters)
    found = along_ink(dirty, np.array([8.0, 38.0]), np.array([24.0, 54.0]))
    assert found.tolist() == [[10, 22], [40, 52]]


def test_faint_ink_stays_for_seams_to_avoid():
    faint = line(30, (5, 12, 4, 20)) * 0.9 * DARK
    np.testing.assert_array_equal(strokes(faint), faint)


def test_a_unit_without_ink_stays_where_it_was():
    ink = line(60, (5, 17, 4, 20), (41, 53, 4, 20))
    found = along_ink(ink, np.array([5.0, 24.0, 41.0]), np.array([17.0, 34.0, 53.0]))
    assert found.tolist() == [[5, 17], [24, 34], [41, 53]]


def test_no_unit_is_lost_and_none_leaves_its_place():
    """Of any ink and any units: in order, whole columns, each with the column in its middle."""
    rng = np.random.default_rng(0)
    for case in range(60):
        columns = int(rng.integers(12, 60))
        ink = np.clip(rng.normal(0.2, 0.5, (columns, 9)), 0, 1)
        borders = np.sort(rng.choice(np.arange(0, columns, 1.5), int(rng.integers(2, 9)), replace=False))
        kept = rng.random(len(borders) - 1) < 0.8  # the others are blanks
        starts, ends = borders[:-1][kept], borders[1:][kept]
        found = along_ink(ink, starts, ends, blank=bool(case % 2))
        assert found.shape == (kept.sum(), 2)
        assert (found[:, 0] < found[:, 1]).all() and (found[:-1, 1] <= found[1:, 0]).all()
        assert (found >= 0).all() and (found <= columns).all()
        middles = np.floor((starts + ends) / 2)
        assert (found[:, 0] <= middles).all() and (middles < found[:, 1]).all()
        if not case % 2:
            assert (found[:-1, 1] == found[1:, 0]).all()
