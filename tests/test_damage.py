"""Lines damaged on purpose: each damage does what it says, follows from its seed, and comes before cleaning."""

import numpy as np
import pytest
import torch
from tiny import listed, make_lines

from unitdisc.data.augmentation import LineAugmentation, Views
from unitdisc.data.augmentation.damage import DAMAGE_EFFECTS, RADII, bled_through, coarsened, shapes
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.data.crops import CropPlan
from unitdisc.data.loader import CropBatches
from unitdisc.data.signals import Signals
from unitdisc.data.targets import NoTarget
from unitdisc.media.image import read_line, resized

STRENGTHS = {"fading": 0.6, "bleed": 0.6, "blots": 2.0, "holes": 2.0, "coarse": 3.0, "grain": 0.1}
PAPER, INK = 0.1, 0.9


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def line() -> np.ndarray:
    """Strokes of two columns, of different heights, on grey paper: [150, 30]."""
    ink = np.full((150, 30), PAPER, np.float32)
    for number, first in enumerate(range(5, 145, 9)):
        ink[first : first + 2, 4 + number % 5 : 26 - 2 * (number % 4)] = INK
    return ink


@pytest.mark.parametrize("name", DAMAGE_EFFECTS)
def test_damage_follows_from_the_seed_and_leaves_the_line_as_it_was(name, line):
    before, effect = line.copy(), DAMAGE_EFFECTS[name]
    made = [effect(line, STRENGTHS[name], rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(line, before)
    assert made[0].shape == line.shape and np.isfinite(made[0]).all()
    assert np.array_equal(made[0], made[1]) and not np.array_equal(made[0], line)
    assert np.array_equal(made[0], made[2]) == (name == "coarse")
    if name != "grain":
        assert made[0].min() >= 0 and made[0].max() <= 1


def test_ink_fades_smoothly_and_by_no_more_than_is_said(line):
    kept = [DAMAGE_EFFECTS["fading"](line, 0.6, rng(seed)) / line for seed in range(40)]
    assert 0.4 <= min(each.min() for each in kept) < 0.5 and max(each.max() for each in kept) <= 1 + 1e-6
    assert max(np.abs(np.diff(each, axis=0)).max() for each in kept) < 0.05
    assert all(np.ptp(each) < 0.6 + 1e-6 for each in kept) and np.mean([np.ptp(each) for each in kept]) > 0.2


def test_what_is_behind_is_mirrored_and_darkens_paper_only():
    paper, back = np.zeros((60, 20), np.float32), np.zeros((120, 40), np.float32)
    back[10:40, 10:30] = 1  # at twice the resolution, as wide as the line
    seen = bled_through(paper, 0.5, rng(3), back=back)
    draw = rng(3)
    strength, first = draw.uniform(0, 0.5), draw.integers(60)
    expected = np.roll(resized(back, 60, 20), first, axis=0)[::-1]
    assert (
        np.corrcoef(seen.ravel(), expected.ravel())[0, 1]
        > 0.95
        > np.corrcoef(seen.ravel(), expected[::-1].ravel())[0, 1]
    )
    assert seen.max() == pytest.approx(strength, rel=0.05)
    black = np.ones((60, 20), np.float32)
    assert np.array_equal(bled_through(black, 0.5, rng(3), back=back), black)
    longer = bled_through(np.zeros((500, 20), np.float32), 0.5, rng(3), back=back)  # goes round
    assert (longer.max(1) > 0).mean() > 0.2 and longer[:60].any() and longer[-60:].any()


def test_there_are_as_many_blots_as_are_asked_for_and_none_is_larger_than_it_may_be():
    size = (400, 20)  # twenty heights
    found = [shapes(size, 0.5, rng(seed)) for seed in range(200)]
    assert np.mean([len(each) for each in found]) == pytest.approx(20 * 0.25, rel=0.1)
    covers = [cover for each in found for cover, _ in each]
    assert all(cover.min(initial=0) >= 0 and cover.max(initial=0) <= 1 for cover in covers)
    assert max(max(cover.shape) for cover in covers) < 8 * RADII[1] * 20
    assert np.mean([cover.max(initial=0) == 1 for cover in covers]) > 0.5


def test_blots_darken_and_holes_are_paper(line):
    blotted, holed = (DAMAGE_EFFECTS[name](line, 2.0, rng(4)) for name in ("blots", "holes"))
    assert (blotted >= line - 1e-6).all() and (blotted > line).mean() > 0.02
    changed = np.abs(holed - line) > 1e-6
    assert (line[changed] == np.float32(INK)).all() and (holed[changed] < INK).all() and changed.mean() > 0.002
    assert np.abs(holed - PAPER).min() < 1e-6


@pytest.mark.parametrize("name", ["blots", "holes"])
def test_damage_is_of_the_same_size_at_any_resolution(name, line):
    small, large = (
        DAMAGE_EFFECTS[name](image, 2.0, rng(4)) - image
        for image in (resized(line, 150, 30), np.repeat(np.repeat(line, 4, 0), 4, 1))
    )
    assert np.abs(large).mean() == pytest.approx(np.abs(small).mean(), rel=0.25)
    assert np.corrcoef(resized(large, 150, 30).ravel(), small.ravel())[0, 1] > 0.9


def test_a_third_of_the_resolution_is_that(line):
    made = coarsened(line, 3.0, rng())
    assert np.array_equal(made, resized(resized(line, 50, 10), 150, 30))
    assert np.array_equal(coarsened(line, 1.0, rng()), line)
    assert np.array_equal(
        coarsened(line, 3.0, rng(), enlarge=lambda image, *size: np.full(size, image.shape[0])), np.full((150, 30), 50)
    )


def test_a_line_is_damaged_as_it_was_scanned_and_then_cleaned(tmp_path):
    """All of it, whatever the crop; the clean view stays, and so does all where nothing is damaged."""
    utterances = listed(make_lines(tmp_path, 4))
    signals = Signals.fitted(ColumnFeatures(height=12, polarity="dark"), NoTarget(), utterances)
    plan = CropPlan([signals.frames_in(each) for each in utterances], 4, 32, 4, 0)
    augmentation = LineAugmentation(signals.features, blots=1.0, grain=0.1)
    assert augmentation.of_waveform and not LineAugmentation(signals.features, noise=0.1).of_waveform
    views = Views(signals, augmentation, 0, "clean")
    clean, seen, again = (
        CropBatches(utterances, signals, plan, 8, ["w0"], views=each)[3] for each in (None, views, views)
    )
    assert torch.equal(seen.features, again.features) and torch.equal(seen.second_view, clean.features)
    for place, crop in enumerate(plan.batch(3)):
        line, size = utterances[crop.index], int(seen.lengths[place])
        draw = np.random.default_rng([0x617567, 0, 3, place, 0])
        damaged = signals.features.cleaned(augmentation.signal(read_line(line), draw), signals.frames_in(line))
        first = crop.start - int(seen.starts[place])
        assert np.array_equal(seen.features[place, :size].numpy(), damaged[first : first + size])
        assert not np.array_equal(seen.features[place, :size].numpy(), clean.features[place, :size].numpy())
