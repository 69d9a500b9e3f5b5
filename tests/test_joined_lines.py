"""Lines whose characters touch: every character is still where the tier says, up to what it shares with the next."""

from itertools import pairwise

import numpy as np
import pytest
from reference.lines_apart import composed_apart
from scipy.ndimage import label

from unitdisc.corpus import CorpusError
from unitdisc.prep.composing import ComposedLine, Glyph, composed
from unitdisc.prep.line_layout import LineLayout, joined_up
from unitdisc.prep.strokes import draw_joining_stroke, first_ink, last_ink, paper, pen_width, wave

ROWS = 24


def solid(count: int, darkness: float = 1.0) -> list[Glyph]:
    """Blocks of several widths, with a margin of blank columns."""
    widths = np.random.default_rng(count).integers(4, 15, count).tolist()
    return [Glyph(np.pad(np.full((width, ROWS), darkness), ((2, 1), (0, 0))), str(n)) for n, width in enumerate(widths)]


def in_rows_of_their_own(count: int) -> list[Glyph]:
    """Characters that never hide each other: the ink of each is in one row."""
    glyphs = solid(count)
    return [Glyph(glyph.ink * (np.arange(ROWS) == row), glyph.label) for row, glyph in enumerate(glyphs)]


def made(glyphs: list[Glyph], seed: int, **layout) -> ComposedLine:
    return composed(glyphs, LineLayout(**layout), np.random.default_rng(seed))


def neighbours(line: ComposedLine) -> list[tuple]:
    """Pairs of intervals without a blank between them."""
    starts = {word.start for word in line.words}
    return [(before, after) for before, after in pairwise(line.characters) if after.start not in starts]


@pytest.mark.parametrize("seed", range(8))
def test_where_characters_overlap_the_border_is_in_the_middle_and_all_else_is_exact(seed):
    glyphs = in_rows_of_their_own(14)
    line = made(glyphs, seed, gap=(-6, 2), wobble=0)
    top = (32 - ROWS) // 2
    inked = [np.flatnonzero(line.ink[:, top + row]) for row in range(14)]  # of each character, wherever it is
    spans = [(columns[0], columns[-1] + 1) for columns in inked]
    assert [end - first for first, end in spans] == [len(glyph.ink) - 3 for glyph in glyphs]  # nothing is lost
    within = {(int(a.label), int(b.label)) for a, b in neighbours(line)}
    overlaps = 0
    edges = [list(span) for span in spans]
    for (one, before), (two, after) in pairwise(enumerate(spans)):
        overlap = before[1] - after[0]
        if overlap > 0:
            overlaps += 1
            assert (one, two) in within  # words are apart
            assert overlap <= min(before[1] - before[0], after[1] - after[0]) // 3
            edges[one][1] = edges[two][0] = (before[1] + after[0]) // 2
    assert overlaps >= 3
    assert [[first, end] for first, end, _ in line.characters] == edges


@pytest.mark.parametrize("seed", range(8))
def test_a_stroke_joins_neighbours_and_each_has_half_of_it(seed):
    glyphs = solid(14, darkness=0.8)
    line = made(glyphs, seed, joining=1.0, stroke=(2, 5), wander=2)
    widths = [len(glyph.ink) - 3 for glyph in glyphs]
    shared = {after.start for _, after in neighbours(line)}
    for before, after in neighbours(line):
        assert before.end == after.start
        assert not line.ink[before.end - 1, : ROWS // 2].any()  # from foot to foot, the way is short
    for character, width in zip(line.characters, widths, strict=True):
        more = character.end - character.start - width
        sides = (character.start in shared) + (character.end in shared)
        assert sides <= more <= 3 * sides  # half of 2 to 5 columns, rounded down or up, on each side that is joined
    assert label(line.ink > 0.3, np.ones((3, 3)))[1] == len(line.words)  # the pen is lifted between words alone
    inside = np.zeros(len(line.ink), bool)
    for word in line.words:
        inside[word.start : word.end] = True
    assert (line.ink.max(axis=1) > 0.3).tolist() == inside.tolist()
    assert line.ink.max() == pytest.approx(0.8)


def test_a_stroke_meets_the_ink_of_both_wherever_it_is():
    """Characters that are small, high or low: what misses them by some rows joins nothing."""
    glyphs = [
        Glyph(np.where(np.arange(ROWS) // 4 == (2, 0, 5, 1, 4)[number % 5], glyph.ink, 0), glyph.label)
        for number, glyph in enumerate(solid(10))
    ]
    for seed in range(8):
        line = made(glyphs, seed, joining=1.0, stroke=(3, 6), wobble=3, wander=2)
        assert label(line.ink > 0.3, np.ones((3, 3)))[1] == len(line.words)


def test_some_are_joined_and_the_others_are_not():
    glyphs = solid(14)
    pairs = [pair for seed in range(40) for pair in neighbours(made(glyphs, seed, joining=0.3, gap=(2, 3)))]
    assert np.mean([before.end == after.start for before, after in pairs]) == pytest.approx(0.3, abs=0.07)


def test_paper_ink_and_baseline_move_no_boundary():
    glyphs = in_rows_of_their_own(12)
    for seed in range(5):
        plain = made(glyphs, seed, gap=(-4, 1), wobble=0)
        stained = made(glyphs, seed, gap=(-4, 1), wobble=0, fading=0.4, stain=0.3, noise=0.03)
        assert (plain.characters, plain.words, plain.text) == (stained.characters, stained.words, stained.text)
        assert not np.array_equal(plain.ink, stained.ink)
        wandering = composed(glyphs, LineLayout(gap=(-4, 1), wobble=0, wander=3), np.random.default_rng(seed))
        assert wandering.characters == plain.characters


def test_the_baseline_rises_and_falls_as_far_as_it_may():
    tops = []
    for seed in range(20):
        line = made(solid(14), seed, wobble=0, wander=3)
        tops.append([int(np.flatnonzero(line.ink[start])[0]) for start, _, _ in line.characters])
    assert {top for line in tops for top in line} == set(range(1, 8))  # 4, and 3 up or down
    assert max(abs(a - b) for line in tops for a, b in pairwise(line)) <= 4  # smoothly
    assert max(len(set(line)) for line in tops) >= 4  # within a line


def test_ink_fades_along_the_line_and_paper_is_never_darker_than_it_may():
    faded = [made(solid(14), seed, fading=0.4).ink.max(axis=1) for seed in range(9)]
    inked = [line[line > 0] for line in faded]
    assert 0.6 <= min(map(np.min, inked)) < 0.7 and 0.95 < max(map(np.max, inked)) <= 1
    assert np.mean([np.ptp(line) for line in inked]) > 0.15  # within a line
    assert max(np.abs(np.diff(line)).max() for line in inked) < 0.15  # smoothly, over blanks too
    line = made(solid(14), 0, stain=0.3)
    blank = made(solid(14), 0).ink == 0
    assert 0 <= line.ink[blank].min() < 0.1 and 0.2 < line.ink[blank].max() <= 0.3
    assert np.abs(np.diff(line.ink[:3], axis=1)).max() < 0.06  # smooth
    noisy = made(solid(14), 0, noise=0.03).ink[blank]
    assert noisy[noisy > 0].std() == pytest.approx(0.03 * np.sqrt(1 - 2 / np.pi), rel=0.1)  # half of a normal
    assert (noisy == 0).mean() == pytest.approx(0.5, abs=0.05)  # paper is not lighter than white


@pytest.mark.parametrize("layout", [LineLayout(), LineLayout(gap=(0, 5), word=(1, 3), blank=(2, 20), wobble=4)])
def test_characters_apart_are_composed_as_they_always_were(layout):
    names = ("height", "gap", "word", "blank", "margin", "wobble")
    for seed in range(5):
        glyphs = [Glyph(glyph.ink.astype(np.float32), glyph.label) for glyph in solid(13, darkness=0.7)]
        inks = [glyph.ink for glyph in glyphs]
        one, other = np.random.default_rng(seed), np.random.default_rng(seed)
        line = composed(glyphs, layout, one)
        given = {name: getattr(layout, name) for name in names}
        before, spans = composed_apart(inks, other, **given)
        np.testing.assert_array_equal(line.ink, before)
        assert [(first, end) for first, end, _ in line.characters] == spans
        assert one.bit_generator.state == other.bit_generator.state  # so that whatever is drawn next is the same


def test_the_same_draws_make_the_same_line():
    layout = joined_up(LineLayout())
    one, two, other = (composed(solid(12), layout, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.ink, two.ink)
    assert one.characters == two.characters != other.characters
    assert joined_up(LineLayout(word=None)).word is None


def test_what_no_line_can_be_like_is_refused():
    for wrong, message in (
        ({"height": 0}, "height = 0; give 1 row or more"),
        ({"gap": (1, -2)}, r"gap = \(1, -2\); give the smaller end first"),
        ({"word": (0, 3)}, r"word = \(0, 3\); give 1 or more"),
        ({"blank": (0, 3)}, r"blank = \(0, 3\); give 1 or more"),
        ({"margin": (-1, 3)}, r"margin = \(-1, 3\); give 0 or more"),
        ({"stroke": (0, 2)}, r"stroke = \(0, 2\); give 1 or more"),
        ({"wobble": -1}, "wobble = -1; give 0 or more"),
        ({"wander": float("nan")}, "wander = nan; give 0 or more"),
        ({"joining": 1.1}, "joining = 1.1; give 0 to 1"),
        ({"fading": 1.0}, r"fading = 1.0; give 0 to 0.9"),
        ({"stain": -0.1}, r"stain = -0.1; give 0 to 0.5"),
        ({"noise": 0.3}, r"noise = 0.3; give 0 to 0.2"),
    ):
        with pytest.raises(CorpusError, match=f"a line cannot be laid out with {message}"):
            LineLayout(**wrong)


# --- strokes and paper


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_the_width_of_a_pen_is_that_of_its_strokes(width):
    bar = np.zeros((width + 4, 60))
    bar[2 : 2 + width] = 0.6
    assert pen_width(bar) == pytest.approx(width, rel=0.1)
    assert pen_width(bar.T) == pytest.approx(width, rel=0.1)


def test_the_pen_leaves_at_the_foot_and_arrives_where_it_is_near():
    ink = np.zeros((9, 12))
    ink[2, 3:10] = ink[6, 1:8] = 1
    ink[1] = ink[7] = 0.2  # the blur beside a stroke is not the stroke
    assert last_ink(ink) == (6, 7)
    assert [first_ink(ink, row) for row in (-5, 0, 5, 11)] == [(2, 3), (2, 3), (2, 5), (2, 9)]


def test_a_joining_stroke_is_thin_dark_and_between_its_ends():
    for seed in range(10):
        line = np.zeros((40, 32), np.float32)
        line[:8] = 0.5
        draw_joining_stroke(line, (7, 25), (30, 6), width=4, darkness=0.9, rng=np.random.default_rng(seed))
        assert line.max() == pytest.approx(0.9) and (line[:6] == 0.5).all()
        assert (line[7:31].max(axis=1) > 0.8).all() and not line[33:].any()
        assert line[7, 25] == line[30, 6] == pytest.approx(0.9)
        assert label(line[9:] > 0.4, np.ones((3, 3)))[1] == 1
        assert pen_width(line[9:]) < 0.8 * 4
    line = np.zeros((9, 9), np.float32)
    draw_joining_stroke(line, (4, 8), (4, 8), width=1, darkness=1.0, rng=np.random.default_rng(0))  # at the very edge
    assert line[4, 8] > 0.9 and np.isfinite(line).all()


def test_waves_and_paper_are_smooth_and_bounded():
    for count in (1, 47, 48, 49, 500):
        curve = wave(count, np.random.default_rng(count))
        assert curve.shape == (count,) and np.abs(curve).max() <= 1
        assert count == 1 or np.abs(np.diff(curve)).max() < 0.07
    for shape in ((1, 1), (48, 32), (300, 7)):
        sheet = paper(shape, stain=0.3, noise=0.0, rng=np.random.default_rng(0))
        assert sheet.shape == shape and 0 <= sheet.min() <= sheet.max() <= 0.3
