"""Encoding a corpus: neighbours and interruptions change nothing, other models are kept apart, odd utterances work."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from killed_process import run_until_killed
from tiny import RATE, listed, record, settings, tree

from unitdisc.api.encode import encode as encode_verb
from unitdisc.api.encode import features as features_verb
from unitdisc.corpus import Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.data.cache import DiskCache
from unitdisc.data.signals import Signals
from unitdisc.encodings import Encodings, EncodingsError, EncodingsWriter
from unitdisc.experiment import Experiment
from unitdisc.experiment.config import read
from unitdisc.inference import encode_corpus as encoding
from unitdisc.inference.encode_corpus import encode
from unitdisc.model import PROBE_POINTS

pytest_plugins = ["tiny_fixtures"]

BOTTLENECKS = {
    "vq": [],
    "vq with batch norm": ["bottleneck.batch_norm=true", "bottleneck.codebook=gradient"],
    "gaussian": ["bottleneck.kind=gaussian"],
    "linear": ["bottleneck.kind=linear"],
    "vq at 25 Hz": ["encoder.stride=4"],
}


def untrained(overrides: list[str], utterances: list[Utterance]):
    """A model as it is before training, and what it reads."""
    tiny = [option for option in settings()[1::2] if not option.startswith("bottleneck.")]
    options = read("small", [*tiny, "bottleneck.dim=8", *overrides])
    experiment = Experiment(options, ["s0", "s1"], {})
    torch.manual_seed(3)
    return experiment.build().eval(), Signals.fitted(experiment.features(), experiment.target(), utterances)


def into(folder: Path, model, signals, utterances: list[Utterance], points=PROBE_POINTS) -> Path:
    assert encode(model, signals, utterances, folder, points, {"model": "x"}, lambda n: None) == []
    return folder


@pytest.mark.parametrize("kind", BOTTLENECKS)
def test_neighbours_in_a_batch_change_nothing(tiny_corpus, tmp_path, monkeypatch, kind):
    utterances = listed(tiny_corpus)[::3]
    model, signals = untrained(BOTTLENECKS[kind], utterances)
    together = into(tmp_path / "together", model, signals, utterances)
    monkeypatch.setattr(encoding, "FRAMES_IN_A_BATCH", 1)
    alone = into(tmp_path / "alone", model, signals, utterances)
    for point in PROBE_POINTS:
        for one, many in zip(Encodings.open(alone / point), Encodings.open(together / point), strict=True):
            np.testing.assert_allclose(one.frames, many.frames, atol=1e-5)
            np.testing.assert_array_equal(one.centres, many.centres)
            np.testing.assert_array_equal(one.codes, many.codes)


@pytest.mark.parametrize("stride", [2, 4])
def test_frames_lie_where_the_encoder_looked(tiny_corpus, tmp_path, stride):
    utterances = listed(tiny_corpus)[:3]
    model, signals = untrained([f"encoder.stride={stride}"], utterances)
    encodings = Encodings.open(into(tmp_path, model, signals, utterances) / "encoder")
    for utterance in utterances:
        frames = -(-((utterance.ticks + 80) // 160) // stride)
        np.testing.assert_array_equal(encodings[utterance.id].centres, 160 * stride * (np.arange(frames) + 0.5))


def test_frames_of_a_resampled_recording_lie_where_they_are_in_it(tmp_path):
    utterances = []
    for name, rate in (("a", 8000), ("b", RATE)):
        record(tmp_path / f"{name}.wav", rate, seed=1, rate=rate)
        utterances.append(Utterance(name, str(tmp_path / f"{name}.wav"), "s0", rate, rate))
    model, signals = untrained(["features.resample=true"], utterances)
    encodings = Encodings.open(into(tmp_path / "x", model, signals, utterances) / "encoder")
    np.testing.assert_array_equal(encodings["a"].centres, 160 * (np.arange(50) + 0.5))
    np.testing.assert_array_equal(encodings["b"].centres, 320 * (np.arange(50) + 0.5))


def test_one_point_alone_is_the_same(tiny_corpus, tmp_path):
    utterances = listed(tiny_corpus)
    model, signals = untrained([], utterances)
    everything, one = into(tmp_path / "all", model, signals, utterances), tmp_path / "one"
    into(one, model, signals, utterances, ["projection"])
    assert [path.name for path in one.iterdir()] == ["projection"]
    assert tree(one / "projection") == tree(everything / "projection")


def test_what_is_there_is_left_alone(tiny_corpus, tmp_path, monkeypatch):
    utterances = listed(tiny_corpus)
    model, signals = untrained([], utterances)
    before = tree(into(tmp_path, model, signals, utterances))
    monkeypatch.setattr(encoding, "encode_batch", lambda *_: pytest.fail("encoded again"))
    assert tree(into(tmp_path, model, signals, utterances)) == before


def test_what_changed_is_encoded_again(tmp_path):
    for name in ("a", "b", "c"):
        record(tmp_path / f"{name}.wav", 8000, seed=ord(name))
    utterances = [Utterance(name, str(tmp_path / f"{name}.wav"), "s0", 8000, RATE) for name in ("a", "b", "c")]
    model, signals = untrained([], utterances)
    before = tree(into(tmp_path / "x", model, signals, utterances, ["encoder"]))
    record(tmp_path / "a.wav", 8000, seed=5)
    (tmp_path / "x/encoder/b.npy").write_bytes(b"torn")
    shorter = [*utterances[:2], replace(utterances[2], ticks=4000)]
    after = tree(into(tmp_path / "x", model, signals, shorter, ["encoder"]))
    assert after["encoder/a.npy"] != before["encoder/a.npy"]
    assert after["encoder/b.npy"] == before["encoder/b.npy"]
    assert len(Encodings.open(tmp_path / "x/encoder")["c"].frames) == 13
    assert after == tree(into(tmp_path / "y", model, signals, shorter, ["encoder"]))


def killed_at(work: Callable[[], None], function: str, call: int) -> None:
    """Does work in another process, which is killed (-9) at the n-th call of a function, half-way through writing."""

    def child() -> None:
        home, name = (np, "save") if function == "np.save" else (EncodingsWriter, function)
        original, left = getattr(home, name), [call]

        def fatal(*arguments):
            left[0] -= 1
            if left[0] == 0:
                if function == "np.save":
                    arguments[0].write(b"\x93NUMPY half of an array")
                    arguments[0].flush()
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments)

        setattr(home, name, fatal)
        work()

    run_until_killed(child)


def encode_all(experiment: Path, corpus: Path, folder: Path) -> None:
    """In several batches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "FRAMES_IN_A_BATCH", 200)
        encode_verb(experiment, corpus, folder, PROBE_POINTS, device="cpu")


@pytest.fixture(scope="module")
def undisturbed(tiny_corpus, tiny_experiment, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    encode_all(tiny_experiment, tiny_corpus, folder)
    return tree(folder)


@pytest.mark.parametrize(
    "function,call",
    [
        ("np.save", 1),
        pytest.param("np.save", 7, marks=pytest.mark.slow),
        ("np.save", 24),
        pytest.param("np.save", 48, marks=pytest.mark.slow),
        ("finish", 1),
        ("finish", 3),
    ],
)
def test_a_killed_encode_is_completed(tiny_corpus, tiny_experiment, undisturbed, tmp_path, function, call):
    arguments = (tiny_experiment, tiny_corpus, tmp_path / "x")
    killed_at(lambda: encode_all(*arguments), function, call)
    assert len(list((tmp_path / "x").rglob("*.tmp"))) == (function == "np.save")
    with pytest.raises(EncodingsError, match="encoding was interrupted; run the same `unitdisc encode` again"):
        Encodings.open(tmp_path / "x" / PROBE_POINTS[-1])
    encode_all(*arguments)
    assert tree(tmp_path / "x") == undisturbed


def test_killed_features_are_completed(tiny_corpus, tmp_path):
    def work(folder: Path) -> None:
        features_verb(tiny_corpus, folder / "mfcc", AcousticFeatures())

    killed_at(lambda: work(tmp_path / "x"), "np.save", 5)
    work(tmp_path / "x")
    work(tmp_path / "y")
    assert tree(tmp_path / "x") == tree(tmp_path / "y")


def other_model(experiment: Path, folder: Path) -> Path:
    shutil.copytree(experiment, folder / experiment.name)
    path = folder / experiment.name / "model.safetensors"
    weights = safetensors.torch.load_file(path)
    safetensors.torch.save_file({name: weight * 1.01 for name, weight in weights.items()}, path)
    return folder / experiment.name


def test_encodings_of_another_model_are_not_mixed(unitdisc, tiny_corpus, tiny_experiment, tmp_path):
    assert unitdisc("encode", tiny_experiment, tiny_corpus, tmp_path / "x").code == 0
    before = tree(tmp_path / "x")
    result = unitdisc("encode", other_model(tiny_experiment, tmp_path), tiny_corpus, tmp_path / "x")
    assert result.code == 1
    assert "made in another way (model differ); remove it or choose another folder" in result.err
    assert {name: content for name, content in tree(tmp_path / "x").items() if not name.endswith(".part")} == before


def test_a_model_gone_astray_is_named(tiny_corpus, tmp_path):
    utterances = listed(tiny_corpus)
    model, signals = untrained([], utterances)
    torch.nn.init.constant_(model.conditioner.convolve.weight, float("nan"))
    with pytest.raises(FloatingPointError, match=r"NaN or infinity of u00 at condition; .* train again"):
        into(tmp_path, model, signals, utterances)


@pytest.mark.parametrize("normalise", ["speaker", "global", "utterance", "none"])
def test_odd_utterances_are_encoded(tmp_path, normalise):
    """New voices, no voice, a single frame, a single latent."""
    utterances = []
    for name, speaker, ticks in [("known", "s0", 8000), ("new", "z", 8000), ("none", None, 8000), ("one", "q", 80)]:
        record(tmp_path / f"{name}.wav", ticks, seed=len(name))
        utterances.append(Utterance(name, str(tmp_path / f"{name}.wav"), speaker, ticks, RATE))
    model, signals = untrained([f"features.normalise={normalise}"], utterances[:1])
    signals = signals.with_speakers_of(utterances)
    encodings = Encodings.open(into(tmp_path / "x", model, signals, utterances) / "bottleneck")
    assert {name: len(encodings[name].frames) for name in encodings.codes} == {
        "known": 25,
        "new": 25,
        "none": 25,
        "one": 1,
    }
    assert all(np.isfinite(each.frames).all() for each in encodings)


def test_a_new_voice_is_normalised_by_all_that_it_says(tiny_corpus):
    new = [replace(utterance, speaker="new") for utterance in listed(tiny_corpus)[:4]]
    _, signals = untrained([], listed(tiny_corpus)[4:])
    frames = [signals.with_speakers_of(new).features_of(utterance) for utterance in new]
    np.testing.assert_allclose(np.concatenate(frames).mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(np.concatenate(frames).std(0), 1, atol=1e-3)
    assert abs(frames[0].mean(0)).max() > 0.01


def test_what_is_shorter_than_a_frame_is_left_out(unitdisc, tiny_experiment, tmp_path):
    utterances = []
    for name, ticks in [("good", 8000), ("short", 79)]:
        record(tmp_path / f"{name}.wav", ticks, seed=1)
        utterances.append(Utterance(name, str(tmp_path / f"{name}.wav"), None, ticks, RATE))
    write_manifest(tmp_path / "c.jsonl", utterances)
    result = unitdisc("encode", tiny_experiment, tmp_path / "c.jsonl", tmp_path / "x")
    assert result.code == 0
    assert "short.wav: short is shorter than half a frame (79 samples); take it off the list" in result.err
    assert list(Encodings.open(tmp_path / "x/bottleneck").codes) == ["good"]


@pytest.mark.parametrize("rate", [8000, None], ids=["rate listed", "rate not listed"])
def test_times_stay_those_of_the_corpus_where_features_resample(unitdisc, tmp_path, rate):
    record(tmp_path / "a.wav", 8000, seed=1, rate=8000)
    write_manifest(tmp_path / "c.jsonl", [Utterance("a", str(tmp_path / "a.wav"), "s", 8000, rate)])
    result = unitdisc("features", tmp_path / "c.jsonl", tmp_path / "x", "--resample")
    assert result.code == 0, result.err
    np.testing.assert_array_equal(Encodings.open(tmp_path / "x")["a"].centres, 80 * (np.arange(100) + 0.5))


def test_settings_say_where_encodings_come_from(tiny_encodings, tiny_experiment):
    found = json.loads((tiny_encodings / "projection/encodings.json").read_text())
    assert found.pop("model")
    assert found == {
        "point": "projection",
        "stride": 320,
        "offset": 160.0,
        "rate": 16_000,
        "experiment": tiny_experiment.name,
        "num_codes": 8,
    }


@pytest.mark.parametrize("rate,hop", [(16_000, 160), (16_000, 161), (11_025, 13), (11_025, 52), (44_100, 441)])
def test_frames_do_not_drift_whatever_the_hop(rate, hop):
    """Also where hop / rate cannot be written exactly: a click late in a signal is in the frame at its time."""
    features = AcousticFeatures("log-mel", rate=rate, hop=hop)
    wave = np.zeros(rate, np.float32)
    wave[rate * 9 // 10] = 1
    frames = features(wave)
    assert len(frames) == features.frames_in(Utterance("a", "a.wav", None, rate, rate))
    loudness = np.exp(frames).sum(1)
    centres = (np.arange(len(frames)) + 0.5) * hop
    assert abs((loudness @ centres) / loudness.sum() - rate * 9 // 10) < hop / 2 + 1


def test_an_archive_that_changed_is_read_again(tmp_path):
    """Kaldi archives hold many recordings, each named by file and offset."""

    def archive(seed: int) -> Utterance:
        record(tmp_path / "a.wav", 8000, seed)
        (tmp_path / "x.ark").write_bytes(b"a " + (tmp_path / "a.wav").read_bytes())
        os.utime(tmp_path / "x.ark", (seed, seed))
        return Utterance("a", f"{tmp_path}/x.ark:2", None, 8000, RATE)

    _, signals = untrained([], [archive(1)])
    kept = replace(signals, cache=DiskCache(tmp_path / "cache"))
    first = kept.features_of(archive(1))
    np.testing.assert_array_equal(first, kept.features_of(archive(1)))
    second = kept.features_of(archive(2))
    np.testing.assert_array_equal(second, signals.features_of(archive(2)))
    assert not np.array_equal(first, second)


def test_the_next_is_read_while_one_is_used():
    reading = []
    results = encoding.ahead(lambda item: reading.append(item) or item * 10, range(5))
    assert next(results) == 0
    assert next(results) == 10
    assert len(reading) <= 3  # 0, 1 and 2
    assert list(results) == [20, 30, 40]
    assert reading == [0, 1, 2, 3, 4]


def test_what_goes_wrong_in_reading_ahead_is_raised_in_its_turn():
    results = encoding.ahead(lambda item: 1 // item, [1, 1, 0, 1])
    assert [next(results), next(results)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_things_are_done_behind_in_order_and_all_of_them():
    done = []
    with encoding.BackgroundWriter() as writer:
        for number in range(20):
            writer.do(lambda number=number: done.append(number))
    assert done == list(range(20))


@pytest.mark.parametrize("after", [0, 10])
def test_what_goes_wrong_behind_is_raised(after):
    done = []
    with pytest.raises(ZeroDivisionError), encoding.BackgroundWriter() as writer:
        writer.do(lambda: 1 // 0)
        for number in range(after):
            writer.do(lambda number=number: done.append(number))
    assert len(done) <= 2 * writer.MOST


def test_a_model_is_loaded_once(tiny_corpus, tiny_experiment, tmp_path, monkeypatch):
    from unitdisc.api import encode as verb

    loaded = []
    original = verb.load
    monkeypatch.setattr(verb, "load", lambda *arguments: loaded.append(arguments) or original(*arguments))
    encode_verb(tiny_experiment, tiny_corpus, tmp_path / "x", ["bottleneck"], device="cpu")
    assert len(loaded) == 1
