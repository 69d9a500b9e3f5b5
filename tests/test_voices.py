"""Recordings as bounded spectrograms: in another voice, made of noise, and the scripts that judge voices."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tiny import listed, make_corpus, tree

from unitdisc.api.convert import convert
from unitdisc.api.generate import generate
from unitdisc.api.train import train
from unitdisc.corpus.manifest import write_manifest
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.bounded_mel import BoundedLogMel
from unitdisc.data.normalisation import moments
from unitdisc.experiment import Experiment, config
from unitdisc.generation.items import GenerateOptions
from unitdisc.media.audio import read_audio
from unitdisc.objectives.conversion_networks import Timbre, statistics

EVAL = Path(__file__).parent.parent / "eval"
TINY = ["features.bins=16", "objective.channels=4", "objective.depth=1", "objective.critic_channels=4"]
TINY += ["training.batch_size=4", "training.crop=32", "training.steps=2", "training.valid_every=2"]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("spoken"), 8)


@pytest.fixture(scope="module")
def converter(spoken, tmp_path_factory) -> Path:
    """One that has learned next to nothing."""
    return train("convert-speech", spoken, tmp_path_factory.mktemp("converter") / "experiment", TINY, device="cpu")


# Features


def test_energies_are_bounded_below_the_loudest():
    wave = np.random.default_rng(0).normal(size=8000).astype(np.float32) * np.linspace(0, 0.3, 8000, dtype=np.float32)
    frames, energies = BoundedLogMel(bins=20)(wave), AcousticFeatures("log-mel", bins=20, normalise="none")(wave)
    nats = 8 * np.log(10)
    np.testing.assert_allclose(frames, np.clip(1 + (energies - energies.max()) / nats, 0, 1), atol=1e-6)
    assert frames.max() == 1 and BoundedLogMel(bins=20, decibels=20)(wave).min() == 0
    np.testing.assert_allclose(BoundedLogMel(bins=20)(0.1 * wave), frames, atol=0.02)  # dither apart
    assert BoundedLogMel()(np.zeros(8000, np.float32)).max() < 0.9  # silence is not made loud


def test_what_is_heard_of_bounded_energies_has_them():
    features = BoundedLogMel()
    tone = (0.3 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 16_000)).astype(np.float32)
    frames = features(tone)
    again = features(features.to_audio(frames))
    loud = frames > 0.8
    assert loud.sum() > 50 and np.abs(again - frames)[loud].mean() < 0.05


@pytest.mark.parametrize(
    "options,why",
    [
        ({"decibels": 0.0}, "decibels must be above 0, not 0"),
        ({"normalise": "global"}, r"lie in \[0, 1\] as they are: leave normalise out, not 'global'"),
        ({"kind": "log-mel"}, "are 'bounded-log-mel', not 'log-mel'"),
        ({"hop": 0}, "hop must be between 1 and the rate"),
    ],
)
def test_bounds_that_cannot_be(options, why):
    with pytest.raises(ValueError, match=why):
        BoundedLogMel(**options)


# Conversion


def test_converted_utterances_keep_all_that_is_known_of_them(converter, spoken, tmp_path):
    done = convert(converter, spoken, tmp_path / "out", speakers=["s1", "s0"], device="cpu")
    before, after = listed(spoken), listed(done.manifest)
    assert done.utterances == len(after) == 16
    for one, again in zip(before, (each for each in after if each.speaker == "s1"), strict=True):
        assert again.id == f"{one.id}--s1"
        assert (again.speaker, again.ticks, again.rate, again.alignment) == ("s1", one.ticks, 16_000, one.alignment)
        assert again.gender is None and again.text == one.text
        assert len(read_audio(again)) == one.ticks and Path(again.path).parent == tmp_path / "out" / "recordings"
    files = tree(tmp_path / "out")
    Path(after[3].path).unlink()
    again = convert(converter, spoken, tmp_path / "out", speakers=["s1", "s0"], device="cpu")
    assert again.utterances == 16 and tree(tmp_path / "out") == files


def test_utterances_get_the_spectrum_of_the_voice_whatever_is_beside_them():
    torch.manual_seed(0)
    timbre, mask = Timbre(6, 2), torch.arange(40) < torch.tensor([40, 25])[:, None]
    lines = 0.3 * torch.rand(2, 40, 6) + 0.2
    mean, deviation = statistics(lines, mask)
    torch.testing.assert_close(mean[1], lines[1, :25].mean(0))
    torch.testing.assert_close(deviation[1] ** 2, lines[1, :25].var(0, correction=0) + 1e-4)
    with torch.no_grad():
        timbre.mean[0], timbre.deviation[0] = torch.full((6,), 0.4), torch.full((6,), 0.05)
    said = timbre(lines, torch.eye(2)[[0, 0]], mask)
    for found, wanted in zip(statistics(said, mask), (timbre.mean, timbre.deviation), strict=True):
        torch.testing.assert_close(found, wanted[[0, 0]], atol=0.01, rtol=0)
    (alone,) = timbre(lines[1:, :25], torch.eye(2)[:1], mask[1:, :25])
    torch.testing.assert_close(said[1, :25], alone)
    moving = torch.optim.SGD(timbre.parameters(), 0.02)
    for _ in range(400):
        moving.zero_grad()
        timbre.apart(lines, torch.tensor([0, 1]), mask).sum().backward()
        moving.step()
    torch.testing.assert_close(timbre.mean, mean, atol=0.02, rtol=0)
    torch.testing.assert_close(timbre.deviation, deviation, atol=0.02, rtol=0)


def test_frames_in_general_are_refused(converter):
    experiment = Experiment.read(converter)
    tables = experiment.options | {"features": {"kind": "log-mel"}}
    with pytest.raises(config.ConfigError, match=r"of recordings set features\.kind to 'bounded-log-mel'"):
        Experiment(tables, experiment.speakers, {}).build()


# Words out of noise


def test_words_are_made_of_noise(spoken, tmp_path):
    options = ["features.rate=16000", "features.hop=160", "features.bins=16", "objective.columns=80"]
    options += ["objective.channels=4", "training.batch_size=4", "training.steps=2"]
    model = train("gan-speech", spoken, tmp_path / "gan", options, device="cpu")
    generate(model, tmp_path / "made", GenerateOptions(3), device="cpu")
    made = listed(tmp_path / "made" / "corpus.jsonl")
    assert [(each.id, each.ticks, each.rate) for each in made] == [(f"item-{n}", 12_800, 16_000) for n in range(3)]
    assert [len(soundfile.read(each.path)[0]) for each in made] == [12_800] * 3
    with pytest.raises(config.ConfigError, match=r"u07 has 64 frames, and whole items of at most 32 are made: set obj"):
        train("gan-speech", spoken, tmp_path / "short", [*options, "objective.columns=32"], device="cpu")


# Who is taken to speak


def tones(folder: Path, speakers: dict[str, float], seed: int, number: int = 6) -> Path:
    """Noise that is as bright as its speaker: a pole at each one's place."""
    folder.mkdir(parents=True)
    utterances = make_corpus(folder, number * len(speakers))
    rng, said = np.random.default_rng(seed), []
    for place, utterance in enumerate(listed(utterances)):
        speaker = [*speakers][place % len(speakers)]
        wave = rng.normal(size=utterance.ticks) * 0.05
        for tick in range(1, len(wave)):
            wave[tick] += speakers[speaker] * wave[tick - 1]
        soundfile.write(utterance.path, np.clip(wave, -1, 1), 16_000, subtype="PCM_16")
        said.append(utterance.__class__(utterance.id, utterance.path, speaker, utterance.ticks, 16_000))
    write_manifest(folder / "corpus.jsonl", said)
    return folder / "corpus.jsonl"


def test_the_scripts_that_judge_voices(tmp_path, monkeypatch, capsys):
    """Whoever gets the mean and the variance of a voice is taken for it; who is only made heard again is not."""
    monkeypatch.syspath_prepend(EVAL)
    shift, judge = (runpy.run_path(str(EVAL / f"{name}_voices.py"))["main"] for name in ("shifted", "other"))
    voices = {"dull": 0.9, "bright": -0.9, "even": 0.0}
    train, test = tones(tmp_path / "train", voices, 0), tones(tmp_path / "test", voices, 1, 2)
    found = {}
    for name, more in (("shifted", []), ("again", ["--unchanged"])):
        shift([str(test), str(train), str(tmp_path / name), "--speaker", "bright", *more])
        manifest = tmp_path / f"{name}.jsonl"
        found[name] = judge([str(test), str(tmp_path / name), str(manifest), "--train", str(train)])
    assert found["shifted"] == (4, 1.0, 1.0, 0.0) and found["again"] == (4, 1.0, 0.0, 1.0)
    again = listed(tmp_path / "shifted.jsonl")
    assert {each.speaker for each in again} == {"bright"} and "| 4 | 1.000 |" in capsys.readouterr().out
    features = AcousticFeatures("log-mel", normalise="none")
    theirs = moments(features(features.signal(each)) for each in listed(train) if each.speaker == "bright")
    assert abs(moments([features(features.signal(again[0]))]).mean - theirs.mean).mean() < 0.5
    with pytest.raises(SystemExit, match="'nobody' says nothing in it; name one who does"):
        shift([str(test), str(train), str(tmp_path / "none"), "--speaker", "nobody"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match=r"no utterance of .* is there in another voice"):
        judge([str(test), str(tmp_path / "empty"), str(tmp_path / "x.jsonl"), "--train", str(train)])
