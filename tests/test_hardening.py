"""Adversarial training: what is read is moved to where the loss is larger, and nothing else changes."""

from dataclasses import replace

import pytest
import torch
from parallel_training import SPEAKERS, batch_of, settings
from tiny import line_settings, make_lines
from torch import nn

from unitdisc.api.train import train
from unitdisc.experiment import Experiment
from unitdisc.objectives.reconstruction import Reconstruction
from unitdisc.training.checkpoints import random_state, restore_random_state
from unitdisc.training.hardening import HARDENED, harder, spread
from unitdisc.training.trainer import Progress, Trainer, TrainingOptions

pytest_plugins = ["tiny_fixtures"]

KINDS = {"vq": "reconstruction", "classify": "classify", "masked": "masked", "cpc": "cpc", "acpc": "acpc"}
SIZE = 0.02


def built(kind: str) -> tuple:
    experiment = Experiment(settings(kind), SPEAKERS, {})
    torch.manual_seed(0)
    model = experiment.build().double()
    return model, batch_of(0, experiment, model.encoder.stride)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_moves_as_far_as_it_may_to_where_the_loss_is_larger(kind):
    model, batch = built(kind)
    model.train()
    torch.manual_seed(3)
    state = random_state(torch.device("cpu"))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    hard = harder(model, batch, SIZE)
    assert torch.equal(torch.get_rng_state(), state["cpu"]) and model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters()) and not hard.features.requires_grad
    inside = torch.arange(batch.features.shape[1]) < batch.lengths[:, None]
    moved = (hard.features - batch.features).abs() / spread(batch.features, inside[..., None])
    assert not moved[~inside].any() and ((moved[inside] - SIZE).abs() < 1e-9).double().mean() > 0.1
    assert moved.max() < SIZE + 1e-9
    for name, value in vars(batch).items():
        assert name == "features" or getattr(hard, name) is value
    model.eval()
    losses = []
    for each in (batch, hard):
        restore_random_state(state, torch.device("cpu"))
        losses.append(float(model(each).loss.detach()))
    assert losses[1] > losses[0]
    assert set(KINDS.values()) == set(HARDENED)


def test_a_standard_deviation_is_that_of_what_is_inside():
    features = torch.randn(2, 9, 3, generator=torch.Generator().manual_seed(0)).double()
    features[1, :, 2] = 4.0
    inside = torch.arange(9)[None, :, None] < torch.tensor([9, 5])[:, None, None]
    found = spread(features, inside)[:, 0]
    torch.testing.assert_close(found[0], features[0].std(0, correction=0))
    torch.testing.assert_close(found[1, :2], features[1, :5, :2].std(0, correction=0))
    assert found[1, 2] == 1


def hardened(folder, kind="vq", steps=4, parts=1, size=SIZE) -> dict:
    """The weights after some steps."""
    experiment = Experiment(settings(kind), SPEAKERS, {})
    options = TrainingOptions(
        steps=steps, batch_size=8, gradient_accumulation=parts, checkpoint_every=2, valid_every=9, adversarial=size
    )
    trainer = Trainer(lambda: experiment.build().double(), options, folder, "cpu", Progress())
    stride = trainer.model.encoder.stride
    trainer.run(
        lambda step: (batch_of(number, experiment, stride) for number in range(step, steps)), [], lambda model: None
    )
    return trainer.model.state_dict()


def test_a_stopped_training_goes_on_to_the_same_bits_and_parts_are_the_whole(tmp_path):
    whole, plain = hardened(tmp_path / "whole"), hardened(tmp_path / "plain", size=0.0)
    hardened(tmp_path / "stopped", steps=2)
    torch.manual_seed(9)
    resumed, parts = hardened(tmp_path / "stopped"), hardened(tmp_path / "parts", parts=2)
    for name, weight in whole.items():
        assert torch.equal(resumed[name], weight), name
        torch.testing.assert_close(parts[name], weight, rtol=1e-6, atol=1e-9, msg=name)
    assert any(not torch.equal(plain[name], weight) for name, weight in whole.items())


def test_a_loss_that_depends_on_nothing_that_is_read_is_refused():
    class Deaf(Reconstruction):
        def __call__(self, model, batch):
            return super().__call__(model, replace(batch, features=torch.zeros_like(batch.features)))

    model, batch = built("vq")
    model.objective = Deaf()
    with pytest.raises(ValueError, match=r"adversarial needs a loss that depends on what the encoder reads, and this"):
        harder(model, batch, SIZE)
    assert isinstance(model, nn.Module) and model.training


def test_trainings_that_cannot_be_hardened_are_refused(tmp_path, unitdisc):
    for options, why in (
        ({"adversarial": -0.1}, "adversarial must be from 0 to 1, not -0.1"),
        ({"adversarial": 2.0}, "adversarial must be from 0 to 1, not 2.0"),
        ({"adversarial": 0.1, "compile": True}, "compile makes nothing of adversarial"),
    ):
        with pytest.raises(ValueError, match=why):
            TrainingOptions(**options)
    lines = make_lines(tmp_path / "lines", 4)
    done = unitdisc("train", "restore-handwriting", lines, tmp_path / "out", "--set", "training.adversarial=0.1")
    assert done.code == 1 and "not under 'restore'; leave it out" in done.err and not (tmp_path / "out").exists()


def test_lines_are_hardened_too(tmp_path):
    lines, options = make_lines(tmp_path / "lines", 4), line_settings(training__steps=1, training__adversarial=0.1)
    folder = train("small-handwriting", lines, tmp_path / "out", options[1::2], device="cpu")
    assert Experiment.read(folder).options["training"]["adversarial"] == 0.1
