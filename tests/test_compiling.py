"""Compiled decoders are the eager ones to rounding, and training with them is compiled once."""

import json
import os
import shutil
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import safetensors.torch
import soundfile
import torch
from parallel_training import BATCH, SPEAKERS, batch_of, built, settings
from tiny import OPTIONS

from unitdisc.api import train as verb
from unitdisc.api.train import train
from unitdisc.corpus import Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.decoders import DECODERS
from unitdisc.experiment import Experiment, config
from unitdisc.training import compile as compiling
from unitdisc.training.trainer import Progress, Trainer, TrainingOptions

SIZE, ROWS = 24, 5
SMALL = {"channels": 8, "layers": 2}
PIXELS = {"channels": 4, "layers": 2, "first_kernel": 3}
CASES = {
    "wavenet": ("wavenet", SMALL | {"skip_channels": 12, "cycle": 3}),
    "wavenet, three taps, checkpoint": ("wavenet", SMALL | {"skip_channels": 12, "kernel": 3, "checkpoint": True}),
    "frames": ("frames", SMALL),
    "frames, checkpoint": ("frames", SMALL | {"checkpoint": True}),
    "columns": ("columns", SMALL),
    "deconv": ("deconv", {"channels": 8}),
    "flow": ("flow", SMALL | {"flows": 2}),
    "flow-columns": ("flow-columns", SMALL | {"flows": 2}),
    "flow-wave": ("flow-wave", SMALL | {"flows": 2, "group": 2, "hop": 6}),
    "diffusion": ("diffusion", SMALL),
    "diffusion-columns": ("diffusion-columns", SMALL),
    "pixelcnn": ("pixelcnn", PIXELS | {"direction": "both", "history_dropout": 0.3}),
    "pixelcnn, wide, checkpoint": ("pixelcnn", PIXELS | {"channels": 64, "checkpoint": True}),
    "pixelcnn, mixture": ("pixelcnn", PIXELS | {"levels": 16, "output": "logistic-mixture"}),
}


@pytest.fixture(autouse=True)
def anew():
    """What other tests compiled counts for nothing, and nothing is compiled a second time."""
    torch.compiler.reset()
    with torch._dynamo.config.patch(error_on_recompile=True):
        yield


@pytest.fixture
def by_eager_kernels(monkeypatch):
    """Traced and derived as ever, but not made into programs, which takes a minute."""
    compile_with_inductor = torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda function, **options: compile_with_inductor(function, backend="aot_eager", **options)
    )


def made(case: str, precision: torch.dtype) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    """A decoder, a target and a condition."""
    kind, options = CASES[case]
    of_samples = DECODERS[kind].target == "mu-law"
    decoder = DECODERS[kind](3, 256 if of_samples else ROWS, **options).train().to(precision)
    if DECODERS[kind].target == "log-mel":
        target = torch.randn(2, SIZE, ROWS, dtype=precision)
    else:
        target = torch.randint(256 if of_samples else decoder.levels, (2, SIZE) if of_samples else (2, SIZE, ROWS))
    return decoder, target, torch.randn(2, 4, 3, dtype=precision, requires_grad=True)


def step(decoder, target, condition, half: bool = False) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Losses, and the gradients of a weighted sum of them."""
    decoder.zero_grad()
    condition.grad = None
    torch.manual_seed(1)  # what is hidden from the decoder
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        found = decoder.loss(target, condition, torch.tensor([SIZE, SIZE - 4]))
    (found * torch.linspace(1, 2, SIZE)).mean().backward()
    gradients = {name: weight.grad.clone() for name, weight in decoder.named_parameters()}
    return found.detach(), gradients | {"condition": condition.grad}


def assert_the_same_compiled(case: str) -> None:
    decoder, target, condition = made(case, torch.float64)
    names = list(decoder.state_dict())
    expected = step(decoder, target, condition)
    compiling.compile_loss(decoder)
    torch._dynamo.utils.counters.clear()
    for _ in range(2):
        found = step(decoder, target, condition)
    counted = torch._dynamo.utils.counters
    if not case.startswith("diffusion"):  # whose draws of noise part the program
        assert counted["stats"]["unique_graphs"] == 1
        assert not counted["graph_break"]
    assert list(decoder.state_dict()) == names
    torch.testing.assert_close(found[0], expected[0])
    for name, gradient in expected[1].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-7, atol=1e-9, msg=name)


@pytest.mark.parametrize(
    "case",
    [
        "wavenet, three taps, checkpoint",
        "deconv",
        *(pytest.param(case, marks=pytest.mark.slow) for case in ("columns", "pixelcnn")),
    ],
)
def test_loss_and_gradients_of_the_formulas_are_those_of_the_eager_way(by_eager_kernels, case):
    assert_the_same_compiled(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradients_of_the_program_are_those_of_the_eager_way(case):
    assert_the_same_compiled(case)


class Squares(torch.nn.Linear):
    """A decoder without likelihoods: the target [B, S, 2] is a line through the condition."""

    target = "log-mel"

    def loss(self, target, condition, lengths=None):
        return (self(condition) - target).square().sum(-1)

    def sample(self, condition, size, generator=None, temperature=1.0):
        return self(condition)


def test_of_a_decoder_without_likelihoods_the_loss_is_compiled(by_eager_kernels):
    decoder = Squares(3, 2).double()
    target, condition = torch.randn(2, 4, 2).double(), torch.randn(2, 4, 3).double()
    expected = decoder.loss(target, condition)
    compiling.compile_loss(decoder)
    torch._dynamo.utils.counters.clear()
    torch.testing.assert_close(decoder.loss(target, condition), expected)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


@pytest.mark.parametrize("case", ["wavenet", pytest.param("pixelcnn, wide, checkpoint", marks=pytest.mark.slow)])
def test_sixteen_bits_are_taken_from_an_autocast_around(by_eager_kernels, case):
    decoder, target, condition = made(case, torch.float32)
    full = step(decoder, target, condition)
    compiling.compile_loss(decoder)
    found = step(decoder, target, condition, half=True)
    assert not torch.equal(found[0], full[0])
    torch.testing.assert_close(found[0], full[0], rtol=0.02, atol=0)
    expected, gradients = (torch.cat([value.flatten() for value in grads.values()]) for _, grads in (full, found))
    assert (gradients - expected).norm() < 0.15 * expected.norm()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    utterances = []
    for i in range(12):  # of fewer none are held out
        ticks = 8_000 + 320 * i  # validation sees utterances of several lengths
        soundfile.write(folder / f"u{i}.wav", 0.1 * rng.standard_normal(ticks), 16_000)
        utterances.append(Utterance(f"u{i}", str(folder / f"u{i}.wav"), f"s{i % 2}", ticks, 16_000))
    write_manifest(folder / "train.jsonl", utterances)
    return folder / "train.jsonl"


def trained(corpus, folder, **options) -> tuple[list[dict], dict[str, torch.Tensor]]:
    """Losses of all steps, and the weights; options with "__" for "."."""
    chosen = OPTIONS | {"training.valid_share": 0.3} | {k.replace("__", "."): v for k, v in options.items()}
    if "decoder.kind" in chosen:
        del chosen["target.bins"]
    train("small", corpus, folder, [f"{name}={value}" for name, value in chosen.items()], device="cpu")
    return losses_in(folder), safetensors.torch.load_file(folder / "model.safetensors")


def losses_in(folder, *metrics: str) -> list[dict]:
    """The losses of every line of the log, and some metrics where there are any."""
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [e["losses"] | {name: e["metrics"][name] for name in metrics if name in e["metrics"]} for e in entries]


STANDING = {"training__learning_rate": 1e-12}  # the weights stand still, for roundings grow from step to step


def assert_the_same_losses(one: list[dict], other: list[dict]) -> None:
    """Of single forward passes, to 84 roundings in 32 bits."""
    assert one
    assert one == [pytest.approx(losses, rel=1e-5) for losses in other]


@pytest.fixture
def a_compiler(monkeypatch):
    monkeypatch.setattr(verb, "check_compiler", lambda device, decoder: None)


def toy_trainer(folder, compiled: bool) -> Trainer:
    """In two parts a step, with hidden frames, and in 64 bits."""
    options = TrainingOptions(steps=4, batch_size=BATCH, gradient_accumulation=2, compile=compiled, halve_at=[])
    return Trainer(partial(built, Experiment(settings("gaussian"), SPEAKERS, {})), options, folder, "cpu", Progress())


@pytest.mark.slow
def test_every_step_of_compiled_training_is_that_of_the_eager_one_and_it_compiles_once(by_eager_kernels, tmp_path):
    """Each from the same weights: losses, gradients and what is drawn at random, to 64 bits."""
    torch._dynamo.utils.counters.clear()
    experiment = Experiment(settings("gaussian"), SPEAKERS, {})
    eager, compiled = (toy_trainer(tmp_path, compiled) for compiled in (False, True))
    for step in range(4):
        batch = batch_of(step, experiment, eager.model.encoder.stride)
        compiled.model.load_state_dict(eager.model.state_dict())
        found = []
        for trainer in (eager, compiled):
            torch.manual_seed(step)
            trainer.players["model"].prepare(step)
            output = trainer.gradients(trainer.model, batch)
            gradients = {name: weight.grad for name, weight in trainer.model.named_parameters()}
            found.append((output.losses, gradients, torch.rand(())))
        torch.testing.assert_close(found[1][0], found[0][0], rtol=1e-6, atol=0)  # which are averaged in 32 bits
        torch.testing.assert_close(found[1][1:], found[0][1:], rtol=1e-9, atol=1e-11)
        eager.players["model"].optimiser.step()
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


@pytest.mark.slow
def test_a_run_may_go_on_compiled_and_eager(by_eager_kernels, a_compiler, corpus, tmp_path):
    """With validations of whole utterances; the step after going on begins from the same weights."""
    trained(corpus, tmp_path / "eager", training__steps=3)
    shutil.copytree(tmp_path / "eager", tmp_path / "compiled")
    expected, _ = trained(corpus, tmp_path / "eager", training__steps=4)
    found, _ = trained(corpus, tmp_path / "compiled", training__steps=4, training__compile="true")
    assert len(expected) == 6
    assert found[:4] == expected[:4]
    assert_the_same_losses(found[4:5], expected[4:5])
    shutil.copytree(tmp_path / "compiled", tmp_path / "other")
    expected, weights = trained(corpus, tmp_path / "compiled", training__steps=5, training__compile="true")
    found, others = trained(corpus, tmp_path / "other", training__steps=5)
    assert found[:6] == expected[:6]
    assert_the_same_losses(found[6:7], expected[6:7])
    assert weights.keys() == others.keys()


@pytest.mark.slow
def test_training_by_programs_learns_the_same(corpus, tmp_path):
    options = {"decoder__kind": '"wavenet"', "decoder__skip_channels": 12, "training__crop": 4, "training__steps": 3}
    expected, eager = trained(corpus, tmp_path / "eager", **options, **STANDING)
    found, compiled = trained(corpus, tmp_path / "compiled", training__compile="true", **options, **STANDING)
    assert_the_same_losses(found, expected)
    assert eager.keys() == compiled.keys()


@pytest.mark.slow
def test_two_processes_follow_one(corpus, tmp_path):
    """Compiled and with layers computed twice, both; in losses and in the norm of the gradient."""
    common = OPTIONS | {"decoder.checkpoint": "true", "training.compile": "true", "training.valid_share": 0.3}
    common |= {name.replace("__", "."): value for name, value in STANDING.items()}
    chosen = [part for name, value in common.items() for part in ("--set", f"{name}={value}")]
    root = str(verb.__file__).rpartition("/unitdisc/")[0]
    for processes in (1, 2):
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m", "unitdisc"]
        arguments = ["train", "small", str(corpus), str(tmp_path / str(processes)), "--device=cpu", *chosen]
        environment = os.environ | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, *launcher, *arguments], env=environment, check=True, capture_output=True)
    one, two = (losses_in(tmp_path / str(processes), "gradient_norm") for processes in (1, 2))
    assert_the_same_losses(two, one)


def test_whole_utterances_are_not_compiled():
    with pytest.raises(config.ConfigError, match="compile needs crops of one length"):
        config.construct("[training]", TrainingOptions, {"compile": True, "crop": 0})


def test_a_model_without_a_decoder_is_not_compiled(tmp_path):
    """Which is told before the corpus is read."""
    options = ["encoder.kind=context", "objective.kind=masked", "training.compile=true"]
    with pytest.raises(ValueError, match="this model learns without one; leave training"):
        verb.train("small", tmp_path / "none.jsonl", tmp_path / "exp", options, device="cpu")


@pytest.mark.slow
def test_a_missing_compiler_is_told_before_anything_is_read(tmp_path):
    """With its cure, by the command line, which has no compiler on its path."""
    arguments = ["train", "small", str(tmp_path / "none.jsonl"), str(tmp_path / "exp"), "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, "-m", "unitdisc", *arguments, "--set", "training.compile=true"],
        env={"PATH": "", "CXX": "no-such-compiler", "PYTHONPATH": str(verb.__file__).rpartition("/unitdisc/")[0]},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "training.compile: torch.compile does not work here" in done.stderr
    assert "install a C++ compiler" in done.stderr
    assert "Traceback" not in done.stderr
