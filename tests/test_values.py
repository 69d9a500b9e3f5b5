"""Numbers that no recording has: a fault of the utterance, named, which nothing else suffers from."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tiny import RATE, listed, settings

from unitdisc.api.shards import PackingOptions, shards
from unitdisc.api.train import train
from unitdisc.corpus import CorpusError, FileError, Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.validation.recordings import Listening, Recording, listen
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.cache import DiskCache, key
from unitdisc.data.normalisation import Normaliser
from unitdisc.data.signals import Signals
from unitdisc.data.targets import LogMelTarget
from unitdisc.encodings import Encodings
from unitdisc.experiment import Experiment
from unitdisc.experiment.config import read
from unitdisc.inference import encode_corpus as encoding
from unitdisc.inference.encode_corpus import encode
from unitdisc.media.audio import read_audio, read_stretch
from unitdisc.media.open import AudioError

pytest_plugins = ["tiny_fixtures"]


def noise(seed: int = 0, ticks: int = RATE) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(ticks)


def with_spike(size: float, count: int = 4) -> np.ndarray:
    wave = noise()
    wave[5000 : 5000 + 100 * count : 100] = size
    return wave


DAMAGED = "samples up to {}, where [-1, 1] is full scale: the file is damaged"
INTEGERS = "floats in the range of {}-bit integers (up to {}), where [-1, 1] is full scale"
WAVES = {  # samples, and what is said of them
    "spike": (with_spike(1e25), DAMAGED.format("1e+25")),
    "negative spike": (with_spike(-40), DAMAGED.format("40")),
    "16 bits": (np.round(noise() * 32768), INTEGERS.format(16, "")),
    "24 bits": (np.round(noise() * 2**23), INTEGERS.format(24, "")),
    "32 bits": (np.round(noise() * 2**31), INTEGERS.format(32, "")),
    "random bits": (np.random.default_rng(1).standard_normal(RATE) * 1e30, "samples up to 3.93355e+30, where"),
    "infinite in 32 bits": (with_spike(1e300), "NaN or infinity"),
    "NaN": (with_spike(np.nan), "NaN or infinity"),
    "headroom": (12 * noise(), None),  # clipping that floats survive
    "loud spike": (with_spike(31), None),
    "subnormal": (noise() * 1e-40, "is silent"),
    "constant": (np.full(RATE, 0.3), "is silent"),
}


def written(path: Path, wave: np.ndarray) -> Utterance:
    soundfile.write(path, wave, RATE, subtype="DOUBLE" if path.stem == "infinite in 32 bits" else "FLOAT")
    return Utterance("u", str(path), None, RATE, RATE)


@pytest.mark.parametrize("case", WAVES)
def test_what_no_recording_holds_is_a_fault(tmp_path, case):
    wave, expected = WAVES[case]
    utterance = written(tmp_path / f"{case}.wav", wave)
    stereo = written(tmp_path / f"{case} too.wav", np.stack([wave, noise(7)], 1))
    beginning = (expected or "").partition("(up to ")[0].strip()
    for one in (utterance, stereo, replace(stereo, channel=0)):
        for thorough in (False, True):
            faults = listen(
                Recording(one.path, lambda info, channels, one=one: [one]), Listening(thorough=thorough)
            ).faults
            errors = [fault for fault in faults if fault.severity == "error"]
            if one is stereo and expected == "is silent":  # the other channel can be heard
                assert not errors
                continue
            assert [fault.utterance for fault in errors] == ["u"] * (expected is not None)
            assert not errors or (errors[0].what.startswith("u ") and beginning in errors[0].what)
        if expected and not (one is stereo and expected == "is silent"):
            with pytest.raises(AudioError) as refused:
                read_audio(one)
            assert beginning in str(refused.value)
        else:
            assert np.isfinite(read_audio(one)).all()
    if expected and "bit integers" in expected:
        bits = re.search("([0-9]+)-bit", expected)[1]
        assert f"divide them by {2 ** (int(bits) - 1)}" in str(refused.value)
    if case == "spike":
        read_stretch(utterance, 0, 4000, RATE)
        with pytest.raises(AudioError, match=re.escape(DAMAGED.format("1e+25"))):
            read_stretch(utterance, 4000, 6000, RATE)


@pytest.fixture
def corpus(tmp_path) -> Path:
    """Four good recordings, a damaged one and one of another unit."""
    made = []
    for name in ("a", "b", "c", "d", "spike", "integers"):
        wave = {"spike": with_spike(1e25), "integers": noise() * 32768}.get(name, noise(ord(name[0])))
        made.append(replace(written(tmp_path / f"{name}.wav", wave), id=name, speaker="s"))
    write_manifest(tmp_path / "all.jsonl", made)
    write_manifest(tmp_path / "good.jsonl", made[:4])
    return tmp_path / "all.jsonl"


@pytest.mark.parametrize("normalise", ["global", "speaker"])
@pytest.mark.parametrize("trust", [[], ["--trust"]])
def test_one_bad_recording_changes_nothing_for_the_others(unitdisc, corpus, tmp_path, normalise, trust):
    for kind in ("waveform", "mfcc"):
        line = ["--kind", kind, "--normalise", normalise, *trust]
        result = unitdisc("features", corpus, tmp_path / f"{kind}-all", *line)
        assert result.code == 0
        assert "spike.wav: spike holds samples up to 1e+25" in result.err
        assert "integers.wav: integers holds floats in the range of 16-bit integers" in result.err
        assert unitdisc("features", corpus.parent / "good.jsonl", tmp_path / f"{kind}-good", *line).code == 0
        found, good = (Encodings.open(tmp_path / f"{kind}-{name}") for name in ("all", "good"))
        assert [each.utterance for each in found] == ["a", "b", "c", "d"]
        for one, other in zip(found, good):
            np.testing.assert_array_equal(one.frames, other.frames)
    assert unitdisc("features", corpus, tmp_path / "strict", "--strict").code == 1


def test_bad_recordings_are_not_packed(corpus, tmp_path, capsys):
    packed = listed(shards(corpus, tmp_path / "packed", PackingOptions(max_mb=1, format="wav")))
    assert [utterance.id for utterance in packed] == ["a", "b", "c", "d"]
    assert "spike holds samples up to 1e+25" in capsys.readouterr().err
    broken = written(tmp_path / "nan.wav", with_spike(np.nan))
    write_manifest(tmp_path / "nan.jsonl", [broken])
    with pytest.raises(CorpusError, match="holds NaN or infinity, which FLAC cannot hold"):
        shards(tmp_path / "nan.jsonl", tmp_path / "whole", PackingOptions(whole=True), access=CorpusAccess(strict=True))


def test_features_that_were_kept_and_are_no_numbers_are_left_out(corpus, tmp_path):
    good = listed(corpus.parent / "good.jsonl")
    cache, features, target = (
        DiskCache(tmp_path / "cache"),
        AcousticFeatures(normalise="global"),
        LogMelTarget(RATE, 160),
    )
    spoilt = features(noise())
    spoilt[3:5] = np.nan
    cache.get(good[1], features, lambda: spoilt)
    with pytest.raises(
        FileError, match=r"b.wav: the features of b hold NaN or infinity \(2 frames\); .*remove .*cache"
    ):
        Signals.fitted(features, target, good, tmp_path / "cache")
    signals = Signals.fitted(features, target, [good[0]], tmp_path / "cache")
    _, there, bad = encoding.features_of(signals, good)
    assert [utterance.id for utterance in there] == ["a", "c", "d"]
    assert len(bad) == 1
    speakers = replace(features, normalise="speaker")
    new = Signals.fitted(speakers, target, [replace(good[0], speaker="other")], tmp_path / "cache")
    cache.get(good[1], speakers, lambda: spoilt)
    moments = new.with_speakers_of(good).feature_normaliser.groups["s"]
    expected = np.concatenate([features(read_audio(good[i])) for i in (0, 2, 3)])
    np.testing.assert_allclose(moments.mean, expected.mean(0), atol=1e-4)
    with pytest.raises(FileError, match="the features of b hold NaN"):
        new.both_of(good[1])
    assert key(good[0], features) != key(good[1], features)


def test_statistics_that_are_no_numbers_are_refused():
    group = {"mean": [0.0, float("nan")], "deviation": [1.0, 1.0]}
    kept = json.loads(json.dumps({"kind": "speaker", "groups": {"ann": group}}))
    with pytest.raises(ValueError, match="the moments of ann are not finite"):
        Normaliser.from_json(kept)


class Astray:
    """Makes a model give NaN where the features of an utterance are large."""

    def __init__(self, model):
        self.model, self.own = model, model.probe_points

    def __call__(self, features, lengths):
        points, codes, sizes = self.own(features, lengths)
        wrong = features.abs().amax((1, 2)) > 1e4
        return (
            {name: torch.where(wrong[:, None, None], torch.nan, value) for name, value in points.items()},
            codes,
            sizes,
        )


def test_what_the_model_makes_no_numbers_of_is_left_out(tiny_corpus, tmp_path, monkeypatch):
    utterances = listed(tiny_corpus)
    options = read("small", settings()[1::2])
    experiment = Experiment(options, ["s0", "s1"], {})
    torch.manual_seed(3)
    model = experiment.build().eval()
    signals = Signals.fitted(experiment.features(), experiment.target(), utterances)
    own = Signals.features_of
    wrong = {utterances[2].id}
    monkeypatch.setattr(Signals, "features_of", lambda self, u: own(self, u) * (1e6 if u.id in wrong else 1))
    monkeypatch.setattr(model, "probe_points", Astray(model))

    def encoded(folder: str) -> list[str]:
        return encode(model, signals, utterances, tmp_path / folder, ["bottleneck"], {"model": "x"}, lambda n: None)

    [problem] = encoded("x")
    what = f"{utterances[2].path}: the model makes NaN or infinity of {utterances[2].id} at bottleneck; listen to it"
    assert problem.startswith(what)
    found = Encodings.open(tmp_path / "x/bottleneck")
    assert [each.utterance for each in found] == sorted({u.id for u in utterances} - wrong)
    assert all(np.isfinite(each.frames).all() for each in found)
    wrong |= {utterance.id for utterance in utterances}
    with pytest.raises(FloatingPointError, match=f"NaN or infinity of {utterances[0].id} at bottleneck"):
        encoded("y")
    monkeypatch.setattr(encoding, "MANY", 2)  # nobody waits for the rest
    with pytest.raises(FloatingPointError):
        encoded("z")


def test_a_loss_that_is_no_number_names_its_batch(tiny_corpus, tmp_path, monkeypatch):
    """Though it is looked at much later: the first step, and the utterances in it, the one that did it first."""
    wrong = listed(tiny_corpus)[5].id
    own = Signals.both_of

    def spoilt(self, utterance):
        features, target = own(self, utterance)
        return features, target * np.float32(1e30 if utterance.id == wrong else 1)

    options = {
        "steps": 12,
        "log_every": 1000,
        "valid_every": 1000,
        "checkpoint_every": 1000,
        "batch_size": 2,
        "valid_share": 0,
    }
    rare = [part for name, value in options.items() for part in ("--set", f"training.{name}={value}")]
    overrides = [*settings()[1::2], *rare[1::2]]
    monkeypatch.setattr(Signals, "both_of", spoilt)
    with pytest.raises(FloatingPointError) as refused:
        train("small", tiny_corpus, tmp_path / "bad", overrides, device="cpu")
    pattern = (
        r"the loss is not finite at step (\d+), in the batch of (\S+) \(numbers up to ([^)]+)\)[^;]*; look at their"
    )
    found = re.match(pattern, str(refused.value))
    assert found, refused.value
    assert found[2] == wrong
    assert float(found[3]) > 1e29
    assert 1 < int(found[1]) < 12
    train("small", tiny_corpus, tmp_path / "fewer", [*overrides, f"training.steps={int(found[1]) - 1}"], device="cpu")
