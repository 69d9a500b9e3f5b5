"""Objectives: what is learned from, what a model needs for it, and one that is not reconstruction, to try the door."""

import json
from dataclasses import replace

import pytest
import safetensors.torch
import torch
from parallel_training import KINDS, SPEAKERS, batch_of, settings, trained
from tiny import settings as tiny_settings
from torch import Tensor, nn

from unitdisc import experiment as experiments
from unitdisc.batch import Batch, masked_mean, padding_mask
from unitdisc.bottlenecks import BOTTLENECKS, BottleneckOutput
from unitdisc.experiment import Experiment, config, load
from unitdisc.model import PROBE_POINTS, UnitModel
from unitdisc.objectives import OBJECTIVES, ModelOutput, ModelParts, Player, Reconstruction
from unitdisc.objectives.pretexts import PRETEXTS
from unitdisc.objectives.reconstruction import change
from unitdisc.training.distributed import uniform
from unitdisc.training.trainer import TrainingOptions
from unitdisc.training.validation import evaluate

pytest_plugins = ["tiny_fixtures"]


class MaskedPrediction(nn.Module):
    """Thrown away: frames of the input are hidden, and told from the latents where they were."""

    needs = ()

    def __init__(self, in_dim: int, latent_dim: int, hidden: float = 0.5):
        super().__init__()
        self.hidden = hidden
        self.mask = nn.Parameter(torch.zeros(in_dim))
        self.head = nn.Linear(latent_dim, in_dim)

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        seen = uniform(*batch.features.shape[:2], device=batch.features.device) >= self.hidden
        masked = replace(batch, features=torch.where(seen[..., None], batch.features, self.mask))
        units, lengths = model.units_of(masked)
        losses = {"prediction": self.loss(model, batch, units.latents, lengths), **units.losses}
        return ModelOutput(losses, units.metrics)

    def loss(self, model: ModelParts, batch: Batch, latents: Tensor, lengths: Tensor) -> Tensor:
        """At the first frame of every latent."""
        index = batch.starts[:, None] + model.encoder.stride * torch.arange(latents.shape[1])
        index = index.clamp(max=batch.features.shape[1] - 1)[..., None].expand(-1, -1, batch.features.shape[2])
        errors = (self.head(latents) - batch.features.gather(1, index)).square().mean(-1)
        return masked_mean(errors, padding_mask(lengths, latents.shape[1]), batch.counts.get("latents"))

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return {}

    def players(self) -> dict[str, Player]:
        return {}

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        return ModelOutput(
            {"prediction": self.loss(model, batch, units.latents, lengths)}, {"held out": torch.ones(())}
        )


@pytest.fixture
def masked(monkeypatch) -> Experiment:
    """Of the objective above, with options of a decoder that it has no use for."""
    monkeypatch.setitem(OBJECTIVES, "masked", MaskedPrediction)
    return Experiment(settings("linear") | {"objective": {"kind": "masked", "hidden": 0.25}}, SPEAKERS, {})


def built(experiment: Experiment) -> UnitModel:
    torch.manual_seed(0)
    return experiment.build().double()


def test_reconstruction_is_what_is_learned_from_where_nothing_else_is_said():
    model = built(Experiment(settings("vq"), SPEAKERS, {}))
    assert isinstance(model.objective, Reconstruction)
    assert {name.partition(".")[0] for name in model.state_dict()} == {
        "encoder",
        "bottleneck",
        "conditioner",
        "decoder",
    }
    with pytest.raises(
        config.ConfigError, match=r"\[objective\] unknown kind 'none': choose one of \[.*'reconstruction'"
    ):
        Experiment({"objective": {"kind": "none"}}, SPEAKERS, {}).build()


def test_another_objective_has_weights_of_its_own_and_only_the_parts_that_it_needs(masked):
    model = built(masked)
    assert model.objective.hidden == 0.25
    names = {name.partition(".")[0] for name in model.state_dict()}
    assert names == {"encoder", "bottleneck", "objective"}
    assert model.decoder is model.conditioner is model.jitter is None
    full = masked.with_defaults(TrainingOptions).options
    assert full["objective"] == {"kind": "masked", "hidden": 0.25}
    assert not full.keys() & {"jitter", "conditioner", "decoder"}
    batch = batch_of(0, masked, model.encoder.stride)
    points, _, _ = model.probe_points(batch.features, batch.lengths)
    assert tuple(points) == PROBE_POINTS
    assert torch.equal(points["condition"], points["bottleneck"])


def test_it_sees_the_batch_before_the_encoder(masked):
    model = built(masked).eval()
    model.objective.hidden = 1.0
    batch = batch_of(0, masked, model.encoder.stride)
    seen = []
    model.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model.objective.mask.fill_(3.0)
    model(batch)
    assert (seen[0] == 3).all()


def test_it_trains_in_parts_goes_on_and_is_validated(masked, tmp_path):
    whole, parts = (trained(masked, tmp_path / str(parts), parts) for parts in (1, 2))
    for name, weight in whole.model.state_dict().items():
        torch.testing.assert_close(parts.model.state_dict()[name], weight, rtol=1e-6, atol=1e-9, msg=name)
    trained(masked, tmp_path / "stopped", steps=3)
    torch.manual_seed(9)
    resumed = trained(masked, tmp_path / "stopped")
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], weight), name
    log = [json.loads(line) for line in (tmp_path / "1" / "log.jsonl").read_text().splitlines()]
    valid = [entry for entry in log if entry["split"] == "valid"]
    assert [list(entry["losses"]) for entry in valid] == [["prediction"]] * 2
    assert valid[0]["metrics"].keys() == {"held out", "latent_deviation"}
    assert [entry["losses"]["prediction"] for entry in log if entry["split"] == "train"][-1] < 3


@pytest.mark.parametrize(
    "kind",
    [
        "wav2vec2 with diversity",
        "dinosr",
        "adversarial-autoencoder",
        "vocoder",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in PRETEXTS),
    ],
)
def test_a_stopped_training_goes_on_to_the_same_bits(kind, tmp_path):
    experiment = Experiment(settings(kind), SPEAKERS, {})
    whole = trained(experiment, tmp_path / "whole").model.state_dict()
    trained(experiment, tmp_path / "stopped", steps=3)
    torch.manual_seed(9)
    resumed = trained(experiment, tmp_path / "stopped").model.state_dict()
    assert whole.keys() == resumed.keys()
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []


def test_every_option_is_spelt_out_that_no_other_table_says():
    """Also those that are called as an option of [codes] is."""
    for kind, number in (("swap", 128), ("dinosr", 256), ("wav2vec2", 320)):
        tables = {"encoder": {"kind": "context"}, "objective": {"kind": kind}}
        assert (
            Experiment(tables, SPEAKERS, {}).with_defaults(TrainingOptions).options["objective"]["num_codes"] == number
        )
    options = Experiment(settings("masked"), SPEAKERS, {}).with_defaults(TrainingOptions).options
    assert not options["objective"].keys() & {"codebooks", "codebook_size", "num_codes"}


def test_what_is_held_out_is_of_the_objective_and_of_the_bottleneck():
    experiment = Experiment(settings("gaussian"), SPEAKERS, {})
    model = built(experiment).eval()
    batch = batch_of(0, experiment, model.encoder.stride)
    found = evaluate(model, [batch])
    assert list(found.losses) == ["reconstruction", "kl"]
    units, lengths = model.units_of(batch)
    losses = [
        model.objective.loss(model, batch, latents, lengths) for latents in (units.latents, units.latents.roll(1, 0))
    ]
    assert found.losses["reconstruction"] == losses[0].item()
    assert found.metrics["latent_gap"] == (losses[1] - losses[0]).item()


def test_slowness_is_how_far_neighbours_lie_apart():
    latents, lengths = torch.tensor([[[0.0, 0], [1, 3], [1, 3]], [[5, 5], [7, 7], [90, 0]]]), torch.tensor([3, 2])
    torch.testing.assert_close(change(latents, lengths), torch.tensor(4 / 5))  # the first of each differs by 0
    torch.testing.assert_close(change(latents, lengths, torch.tensor(10.0)), torch.tensor(4 / 10))


def test_slowness_is_a_loss_of_its_own_and_reaches_the_encoder():
    experiment = Experiment(settings("slowness"), SPEAKERS, {})
    model = built(experiment)
    batch = batch_of(0, experiment, model.encoder.stride)
    found = model(batch)
    units, lengths = model.units_of(batch)
    torch.testing.assert_close(found.losses["slowness"], 0.5 * change(units.latents, lengths))
    found.losses["slowness"].backward()
    assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in model.encoder.parameters())
    assert "slowness" not in evaluate(model.eval(), [batch]).losses  # of held-out speech, what is worth comparing


@pytest.mark.parametrize("slowness", [-1, float("inf"), float("nan")])
def test_slowness_that_cannot_be(slowness):
    with pytest.raises(ValueError, match=r"objective\.slowness must be 0 or more, not"):
        Reconstruction(slowness)


PREDICTING = ("masked", "cpc", "acpc", "wav2vec2")


def test_every_objective_is_trained_by_several_processes():
    """See test_parallel_training.py."""
    assert {options.get("objective.kind", "reconstruction") for options in KINDS.values()} == set(OBJECTIVES)


@pytest.mark.parametrize("kind", [*PREDICTING, "masked and reconstructed", "adversarial-autoencoder", *PRETEXTS])
def test_validation_is_the_same_every_time_and_draws_nothing_from_training(kind):
    experiment = Experiment(settings(kind), SPEAKERS, {})
    model, state = built(experiment).eval(), torch.get_rng_state()
    batch = batch_of(0, experiment, model.encoder.stride)
    found = evaluate(model, [batch])
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(7)
    assert evaluate(model, [batch]) == found
    trained = model.train()(batch)
    assert trained.losses.keys() == found.losses.keys()
    assert all(value == value for value in (found.losses | found.metrics).values())


@pytest.mark.parametrize("kind", PREDICTING)
@pytest.mark.parametrize("bottleneck", BOTTLENECKS)
def test_any_bottleneck_stands_behind_any_objective(kind, bottleneck):
    """And the local frames learn through it, unless it lets nothing through, or its units are known."""
    behind = next(name for name in KINDS if KINDS[name].get("bottleneck.kind", "vq") == bottleneck)
    tables = {name: table for name, table in settings(kind).items() if name != "bottleneck"}
    options = tables | {"bottleneck": settings(behind)["bottleneck"], "features": {"kind": "mfcc"}}
    experiment = Experiment(options, SPEAKERS, {})
    model = built(experiment).train()
    for step in range(2):
        output = model(batch_of(step, experiment, model.encoder.stride))
        assert all(loss.isfinite() for loss in output.losses.values())
    output.loss.backward()
    gradients = [weight.grad for weight in model.encoder.front.parameters()]
    if bottleneck == "discovered":
        return
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    assert bottleneck == "none" or any(gradient.any() for gradient in gradients)


def test_an_experiment_of_before_there_were_objectives_loads_and_goes_on(tiny_corpus, tmp_path, unitdisc, monkeypatch):
    """Its experiment.json has no such table; and another objective does not go on with it."""
    monkeypatch.setitem(OBJECTIVES, "masked", MaskedPrediction)
    folder = tmp_path / "exp"

    def train(**options):
        return unitdisc("train", "small", tiny_corpus, folder, *tiny_settings(**options), "--device", "cpu")

    assert train(training__steps=3).code == 0
    path = folder / "experiment.json"
    written = json.loads(path.read_text())
    assert written["options"].pop("objective")["kind"] == "reconstruction"
    path.write_text(json.dumps(written))
    weights = safetensors.torch.load_file(folder / experiments.WEIGHTS)
    assert {name.partition(".")[0] for name in weights} == {"encoder", "bottleneck", "conditioner", "decoder"}
    assert isinstance(load(folder)[1].objective, Reconstruction)
    refused = train(objective__kind='"masked"')
    assert refused.code == 1
    assert "differs in" in refused.err
    assert "objective.kind" in refused.err
    assert train().code == 0
    assert json.loads(path.read_text())["options"]["objective"]["kind"] == "reconstruction"
