"""Vocal tract length normalisation: the warps of speakers, in features, in experiments and from the command line."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from scipy.signal import lfilter
from scipy.stats import multivariate_normal
from tiny import settings

import unitdisc as library
from unitdisc.adaptation import vtln
from unitdisc.adaptation.base import AdaptationError
from unitdisc.adaptation.vtln import FILE, Warps, factors, fit_warps, likeliest, seen
from unitdisc.api.train import train
from unitdisc.clustering.expectation_maximisation import improve
from unitdisc.corpus import Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.table import UtteranceTable
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.base import facts_of
from unitdisc.data.cache import DiskCache, named
from unitdisc.data.normalisation import Normaliser
from unitdisc.data.signals import Signals, spoken_by
from unitdisc.data.targets import LogMelTarget
from unitdisc.encodings import Encodings
from unitdisc.experiment import Experiment
from unitdisc.experiment.experiment import ExperimentError

pytest_plugins = ["tiny_fixtures"]

RATE = 16_000
VOWELS = ((300, 2300), (700, 1200), (350, 800), (500, 1700))  # formants in Hz
NONE = Normaliser("none", {})
TRACTS = {"s0": 0.9, "s1": 1.0, "s2": 1.1, "s3": 0.95, "s4": 1.05}  # by which formants are multiplied


def spoken(tract: float, seed: int, vowels: int = 8, ticks: int = 2400) -> np.ndarray:
    """Noise through two resonances for each vowel: [ticks]."""
    rng = np.random.default_rng(seed)
    parts = []
    for vowel in rng.integers(0, len(VOWELS), vowels):
        wave = rng.normal(size=ticks)
        for formant in VOWELS[vowel]:
            angle = 2 * np.pi * formant * tract / RATE
            wave = lfilter([1.0], [1.0, -2 * 0.97 * np.cos(angle), 0.97**2], wave)
        parts.append(0.1 * wave / wave.std())
    return np.concatenate(parts)


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    """A manifest of two utterances of each of five speakers with tracts of five lengths, and one of nobody."""
    folder = tmp_path_factory.mktemp("voices")
    utterances = []
    for number, speaker in enumerate([*TRACTS, *TRACTS, None]):
        path = folder / f"u{number:02}.wav"
        wave = spoken(TRACTS.get(speaker, 1.1), number)
        soundfile.write(path, wave, RATE)
        utterances.append(Utterance(f"u{number:02}", str(path), speaker, len(wave), RATE))
    write_manifest(folder / "all.jsonl", utterances)
    return folder / "all.jsonl"


def signals_of(features: AcousticFeatures, cache=None) -> Signals:
    return Signals(features, LogMelTarget(RATE, 160), NONE, NONE, DiskCache(cache))


FEATURES = AcousticFeatures("mfcc", normalise="none", vtln=5)


def test_factors_are_around_one():
    assert factors(7) == (0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15)
    for number in (1, 2, 8, 15):
        with pytest.raises(ValueError, match=f"an odd number from 3 to 13, or 0, not {number}"):
            factors(number)


def test_speakers_whose_formants_are_higher_get_other_factors(voices):
    utterances = library.read_corpus(voices)
    signals = signals_of(FEATURES).with_warps(UtteranceTable.of(utterances))
    found = [signals.warps.of_speakers[f"speaker/{speaker}"] for speaker in sorted(TRACTS, key=TRACTS.get)]
    assert found == sorted(found, reverse=found[0] > found[-1]) and len({*found}) > 2
    assert signals.warps.of_speakers["utterance/u10"] == signals.warps.of_speakers["speaker/s2"]  # tracts of one length


def test_the_mixture_is_of_frames_at_the_factors_that_speakers_have(voices, monkeypatch):
    """In every round, which begins with the likeliest factors of the round before."""
    views, rounds = {}, []

    def watched(source, *args, **more):
        rounds.append(dict(source.frames))
        return improve(source, *args, **more)

    monkeypatch.setattr(vtln, "improve", watched)
    signals, table = signals_of(FEATURES), UtteranceTable.of(library.read_corpus(voices))
    found = signals.with_warps(table).warps
    for speaker, said in spoken_by(table).items():
        views[speaker] = {factor: seen(frames) for factor, frames in signals.views_of(said).items()}
    assert len(rounds) == vtln.ROUNDS
    last = {
        speaker: next(factor for factor, seen_then in views[speaker].items() if np.array_equal(seen_then, frames))
        for speaker, frames in rounds[-1].items()
    }
    assert len({*last.values()}) > 2
    assert last == dict(found.of_speakers)  # which no longer changed


def test_the_likeliest_factor_is_that_of_a_plain_sum():
    rng = np.random.default_rng(0)
    at = {factor: rng.normal(size=(300, 3)).astype(np.float32) * factor for factor in factors(5)}
    warps = fit_warps(["a", "b"], lambda speaker: {f: v + ord(speaker) for f, v in at.items()})
    mixture = warps.mixture
    frames = {factor: seen(values) for factor, values in at.items()}
    scores = {
        factor: np.logaddexp.reduce(
            [
                weight + multivariate_normal(mean, np.diag(variances)).logpdf(values)
                for weight, mean, variances in zip(mixture.log_weights, mixture.means, mixture.covariances)
            ]
        ).mean()
        for factor, values in frames.items()
    }
    assert likeliest(mixture, frames) == max(scores, key=scores.get)
    np.testing.assert_allclose([values.mean(0) for values in frames.values()], 0, atol=1e-5)
    same = dict.fromkeys(factors(5), frames[1.0])
    assert likeliest(mixture, same) == 1.0  # the nearest to 1 of several as likely


def test_frames_are_those_of_the_speakers_warp(voices, tmp_path):
    """With and without a cache, whole and in part, of both kinds; the cache keeps warps apart."""
    utterances = library.read_corpus(voices)
    table = UtteranceTable.of(utterances)
    for kind in ("mfcc", "log-mel"):
        features = replace(FEATURES, kind=kind)
        plain = signals_of(features).with_warps(table)
        cached = replace(plain, cache=DiskCache(tmp_path / kind))
        for utterance in utterances[:3]:
            factor = plain.warps.of_speakers[f"speaker/{utterance.speaker}"]
            expected = AcousticFeatures(kind, normalise="none", warp=factor)(plain.signal(utterance))
            for signals in (plain, cached, cached):
                np.testing.assert_array_equal(signals.features_of(utterance), expected)
                assert signals.can_be_cut(utterance)
                part = signals.stretch_of(utterance, 20, 50)[0]
                np.testing.assert_allclose(part, expected[20:50], atol=2e-3)
        other = replace(cached, warps=replace(plain.warps, of_speakers=dict.fromkeys(plain.warps.of_speakers, 0.9)))
        expected = AcousticFeatures(kind, normalise="none", warp=0.9)(plain.signal(utterances[0]))
        np.testing.assert_array_equal(other.features_of(utterances[0]), expected)


def test_mfcc_at_every_factor_are_those_of_the_features():
    wave = spoken(1.0, 0).astype(np.float32)
    for factor, frames in FEATURES.mfcc_at(wave, (0.9, 1.0, 1.1)).items():
        np.testing.assert_array_equal(frames, AcousticFeatures("mfcc", normalise="none", warp=factor)(wave))


def test_speakers_who_are_new_get_their_factors_under_the_same_mixture(voices):
    utterances = library.read_corpus(voices)
    known = UtteranceTable.of([u for u in utterances if u.speaker not in ("s0", None)])
    signals = signals_of(FEATURES).with_warps(known)
    more = signals.with_speakers_of(utterances)
    assert more.warps.mixture is signals.warps.mixture
    assert more.warps.of_speakers.items() > signals.warps.of_speakers.items()
    tract = {**TRACTS, None: 1.1}
    assert more.warps.of_speakers["speaker/s0"] == pytest.approx(more.warps.of_speakers["speaker/s3"], abs=0.051)
    nobody = utterances[-1]
    assert not signals.can_be_cut(nobody) and more.can_be_cut(nobody) and tract[nobody.speaker] == 1.1
    np.testing.assert_array_equal(signals.features_of(nobody), more.features_of(nobody))


def test_what_was_made_before_is_still_known_by_its_name():
    """Options that were added change neither caches nor what codebooks and encodings say, where they change nothing."""
    former = {"kind": "mfcc", "rate": 16_000, "hop": 160, "bins": None, "normalise": "speaker", "resample": False}
    assert facts_of(AcousticFeatures()) == former
    assert named(AcousticFeatures()) == json.dumps(["Features", former], sort_keys=True)
    assert facts_of(AcousticFeatures(vtln=7)) == {**former, "vtln": 7}
    assert named(AcousticFeatures(warp=1.1)) != named(AcousticFeatures())


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"vtln": 4}, "an odd number"),
        ({"warp": 0.0}, r"from 0.5 to 2, not 0"),
        ({"kind": "waveform", "vtln": 3}, "no frequency axis"),
        ({"kind": "waveform", "warp": 1.1}, "no frequency axis"),
        ({"vtln": 3, "warp": 1.1}, "give one"),
    ],
)
def test_options_that_cannot_be(options, what):
    with pytest.raises(ValueError, match=what):
        AcousticFeatures(**options)


def test_an_experiment_keeps_its_warps_and_goes_on(voices, tmp_path, monkeypatch):
    """The same bits after an interruption, with workers too; new speakers are warped; without warps it is refused."""
    options = settings(features__vtln=3)[1::2]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train("small", voices, whole, options, device="cpu")
    train("small", voices, stopped, [*options, "training.steps=2"], device="cpu")
    warps = (stopped / FILE).read_bytes()
    monkeypatch.setattr(Signals, "fitted", None)  # it is not fitted again
    train("small", voices, stopped, [*options, "training.workers=1"], device="cpu")
    assert (stopped / FILE).read_bytes() == warps == (whole / FILE).read_bytes()
    assert (stopped / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    signals = Experiment.read(whole).signals(whole)
    unknown = replace(library.read_corpus(voices)[0], speaker="new")
    more = signals.with_speakers_of([unknown])
    assert "speaker/new" in more.warps.of_speakers and more.feature_normaliser.knows("new")
    factor = more.warps.of_speakers["speaker/new"]
    raw = AcousticFeatures("mfcc", normalise="none", warp=factor)(signals.signal(unknown))
    np.testing.assert_allclose(more.features_of(unknown), (raw - raw.mean(0)) / raw.std(0), atol=1e-3)
    (whole / FILE).write_bytes(warps[:200])
    with pytest.raises(ExperimentError, match=r"vtln\.safetensors: holds no warps, or is damaged"):
        Experiment.read(whole).signals(whole)
    (whole / FILE).unlink()
    with pytest.raises(ExperimentError, match=r"vtln\.safetensors: no such file"):
        Experiment.read(whole).signals(whole)


def test_from_the_command_line(voices, tmp_path, unitdisc):
    told = unitdisc("features", voices, tmp_path / "all", "--vtln", "5", "--normalise", "speaker")
    assert told.code == 0, told.err
    warps = Warps.read(tmp_path / "all" / FILE)
    utterances = library.read_corpus(voices)
    write_manifest(tmp_path / "one.jsonl", [u for u in utterances if u.speaker == "s4"])
    told = unitdisc("features", tmp_path / "one.jsonl", tmp_path / "one", "--vtln", "5", "--like", tmp_path / "all")
    assert told.code == 0, told.err
    again = Warps.read(tmp_path / "one" / FILE)
    assert again.mixture.means.tobytes() == warps.mixture.means.tobytes()
    factor = warps.of_speakers["speaker/s4"]
    frames = Encodings.open(tmp_path / "one")["u04"].frames
    raw = AcousticFeatures("mfcc", normalise="none", warp=factor)(signals_of(FEATURES).signal(utterances[4]))
    np.testing.assert_array_equal(frames, raw)
    assert Encodings.open(tmp_path / "one").settings["features"]["vtln"] == 5
    told = unitdisc("features", voices, tmp_path / "plain", "--like", tmp_path / "all")
    assert told.code == 1 and "--like gives the warps of speakers" in told.err and "set --vtln too" in told.err
    told = unitdisc("features", voices, tmp_path / "plain", "--vtln", "5", "--like", tmp_path)
    assert told.code == 1 and "vtln.safetensors: no such file" in told.err


def test_shards_make_the_same(voices, tmp_path):
    options = replace(FEATURES, normalise="speaker")
    library.features(voices, tmp_path / "whole", options)
    for number in (2, 1):
        access = library.CorpusAccess(shard=library.Shard(number, 2))
        library.features(voices, tmp_path / "shared", options, access=access)
    whole, shared = Encodings.open(tmp_path / "whole"), Encodings.open(tmp_path / "shared")
    for encoding in whole:
        np.testing.assert_array_equal(encoding.frames, shared[encoding.utterance].frames)
    assert (tmp_path / "whole" / FILE).read_bytes() == (tmp_path / "shared" / FILE).read_bytes()


def test_nothing_to_warp_is_refused():
    with pytest.raises(AdaptationError, match="none of the utterances can be read"):
        fit_warps(["a"], lambda speaker: dict.fromkeys(factors(3), np.zeros((0, 4), np.float32)))
