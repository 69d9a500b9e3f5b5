"""Recordings that are bad or go bad, full disks and planted files: what is wrong is named, and the rest goes on."""

import errno
import json
import os
import pickle
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import soundfile
import torch
from tiny import RATE, listed, make_corpus, record, settings, tree

from unitdisc.api.train import train as train_model
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.data.crops import CropPlan
from unitdisc.data.loader import CropBatches, batches
from unitdisc.data.signals import Signals
from unitdisc.encodings import Encodings
from unitdisc.evaluation import intervals
from unitdisc.evaluation.probes import cross_validation as reading
from unitdisc.evaluation.probes import models as readers
from unitdisc.experiment import Experiment, load
from unitdisc.files import write_text, written_aside
from unitdisc.reports import figures
from unitdisc.training import checkpoints

pytest_plugins = ["tiny_fixtures"]


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4000])


def silent(path: Path) -> None:
    soundfile.write(path, np.zeros(soundfile.info(path).frames), RATE)


def slow(path: Path) -> None:
    record(path, soundfile.info(path).frames // 2, seed=1, rate=8000)


def not_a_number(path: Path) -> None:
    wave, _ = soundfile.read(path)
    wave[len(wave) // 2] = np.nan
    soundfile.write(path, wave, RATE, subtype="FLOAT")


BAD = {  # utterance -> what is done to its recording, what is said of it, and the cure
    "u01": (truncated, "u01.wav: is truncated: its last 4000 bytes are missing; copy it again"),
    "u03": (silent, "u03.wav: u03 is silent; take it off the list"),
    "u05": (slow, "u05.wav: has 8000 samples per second, but u05 is listed with 16000; correct the rate"),
    "u07": (Path.unlink, "u07.wav: no such file; correct the path in the list, or take the recording off it"),
    "u09": (not_a_number, "u09.wav: u09 holds NaN or infinity; convert the original again"),
}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> Path:
    """The manifest of a corpus with a truncated, a silent, an 8 kHz, a missing and a NaN recording."""
    manifest = make_corpus(tmp_path_factory.mktemp("mixed"))
    for name, (spoil, _) in BAD.items():
        spoil(manifest.parent / f"{name}.wav")
    return manifest


@pytest.fixture
def corpus(tmp_path) -> Path:
    """A tiny corpus to do harm to."""
    return make_corpus(tmp_path / "corpus")


def train(unitdisc, corpus: Path, folder: Path, *more: str, **options):
    return unitdisc("train", "small", corpus, folder, "--device", "cpu", *settings(**options), *more)


GOOD = [f"u{i:02d}" for i in range(12) if f"u{i:02d}" not in BAD]
COMMANDS = {
    "train": lambda experiment: ["train", "small", "CORPUS", "RESULT", "--device", "cpu", *settings()],
    "encode": lambda experiment: ["encode", experiment, "CORPUS", "RESULT"],
    "features": lambda experiment: ["features", "CORPUS", "RESULT"],
    "resynthesise": lambda experiment: ["resynthesise", experiment, "CORPUS", "RESULT", "--temperature", "0"],
    "report": lambda experiment: ["report", experiment, "CORPUS"],
}


def command(verb: str, experiment: Path, corpus: Path, result: Path) -> list:
    places = {"CORPUS": corpus, "RESULT": result}
    return [places.get(argument, argument) for argument in COMMANDS[verb](experiment)]


@pytest.fixture
def sketched(monkeypatch) -> None:
    """Probes search for a moment only, and figures are not drawn."""
    monkeypatch.setattr(readers, "ITERATIONS", 1)
    monkeypatch.setattr(reading, "SHUFFLES", 1)
    monkeypatch.setattr(intervals, "RESAMPLES", 20)
    monkeypatch.setattr(figures, "svg", lambda figure, description: "")


@pytest.mark.parametrize("verb", COMMANDS)
def test_bad_recordings_are_named_and_the_rest_goes_on(unitdisc, mixed, tiny_experiment, tmp_path, sketched, verb):
    experiment = shutil.copytree(tiny_experiment, tmp_path / "experiment")
    result = unitdisc(*command(verb, experiment, mixed, tmp_path / "result"))
    assert result.code == 0, result.err
    for _, message in BAD.values():
        assert result.err.count(message) == 1, message
    assert f"{len(BAD)} left out, {len(GOOD)} kept." in result.err
    assert kept_by(verb, experiment, tmp_path / "result") == GOOD


def kept_by(verb: str, experiment: Path, result: Path) -> list[str]:
    if verb == "train":
        assert json.loads((result / "experiment.json").read_text())["corpus"]["utterances"] == len(GOOD)
        return GOOD
    if verb == "resynthesise":
        return sorted(path.name.partition("--")[0] for path in result.glob("*.wav"))
    folder = {"features": result, "encode": result / "condition"}.get(verb, experiment / "encodings/corpus/bottleneck")
    return list(Encodings.open(folder).codes)


@pytest.mark.parametrize("verb", ["train", "encode", "features"])
def test_strict_stops_before_anything_is_written(unitdisc, mixed, tiny_experiment, tmp_path, verb):
    result = unitdisc(*command(verb, tiny_experiment, mixed, tmp_path / "result"), "--strict")
    assert result.code == 1
    assert f"{mixed}: 5 problems (`unitdisc validate {mixed}` lists all), the first: " in result.err
    assert not (tmp_path / "result").exists()


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_corpus_without_any_good_recording_is_refused(unitdisc, mixed, tiny_experiment, tmp_path, verb):
    write_manifest(tmp_path / "bad.jsonl", [utterance for utterance in listed(mixed) if utterance.id in BAD])
    result = unitdisc(*command(verb, tiny_experiment, tmp_path / "bad.jsonl", tmp_path / "result"))
    assert result.code == 1
    assert result.err.splitlines()[-1].startswith(f"unitdisc: {tmp_path}/bad.jsonl: nothing in it can be used")
    assert not (tmp_path / "result").exists()


def test_what_was_left_out_is_not_missed_when_scoring(unitdisc, mixed, tiny_experiment, tmp_path, sketched):
    assert unitdisc("encode", tiny_experiment, mixed, tmp_path / "x", "--at", "bottleneck").code == 0
    for verb in ("abx", "probe", "score"):
        more = ["--context", "any", "--bootstrap", 9] if verb == "abx" else []
        result = unitdisc(verb, tmp_path / "x/bottleneck", mixed, *more)
        assert result.code == 0, result.err
        assert f"left out: u01 has no encoding in {tmp_path}/x/bottleneck" in result.err
        assert "5 left out, 7 kept." in result.err
    exported = unitdisc("export", tmp_path / "x/bottleneck", mixed, tmp_path / "units", "--format", "jsonl")
    assert exported.code == 0
    units = [json.loads(line) for line in (tmp_path / "units/units.jsonl").read_text().splitlines()]
    assert [entry["utterance"] for entry in units] == GOOD


@dataclass(frozen=True)
class Flac:
    manifest: Path
    name: str = "u02"


@pytest.fixture
def damaged_inside(corpus) -> Flac:
    """A corpus in which one recording is damaged where a glance does not look: in the middle of a FLAC file."""
    utterances = []
    for utterance in listed(corpus):
        if utterance.id == "u02":
            wave = 0.1 * np.random.default_rng(0).standard_normal(10 * RATE)
            soundfile.write(corpus.parent / "u02.flac", wave, RATE)
            content = bytearray((corpus.parent / "u02.flac").read_bytes())
            content[len(content) // 2 : len(content) // 2 + 3000] = bytes(3000)
            (corpus.parent / "u02.flac").write_bytes(content)
            utterance = replace(utterance, path=str(corpus.parent / "u02.flac"), ticks=10 * RATE, speaker="new")
        utterances.append(utterance)
    write_manifest(corpus, utterances)
    return Flac(corpus)


@pytest.mark.parametrize("verb", ["train", "encode", "features", "resynthesise"])
def test_damage_that_a_glance_overlooks_is_named_later(unitdisc, damaged_inside, tiny_experiment, tmp_path, verb):
    result = unitdisc(*command(verb, tiny_experiment, damaged_inside.manifest, tmp_path / "result"))
    assert result.code == 0, result.err
    assert f"left out: {damaged_inside.manifest.parent}/u02.flac: " in result.err
    assert "1 left out, 11 kept." in result.err


def test_strict_listens_to_the_end(unitdisc, damaged_inside, tiny_experiment, tmp_path):
    result = unitdisc("encode", tiny_experiment, damaged_inside.manifest, tmp_path / "x", "--strict")
    assert result.code == 1
    assert "u02.flac" in result.err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_recording_that_disappears_while_training_is_named(corpus, workers):
    """Also where another process reads it: no traceback of that process in the message."""
    utterances = [replace(utterance, speaker="s") for utterance in listed(corpus)]
    experiment = Experiment({}, ["s"], {})
    signals = Signals.fitted(experiment.features(), experiment.target(), utterances)
    plan = CropPlan([signals.frames_in(utterance) for utterance in utterances], 4, 16, 2, seed=0)
    for utterance in utterances:
        Path(utterance.path).unlink()
    with pytest.raises(CorpusError) as raised:
        next(batches(CropBatches(utterances, signals, plan, 8, ["s"]), 0, 3, workers))
    message = str(raised.value)
    assert message.endswith(".wav: no such file; correct the path in the list, or take the recording off it")
    assert "\n" not in message


def test_a_recording_that_disappears_while_training_ends_in_one_sentence(unitdisc, corpus, tmp_path, monkeypatch):
    from unitdisc.api import train as verb

    prepare = verb.prepare

    def prepared(*arguments, **options) -> Signals:
        signals = prepare(*arguments, **options)
        for path in corpus.parent.glob("*.wav"):
            path.unlink()
        return signals

    monkeypatch.setattr(verb, "prepare", prepared)
    result = train(unitdisc, corpus, tmp_path / "x")
    assert result.code == 1
    last = result.err.splitlines()[-1]
    assert last.startswith(f"unitdisc: {corpus.parent}/u")
    assert last.endswith(": no such file; correct the path in the list, or take the recording off it")


def test_all_recordings_that_disappear_while_encoding_end_in_one_sentence(
    unitdisc, corpus, tiny_experiment, tmp_path, monkeypatch
):
    from unitdisc.api import encode as verb

    usable = verb.usable_table

    def then_gone(*arguments, **options) -> list[Utterance]:
        utterances = usable(*arguments, **options)
        shutil.rmtree(corpus.parent)
        return utterances

    monkeypatch.setattr(verb, "usable_table", then_gone)
    result = unitdisc("encode", tiny_experiment, corpus, tmp_path / "x")
    assert result.code == 1
    assert "unitdisc: 12 of 12 utterances could not be used, the first: " in result.err


class FullDisk:
    """Lets nothing more be written to files once a number of writes is over, as a full disk does."""

    def __init__(self, monkeypatch, writes: int = 0):
        self.left = writes
        for home, name in ((Path, "write_text"), (Path, "write_bytes"), (np, "save"), (torch, "save")):
            monkeypatch.setattr(home, name, self.limited(getattr(home, name)))

    def limited(self, original: Callable) -> Callable:
        def write(*arguments, **options):
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return original(*arguments, **options)

        return write


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    write_text(tmp_path / "x", "old")
    with monkeypatch.context() as patch:
        FullDisk(patch)
        with pytest.raises(OSError, match=r"x: cannot be written \(No space left on device\); make room there"):
            write_text(tmp_path / "x", "new")
    assert tree(tmp_path) == {"x": b"old"}


def test_a_full_disk_is_found_behind_what_is_said_of_it(tmp_path):
    """torch.save, halfway, makes a RuntimeError of it."""

    def save():
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            raise RuntimeError("unexpected pos 64 vs 0")

    said = r"x: cannot be written \(No space left on device\); make room there"
    with pytest.raises(OSError, match=said), written_aside(tmp_path / "x"):
        save()
    with pytest.raises(RuntimeError, match="another matter"), written_aside(tmp_path / "x"):
        raise RuntimeError("another matter")


@pytest.fixture(scope="module")
def begun(tiny_corpus, tmp_path_factory) -> Path:
    """The first three steps of the tiny experiment."""
    folder = tmp_path_factory.mktemp("begun") / "experiment"
    train_model("small", tiny_corpus, folder, settings(training__steps=3)[1::2], device="cpu")
    return folder


@pytest.mark.parametrize("writes", range(6))
def test_a_full_disk_while_training_loses_nothing(unitdisc, tiny_corpus, tiny_experiment, begun, tmp_path, writes):
    """The disk fills up, is cleared, and the same command goes on to the same weights."""
    shutil.copytree(begun, tmp_path / "x")
    before = tree(tmp_path / "x")
    with pytest.MonkeyPatch.context() as patch:
        FullDisk(patch, writes)
        result = train(unitdisc, tiny_corpus, tmp_path / "x")
    assert result.code == 1
    said = rf"unitdisc: {tmp_path}/x/\S+: cannot be written \(No space left on device\); make room there"
    assert re.match(said, result.err.splitlines()[-1])
    after = tree(tmp_path / "x")
    assert not [name for name in after if name.endswith(".tmp")]
    assert before.keys() <= after.keys()
    assert after["checkpoints/step-00000003.pt"] == before["checkpoints/step-00000003.pt"]
    load(tmp_path / "x")
    assert train(unitdisc, tiny_corpus, tmp_path / "x").code == 0
    ended, undisturbed = (
        safetensors.torch.load_file(folder / "model.safetensors") for folder in (tmp_path / "x", tiny_experiment)
    )
    assert all(torch.equal(ended[name], undisturbed[name]) for name in undisturbed)


@pytest.mark.parametrize("writes", [0, 3, 9, 20, 50])
def test_a_full_disk_while_encoding_loses_nothing(
    unitdisc, tiny_corpus, tiny_experiment, tiny_encodings, tmp_path, writes
):
    with pytest.MonkeyPatch.context() as patch:
        FullDisk(patch, writes)
        result = unitdisc("encode", tiny_experiment, tiny_corpus, tmp_path / "x")
    assert result.code == 1
    said = rf"unitdisc: {tmp_path}/x/\S+: cannot be written \(No space left on device\); make room there"
    assert re.match(said, result.err.splitlines()[-1])
    assert not list(tmp_path.rglob("*.tmp"))
    assert unitdisc("encode", tiny_experiment, tiny_corpus, tmp_path / "x").code == 0
    whole = {name: content for name, content in tree(tiny_encodings).items() if not name.startswith("mfcc")}
    assert tree(tmp_path / "x") == whole


class Planted:
    """What a pickle would do to whoever loads it."""

    def __init__(self, victim: Path):
        self.victim = victim

    def __reduce__(self):
        return Path.touch, (self.victim,)


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, 2))])
def test_a_planted_checkpoint_runs_no_code(unitdisc, tiny_corpus, tiny_experiment, tmp_path, write):
    experiment = shutil.copytree(tiny_experiment, tmp_path / "experiment")
    newest = checkpoints.paths(experiment / "checkpoints")[-1]
    write({"step": 99, "model": Planted(tmp_path / "harm")}, newest)
    result = train(unitdisc, tiny_corpus, experiment)
    assert result.code == 1
    assert f"unitdisc: {newest}: damaged, or no checkpoint of unitdisc; remove it, and training goes on" in result.err
    assert not (tmp_path / "harm").exists()


def test_planted_weights_run_no_code(unitdisc, tiny_corpus, tiny_experiment, tmp_path):
    experiment = shutil.copytree(tiny_experiment, tmp_path / "experiment")
    (experiment / "model.safetensors").write_bytes(pickle.dumps(Planted(tmp_path / "harm")))
    result = unitdisc("encode", experiment, tiny_corpus, tmp_path / "x")
    assert result.code == 1
    assert f"unitdisc: {experiment}/model.safetensors: damaged" in result.err
    assert not (tmp_path / "harm").exists()


def test_nothing_is_unpickled_but_tensors():
    """By `weights_only`, which runs no code."""
    root = Path(__file__).parent.parent / "unitdisc"
    lines = [line for path in root.rglob("*.py") for line in path.read_text().splitlines()]
    assert all("weights_only=True" in line for line in lines if "torch.load(" in line)
    assert not [
        line for line in lines if "import pickle" in line or "allow_pickle=True" in line or "joblib.load" in line
    ]


@pytest.mark.parametrize("damage", [b"", b"torn", None], ids=["empty", "torn", "half"])
def test_without_a_damaged_checkpoint_training_goes_on_from_the_one_before(
    unitdisc, tiny_corpus, tiny_experiment, tmp_path, damage
):
    experiment = shutil.copytree(tiny_experiment, tmp_path / "experiment")
    newest = checkpoints.paths(experiment / "checkpoints")[-1]
    newest.write_bytes(newest.read_bytes()[:5000] if damage is None else damage)
    assert "goes on from the one before" in train(unitdisc, tiny_corpus, experiment).err
    newest.unlink()
    result = train(unitdisc, tiny_corpus, experiment)
    assert result.code == 0
    assert "Resuming at step 3." in result.err
    assert (experiment / "model.safetensors").read_bytes() == (tiny_experiment / "model.safetensors").read_bytes()


def test_lost_weights_are_written_again_from_the_last_checkpoint(unitdisc, tiny_corpus, tiny_experiment, tmp_path):
    experiment = shutil.copytree(tiny_experiment, tmp_path / "experiment")
    (experiment / "model.safetensors").unlink()
    assert train(unitdisc, tiny_corpus, experiment).code == 0
    assert (experiment / "model.safetensors").read_bytes() == (tiny_experiment / "model.safetensors").read_bytes()


def test_what_a_killed_run_left_half_written_is_cleared_away(unitdisc, tiny_corpus, tiny_experiment, tmp_path):
    experiment = shutil.copytree(tiny_experiment, tmp_path / "experiment")
    for name in (".model.safetensors.123.tmp", "checkpoints/.step-00000009.pt.123.tmp"):
        (experiment / name).write_bytes(b"half")
    assert train(unitdisc, tiny_corpus, experiment, training__steps=9).code == 0
    assert not list(experiment.rglob("*.tmp"))


def test_statistics_of_a_run_that_never_began_are_not_taken_over(unitdisc, tiny_corpus, tmp_path):
    """A run killed before experiment.json was there may have had other options."""
    train(unitdisc, tiny_corpus, tmp_path / "x", training__steps=1)
    right = (tmp_path / "x/statistics.json").read_text()
    (tmp_path / "y").mkdir()
    (tmp_path / "y/statistics.json").write_text(right.replace("0.", "1."))
    train(unitdisc, tiny_corpus, tmp_path / "y", training__steps=1)
    assert (tmp_path / "y/statistics.json").read_text() == right


def test_remains_without_an_experiment_are_not_continued(unitdisc, tiny_corpus, tiny_experiment, tmp_path):
    experiment = shutil.copytree(tiny_experiment, tmp_path / "experiment")
    (experiment / "experiment.json").unlink()
    result = train(unitdisc, tiny_corpus, experiment)
    assert result.code == 1
    assert f"{experiment}: has checkpoints but no experiment.json; restore it, or choose another folder" in result.err


def test_resynthesis_speaks_the_units_that_encode_finds(unitdisc, tiny_experiment, tmp_path, monkeypatch):
    """A new speaker's statistics come from all that the speaker says, however few utterances are wanted."""
    manifest = make_corpus(tmp_path / "corpus")
    write_manifest(manifest, [replace(utterance, speaker=f"new-{utterance.speaker}") for utterance in listed(manifest)])
    heard, features_of = [], Signals.features_of

    def hear(signals, utterance):
        heard.append(features_of(signals, utterance))
        return heard[-1]

    with monkeypatch.context() as patched:
        patched.setattr(Signals, "features_of", hear)
        assert unitdisc("resynthesise", tiny_experiment, manifest, tmp_path / "x", "--limit", "1").code == 0
    experiment, _ = load(tiny_experiment)
    signals = experiment.signals(tiny_experiment).with_speakers_of(listed(manifest))
    np.testing.assert_array_equal(heard[-1], signals.features_of(listed(manifest)[0]))


def test_a_speaker_called_like_a_path_stays_in_the_folder(unitdisc, tiny_experiment, tiny_corpus, tmp_path):
    experiment = shutil.copytree(tiny_experiment, tmp_path / "experiment")
    speakers = json.loads((experiment / "speakers.json").read_text())
    (experiment / "speakers.json").write_text(json.dumps(["../../s0", *speakers[1:]]))
    result = unitdisc("resynthesise", experiment, tiny_corpus, tmp_path / "x", "--limit", "1", "--speaker", "../../s0")
    assert result.code == 0
    assert list(tree(tmp_path / "x")) == ["u00--.._.._s0.wav"]
