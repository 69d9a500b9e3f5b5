"""Augmentation: every effect does what it says and nothing else, and batches follow from the seed and the step."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from tiny import line_settings, listed, make_corpus, make_lines
from tiny import settings as tiny_settings
from torchaudio.compliance import kaldi

from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.augmentation import AUGMENTATIONS, LineAugmentation, RecordingAugmentation, Views
from unitdisc.data.augmentation.damage import DAMAGE_EFFECTS
from unitdisc.data.augmentation.frames import FRAME_EFFECTS, warp_matrix, warped
from unitdisc.data.augmentation.lines import LINE_EFFECTS, of_height, with_strokes
from unitdisc.data.augmentation.waveforms import WAVEFORM_EFFECTS, repitched, stretched, with_formants
from unitdisc.data.column_features import ColumnFeatures
from unitdisc.data.crops import CropPlan
from unitdisc.data.line_cleaning import sheared, slant_of
from unitdisc.data.loader import CropBatches, batches
from unitdisc.data.normalisation import Moments, moments
from unitdisc.data.signals import Signals
from unitdisc.data.targets import GreyTarget, LogMelTarget
from unitdisc.experiment import Experiment, config

pytest_plugins = ["tiny_fixtures"]

RATE = 16_000
MFCC = AcousticFeatures()
STRENGTHS = {
    "pitch": 0.2,
    "formants": 0.2,
    "filter": 6.0,
    "reverberation": 0.4,
    "background": (5.0, 20.0),
    "gain": 6.0,
    "offset": 0.2,
    "scale": 0.1,
    "noise": 0.15,
    "time_masks": (2, 10),
    "channel_masks": (1, 5),
    "slant": 15.0,
    "height": 0.2,
    "shift": 2.0,
    "blur": 1.0,
    "gaps": (2, 8),
    "strokes": 1.0,
    "paper": 0.3,
    "fading": 0.5,
    "bleed": 0.5,
    "blots": 2.0,
    "holes": 2.0,
    "coarse": 3.0,
    "grain": 0.1,
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def vowel(pitch: float, formants: list[float], seconds: float = 1.0) -> np.ndarray:
    """Harmonics of a pitch, under resonances: [ticks] in [-1, 1]."""
    time = np.arange(round(seconds * RATE)) / RATE
    tones = np.arange(pitch, 5000, pitch)
    loud = sum(1 / (1 + ((tones - formant) / 120) ** 2) for formant in formants)
    wave = (loud[:, None] * np.sin(2 * np.pi * tones[:, None] * time + np.arange(len(tones))[:, None] ** 2)).sum(0)
    return (0.3 * wave / np.abs(wave).max()).astype(np.float32)


def babble() -> np.ndarray:
    """Vowels and noises, one after the other."""
    parts = [vowel(pitch, peaks, 0.2) for pitch, peaks in ((110, [700, 1200]), (140, [300, 2300]), (120, [500, 1500]))]
    return np.concatenate([*parts, 0.05 * rng().standard_normal(3200).astype(np.float32)] * 2)


def spectrum(wave: np.ndarray) -> np.ndarray:
    """Magnitudes, one for every Hz, of a second."""
    return np.abs(np.fft.rfft(wave * np.hanning(len(wave)), RATE))


def pitch_of(wave: np.ndarray) -> float:
    """In Hz, from 80 to 300: by the time after which a wave is most like itself."""
    alike = np.fft.irfft(np.abs(np.fft.rfft(wave, 2 * len(wave))) ** 2)
    periods = np.arange(RATE // 300, RATE // 80)
    return float(RATE / periods[alike[periods].argmax()])


def formant_of(wave: np.ndarray, pitch: float, low: float, high: float) -> float:
    """In Hz: where the envelope of the harmonics between two frequencies is highest, by a parabola through three."""
    tones = pitch * np.arange(np.ceil(low / pitch), high / pitch)
    loud = np.log(spectrum(wave)[np.round(tones).astype(int)])
    top = loud[1:-1].argmax() + 1
    before, most, after = loud[top - 1 : top + 2]
    return float(tones[top] + pitch * (before - after) / (2 * (before - 2 * most + after)))


# Effects on waveforms


def test_every_effect_is_an_option_and_every_option_an_effect():
    for factory, effects in (
        (RecordingAugmentation, {**WAVEFORM_EFFECTS, **FRAME_EFFECTS, "warp": warped}),
        (LineAugmentation, {**LINE_EFFECTS, **DAMAGE_EFFECTS}),
    ):
        options = {field.name for field in fields(factory)} - {"features"}
        assert options == effects.keys()
    assert {name for effects in AUGMENTATIONS.values() for name in effects} == STRENGTHS.keys()


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_pitch_moves_harmonics_and_formants_and_nothing_in_time(factor):
    wave = vowel(150, [800, 1800])
    moved = repitched(wave, factor, RATE)
    assert moved.shape == wave.shape
    assert abs(pitch_of(moved) / pitch_of(wave) - factor) < 0.01
    assert formant_of(moved, 150 * factor, 400, 1400) / formant_of(wave, 150, 400, 1400) == pytest.approx(
        factor, rel=0.03
    )
    burst = np.zeros(RATE, np.float32)
    burst[6000:8000] = wave[:2000]
    centre = (np.arange(RATE) * repitched(burst, factor, RATE) ** 2).sum() / (repitched(burst, factor, RATE) ** 2).sum()
    assert abs(centre - 7000) < 160  # a frame
    assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(wave), rel=0.2)


def test_a_stretched_signal_is_longer_at_the_same_pitch():
    wave = vowel(150, [800, 1800])
    longer = stretched(wave, 1.3, RATE)
    assert len(longer) == round(1.3 * len(wave))
    assert abs(pitch_of(longer[2000 : 2000 + RATE]) - 150) < 1.5


@pytest.mark.parametrize("factor", [0.85, 1.2])
def test_formants_move_and_the_pitch_stays(factor):
    wave = vowel(100, [900, 2400])
    moved = with_formants(wave, factor, RATE)
    assert abs(pitch_of(moved) - 100) < 1
    for low, high in ((400, 1500), (1700, 3500)):
        assert formant_of(moved, 100, low, high) / formant_of(wave, 100, low, high) == pytest.approx(factor, rel=0.04)
    np.testing.assert_allclose(with_formants(wave, 1.0, RATE), wave, atol=1e-5)


def test_a_filter_is_smooth_and_has_no_delay():
    effect, gains = WAVEFORM_EFFECTS["filter"], rng().normal(0, 6.0, 8)
    click = np.zeros(RATE, np.float32)
    click[RATE // 2] = 1
    made = effect(click, 6.0, rng(), RATE)
    assert np.abs(made).argmax() == RATE // 2
    bands = np.round(np.geomspace(100, RATE / 2, 8)).astype(int)
    found = 20 * np.log10(np.abs(np.fft.rfft(made)))[bands]
    np.testing.assert_allclose(found[:-1], gains[:-1], atol=0.5)


def test_a_room_dies_away_as_fast_as_it_says():
    effect, seconds = WAVEFORM_EFFECTS["reverberation"], rng(3).uniform(0, 1.0)
    click = np.zeros(2 * RATE, np.float32)
    click[100] = 1
    made = effect(click, 1.0, rng(3), RATE).astype(np.float64)
    assert np.abs(made).argmax() == 100  # the direct sound
    assert np.abs(made[:100]).max() < 1e-6  # and nothing before it
    assert np.linalg.norm(made) == pytest.approx(1, rel=1e-5)
    left = 10 * np.log10(np.cumsum(made[:100:-1] ** 2)[::-1])  # Schroeder's integral
    fall = left[0] - left[round(seconds / 2 * RATE)]
    assert fall == pytest.approx(30, abs=1.5)


def test_noise_is_as_loud_as_it_says():
    wave, effect = babble(), WAVEFORM_EFFECTS["background"]
    for seed in range(5):
        noise = effect(wave, (3.0, 12.0), rng(seed), RATE) - wave
        ratio = 20 * np.log10(np.linalg.norm(wave) / np.linalg.norm(noise))
        assert ratio == pytest.approx(rng(seed).uniform(3.0, 12.0), abs=0.01)
    silence = np.zeros(100, np.float32)
    assert not effect(silence, (3.0, 12.0), rng(), RATE).any()


def test_gain_is_a_factor():
    wave = babble()
    louder = WAVEFORM_EFFECTS["gain"](wave, 6.0, rng(1), RATE)
    np.testing.assert_allclose(louder / wave, 10 ** (rng(1).uniform(-6, 6) / 20), rtol=1e-5)


@pytest.mark.parametrize("name", WAVEFORM_EFFECTS)
@pytest.mark.parametrize("ticks", [1, 100, 4321])
def test_effects_on_waveforms_keep_the_length_and_what_they_were_given(name, ticks):
    wave = babble()[5000 : 5000 + ticks].copy()
    kept = wave.copy()
    made = WAVEFORM_EFFECTS[name](wave, STRENGTHS[name], rng(), RATE)
    assert made.shape == wave.shape
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert np.array_equal(wave, kept)


# Effects on frames


@pytest.mark.parametrize("kind,bins,share", [("log-mel", 40, 0.35), ("mfcc", 40, 0.5), ("mfcc", 23, 0.6)])
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_warp_is_close_to_that_of_the_filters(kind, bins, share, factor):
    """Kaldi's filters for vocal tracts of another length, computed by torchaudio."""
    wave = torch.from_numpy(babble())[None] * 32768
    compute = kaldi.fbank if kind == "log-mel" else kaldi.mfcc
    options = {"num_mel_bins": bins, "snip_edges": False, "dither": 0.0}
    options |= {} if kind == "log-mel" else {"num_ceps": 13}
    clean, truth = (compute(wave, vtln_warp=warp, **options).numpy() for warp in (1.0, factor))
    features = AcousticFeatures(kind, bins=bins, normalise="global")
    raw = Moments(np.zeros(clean.shape[1]), np.ones(clean.shape[1]))
    found = warped(clean, factor, features, raw)

    def distance(other: np.ndarray) -> float:
        return float(np.sqrt(np.square((other - truth) / clean.std(0)).mean()))

    assert distance(found) < share * distance(clean)
    np.testing.assert_allclose(warped(clean, 1.0, features, raw), clean, rtol=1e-4, atol=1e-3)


def test_differences_are_warped_as_what_they_are_differences_of():
    frames = MFCC(babble()).astype(np.float64)
    matrix = warp_matrix(MFCC, 1.1)
    assert matrix.shape == (13, 13)
    features = replace(MFCC, normalise="none")
    found = warped(frames, 1.1, features, Moments(np.zeros(39), np.ones(39)))
    for block in range(3):
        part = slice(13 * block, 13 * (block + 1))
        np.testing.assert_allclose(found[:, part], frames[:, part] @ matrix, rtol=1e-5, atol=1e-4)


def test_a_warped_speaker_has_a_warped_mean_and_is_normalised_by_it():
    frames = MFCC(babble())
    own = moments([frames])
    normalised = own.apply(frames)
    assert np.abs(warped(normalised, 1.1, MFCC, own).mean(0)).max() < 1e-4
    assert np.abs(warped(normalised, 1.1, replace(MFCC, normalise="global"), own).mean(0)).max() > 0.05


@pytest.fixture
def noise() -> np.ndarray:
    return rng(5).standard_normal((200, 39), np.float32)


def test_offset_and_scale_are_constant_in_time(noise):
    moved = FRAME_EFFECTS["offset"](noise, 0.2, rng()) - noise
    np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=1e-5)
    many = FRAME_EFFECTS["offset"](np.zeros((1, 100_000), np.float32), 0.2, rng())
    assert many.std() == pytest.approx(0.2, rel=0.02)
    factors = FRAME_EFFECTS["scale"](noise, 0.1, rng()) / noise
    np.testing.assert_allclose(factors, np.broadcast_to(factors[0], factors.shape), rtol=1e-4)
    many = FRAME_EFFECTS["scale"](np.ones((1, 100_000), np.float32), 0.1, rng())
    assert np.log(many).std() == pytest.approx(0.1, rel=0.02)


def test_noise_on_frames_is_of_any_deviation_up_to_the_largest():
    silence = np.zeros((2000, 39), np.float32)
    for seed in range(3):
        deviation = rng(seed).uniform(0, 0.15)
        assert FRAME_EFFECTS["noise"](silence, 0.15, rng(seed)).std() == pytest.approx(deviation, rel=0.02)


@pytest.mark.parametrize("name,axis", [("time_masks", 1), ("channel_masks", 0)])
def test_masks_hide_whole_stretches_behind_the_mean(noise, name, axis):
    sizes = set()
    for seed in range(40):
        masked = FRAME_EFFECTS[name](noise, (1, 6), rng(seed))
        hidden = (masked != noise).all(axis)
        assert ((masked != noise).any(axis) == hidden).all()
        assert np.array_equal(masked[masked != noise], np.broadcast_to(noise.mean(0), noise.shape)[masked != noise])
        place = np.flatnonzero(hidden)
        assert not len(place) or place[-1] - place[0] + 1 == len(place)
        sizes.add(len(place))
    assert sizes == set(range(7))
    assert FRAME_EFFECTS[name](noise[:2, :2], (3, 6), rng()).shape == (2, 2)


# Effects on lines


@pytest.fixture
def line() -> np.ndarray:
    """Upright strokes, two pixels wide, on clean paper: [columns, rows]."""
    ink = np.zeros((120, 32), np.float32)
    for place in range(20, 110, 12):
        ink[place : place + 2, 8:24] = 1
    return ink


def test_slant_is_that_angle_and_letters_stay_in_their_places(line):
    effect, angle = LINE_EFFECTS["slant"], rng(2).uniform(-20, 20)
    leant = effect(line, 20.0, rng(2))
    assert abs(slant_of(leant) - angle) < 2
    assert np.array_equal(leant, sheared(line, angle))
    centre = [(np.arange(120) * ink.sum(1)).sum() / ink.sum() for ink in (line, leant)]
    assert centre[0] == pytest.approx(centre[1], abs=0.1)


@pytest.mark.parametrize("factor", [0.75, 1.25])
def test_height_is_of_the_letters_and_not_of_their_columns(line, factor):
    made = of_height(line, factor)
    assert made.shape == line.shape
    stroke = line.sum(1) > 0
    assert np.array_equal(made.sum(1) > 0, stroke)
    np.testing.assert_allclose(made[stroke].sum(1), 16 * factor, rtol=0.02)
    np.testing.assert_allclose((made[stroke] * np.arange(32)).sum(1) / made[stroke].sum(1), 15.5, atol=0.05)


def test_strokes_become_wider_or_narrower_on_either_side(line):
    widths = [with_strokes(line, wider)[:, 16].sum() / 8 for wider in (-1, -0.5, 0, 0.5, 1)]
    assert widths == [0, 1, 2, 3, 4]


def test_paper_is_stained_and_ink_is_not(line):
    effect = LINE_EFFECTS["paper"]
    made = [effect(line, 0.4, rng(seed)) for seed in range(20)]
    for each in made:
        assert np.array_equal(each[line == 1], line[line == 1])
        paper = each[line == 0]
        assert 0 <= paper.min() < paper.max() <= 0.4
        assert np.abs(np.diff(each[:20], axis=0)).max() < 0.4 * np.pi / 32  # no edge
    assert max(each[line == 0].max() for each in made) > 0.2


def test_a_shift_moves_rows_and_no_column(line):
    made = LINE_EFFECTS["shift"](line, 3.0, rng(1))
    rows = [(np.arange(line.shape[1]) * ink.sum(0)).sum() / ink.sum() for ink in (line, made)]
    columns = [ink.sum(1) for ink in (line, made)]
    assert abs(rows[1] - rows[0] - rng(1).uniform(-3, 3)) < 0.05
    np.testing.assert_allclose(columns[0], columns[1], atol=1e-4)


def test_blur_spreads_ink_and_keeps_its_amount(line):
    made = LINE_EFFECTS["blur"](line, 2.0, rng(1))
    assert made.max() < line.max() and made.sum() == pytest.approx(line.sum(), rel=0.02)


def test_gaps_are_paper_and_as_wide_as_allowed_and_the_line_stays_as_it_was():
    line, widths = np.ones((60, 8), np.float32), []
    line[:, 2:] = 0
    for seed in range(200):
        made = LINE_EFFECTS["gaps"](line, (1, 5), rng(seed))
        emptied = np.flatnonzero((made != line).any(1))
        assert not made[emptied].any() and (not len(emptied) or np.ptp(emptied) == len(emptied) - 1)
        widths.append(len(emptied))
    assert line[:, 0].all() and {*widths} == {*range(6)}


def test_grain_is_of_the_deviation_it_says(line):
    grain = LINE_EFFECTS["noise"](line, 0.3, rng(1)) - line
    assert grain.std() == pytest.approx(rng(1).uniform(0, 0.3), rel=0.05)


@pytest.mark.parametrize("name", LINE_EFFECTS)
def test_a_changed_line_is_ink_between_0_and_1(name, line):
    features = ColumnFeatures()
    augmentation = LineAugmentation(features, **{name: STRENGTHS[name]})
    made = augmentation.frames(line, lambda: pytest.fail("nothing is normalised"), rng(1))
    assert made.shape == line.shape
    assert made.dtype == np.float32
    assert made.min() >= 0
    assert made.max() <= 1
    assert not np.array_equal(made, line)
    own = moments([line])
    again = LineAugmentation(replace(features, normalise="speaker"), **{name: STRENGTHS[name]})
    np.testing.assert_allclose(own.undo(again.frames(own.apply(line), lambda: own, rng(1))), made, atol=1e-5)


# Batches


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("corpus"))


ALL_ON = {name: STRENGTHS[name] for name in (*WAVEFORM_EFFECTS, *FRAME_EFFECTS)} | {"warp": 0.1}
CHEAP = {"offset": 0.2, "warp": 0.1}


def dataset(corpus, options=CHEAP, second=None, share=(0, 1), seed=0, cache=None, **features):
    utterances = listed(corpus)
    signals = Signals.fitted(AcousticFeatures(**features), LogMelTarget(RATE, 160), utterances, cache)
    plan = CropPlan([signals.frames_in(each) for each in utterances], 4, 16, 2, seed)
    views = Views(signals, RecordingAugmentation(signals.features, **options), seed, second) if options else None
    return CropBatches(utterances, signals, plan, 8, ["s0", "s1", "s2", "s3"], share, views=views)


def same(one, other) -> bool:
    return all(
        torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y
        for x, y in zip(vars(one).values(), vars(other).values())
    )


@pytest.mark.parametrize("options", [CHEAP, ALL_ON], ids=["cheap", "all"])
def test_what_is_heard_follows_from_seed_and_step(corpus, options):
    first, again, other = (dataset(corpus, options, "augmented", seed=seed) for seed in (0, 0, 1))
    for step in (5, 0, 3):
        assert same(first[step], again[step])
    assert not same(first[0], other[0])
    once, later = first[0], first[first.plan.batches_per_epoch]
    assert once.features.shape != later.features.shape or not torch.equal(once.features, later.features)


def test_every_crop_draws_anew(corpus):
    """At every step, place, view and seed."""
    plain, changed = dataset(corpus, None), dataset(corpus, {"offset": 0.2}, "augmented")
    offsets = []
    for seed in (0, 1):
        changed.views = replace(changed.views, seed=seed)
        for step in range(3):
            clean, heard = plain[step].features, changed[step]
            offsets += [*(heard.features - clean)[:, 0], *(heard.second_view - clean)[:, 0]]
    apart = torch.pdist(torch.stack(offsets))
    assert apart.min() > 0.5  # 39 channels, each with 0.2 times the square root of 2


def test_workers_and_processes_change_nothing(corpus):
    whole = dataset(corpus, ALL_ON, "augmented")
    alone, helped = (list(batches(whole, 1, 5, workers)) for workers in (0, 2))
    assert all(same(one, other) for one, other in zip(alone, helped, strict=True))
    shares = [dataset(corpus, ALL_ON, "augmented", (rank, 2))[3] for rank in range(2)]
    batch = whole[3]
    for place in range(4):
        share, row = shares[place // 2], place % 2
        size = int(batch.lengths[place])
        assert torch.equal(share.features[row, :size], batch.features[place, :size])
        assert torch.equal(share.second_view[row, :size], batch.second_view[place, :size])


@pytest.mark.parametrize("normalise", ["none", "utterance", "speaker", "global"])
@pytest.mark.parametrize("kind", ["mfcc", "log-mel"])
def test_only_what_is_heard_changes(corpus, kind, normalise):
    clean = dataset(corpus, None, kind=kind, normalise=normalise)[0]
    changed = dataset(corpus, ALL_ON, "clean", kind=kind, normalise=normalise)[0]
    assert torch.equal(changed.second_view, clean.features)
    assert not torch.equal(changed.features, clean.features)
    assert changed.features.shape == clean.features.shape
    padding = torch.arange(clean.features.shape[1]) >= clean.lengths[:, None]
    assert not changed.features[padding].any()
    for name in ("lengths", "starts", "target", "target_lengths", "target_frames", "speakers"):
        assert same(replace(changed, features=clean.features, second_view=None), clean), name


@pytest.mark.parametrize("normalise", ["utterance", "speaker"])
@pytest.mark.parametrize("cached", [False, True])
def test_a_waveform_that_is_not_changed_gives_the_features_of_before(corpus, tmp_path, monkeypatch, normalise, cached):
    """Whether they were kept, and whether a stretch is read or all of the file."""
    monkeypatch.setitem(WAVEFORM_EFFECTS, "gain", lambda signal, *_: signal)
    cache = tmp_path / "cache" if cached else None
    clean = dataset(corpus, None, normalise=normalise, cache=cache)[0]
    again = dataset(corpus, {"gain": 1.0}, normalise=normalise, cache=cache)[0]
    torch.testing.assert_close(again.features, clean.features, rtol=1e-3, atol=2e-3)


def test_the_second_view_is_another_one(corpus):
    batch = dataset(corpus, CHEAP, "augmented")[0]
    assert not torch.isclose(batch.features, batch.second_view)[:, :8].all(-1).any()
    assert dataset(corpus, CHEAP)[0].second_view is None
    parts = batch.split(2)
    assert torch.equal(torch.cat([part.second_view for part in parts]), batch.second_view)
    assert torch.equal(batch.to("cpu").second_view, batch.second_view)


def test_loud_numbers_are_those_that_were_heard(corpus):
    quiet, loud = (dataset(corpus, {"offset": deviation}) for deviation in (0.1, 1e4))
    assert max(quiet.magnitudes(0).values()) < 100
    assert min(loud.magnitudes(0).values()) > 1000


def test_lines_are_changed_and_their_target_is_not(tmp_path):
    utterances = listed(make_lines(tmp_path))
    signals = Signals.fitted(ColumnFeatures(height=16), GreyTarget(16), utterances)
    plan = CropPlan([signals.frames_in(each) for each in utterances], 4, 32, 4, 0)
    options = {name: STRENGTHS[name] for name in LINE_EFFECTS}
    views = Views(signals, LineAugmentation(signals.features, **options), 0)
    clean, seen = (CropBatches(utterances, signals, plan, 8, ["w0"], views=each)[0] for each in (None, views))
    assert torch.equal(seen.target, clean.target)
    assert not torch.equal(seen.features, clean.features)


# In a configuration


@pytest.mark.parametrize(
    "options,message",
    [
        ({"kind": "mfcc", "slant": 5}, r"\[augmentation\] has no option \['slant'\]: its options are \['background'"),
        ({"kind": "columns", "pitch": 0.1}, r"\[augmentation\] has no option \['pitch'\]"),
        ({"kind": "waveform", "warp": 0.1}, r"warp is of the features \['mfcc', 'log-mel'\], not of 'waveform'"),
        ({"pitch": 2}, r"pitch must be 0.5 or less"),
        ({"noise": -1}, r"option noise must be 0 or more"),
        ({"background": [20, 5]}, r"background must be \[least, largest\] in dB, not \[20, 5\]"),
        ({"background": 20}, r"option background must be tuple\[float, float\] \| None, not 20"),
        ({"kind": "gradients", "blur": 1.0}, r"lines are changed as columns of pixels, not as 'gradients'; set"),
        ({"kind": "columns", "gaps": [0, 3]}, r"gaps must be \[number, widest\], 1 or more, not \[0, 3\]"),
        ({"time_masks": [2, -1]}, r"time_masks must be \[number, largest size\], 0 or more, not \[2, -1\]"),
        ({"kind": "columns", "strokes": 2}, r"strokes must be 1 or less, not 2"),
        ({"kind": "columns", "bleed": 2}, r"bleed must be 1 or less, not 2"),
        ({"kind": "columns", "coarse": 0.5}, r"coarse is how many times as low the resolution is, 1 or more, not 0\.5"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    features = {"features": {"kind": options.pop("kind", "mfcc")}}
    with pytest.raises(config.ConfigError, match=message):
        Experiment(features | {"augmentation": options}, ["s0"], {}).augmentation()


def trained(unitdisc, corpus, folder, more=tiny_settings, **options) -> dict:
    result = unitdisc("train", "small", corpus, folder, *more(**options), "--device", "cpu")
    assert result.code == 0, result.err
    return (folder / "model.safetensors").read_bytes()


def test_a_stopped_training_goes_on_to_the_same_bits(corpus, tmp_path, unitdisc):
    options = {"augmentation__warp": 0.1, "augmentation__background": "[5, 20]", "augmentation__time_masks": "[1, 4]"}
    whole = trained(unitdisc, corpus, tmp_path / "whole", **options)
    trained(unitdisc, corpus, tmp_path / "parts", **options, training__steps=3)
    assert trained(unitdisc, corpus, tmp_path / "parts", **options, training__workers=1) == whole
    assert trained(unitdisc, corpus, tmp_path / "clean") != whole
    refused = unitdisc("train", "small", corpus, tmp_path / "parts", *tiny_settings(), "--device", "cpu")
    assert refused.code == 1
    assert "differs in augmentation.background, augmentation.time_masks, augmentation.warp" in refused.err
    log = [[json.loads(line) for line in (tmp_path / name / "log.jsonl").open()] for name in ("whole", "clean")]
    assert log[0][0]["losses"] != log[1][0]["losses"]


def test_an_experiment_of_before_there_was_augmentation_goes_on(corpus, tmp_path, unitdisc):
    trained(unitdisc, corpus, tmp_path, training__steps=3)
    path = tmp_path / "experiment.json"
    written = json.loads(path.read_text())
    assert not any(written["options"].pop("augmentation").values())
    path.write_text(json.dumps(written))
    trained(unitdisc, corpus, tmp_path)


def test_a_model_of_lines_trains_with_all_of_them(tmp_path, unitdisc):
    strengths = {name: STRENGTHS[name] for name in LINE_EFFECTS}
    options = {f"augmentation__{name}": list(one) if isinstance(one, tuple) else one for name, one in strengths.items()}
    trained(unitdisc, make_lines(tmp_path / "lines"), tmp_path / "exp", line_settings, **options, training__steps=1)


@pytest.mark.parametrize("steps,options", [("affine", {"gain": 3.0}), ("whiten", {"warp": 0.1})])
def test_what_would_come_before_adapted_features_is_refused(steps, options):
    features = AcousticFeatures("mfcc", adaptation=steps)
    with pytest.raises(ValueError, match=r"come before features\.adaptation"):
        RecordingAugmentation(features, **options)
    assert RecordingAugmentation(AcousticFeatures("mfcc", adaptation="affine"), warp=0.1, noise=0.1).is_on
