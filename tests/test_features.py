"""Features are Kaldi's, tile the signal, and are the same every time."""

import numpy as np
import pytest
import torch
from torchaudio.compliance import kaldi

from unitdisc.data.acoustic_features import ACOUSTIC, AcousticFeatures
from unitdisc.data.base import num_frames
from unitdisc.data.griffin_lim import log_mel_to_audio
from unitdisc.data.normalisation import Normaliser, fit

RNG = np.random.default_rng(0)
NOISE = (0.1 * RNG.standard_normal(16_000)).astype(np.float32)


@pytest.mark.parametrize("kind", ACOUSTIC)
@pytest.mark.parametrize("ticks", [79, 80, 100, 399, 1600, 16_000, 16_079, 16_080])
def test_frames_tile_the_signal(kind, ticks):
    features = AcousticFeatures(kind)
    frames = features(NOISE[:1].repeat(ticks) if ticks > len(NOISE) else NOISE[:ticks])
    assert frames.shape == (num_frames(ticks, 160), features.dim)
    assert frames.dtype == np.float32
    assert np.isfinite(frames).all()


@pytest.mark.parametrize("kind", ["log-mel", "waveform"])
def test_a_frame_is_centred_half_a_hop_after_its_start(kind):
    """An impulse in the middle of frame 50's stretch is loudest in frame 50."""
    wave = np.zeros(16_000, np.float32)
    wave[50 * 160 + 80] = 0.5
    frames = AcousticFeatures(kind)(wave)
    assert np.abs(frames - np.median(frames, axis=0)).sum(1).argmax() == 50


def test_mfcc_with_deltas_are_kaldis():
    plain = kaldi.mfcc(torch.from_numpy(NOISE)[None] * 32768, snip_edges=False, num_ceps=13, num_mel_bins=23)
    frames = AcousticFeatures("mfcc")(NOISE)
    assert np.abs(frames[:, :13] - plain.numpy()).max() < 0.05  # the dither of one 16-bit step
    slopes = np.array([-0.2, -0.1, 0, 0.1, 0.2])  # Kaldi's regression over five frames
    expected = np.stack([slopes @ frames[t - 2 : t + 3, :13] for t in range(2, 98)])
    np.testing.assert_allclose(frames[2:98, 13:26], expected, atol=1e-4)


@pytest.mark.parametrize("rate,hop", [(8_000, 80), (44_100, 441), (48_000, 480), (22_050, 220)])
def test_other_rates_and_hops(rate, hop):
    assert AcousticFeatures("log-mel", rate, hop)(NOISE).shape[0] == num_frames(len(NOISE), hop)


def test_features_are_the_same_every_time():
    np.testing.assert_array_equal(AcousticFeatures()(NOISE), AcousticFeatures()(NOISE))


def test_dither_is_noise_of_one_16_bit_step_and_the_same_every_time():
    """Whatever is heard, and wherever a stretch begins; digital silence is this noise to all features."""
    plain = AcousticFeatures("waveform")
    silence = np.zeros(70_400, np.float32)  # more than are drawn at once
    noise = 32768 * plain(silence).ravel()
    assert noise.std() == pytest.approx(1, abs=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 0.02
    np.testing.assert_allclose(32768 * (plain(NOISE).ravel() - NOISE), noise[:16_000], atol=0.01)
    for first in (160, 65_600):
        np.testing.assert_array_equal(plain(silence[first:], first), plain(silence)[first // 160 :])
    for kind in ("log-mel", "mfcc"):
        bins = {"log-mel": 80, "mfcc": 23}[kind]
        expected = ACOUSTIC[kind].frames(torch.from_numpy(noise[:1600]), 16_000, 160, bins)
        np.testing.assert_allclose(AcousticFeatures(kind)(silence[:1600]), expected, atol=1e-4)


def test_digital_silence_has_a_floor():
    assert np.abs(AcousticFeatures("log-mel")(np.zeros(1600, np.float32))).max() < 30


@pytest.mark.parametrize(
    "options,message", [({"kind": "magic"}, "choose one of"), ({"normalise": "x"}, "choose one of")]
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AcousticFeatures(**options)


def test_normalisation_by_group():
    said = {"ann": RNG.normal(3, 2, (50, 4)), "bob": RNG.normal(-5, 0.5, (70, 4))}
    for kind in ("speaker", "utterance"):
        normaliser = fit(kind, said.items())
        for speaker, frames in said.items():
            normal = normaliser(frames, speaker)
            np.testing.assert_allclose(normal.mean(0), 0, atol=1e-5)
            np.testing.assert_allclose(normal.std(0), 1, atol=1e-5)
    together = fit("global", said.items())
    normal = np.concatenate([together(frames, speaker) for speaker, frames in said.items()])
    np.testing.assert_allclose([normal.mean(0), normal.std(0)], [[0] * 4, [1] * 4], atol=1e-5)
    np.testing.assert_allclose(together.groups[""].undo(together(said["ann"], "ann")), said["ann"], rtol=1e-5)


def test_channels_that_never_change_and_speakers_that_are_known_keep_their_statistics():
    constant = np.full((50, 4), 3.0)
    for kind in ("speaker", "utterance", "global"):
        np.testing.assert_allclose(fit(kind, [("ann", constant)])(constant, "ann"), 0, atol=1e-6)
    first, second = (fit("speaker", [(name, RNG.normal(mean, 2, (50, 4)))]) for name, mean in (("ann", 3), ("bob", 9)))
    again = fit("speaker", [("ann", RNG.normal(-7, 1, (50, 4)))])
    together = first.with_groups_of(second).with_groups_of(again)
    assert together.groups == {"ann": first.groups["ann"], "bob": second.groups["bob"]}


def test_statistics_survive_saving():
    normaliser = fit("speaker", [("ann", RNG.normal(3, 2, (50, 4)))])
    copy = Normaliser.from_json(normaliser.to_json())
    frames = RNG.normal(size=(9, 4))
    np.testing.assert_array_equal(normaliser(frames, "ann"), copy(frames, "ann"))


def test_an_unknown_speaker_is_normalised_by_the_utterance():
    normaliser = fit("speaker", [("ann", RNG.normal(3, 2, (50, 4)))])
    assert not normaliser.knows("bob")
    assert normaliser.knows(None)
    np.testing.assert_allclose(normaliser(RNG.normal(9, 2, (50, 4)), "bob").mean(0), 0, atol=1e-5)


def test_what_is_heard_happens_when_it_happened():
    """Bursts come back where they were, to a few milliseconds."""
    wave = np.zeros(16_000, np.float32)
    places = [2000, 5040, 9120, 13_000]
    for place in places:
        wave[place : place + 32] = 0.5 * RNG.standard_normal(32)
    again = log_mel_to_audio(AcousticFeatures("log-mel")(wave), 16_000, 160)
    for place in places:
        around = np.arange(place - 400, place + 432)
        centre = (again[around] ** 2 @ around) / (again[around] ** 2).sum()
        assert abs(centre - (place + 16)) < 32


def test_log_mel_frames_can_be_heard():
    """A tone comes back as that tone."""
    tone = (0.3 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 16_000)).astype(np.float32)
    wave = log_mel_to_audio(AcousticFeatures("log-mel")(tone), 16_000, 160)
    assert len(wave) == 8000
    spectrum = np.abs(np.fft.rfft(wave))
    assert abs(spectrum.argmax() * 2 - 1000) < 60
    assert 0.1 < np.abs(wave[2000:6000]).max() < 0.6
