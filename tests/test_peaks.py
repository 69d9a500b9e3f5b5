"""Boundaries at peaks: of change, and of the length of frames."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import find_peaks

from unitdisc.segmentation.corpora.peaks import change, dissimilarity, means, norms, peaks_of, strength_for


def steps(lengths: list[int], dim: int = 8, noise: float = 0.05, seed: int = 0) -> np.ndarray:
    """Frames that stay for a while and then jump elsewhere: [T, D]."""
    rng = np.random.default_rng(seed)
    places = np.eye(dim)[rng.permutation(len(lengths)) % dim]
    return (np.repeat(places, lengths, axis=0) + noise * rng.normal(size=(sum(lengths), dim))).astype(np.float32)


def test_change_is_one_minus_the_cosine_of_neighbours_from_0_to_1():
    frames = np.random.default_rng(0).normal(size=(30, 4))
    plain = [1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in pairwise(frames)]
    expected = (np.array(plain) - min(plain)) / (max(plain) - min(plain))
    np.testing.assert_allclose(dissimilarity(frames), expected, atol=1e-12)


def test_lengths_are_standardised_and_smoothed_over_three_frames():
    frames = np.random.default_rng(0).normal(size=(30, 4))
    lengths = np.linalg.norm(frames, axis=1)
    z = (lengths - lengths.mean()) / lengths.std()
    expected = [z[max(t - 1, 0)] / 3 + z[t] / 3 + z[min(t + 1, 29)] / 3 for t in range(30)]
    np.testing.assert_allclose(norms(frames), expected, atol=1e-12)


@pytest.mark.parametrize("method", ["peaks", "change"])
def test_boundaries_are_where_frames_jump(method):
    frames = steps([7, 5, 9, 6])
    assert peaks_of(frames, method).above(0.5).tolist() == [7, 12, 21]


@pytest.mark.parametrize("around", [1, 4, 50])
def test_mean_change_is_the_distance_of_the_means_on_either_side(around):
    frames = np.random.default_rng(1).normal(size=(30, 4))
    sides = [(frames[max(t - around, 0) : t], frames[t : t + around]) for t in range(1, 30)]
    expected = [np.linalg.norm(after.mean(0) - before.mean(0)) for before, after in sides]
    np.testing.assert_allclose(change(frames, around), expected, atol=1e-12)


def test_peaks_of_mean_change_are_as_strong_as_they_are_high():
    frames = np.random.default_rng(3).normal(size=(200, 6))
    found = peaks_of(frames, "change", around=3)
    assert len(found.starts) > 20
    np.testing.assert_allclose(found.strengths, change(frames, 3)[found.starts - 1])


def test_boundaries_are_where_frames_are_longest():
    frames = np.ones((20, 3), np.float32)
    frames[6] = frames[13] = 9
    assert peaks_of(frames, "prominence").above(0.45).tolist() == [6, 13]


def test_prominences_are_those_of_scipy():
    frames = np.random.default_rng(3).normal(size=(200, 6))
    found = peaks_of(frames, "peaks")
    for threshold in (0.05, 0.2, 0.5):
        assert (
            found.above(threshold).tolist() == (find_peaks(dissimilarity(frames), prominence=threshold)[0] + 1).tolist()
        )


@pytest.mark.parametrize("method", ["peaks", "prominence", "change"])
@pytest.mark.parametrize("frames", [np.ones((1, 3)), np.ones((2, 3)), np.ones((9, 3)), np.zeros((9, 3))], ids=str)
def test_nothing_changes_where_nothing_happens(method, frames):
    assert len(peaks_of(frames, method).starts) == 0


@pytest.mark.parametrize("method", ["peaks", "prominence", "change"])
def test_no_segment_is_shorter_than_allowed(method):
    frames = np.random.default_rng(3).normal(size=(200, 6))
    for shortest in (1, 2, 5):
        bounds = [0, *peaks_of(frames, method, shortest).starts, 200]
        assert min(np.diff(bounds)) >= shortest


def test_a_prominence_leaves_so_many_boundaries():
    prominences = np.array([0.5, 0.1, 0.9, 0.3, 0.3])
    left = [int((prominences >= strength_for(prominences, n)).sum()) for n in range(7)]
    assert left == [0, 1, 2, 2, 4, 5, 5]


def test_means_are_of_the_frames_between_boundaries():
    frames = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
    expected = [frames[:4].mean(0), frames[4:5].mean(0), frames[5:].mean(0)]
    np.testing.assert_allclose(means(frames, np.array([4, 5])), expected, rtol=1e-6)
    np.testing.assert_allclose(means(frames, np.array([], int)), [frames.mean(0)], rtol=1e-6)
