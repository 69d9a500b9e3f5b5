"""Training resumes bit for bit, several processes follow one, and collapse raises an alarm."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import safetensors.torch
import soundfile
import torch
from killed_process import run_until_killed
from tiny import OPTIONS

from unitdisc.api import train as verb
from unitdisc.api.encode import encode
from unitdisc.api.train import train
from unitdisc.corpus import Utterance
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.data.signals import Signals
from unitdisc.encodings import Encodings
from unitdisc.experiment import ExperimentError, load
from unitdisc.training import checkpoints
from unitdisc.training.collapse import alarms

TINY = OPTIONS | {
    "bottleneck.warmup_steps": 5,
    "bottleneck.batch_norm": "true",
    "bottleneck.commitment": 0.25,
    "training.learning_rate": 1e-3,
    "training.steps": 12,
    "training.halve_at": "[8]",
    "training.checkpoint_every": 4,
    "training.valid_every": 6,
}


def overrides(**more) -> list[str]:
    options = TINY | {name.replace("__", "."): value for name, value in more.items()}
    return [f"{name}={value}" for name, value in options.items()]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """Fourteen short recordings of noise that changes its colour, by three speakers."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    utterances = []
    for i in range(14):
        noise = rng.standard_normal(8_000)
        wave = np.concatenate([noise[:4000], np.convolve(noise, np.ones(8) / 8)[:4000]]) * 0.1
        soundfile.write(folder / f"u{i:02d}.wav", wave, 16_000)
        utterances.append(Utterance(f"u{i:02d}", str(folder / f"u{i:02d}.wav"), f"s{i % 3}", len(wave), 16_000))
    write_manifest(folder / "train.jsonl", utterances)
    return folder / "train.jsonl"


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / "model.safetensors")


def read_log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def assert_identical(a: Path, b: Path) -> None:
    first, second = weights(a), weights(b)
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def command(config: str, corpus: Path, folder: Path, processes: int = 1, **more) -> list[str]:
    start = [sys.executable, "-m", "unitdisc"]
    if processes > 1:
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        start = [sys.executable, *launcher, "-m", "unitdisc"]
    settings = [part for override in overrides(**more) for part in ("--set", override)]
    return [*start, "train", config, str(corpus), str(folder), "--device=cpu", *settings]


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def undisturbed(corpus, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    train("small", corpus, folder, overrides(), device="cpu")
    return folder


def test_the_same_seed_gives_the_same_weights(corpus, undisturbed, tmp_path):
    torch.manual_seed(99)  # nothing of before may matter
    train("small", corpus, tmp_path, overrides(), device="cpu")
    assert_identical(undisturbed, tmp_path)


@pytest.mark.parametrize("bottleneck", ["gaussian", "vq"])
def test_another_seed_gives_other_weights(corpus, tmp_path, bottleneck):
    for seed in (0, 1):
        options = [o for o in overrides(training__seed=seed, training__steps=2) if not o.startswith("bottleneck.")]
        train("small", corpus, tmp_path / str(seed), [*options, *without_vq_options(bottleneck)], device="cpu")
    first, second = weights(tmp_path / "0"), weights(tmp_path / "1")
    assert not torch.equal(first["encoder.layers.0.weight"], second["encoder.layers.0.weight"])


def test_who_is_learned_from_and_who_is_held_out(corpus, tmp_path, monkeypatch):
    """Statistics, crops and switch cost are of the same utterances, validation of the others; context is there."""
    seen = {}

    def noting(name: str, place: int, kind: type | Callable):
        def made(*arguments, **options):
            seen.setdefault(name, []).append((sorted(u.id for u in arguments[place]), options))
            return kind(*arguments, **options)

        return made

    for name, place in (("CropBatches", 0), ("WholeUtterances", 1)):
        monkeypatch.setattr(verb, name, noting(name, place, getattr(verb, name)))
    monkeypatch.setattr(Signals, "fitted", noting("fitted", 2, Signals.fitted))
    batches = []
    monkeypatch.setattr(
        verb.Trainer, "run", lambda self, following, valid, *more: batches.extend([following(0), valid])
    )
    settings = {"bottleneck__kind": "piecewise-vq", "training__valid_share": 0.3, "training__steps": 2}
    train("small", corpus, tmp_path, overrides(**settings), device="cpu")
    (learned, crops), (held_out, validation) = seen["CropBatches"]
    assert len(held_out) == 4
    assert sorted([*learned, *held_out]) == sorted(utterance.id for utterance in read_manifest(corpus))
    assert seen["fitted"][0][0] == seen["WholeUtterances"][0][0] == learned
    assert crops["context"] == validation["context"] == 8  # frames that the encoder reads on either side
    assert len(list(batches[0])) == 2
    assert [len(batch.speakers) for batch in batches[1]] == [4, 4, 4]


def without_vq_options(kind: str) -> list[str]:
    return [f'bottleneck.kind="{kind}"', "bottleneck.dim=8"] if kind == "vq" else []


@pytest.mark.parametrize("stop", [4, 8])
def test_a_stopped_run_goes_on_to_the_same_weights(corpus, undisturbed, tmp_path, stop):
    train("small", corpus, tmp_path, overrides(training__steps=stop), device="cpu")
    assert not torch.equal(
        weights(undisturbed)["encoder.layers.0.weight"], weights(tmp_path)["encoder.layers.0.weight"]
    )
    train("small", corpus, tmp_path, overrides(), device="cpu")
    assert_identical(undisturbed, tmp_path)
    steps = [entry["step"] for entry in read_log(tmp_path)]
    assert steps == sorted(steps)
    assert set(range(1, 13)) <= set(steps)


def killed_while_it_saves(corpus: Path, folder: Path, overrides: list[str]) -> None:
    """Trains in a session of its own; kill -9 comes when half of the second checkpoint is written."""

    def half(state: dict, file: BinaryIO) -> None:
        save(state, file)
        if state["step"] == 8:
            file.truncate(file.tell() // 2)
            os.killpg(0, signal.SIGKILL)

    save = torch.save
    os.setsid()
    torch.save = half
    train("small", corpus, folder, overrides, device="cpu")


def test_a_killed_run_goes_on_to_the_same_weights(corpus, undisturbed, tmp_path):
    """The same command again, after a kill at the worst moment; workers prepare the batches."""
    arguments = (corpus, tmp_path, overrides(training__workers=1))
    run_until_killed(killed_while_it_saves, *arguments)
    assert checkpoints.latest(tmp_path / "checkpoints")["step"] == 4
    assert list(tmp_path.rglob("*.tmp"))
    train("small", *arguments, device="cpu")
    assert_identical(undisturbed, tmp_path)
    assert not list(tmp_path.rglob("*.tmp"))


BY_GRADIENT = {"bottleneck__codebook": "gradient", "bottleneck__codebook_rate": 10, "bottleneck__reestimations": 2}


PIECEWISE = {"bottleneck__kind": "piecewise-vq", "bottleneck__batch_norm": "true"}


@pytest.mark.slow  # in the default suite: test_parallel_training.py
@pytest.mark.parametrize(
    "codebook,others",
    [
        ("moving-average", {}),
        ("gradient", {"decoder__history_dropout": 0}),
        ("moving-average", PIECEWISE),
    ],
)
def test_two_processes_follow_one(corpus, tmp_path, codebook, others):
    """With half of the batch each: batch norm, codebook, segments of the batch, jitter, crops and losses agree.

    Weights stand still, for roundings of 32 bits grow from step to step; the norm of the gradient is that of all.
    """
    settings = {"bottleneck__codebook": codebook, "training__steps": 9, "training__learning_rate": 1e-12, **others}
    train("small", corpus, tmp_path / "one", overrides(**settings), device="cpu")
    line = command("small", corpus, tmp_path / "two", processes=2, **settings)
    done = subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert (tmp_path / "one/speakers.json").read_text() == (tmp_path / "two/speakers.json").read_text()
    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-4)
    logs = [
        [json.loads(s) for s in (tmp_path / name / "log.jsonl").read_text().splitlines()] for name in ("one", "two")
    ]
    for a, b in zip(*logs, strict=True):
        assert a["losses"] == pytest.approx(b["losses"], rel=1e-5, abs=1e-6)
        norms = [entry["metrics"].get("gradient_norm", 0.0) for entry in (a, b)]
        assert norms[0] == pytest.approx(norms[1], rel=1e-4)


def test_codes_have_their_own_rate_and_start_at_rest_where_kmeans_puts_them(corpus, tmp_path):
    """With k-means after steps 2, 4 and 7: right after the second there is no momentum of before."""
    settings = {**BY_GRADIENT, "bottleneck__warmup_steps": 2, "training__checkpoint_every": 1}
    momenta = []
    for steps in (3, 4, 5):
        train("small", corpus, tmp_path / "a", overrides(**settings, training__steps=steps), device="cpu")
        state = checkpoints.latest(tmp_path / "a" / "checkpoints")
        groups = state["optimiser"]["param_groups"]
        assert [group["lr"] / groups[0]["lr"] for group in groups] == [1, 10]
        (codes,) = groups[1]["params"]
        momenta.append(float(state["optimiser"]["state"][codes]["exp_avg"].abs().max()))
    assert momenta[0] > 0
    assert momenta[1] == 0
    assert momenta[2] > 0
    train("small", corpus, tmp_path / "a", overrides(**settings, training__steps=9), device="cpu")
    train("small", corpus, tmp_path / "b", overrides(**settings, training__steps=9), device="cpu")
    assert_identical(tmp_path / "a", tmp_path / "b")


def test_what_only_training_needs_is_not_among_the_weights(undisturbed):
    kept = {name.removeprefix("bottleneck.quantiser.") for name in weights(undisturbed) if "quantiser" in name}
    assert kept == {"codebook.vectors", "steps", "usage"}


def test_an_interrupted_step_is_finished_first(corpus, undisturbed, tmp_path, monkeypatch):
    """Ctrl-C in the middle of a step: what is saved is the state between two steps."""
    backward = torch.Tensor.backward
    calls = []

    def interrupted(self, *args, **kwargs):
        calls.append(self)
        if len(calls) == 7:
            signal.raise_signal(signal.SIGINT)
        return backward(self, *args, **kwargs)

    monkeypatch.setattr(torch.Tensor, "backward", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train("small", corpus, tmp_path, overrides(), device="cpu")
    assert checkpoints.latest(tmp_path / "checkpoints")["step"] == 7
    train("small", corpus, tmp_path, overrides(), device="cpu")
    assert_identical(undisturbed, tmp_path)


def test_options_at_their_default_may_be_left_out_or_written(corpus, tmp_path):
    train("small", corpus, tmp_path, overrides(training__steps=2), device="cpu")
    train("small", corpus, tmp_path, overrides(training__steps=3, jitter__probability=0.12), device="cpu")
    assert load(tmp_path)[0].options["jitter"] == {"probability": 0.12}


def test_an_experiment_that_differs_is_not_continued(corpus, undisturbed):
    with pytest.raises(ExperimentError, match=r"differs in bottleneck\.num_codes"):
        train("small", corpus, undisturbed, overrides(bottleneck__num_codes=9), device="cpu")


def test_how_many_steps_may_change_but_not_where_the_learning_rate_falls_to_the_last(corpus, tmp_path):
    train("small", corpus, tmp_path, overrides(training__steps=2, training__schedule="cosine"), device="cpu")
    with pytest.raises(ExperimentError, match=r"differs in training\.steps;"):
        train("small", corpus, tmp_path, overrides(training__steps=3, training__schedule="cosine"), device="cpu")
    with pytest.raises(ExperimentError, match=r"differs in training\.schedule;"):
        train("small", corpus, tmp_path, overrides(training__steps=3), device="cpu")


def test_options_outlive_their_command(undisturbed):
    experiment, model = load(undisturbed)
    assert model.bottleneck.quantiser.codebook.vectors.shape == (8, 8)
    assert experiment.speakers == ["s0", "s1", "s2"]


def test_weights_that_do_not_fit_are_refused(undisturbed, tmp_path):
    for path in undisturbed.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ExperimentError, match="no weights yet"):
        load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ExperimentError, match=r"model\.safetensors"):
        load(tmp_path)
    with pytest.raises(ExperimentError, match=r"is .* a folder made by"):
        load(tmp_path / "nowhere")


def test_only_the_last_checkpoints_are_kept(undisturbed):
    assert [path.name for path in checkpoints.paths(undisturbed / "checkpoints")] == [
        "step-00000008.pt",
        "step-00000012.pt",
    ]


HEALTHY = {"perplexity": 90.0, "latent_gap": 0.2, "latent_deviation": 1.0}


def test_health_raises_no_alarm():
    assert alarms(HEALTHY, 128) == {}
    assert alarms({}, None) == {}


@pytest.mark.parametrize(
    "symptom,alarm",
    [
        ({"perplexity": 3.0}, "Few codes in use: perplexity 3.0 of 128"),
        ({"latent_gap": 0.001}, "The decoder ignores the latents"),
        ({"latent_deviation": 0.0, "latent_gap": 0.0}, "Constant latents"),
        ({"critic_accuracy": 0.97}, "The critic wins: it is right 97 % of the time"),
    ],
)
def test_collapse_raises_an_alarm_that_says_what_to_try(symptom, alarm):
    (message,) = alarms(HEALTHY | symptom, 128).values()
    assert message.startswith(alarm)
    assert "Try" in message


def test_an_ignored_bottleneck_is_noticed_in_training(corpus, tmp_path, capsys):
    """A bottleneck that passes next to nothing leaves the decoder with its own past."""
    settings = {name: value for name, value in TINY.items() if not name.startswith("bottleneck.")}
    options = [f"{name}={value}" for name, value in settings.items()]
    seldom = ["training.valid_every=30", "training.checkpoint_every=60"]
    collapsed = ['bottleneck.kind="gaussian"', "bottleneck.free_bits=0", "bottleneck.kl_weight=100.0"]
    train("small", corpus, tmp_path, [*options, *collapsed, "training.steps=60", *seldom], device="cpu")
    assert "The decoder ignores the latents" in capsys.readouterr().err


def test_saved_models_find_the_units_per_second_that_were_asked_for(corpus, tmp_path):
    """Over the whole utterances of the training corpus, though training saw crops of them."""
    settings = {"bottleneck__kind": "piecewise-vq", "bottleneck__units_per_second": 14, "training__valid_share": 0}
    train("small", corpus, tmp_path / "exp", overrides(**settings, training__steps=20), device="cpu")
    encode(tmp_path / "exp", corpus, tmp_path / "enc", ["bottleneck"], device="cpu")
    codes = [np.asarray(encoding.codes) for encoding in Encodings.open(tmp_path / "enc" / "bottleneck")]
    changes = sum(int((utterance[1:] != utterance[:-1]).sum()) for utterance in codes)
    assert abs(changes - 14 / 50 * sum(len(utterance) - 1 for utterance in codes)) <= 2
