"""Generators and critics: losses against closed forms, who learns from what, and what is said of failure."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from parallel_training import SPEAKERS, batch_of, settings, trained
from PIL import Image
from tiny import as_arguments, make_lines
from torch import nn

from unitdisc.corpus.read import read_corpus
from unitdisc.experiment import Experiment, config
from unitdisc.generation.items import GenerateOptions, MadeItem, made_items
from unitdisc.model import UnitModel
from unitdisc.objectives.adversarial_losses import (
    LOSSES,
    check_adversary,
    critic_loss,
    judged_by,
    penalty_of,
    pleasing_loss,
    told_apart,
)
from unitdisc.objectives.style_generator import EPSILON, LOUD, StyledConvolution
from unitdisc.training.collapse import alarms
from unitdisc.training.trainer import Progress, Trainer, TrainingOptions
from unitdisc.training.validation import evaluate

pytest_plugins = ["tiny_fixtures"]

KINDS = ("gan", "wasserstein gan", "style gan", "infogan", "bigan")


def built(kind: str, **objective: object) -> tuple[Experiment, UnitModel]:
    options = settings(kind)
    experiment = Experiment(options | {"objective": options["objective"] | objective}, SPEAKERS, {})
    torch.manual_seed(0)
    return experiment, experiment.build().double()


class Linear(nn.Module):
    """A critic whose slope is known: 3, 4 and 12, of which 13 is the norm."""

    def __init__(self):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor([3.0, 4.0, 12.0]))

    def forward(self, items: torch.Tensor, beside: torch.Tensor | None = None) -> torch.Tensor:
        scores = items @ self.slope
        return scores if beside is None else scores + 84 * beside[:, 0]


def test_losses_by_hand():
    real, made = torch.tensor([0.0, 3.0]), torch.tensor([0.0, -0.5])
    softplus = [math.log1p(math.exp(x)) for x in (-3, -0.5, 0.5)]
    expected = {
        "non-saturating": ([2 * math.log(2), softplus[0] + softplus[1]], [math.log(2), softplus[2]]),
        "hinge": ([2.0, 0.5], [0.0, 0.5]),
        "wasserstein": ([0.0, -3.5], [0.0, 0.5]),
    }
    assert expected.keys() == {*LOSSES}
    for loss, (of_critic, of_generator) in expected.items():
        torch.testing.assert_close(critic_loss(loss, real, made), torch.tensor(of_critic))
        torch.testing.assert_close(pleasing_loss(loss, made), torch.tensor(of_generator))
    assert told_apart(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0])) == 3.5 / 4  # one pair is even


def test_penalties_of_a_critic_whose_slope_is_known():
    items, made, shares, beside = torch.randn(5, 3), torch.randn(5, 3), torch.rand(5), torch.randn(5, 1)
    for penalty, alone, in_pairs in (("r1", 13**2 / 2, 85**2 / 2), ("gradient", 12**2, 84**2), ("none", 0, 0)):
        found = penalty_of(penalty, Linear(), [items], made=[made], shares=shares)
        torch.testing.assert_close(found, torch.full((5,), float(alone)))
        found = penalty_of(penalty, Linear(), [items, beside], made=[made, beside], shares=shares)
        torch.testing.assert_close(found, torch.full((5,), float(in_pairs)), rtol=1e-5, atol=0)


def test_the_gradient_penalty_looks_between_real_and_made_and_teaches_the_critic():
    critic = Linear()

    def squared(items: torch.Tensor) -> torch.Tensor:
        return critic.slope[0] * items.square().sum(1) / 2

    real, made = torch.tensor([[1.0, 0, 0]]), torch.tensor([[0.0, 0, 0]])
    found = penalty_of("gradient", squared, [real], made=[made], shares=torch.tensor([0.75]))
    torch.testing.assert_close(found, torch.tensor([(3 * 0.75 - 1) ** 2]))
    found.sum().backward()
    torch.testing.assert_close(critic.slope.grad[0], torch.tensor(2 * (3 * 0.75 - 1) * 0.75))


def test_who_is_judged_learns_and_the_critic_does_not():
    critic, items = Linear(), torch.randn(4, 3, requires_grad=True)
    scores = judged_by(critic, items)
    torch.testing.assert_close(scores, critic(items))
    scores.sum().backward()
    assert critic.slope.grad is None and items.grad is not None


@pytest.mark.parametrize("loss,penalty", [("gan", "r1"), ("hinge", "spectral"), ("wasserstein", "none")])
def test_losses_that_cannot_be(loss, penalty):
    with pytest.raises(ValueError, match=r"loss must be|penalty must be|grow without end"):
        check_adversary(loss, penalty)


@pytest.mark.parametrize("kind", KINDS)
def test_each_loss_moves_one_player(kind):
    experiment, model = built(kind)
    batch = batch_of(0, experiment, model.encoder.stride)
    own = {"critic": "critic", "penalty": "critic", "generator": "model"}
    own |= {"infogan": {"reading": "model"}, "bigan": {"inverting": "model"}}.get(kind, {})
    players = model.players()
    assert [len(player.weights) > 0 for player in players.values()] == [True, True]
    assert {player.betas for player in players.values()} == {(0.5, 0.999)}
    assert model(batch).losses.keys() == own.keys()
    for loss, mover in own.items():
        model.zero_grad()
        model(batch).losses[loss].backward()
        for name, player in players.items():
            moved = any(weight.grad is not None and weight.grad.any() for weight in player.weights)
            assert moved == (name == mover), (loss, name)


@pytest.mark.parametrize("kind", ["gan", "style gan", "infogan", "bigan"])
def test_a_stopped_contest_goes_on_to_the_same_bits(kind, tmp_path):
    experiment = Experiment(settings(kind), SPEAKERS, {})
    whole = trained(experiment, tmp_path / "whole").model.state_dict()
    trained(experiment, tmp_path / "stopped", steps=3)
    torch.manual_seed(9)
    resumed = trained(experiment, tmp_path / "stopped").model.state_dict()
    assert whole.keys() == resumed.keys()
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_contest_in_parts_is_the_whole(kind, tmp_path):
    """Also where a part has none of the items that are penalised."""
    experiment = Experiment(settings(kind), SPEAKERS, {})
    whole, parts = (trained(experiment, tmp_path / str(parts), parts).model.state_dict() for parts in (1, 4))
    for name, weight in whole.items():
        torch.testing.assert_close(parts[name], weight, rtol=1e-6, atol=1e-9, msg=name)


def test_validation_is_the_same_every_time_and_draws_nothing_from_training():
    experiment, model = built("gan")
    state, batch = torch.get_rng_state(), batch_of(0, experiment, model.encoder.stride)
    found = evaluate(model.eval(), [batch])
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(7)
    assert evaluate(model, [batch]) == found
    assert found.losses.keys() == {"generator", "critic"}  # how steep the critic is takes a gradient
    assert alarms(found.metrics, found.num_codes).keys() <= {"samples alike"}  # no latents are missed


def test_padding_is_paper_and_what_is_no_whole_item_is_refused():
    experiment, model = built("gan")
    batch = batch_of(0, experiment, model.encoder.stride)
    torch.manual_seed(1)
    found = model(batch)
    wider = replace(batch, features=torch.nn.functional.pad(batch.features, (0, 0, 0, 5)))
    torch.manual_seed(1)
    torch.testing.assert_close(model(wider).losses, found.losses)
    for wrong in (replace(wider, lengths=batch.lengths + 5), replace(batch, starts=batch.starts + 2)):
        with pytest.raises(ValueError, match=r"\[objective\] an item has .* frames, or is cut.*set training.crop to 0"):
            model(wrong)


@pytest.mark.parametrize(
    "options,why",
    [
        ({"objective": {"told": "sex"}}, "told must be one of"),
        ({"objective": {"columns": 30}}, r"objective.columns is 30, which cannot be halved 2 times"),
        ({"objective": {"generator": "gan"}}, r"generator must be one of \['transposed', 'style'\], not 'gan'"),
        ({"objective": {"generator": "style", "style_dim": 0}}, "style_dim must be 1 or more, not 0"),
        ({"objective": {"generator": "style", "columns": 30}}, r"objective.columns is 30, which cannot be halved"),
        ({"objective": {"layers": 0}}, "channels and layers must be 1 or more"),
        ({"objective": {"noise_dim": 0}}, "noise_dim must be 1 or more"),
        ({"objective": {"critic_learning_rate": 0.0}}, "critic_learning_rate must be above 0"),
        (
            {"features": {"normalise": "global"}},
            "makes features in .0, 1.: of line images set features.kind to 'columns'",
        ),
    ],
)
def test_contests_that_cannot_be(options, why):
    tables = settings("gan")
    with pytest.raises(config.ConfigError, match=why):
        Experiment(tables | {name: tables[name] | table for name, table in options.items()}, SPEAKERS, {}).build()


def test_an_encoder_that_would_learn_nothing_is_refused():
    tables = settings("gan") | {"bottleneck": {"kind": "linear", "dim": 8}}
    experiment = Experiment(tables, SPEAKERS, {})
    model = experiment.build().double()
    with pytest.raises(ValueError, match=r"'gan' teaches encoder and bottleneck nothing: set encoder\.kind"):
        model(batch_of(0, experiment, model.encoder.stride))


@pytest.mark.parametrize("kind", ["gan", "style gan"])
def test_what_is_told_changes_what_is_made_and_nobody_is_no_one(kind):
    _, model = built(kind)
    maker, codes = model.objective, torch.tensor([-1, -1])
    noise = torch.randn(2, maker.noise_dim).double()
    first, second, nobody = (maker.make(noise, torch.tensor(each), codes) for each in ([0, 0], [1, 0], [-1, 0]))
    assert not torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    assert not torch.equal(nobody[0], first[0]) and not torch.equal(nobody[0], second[0])
    assert first.shape == (2, 16, 16) and 0 <= first.min() <= first.max() <= 1


@pytest.mark.parametrize("size", [3, 4])
def test_a_style_weighs_what_comes_in_and_variance_stays_that_of_each_item(size):
    """As weights of each item's own, of one norm (Karras et al., 2020, eqs. 1 and 3)."""
    layer = StyledConvolution(5, 3, 4, size=size).double()
    x, style = torch.randn(2, 3, 6, 6).double(), torch.randn(2, 5).double()
    for item, told, found in zip(x, layer.style(style), layer(x, style)):
        if size == 4:
            weight = layer.weight * told[:, None, None, None]
            squares = weight.square().sum((0, 2, 3), keepdim=True) / 4  # a pixel sees 2 x 2
            weight = weight / (squares / LOUD + EPSILON).sqrt()
            expected = nn.functional.conv_transpose2d(item[None], weight, stride=2, padding=1)
        else:
            weight = layer.weight * told[:, None, None]
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) / LOUD + EPSILON).sqrt()
            expected = nn.functional.conv2d(item[None], weight, padding=1)
        torch.testing.assert_close(found, expected[0])
    wide = layer(torch.randn(200, 3, 8, 8).double(), torch.randn(200, 5).double())[..., 2:-2, 2:-2]
    assert wide.var().item() == pytest.approx(LOUD, rel=0.1)


def test_every_layer_has_noise_of_its_own_and_an_item_follows_from_its_seed():
    _, model = built("style gan")
    maker = model.objective
    assert (maker.latent_dim, maker.noise_dim) == (6, 6 + 4 * 4 + 8 * 8 + 16 * 16)
    items = [MadeItem(str(turn), turn, -1, 0) for turn in (0, 1, 0)]
    noise, nobody = torch.randn(1, maker.noise_dim).double(), torch.tensor([-1])
    quiet = maker.make(noise, nobody, nobody)
    for layer, (first, last) in enumerate([(6, 22), (22, 86), (86, 342)]):
        other = noise.clone()
        other[:, first:last] = torch.randn(1, last - first)
        assert torch.equal(maker.make(other, nobody, nobody), quiet)  # before anything is learned
        maker.generator.strengths.data[layer] = 1
        assert not torch.equal(maker.make(other, nobody, nobody), maker.make(noise, nobody, nobody))
        maker.generator.strengths.data.zero_()
    maker.generator.strengths.data.fill_(1)
    a, b = made_items(maker, items, 1), made_items(maker, items[:1], 1)
    assert np.array_equal(a[0], a[2]) and not np.array_equal(a[0], a[1])
    np.testing.assert_allclose(a[:1], b, rtol=1e-12)
    assert not np.array_equal(made_items(maker, items[:1], 2), b)
    maker.made(torch.randn(4, maker.noise_dim).double(), torch.zeros(4, 2).double()).sum().backward()
    assert all(weight.grad.any() for weight in maker.generator.parameters())


@pytest.mark.parametrize("kind", ["infogan", "bigan"])
def test_noise_of_layers_is_not_read_back(kind):
    """Nor is the critic shown it."""
    experiment, model = built(kind, generator="style", style_dim=5)
    maker, batch = model.objective, batch_of(0, experiment, model.encoder.stride)
    assert maker.noise_dim == maker.latent_dim + maker.generator.pixels
    noise, shares = torch.randn(8, maker.noise_dim).double(), torch.zeros(8).double()
    units = model.units_of(batch)[0]

    def found(noise: torch.Tensor) -> dict:
        if kind == "bigan":
            return maker.of_pairs(model, batch, units, noise=noise, shares=shares).losses
        return maker.read_back(model, batch, noise, codes=torch.arange(8) % 3, shares=shares).losses

    other = noise.clone()
    other[:, maker.latent_dim :] += 1
    torch.testing.assert_close(found(other), found(noise), rtol=0, atol=0)  # before its strength is learned
    other[:, 0] += 1
    read = {"infogan": "reading", "bigan": "inverting"}[kind]
    assert found(other)[read] != found(noise)[read]


def test_codes_that_are_told_are_those_in_the_middle_of_items():
    tables = settings("gan")
    tables = tables | {"objective": tables["objective"] | {"told": "codes"}, "codes": {"num_codes": 3}}
    experiment = Experiment(tables, SPEAKERS, {})
    model = experiment.build().double()
    batch = batch_of(0, experiment, model.encoder.stride)
    codes = torch.zeros_like(batch.codes)
    for item, length in enumerate((batch.lengths // 2).tolist()):  # of latents
        codes[item, length // 2] = 2
    assert model.objective.codes == 3 and model.objective.codes_of(replace(batch, codes=codes)).tolist() == [2] * 8
    assert model(batch).loss.isfinite()


def run(tmp_path, steps: int, **objective: object) -> list[str]:
    """What is said in a training of `steps`, of items that are dark or light."""
    experiment, model = built("gan", told="none", **objective)
    said, stride = [], model.encoder.stride
    options = TrainingOptions(
        steps=steps, batch_size=8, schedule="constant", average_decay=0.5, valid_every=steps // 3, learning_rate=1e-4
    )
    trainer = Trainer(lambda: experiment.build().double(), options, tmp_path, "cpu", Progress(say=said.append))

    def batch(step: int):
        draw = torch.Generator().manual_seed(step)
        dark = torch.rand(8, 1, 1, generator=draw).double().round()
        found = batch_of(step, experiment, stride)
        whole = torch.full_like(found.lengths, 16)
        return replace(found, features=dark.expand(8, 16, 16), lengths=whole)

    trainer.run(lambda step: (batch(number) for number in range(step, steps)), [batch(99)], lambda model: None)
    return said


def test_a_contest_that_is_made_to_collapse_says_so(tmp_path):
    """A critic that learns a hundred times as fast, and is bounded by nothing."""
    said = " ".join(run(tmp_path / "collapsing", 60, penalty="none", critic_learning_rate=1e-2))
    assert "The critic wins: it tells made items from real ones with so little doubt" in said
    assert "What is made is all alike: its pixels vary by" in said
    assert "Constant latents" not in said and "ignores the latents" not in said  # there are none


def test_alarms_say_what_to_try():
    for metric, begins in (
        ("sample_variance", "What is made is"),
        ("critic_doubt", "The critic wins"),
        ("codes_read", "The codes"),
    ):
        (message,) = alarms({metric: 0.01}, None).values()
        assert message.startswith(begins) and "Try" in message
        assert not alarms({metric: 0.5}, None)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_lines(tmp_path_factory.mktemp("items"))


TINY = {
    "features.height": 16,
    "objective.columns": 256,
    "objective.channels": 4,
    "objective.layers": 2,
    "objective.told": "speaker",
    "training.steps": 2,
    "training.batch_size": 4,
}


@pytest.fixture(scope="module")
def experiment(corpus, tmp_path_factory):
    from unitdisc.api.train import train

    folder = tmp_path_factory.mktemp("contest") / "gan"
    train("gan-handwriting", corpus, folder, as_arguments(TINY)[1::2], device="cpu")
    return folder


def test_generate(experiment, tmp_path, unitdisc):
    """The same seed gives the same bytes, however many items there are; a corpus of them can be read."""
    done = unitdisc("generate", experiment, tmp_path / "a", "--number", 12, "--seed", 3)
    assert done.code == 0 and "12 items, corpus.jsonl and sheet.png" in done.out
    assert unitdisc("generate", experiment, tmp_path / "b", "--number", 11, "--seed", 3).code == 0
    assert unitdisc("generate", experiment, tmp_path / "c", "--number", 2, "--seed", 4, "--speaker", "w1").code == 0
    a, b, c = ([*read_corpus(tmp_path / name / "corpus.jsonl")] for name in "abc")
    assert [item.speaker for item in a[:4]] == ["w0", "w1", "w2", "w0"] and {item.speaker for item in c} == {"w1"}
    assert [item.id for item in b] == [item.id for item in a[:11]]
    for one, other in zip(a, b):
        assert Path(one.path).read_bytes() == Path(other.path).read_bytes()
    assert len({Path(item.path).read_bytes() for item in a}) == 12
    assert Image.open(tmp_path / "a" / "sheet.png").size == (2 + 10 * 258, 2 + 2 * 18)
    facts = json.loads((tmp_path / "a" / "sample.json").read_text())
    assert facts["made_of"]["options"] == GenerateOptions(12, seed=3).__dict__ | {"codes": [], "speakers": []}
    again = unitdisc("generate", experiment, tmp_path / "a", "--number", 12, "--seed", 4)
    assert again.code == 1 and "made in another way (options differ)" in again.err


def test_what_cannot_be_generated(experiment, tiny_experiment, tmp_path, unitdisc):
    for folder, options, why in (
        (experiment, ("--code", 1), "its generator knows no code 1; the codes are none"),
        (experiment, ("--speaker", "w9"), "knows no speaker ['w9']"),
        (experiment, ("--number", 0), "--number must be 1 or more, not 0"),
        (experiment, ("--speaker", "w1", "--speaker", "w1"), "--speaker has w1 twice; name each once"),
        (experiment, ("--temperature", "nan"), "a temperature must be 0 or more"),
        (experiment, ("--plane", 2), "makes items of noise, of which there is no plane"),
        (experiment, ("--tier", "character"), "--tier says whose labels of --corpus a probe learns; give --corpus"),
        (tiny_experiment, (), "learned by 'reconstruction', makes nothing of noise, and has no latents of whole items"),
    ):
        done = unitdisc("generate", folder, tmp_path / "out", *options)
        assert done.code == 1 and why in done.err, done.err
    with pytest.raises(ValueError, match="`seed` must be 0 or more"):
        GenerateOptions(seed=-1)
    assert not (tmp_path / "out").exists() or not [*(tmp_path / "out").iterdir()]
    (tmp_path / "corpus.jsonl").write_text("of somebody\n")
    done = unitdisc("generate", experiment, tmp_path)
    assert done.code == 1 and "holds something else, for it has no sample.json" in done.err
    assert (tmp_path / "corpus.jsonl").read_text() == "of somebody\n"


def test_codes_are_read_back_of_what_is_made():
    """Cross-entropy and squared errors by hand; both reach generator and encoder."""
    experiment, model = built("infogan")
    maker, batch = model.objective, batch_of(0, experiment, model.encoder.stride)
    assert (maker.codes, maker.continuous, maker.noise_dim) == (3, 3, 64)
    noise, codes = torch.randn(8, 64).double(), torch.arange(8) % 3
    found = maker.read_back(model, batch, noise, codes=codes, shares=torch.zeros(8).double())
    made = maker.make(noise, batch.speakers, codes)
    assert not torch.equal(made[0], maker.make(noise, batch.speakers, (codes + 1) % 3)[0])
    encoded = model.encoder(made, torch.full((8,), 32))[0]
    seen = model.bottleneck.vectors(encoded, torch.ones(encoded.shape[:2], dtype=torch.bool))
    surprise = -seen[torch.arange(8), 3 + codes].log().mean()
    errors = (seen[:, :3] - noise[:, :3]).square().sum(1).mean() / 2
    torch.testing.assert_close(found.losses["reading"], surprise + errors)
    assert found.metrics["codes_read"].item() == pytest.approx(1 - surprise.item() / math.log(3), rel=1e-5)
    found.losses["reading"].backward()
    for part in (maker.generator, model.encoder, model.bottleneck):
        assert any(weight.grad.any() for weight in part.parameters() if weight.grad is not None)
    assert all(weight.grad is None for weight in maker.critic.parameters())


def test_encoder_and_generator_learn_to_be_taken_for_each_other():
    """The critic sees pairs, both ways round; each side is moved by its own half."""
    experiment, model = built("bigan")
    batch = batch_of(0, experiment, model.encoder.stride)
    assert (model.objective.noise_dim, model.objective.codes) == (3, 0)
    model(batch).losses["generator"].backward()
    assert any(weight.grad.any() for weight in model.encoder.parameters())
    assert any(weight.grad.any() for weight in model.objective.generator.parameters())
    model.objective.both_please = False
    model.zero_grad()
    model(batch).losses["generator"].backward()
    assert all(weight.grad is None or not weight.grad.any() for weight in model.encoder.parameters())
    with torch.no_grad():
        assert 0 < evaluate(model.eval(), [batch]).metrics["critic_right"] < 1


@pytest.mark.parametrize(
    "kind,bottleneck,why",
    [
        ("infogan", {"kind": "global-linear"}, "reads back categories: set bottleneck.kind to 'global-linear' and"),
        ("infogan", {"kind": "linear"}, "reads back categories"),
        (
            "infogan",
            {"kind": "global-linear", "dim": 64, "categories": 2},
            "noise_dim must be more than bottleneck.dim, what",
        ),
        (
            "bigan",
            {"kind": "linear"},
            "pairs items with one latent each: set bottleneck.kind to 'global-linear', and no",
        ),
        ("bigan", {"kind": "global-linear", "categories": 4}, "pairs items with one latent each"),
    ],
)
def test_latents_that_cannot_be_read_back(kind, bottleneck, why):
    with pytest.raises(config.ConfigError, match=why):
        Experiment(settings(kind) | {"bottleneck": bottleneck}, SPEAKERS, {}).build()
