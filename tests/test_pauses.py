"""Voices are found in noise, and long recordings are cut where nobody speaks: against bursts that are known."""

from itertools import pairwise

import numpy as np
import pytest
from field_folders import RATE, bursts, noise

from unitdisc.prep.recordings import pauses
from unitdisc.prep.recordings.pauses import (
    AIR,
    FRAMES,
    Track,
    bleed,
    even_spans,
    joined,
    level_frames,
    loudest,
    noise_floor,
    padded,
    parts,
    runs,
    smoothed,
    utterance_spans,
    voices,
)

HOP = RATE // FRAMES


def levels(wave: np.ndarray) -> np.ndarray:
    return level_frames(wave.reshape(len(wave), -1), HOP)[0]


def spans_by_hand(level: np.ndarray, begin: np.ndarray, end: np.ndarray) -> list[tuple[int, int]]:
    """Hysteresis, a frame at a time: on at `begin`, back to where `end` was exceeded, off below it."""
    found, first, loud = [], None, False
    for place, value in enumerate([*level, -np.inf]):
        if place < len(level) and value >= end[place]:
            first = place if first is None else first
            loud = loud or value >= begin[place]
        elif first is not None:
            found += [(first, place)] if loud else []
            first, loud = None, False
    return found


def joined_by_hand(spans: list[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    found = []
    for first, last in spans:
        if found and first - found[-1][1] < gap:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_hysteresis_is_that_of_a_loop_over_frames(seed):
    rng = np.random.default_rng(seed)
    steps = np.repeat(rng.uniform(-70, -20, 60), rng.integers(1, 60, 60))
    steps += rng.normal(0, 2, len(steps))
    wanted_level = smoothed(steps)
    floor, top = noise_floor(wanted_level), loudest(wanted_level)
    height = np.clip(pauses.SHARE * (top - floor), pauses.LEAST, pauses.MOST)
    spans = spans_by_hand(wanted_level, floor + height, floor + pauses.ENDS * height)
    spans = [span for span in joined_by_hand(spans, pauses.JOINED) if span[1] - span[0] >= pauses.BRIEFEST]
    assert list(map(tuple, voices(Track(steps)).tolist())) == spans


@pytest.mark.parametrize("floor", [1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_known_bursts_are_found_to_a_few_frames(floor, offset):
    """Whatever the noise is (60 to 20 dB below), and with a constant that a microphone adds."""
    known = [(1.0, 1.8), (3.0, 3.3), (5.2, 8.0), (8.6, 9.0)]
    found = voices(Track(levels(bursts(12, known, floor=floor) + offset))) / FRAMES
    assert found.shape == (4, 2)
    np.testing.assert_allclose(found, known, atol=0.05)


def test_noise_that_grows_is_no_voice():
    """A floor of the whole recording would take the louder half for one long voice."""
    known = [(start, start + 1.0) for start in range(5, 115, 10)]
    wave = bursts(120, known, floor=0.0)
    wave += noise(120, 7, level=1.0) * np.geomspace(3e-4, 1e-2, len(wave), dtype=np.float32)
    found = voices(Track(levels(wave))) / FRAMES
    assert len(found) == len(known)
    np.testing.assert_allclose(found, known, atol=0.08)


def test_digital_silence_is_no_noise_floor():
    """A recorder that writes zeros for a while does not make a voice of the noise that follows."""
    wave = bursts(30, [(12, 13), (20, 21)])
    wave[: 8 * RATE] = 0
    np.testing.assert_allclose(voices(Track(levels(wave))) / FRAMES, [(12, 13), (20, 21)], atol=0.05)


def test_where_nobody_speaks_there_is_nothing():
    assert voices(Track(levels(np.zeros(RATE, np.float32)))).shape == (0, 2)
    assert voices(Track(np.zeros(0, np.float32))).shape == (0, 2)
    assert utterance_spans(Track(levels(np.zeros(RATE, np.float32))), 5, 0.5) == []


def test_steady_noise_has_no_pauses_and_is_cut_where_it_is_faintest():
    wave = noise(21, 3)
    wave[7 * RATE : 7 * RATE + 4000] *= 0.5
    level = levels(wave)
    assert utterance_spans(Track(level), 10, 0.5) is None
    spans = even_spans(level, 10)
    assert spans[0][0] == 0 and spans[-1][1] == len(level)
    assert all(a[1] == b[0] for a, b in pairwise(spans)) and max(b - a for a, b in spans) <= 10 * FRAMES
    assert abs(spans[0][1] / FRAMES - 7.125) < 0.13


def test_pauses_part_utterances_and_short_gaps_do_not():
    spans = utterance_spans(Track(levels(bursts(10, [(1, 2), (2.3, 3), (4, 5), (7, 7.5)]))), 20, 0.5)
    np.testing.assert_allclose(
        np.array(spans) / FRAMES, [(1 - 0.15, 3.15), (4 - 0.15, 5.15), (7 - 0.15, 7.65)], atol=0.05
    )


def test_what_is_too_long_is_cut_in_its_widest_gap():
    known = [(0.5, 3.0), (3.25, 6.0), (6.45, 8.0), (8.25, 11.0), (11.3, 14)]
    spans = utterance_spans(Track(levels(bursts(15, known))), 8.5, 0.5)
    assert [(round(a / FRAMES), round(b / FRAMES)) for a, b in spans] == [(0, 6), (6, 14)]
    assert 6.0 <= spans[0][1] / FRAMES <= spans[1][0] / FRAMES <= 6.45


@pytest.mark.parametrize("seed", range(3))
def test_no_utterance_is_too_long_or_overlaps_or_loses_a_voice(seed):
    rng = np.random.default_rng(seed)
    edges = np.cumsum(rng.uniform(0.1, 3.0, 60))
    known = list(zip(edges[::2], edges[1::2]))
    level = levels(bursts(edges[-1] + 1, known))
    for longest, pause in ((2, 0.3), (5, 0.5), (20, 1.0)):
        spans = utterance_spans(Track(level), longest, pause)
        assert all(0 <= a < b <= len(level) and b - a <= longest * FRAMES for a, b in spans)
        assert all(a[1] <= b[0] for a, b in pairwise(spans))
        inside = np.zeros(len(level), bool)
        for first, last in spans:
            inside[first:last] = True
        heard = np.zeros(len(level), bool)
        for first, last in voices(Track(level)):
            heard[first:last] = True
        assert inside[heard].all()


def test_air_is_left_but_not_the_neighbours():
    assert padded([(100, 200), (210, 300)], 310) == [(100 - AIR, 205), (205, 310)]
    assert padded([(5, 20)], 500) == [(0, 20 + AIR)]
    assert padded([], 500) == []


def test_runs_and_joins():
    assert runs(np.array([1, 1, 0, 1, 0, 0, 1], bool)).tolist() == [[0, 2], [3, 4], [6, 7]]
    assert runs(np.zeros(3, bool)).shape == (0, 2)
    assert joined(np.array([[0, 2], [4, 5], [9, 11]]), 3).tolist() == [[0, 5], [9, 11]]
    assert parts(0, 0, np.zeros((0, 2), int), np.zeros(5), 3) == []


def test_who_speaks_into_the_next_microphone_is_not_heard_twice():
    """Two channels, each with the other's voice 18 dB fainter, one of them recorded 15 dB fainter as a whole."""
    ann = bursts(20, [(1, 3), (9, 11), (15, 16)], floor=1e-5)
    bob = np.roll(bursts(20, [(4, 7), (12, 14)], floor=1e-5), 7)
    room = noise(20, 5, level=1e-4)
    both = np.stack(
        [ann + bob * 10 ** (-18 / 20) + room, (bob + ann * 10 ** (-18 / 20) + room[::-1]) * 10 ** (-15 / 20)], 1
    )
    heard = level_frames(both, HOP)
    others = bleed(heard)
    np.testing.assert_allclose(voices(Track(heard[0], others[0])) / FRAMES, [(1, 3), (9, 11), (15, 16)], atol=0.08)
    np.testing.assert_allclose(voices(Track(heard[1], others[1])) / FRAMES, [(4, 7), (12, 14)], atol=0.08)
    assert len(voices(Track(heard[1]))) > 2  # where the other microphone is not looked at


def test_two_who_never_pause_together_are_both_heard():
    """The floor of a microphone is what it hears while the other one speaks, too."""
    turns = [(start, start + 2.0) for start in range(0, 40, 4)]
    ann, bob = bursts(40, turns), bursts(40, [(start + 2, end + 2) for start, end in turns])
    heard = level_frames(np.stack([ann, np.roll(bob, 5)], 1), HOP)
    found = [voices(Track(each, others)) / FRAMES for each, others in zip(heard, bleed(heard))]
    np.testing.assert_allclose(found[0], turns, atol=0.06)
    np.testing.assert_allclose(found[1], np.array(turns) + 2, atol=0.06)


def test_levels_are_those_of_every_frame_alone():
    wave = np.random.default_rng(0).standard_normal((1000, 2)).astype(np.float32)
    found = level_frames(wave, 160)
    assert found.shape == (2, 6)
    for channel in range(2):
        for frame in range(6):
            some = wave[frame * 160 : (frame + 1) * 160, channel].astype(np.float64)
            assert found[channel, frame] == pytest.approx(10 * np.log10(some.var()), abs=1e-3)
