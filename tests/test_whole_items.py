"""One latent for a whole item: what it keeps, what it costs, what is drawn of it, and what it is pulled to."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal

from unitdisc import GenerateOptions, MorphOptions
from unitdisc.api.generate import generate
from unitdisc.api.generate_latents import rows_of
from unitdisc.api.morph import Morph, morph
from unitdisc.api.morph_ways import Probe
from unitdisc.api.train import train
from unitdisc.api.train_corpus import refuse_cut_items
from unitdisc.batch import Batch, padding_mask
from unitdisc.bottlenecks.flow_prior import FlowPosterior, FlowPrior
from unitdisc.bottlenecks.whole_items import GlobalGaussian, GlobalLinear, places, pooled
from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.corpus.manifest import read_manifest, write_manifest
from unitdisc.evaluation.probes import models as readers
from unitdisc.experiment import Experiment, ExperimentError, config
from unitdisc.inference.importance import log_evidence
from unitdisc.inference.whole_items import ItemToDraw, request
from unitdisc.media.image import read_image, write_image
from unitdisc.objectives import OBJECTIVES
from unitdisc.objectives.adversarial_autoencoder import AdversarialAutoencoder
from unitdisc.training.trainer import TrainingOptions

STEPS, NOISE = 3, 0.5
WEIGHTS = torch.tensor([[1.5], [-0.5], [0.8]])  # of the one number at every step


class OneNumber(nn.Module):
    """x_t = z w_t + NOISE e_t for one z of the whole item; its posterior is exact, or `wider`."""

    def __init__(self, wider: float = 1.0):
        super().__init__()
        self.encoder = lambda features, lengths: (features, lengths)
        self.decoder = self.conditioner = self
        self.bottleneck = GlobalGaussian(1, values_per_latent=1, num_speakers=1, dim=1, waves=STEPS)
        precision = 1 + WEIGHTS.square().sum().item() / NOISE**2
        back = STEPS * torch.linalg.inv(places(torch.ones(1, STEPS, dtype=torch.bool), STEPS, like=WEIGHTS)[0].T)
        with torch.no_grad():
            to_mean = WEIGHTS.T @ back / NOISE**2 / precision
            self.bottleneck.project.weight.copy_(torch.cat([to_mean, torch.zeros_like(to_mean)]))
            self.bottleneck.project.bias.copy_(torch.tensor([0, math.log(wider**2 / precision)]))

    def __call__(self, latents, lengths, speakers):
        return latents

    def places_behind(self, batch, lengths):
        return batch.starts, lengths, padding_mask(lengths, batch.target.shape[1])

    def log_prob(self, target, condition, lengths):
        weights = torch.nn.functional.pad(WEIGHTS, (0, 0, 0, target.shape[1] - STEPS))
        return Normal(condition[..., :1] * weights, NOISE).log_prob(target).sum(-1)


def batch_of(features: torch.Tensor, lengths: list[int]) -> Batch:
    items = torch.zeros(len(features), dtype=torch.long)
    given = torch.tensor(lengths)
    return Batch(features, given, items, features, given, features.shape[1], speakers=items)


def test_the_bound_of_an_exact_posterior_is_the_evidence_of_the_item_whatever_padding_follows():
    torch.manual_seed(0)
    features = torch.randn(4, STEPS, 1)
    exact = MultivariateNormal(torch.zeros(STEPS), WEIGHTS @ WEIGHTS.T + NOISE**2 * torch.eye(STEPS))
    expected = exact.log_prob(features[..., 0]).double()
    padded = torch.cat([features, torch.full((4, 2, 1), 7.0)], dim=1)
    for given in (features, padded):
        found = log_evidence(OneNumber(), batch_of(given, [STEPS] * 4), [1], torch.Generator().manual_seed(1))[0]
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    bounds = log_evidence(OneNumber(1.4), batch_of(padded, [STEPS] * 4), [1, 200], torch.Generator().manual_seed(1))
    assert (bounds[0].mean() < expected.mean() - 0.05) and abs(bounds[1].mean() - expected.mean()) < 0.03


def moved_prior(dim: int) -> FlowPrior:
    """One whose weights are no longer those it began with."""
    torch.manual_seed(1)
    prior = FlowPrior(dim, couplings=3, channels=8).double()
    with torch.no_grad():
        for weight in prior.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return prior


def test_a_flow_as_prior_begins_as_the_unit_normal_and_is_a_density_that_can_be_drawn_from():
    latents = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).double()
    normal = Normal(0.0, 1.0)
    begun = FlowPrior(3, couplings=4).double()
    torch.testing.assert_close(begun.log_prob(latents), normal.log_prob(latents).sum(-1))
    prior = moved_prior(3)
    noise, log_det = prior(latents)
    torch.testing.assert_close(prior.inverse(noise), latents)
    slopes = torch.autograd.functional.jacobian(lambda one: prior(one[None])[0][0], latents[0])
    torch.testing.assert_close(log_det[0], slopes.det().abs().log())
    plane = moved_prior(2)
    side = torch.linspace(-12, 12, 600).double()
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        mass = plane.log_prob(grid).exp() * (side[1] - side[0]) ** 2
        draws = plane.inverse(torch.randn(20_000, 2, generator=torch.Generator().manual_seed(2)).double())
    assert mass.sum() == pytest.approx(1.0, abs=0.01)
    torch.testing.assert_close(draws.mean(0), (mass[:, None] * grid).sum(0), atol=0.06, rtol=0)


def test_the_bound_under_a_flow_as_prior_is_the_evidence_by_integration():
    """Of one number there is no coupling: of two, of which a second decides nothing."""
    torch.manual_seed(0)
    bottleneck = GlobalGaussian(1, dim=2, waves=2, prior_couplings=3).double()
    bottleneck.prior = moved_prior(2)
    encoded, mask = torch.randn(1, 4, 1).double(), torch.ones(1, 4, dtype=torch.bool)
    side = torch.linspace(-9, 9, 250).double()
    grid = torch.cartesian_prod(side, side)
    mean, log_variance = bottleneck.posterior(encoded, mask)
    with torch.no_grad():
        posterior = Normal(mean, (log_variance / 2).exp()).log_prob(grid).sum(-1)
        apart = posterior - bottleneck.prior.log_prob(grid)
        divergence = (posterior.exp() * apart).sum() * (side[1] - side[0]) ** 2
        generator = torch.Generator().manual_seed(3)
        many = encoded.expand(20_000, -1, -1), mask.expand(20_000, -1)
        ratio = bottleneck.draw(*many, None, generator)[1].sum(1)
        drawn = mean + (log_variance / 2).exp() * torch.randn(20_000, 1, 2, generator=generator).double()
        losses = torch.stack([bottleneck.divergence(log_variance, one[None])[0] for one in drawn[:4000]])
        evaluated = bottleneck.eval()(encoded, mask)
    assert -ratio.mean() == pytest.approx(divergence.item(), abs=5 * ratio.std().item() / len(ratio) ** 0.5)
    assert losses.mean() == pytest.approx(divergence.item(), abs=5 * losses.std().item() / len(losses) ** 0.5)
    assert evaluated.metrics["bits_per_item"] * math.log(2) == pytest.approx(divergence.item(), abs=0.3)


def with_flow(**options: int) -> tuple[GlobalGaussian, torch.Tensor, torch.Tensor]:
    """A bottleneck whose flow as posterior has moved, and an item for it."""
    torch.manual_seed(0)
    bottleneck = GlobalGaussian(1, dim=2, waves=2, posterior_couplings=3, **options).double()
    with torch.no_grad():
        for weight in bottleneck.flow.parameters():
            weight.add_(0.15 * torch.randn_like(weight))
    return bottleneck, torch.randn(1, 4, 1).double(), torch.ones(1, 4, dtype=torch.bool)


def inverse_of(flow: FlowPosterior, latents: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
    """What became these latents: each coupling solved for the half that it changed."""
    for coupling in reversed(flow.couplings):
        latents = latents.flip(-1)
        kept, changed = latents[:, : coupling.kept], latents[:, coupling.kept :]
        log_scale, shift = coupling.scale_and_shift(torch.cat([kept, context.expand(len(kept), -1)], dim=-1))
        latents = torch.cat([kept, (changed - shift) * (-log_scale).exp()], dim=-1)
    return latents


def test_a_flow_as_posterior_begins_as_the_gaussian_to_the_order_of_numbers():
    torch.manual_seed(0)
    begun = GlobalGaussian(1, dim=3, waves=2, posterior_couplings=2).double()
    encoded, mask = torch.randn(5, 4, 1).double(), torch.ones(5, 4, dtype=torch.bool)
    plain = GlobalGaussian(1, dim=3, waves=2).double()
    plain.load_state_dict(begun.state_dict(), strict=False)
    draws = [each.draw(encoded, mask, None, torch.Generator().manual_seed(1)) for each in (begun, plain)]
    torch.testing.assert_close(*draws)
    torch.testing.assert_close(*(each.eval()(encoded, mask).latents for each in (begun, plain)))
    with pytest.raises(ValueError, match="a flow as posterior needs dim and posterior_couplings of 2 at least, not 3"):
        GlobalGaussian(1, dim=3, posterior_couplings=1)
    with pytest.raises(ValueError, match="free_bits are of a divergence that is known"):
        GlobalGaussian(1, dim=3, posterior_couplings=2, free_bits=1.0)


@pytest.mark.parametrize("options", [{}, {"prior_couplings": 2}])
def test_the_bound_of_a_flow_as_posterior_is_the_evidence_by_integration(options):
    """log q by the Jacobian of autograd, whose mass is 1; ratios of `draw` and the loss are those of that density."""
    bottleneck, encoded, mask = with_flow(**options)
    context = bottleneck.said_beside(encoded, mask)
    mean, log_variance = bottleneck.posterior(encoded, mask)
    base = Normal(mean, (log_variance / 2).exp())
    other = bottleneck.said_beside(encoded + 1, mask)
    assert not torch.allclose(bottleneck.flow(mean, context)[0], bottleneck.flow(mean, other)[0])
    one = base.sample()
    slopes = torch.autograd.functional.jacobian(lambda z: bottleneck.flow(z, context)[0][0], one)[:, 0]
    torch.testing.assert_close(bottleneck.flow(one, context)[1][0], slopes.det().abs().log())

    def log_posterior(latents: torch.Tensor) -> torch.Tensor:
        origin = inverse_of(bottleneck.flow, latents, context)
        again, log_det = bottleneck.flow(origin, context.expand(len(origin), -1))
        torch.testing.assert_close(again, latents)
        return base.log_prob(origin).sum(-1) - log_det

    side = torch.linspace(-9, 9, 200).double()
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        posterior, cell = log_posterior(grid), (side[1] - side[0]) ** 2
        assert (posterior.exp() * cell).sum() == pytest.approx(1.0, abs=0.01)
        divergence = (posterior.exp() * (posterior - bottleneck.log_prior(grid)) * cell).sum().item()
        many = encoded.expand(20_000, -1, -1), mask.expand(20_000, -1)
        told, ratio = bottleneck.draw(*many, None, torch.Generator().manual_seed(3))
        latents = told[:, 0, :2]
        torch.testing.assert_close(ratio.sum(1), bottleneck.log_prior(latents) - log_posterior(latents))
        assert -ratio.sum(1).mean() == pytest.approx(divergence, abs=5 * ratio.sum(1).std().item() / 20_000**0.5)
        evaluated = bottleneck.eval()(encoded, mask)
        losses = bottleneck.train()(*many).metrics["bits_per_item"] * math.log(2)
    assert evaluated.metrics["bits_per_item"] * math.log(2) == pytest.approx(divergence, abs=0.3)
    assert losses.item() == pytest.approx(divergence, abs=5 * ratio.sum(1).std().item() / 20_000**0.5)
    torch.testing.assert_close(evaluated.latents[:, 0, :2], bottleneck.vectors(encoded, mask))


def test_places_are_told_apart_and_as_many_cosines_as_steps_lose_nothing():
    mask = padding_mask(torch.tensor([4, 3]), 4)
    encoded = torch.randn(2, 4, 2)
    found = pooled(encoded, mask, 4)
    for row, length in enumerate((4, 3)):
        cosines = places(mask[row : row + 1, :length], 4, like=encoded)[0]  # [length, 4]
        again = torch.linalg.lstsq(cosines.T, length * found[row].unflatten(0, (4, 2))).solution
        torch.testing.assert_close(again, encoded[row, :length], atol=1e-4, rtol=0)
    assert not torch.allclose(found, pooled(encoded.flip(1), padding_mask(torch.tensor([4, 4]), 4), 4))
    bottleneck = GlobalLinear(2, dim=3, waves=4)
    told = bottleneck.told(torch.tensor([[1.0, 2.0, 3.0]] * 2), mask)
    assert told.shape == (2, 4, bottleneck.dim) and not told[1, 3].any()
    assert (told[0, :, :3] == torch.tensor([1.0, 2.0, 3.0])).all()  # the same at every step
    assert len(told[0].unique(dim=0)) == 4  # and the steps differ all the same


def test_the_divergence_counts_once_for_an_item_however_long_it_is():
    bottleneck = GlobalGaussian(2, values_per_latent=128, num_speakers=1, dim=3).eval()
    mask = padding_mask(torch.tensor([6, 2]), 6)
    output = bottleneck(torch.randn(2, 6, 2), mask)
    items = (output.losses["kl"] * mask).sum(1) * 128  # nats per item
    bits = output.metrics["bits_per_item"] if output.metrics else None
    torch.testing.assert_close(items.mean() / math.log(2), bits)
    both = output.averaged(mask).losses["kl"] * mask.sum() * 128
    torch.testing.assert_close(both, items.sum())


def test_the_encoder_of_a_conditional_vae_is_told_who_is_known():
    bottleneck = GlobalGaussian(2, values_per_latent=1, num_speakers=3, dim=2, speaker=True)
    encoded, mask = torch.randn(1, 5, 2), torch.ones(1, 5, dtype=torch.bool)
    first, second, unknown, nobody = (
        bottleneck.vectors(encoded, mask, who)
        for who in (torch.tensor([0]), torch.tensor([2]), torch.tensor([-1]), None)
    )
    assert not torch.allclose(first, second) and torch.equal(unknown, nobody) and not torch.allclose(first, nobody)


PRESET = ["features.height=16", "encoder.channels=[4,4,8]", "bottleneck.dim=3", "decoder.channels=8"]


@pytest.mark.parametrize("kind", ["deconv", "columns", "diffusion-columns", "frames"])
def test_any_decoder_learns_from_it_and_draws_it(kind):
    lines = kind != "frames"
    options = [
        *(PRESET[:2] if lines else ["features.kind=mfcc", "encoder.kind=conv", "encoder.dim=8", "target.bins=20"])
    ]
    own = {"deconv": [], "columns": ["decoder.layers=2"], "diffusion-columns": ["decoder.steps=2"], "frames": []}[kind]
    options = [*options, "bottleneck.dim=3", f"decoder.kind={kind}", "decoder.channels=8", *own]
    experiment = Experiment(config.read("vae-characters", options), ["a"], {})
    model = experiment.build()
    size = 16
    target = torch.randint(0, 4, (2, size, 16)) if lines else torch.randn(2, size, 20)
    width = experiment.features().dim
    none = torch.zeros(2, dtype=torch.long)
    batch = Batch(
        torch.rand(2, size, width), torch.tensor([size, 9]), none, target, torch.tensor([size, 9]), size, none
    )
    output = model.train()(batch)
    output.loss.backward()
    assert {"reconstruction", "kl"} == output.losses.keys()
    assert all(weight.grad is not None for weight in model.bottleneck.parameters())
    signals = type("Signals", (), {"target": experiment.target()})
    wanted = request(model.eval(), signals, ItemToDraw(torch.randn(3), 16, -1), seed=0)
    drawn = wanted.sample(model.decoder, 0.0)
    assert len(drawn) == 16
    conditions = [request(model, signals, ItemToDraw(vector, 16, -1), seed=0).condition for vector in torch.eye(3)[:2]]
    assert not torch.allclose(*conditions)


@pytest.mark.parametrize(
    "overrides,message",
    [
        (
            ["training.crop=32"],
            r"crop = 32 would cut items, .* 'global-gaussian' makes .*; set training.crop=0",
        ),
        (["jitter.probability=0.1"], r"probability = 0.1 would tell .* set jitter.probability=0"),
    ],
)
def test_items_are_not_cut(overrides, message):
    options = config.read("vae-characters", overrides)
    model = Experiment(options, ["a"], {}).build()
    with pytest.raises(config.ConfigError, match=message):
        refuse_cut_items(model, config.construct("[training]", TrainingOptions, options["training"]))
    refuse_cut_items(Experiment(config.read("vae-characters"), ["a"], {}).build(), TrainingOptions(crop=0))


@pytest.mark.parametrize(
    "overrides,message",
    [
        (["objective.kind=adversarial-autoencoder"], None),
        (
            ["objective.kind=adversarial-autoencoder", "bottleneck.kind=linear"],
            r"takes one latent for a whole item; set bottleneck.kind = 'global-linear'",
        ),
        (["bottleneck.kind=global-linear", "bottleneck.categories=1"], "must leave something to tell"),
        (["bottleneck.waves=0"], "waves must be 1 or more"),
    ],
)
def test_what_cannot_be_is_refused(overrides, message):
    experiment = Experiment(config.read("vae-characters", overrides), ["a"], {})
    if message is None:
        assert isinstance(experiment.build().objective, AdversarialAutoencoder)
        return
    with pytest.raises(config.ConfigError, match=message):
        experiment.build()


def test_a_conditional_vae_draws_for_whom_it_is_told():
    experiment = Experiment(config.read("vae-characters", [*PRESET, "bottleneck.speaker=true"]), ["a", "b"], {})
    model, signals = experiment.build().eval(), type("Signals", (), {"target": experiment.target()})
    first, second, between = (
        request(model, signals, ItemToDraw(torch.ones(3), 16, 0, other=1, share=share), seed=0).condition
        for share in (0.0, 1.0, 0.5)
    )
    assert not torch.allclose(first, second)
    torch.testing.assert_close(between, (first + second) / 2)
    lengths, who = torch.tensor([4]), torch.tensor([0])
    with torch.no_grad():
        units, _ = model.encode(torch.rand(1, 16, 16), torch.tensor([16]), who)
        assert torch.equal(model.as_told(units.latents, lengths, who), units.latents)
        assert not torch.allclose(model.as_told(units.latents, lengths, torch.tensor([1])), units.latents)


# The adversarial autoencoder


def adversaries(**options) -> tuple[GlobalLinear, AdversarialAutoencoder]:
    torch.manual_seed(0)
    bottleneck = GlobalLinear(6, dim=2, categories=3, waves=1)
    return bottleneck, AdversarialAutoencoder(bottleneck.width, 3, hidden=16, **options)


class Parts:
    """A model whose encoder gives the features, and whose decoder wants nothing."""

    def __init__(self, bottleneck):
        self.bottleneck = bottleneck
        self.jitter = lambda latents, lengths: latents
        self.conditioner = lambda latents, lengths, speakers: latents
        self.decoder = self

    def loss(self, target, condition, lengths):
        return condition.sum(-1) * 0

    def units_of(self, batch):
        return self.bottleneck(batch.features, padding_mask(batch.lengths, batch.features.shape[1])), batch.lengths


def test_critics_learn_from_judging_and_the_encoder_from_fooling_them():
    bottleneck, objective = adversaries(weight=1.0)
    losses = objective(Parts(bottleneck), batch_of(torch.randn(8, 4, 6), [4] * 8)).losses
    assert set(losses) == {"reconstruction", "critic", "fooling"} and isinstance(OBJECTIVES, dict)
    for name, moved, unmoved in (("critic", objective, bottleneck), ("fooling", bottleneck, objective)):
        losses[name].backward(retain_graph=True)
        assert all(weight.grad.any() for weight in moved.parameters()), name
        assert not any(weight.grad is not None and weight.grad.any() for weight in unmoved.parameters()), name
        for weight in (*moved.parameters(), *unmoved.parameters()):
            weight.grad = None
    (player,) = objective.players().values()
    assert {id(weight) for weight in player.weights} == {id(weight) for weight in objective.parameters()}


@pytest.mark.parametrize("dim,categories", [(2, 0), (0, 3)])
def test_latents_come_to_look_like_the_prior(dim, categories):
    """Far from it at first: numbers with a deviation of a tenth or so, and hardly any category that is likelier."""
    torch.manual_seed(0)
    bottleneck = GlobalLinear(6, dim=dim, categories=categories, waves=1)
    objective = AdversarialAutoencoder(bottleneck.width, categories, hidden=16, weight=1.0)
    model, generator = Parts(bottleneck), torch.Generator().manual_seed(0)
    optimisers = [torch.optim.Adam(part.parameters(), 1e-2, betas=(0.5, 0.999)) for part in (bottleneck, objective)]

    def vectors() -> torch.Tensor:
        given = 0.3 * torch.randn(1000, 1, 6, generator=torch.Generator().manual_seed(5))
        return bottleneck.vectors(given, torch.ones(1000, 1, dtype=torch.bool)).detach()

    before = vectors()
    for _ in range(150 if dim else 200):
        output = objective(model, batch_of(0.3 * torch.randn(64, 1, 6, generator=generator), [1] * 64))
        for optimiser in optimisers:
            optimiser.zero_grad()
        output.loss.backward()
        for optimiser in optimisers:
            optimiser.step()
    after = vectors()
    if dim:
        assert (
            (before.std(0) < 0.4).all() and ((after.std(0) - 1).abs() < 0.3).all() and (after.mean(0).abs() < 0.3).all()
        )
    else:
        assert before.amax(-1).mean() < 0.45 and after.amax(-1).mean() > 0.55
        assert (torch.bincount(after.argmax(-1), minlength=3) > 200).all()


# Between and of latents


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Probes learn for a moment only."""
    monkeypatch.setattr(readers, "LEAST_STEPS", 80)


@pytest.fixture(scope="module")
def characters(tmp_path_factory):
    """Sixty images of 16 x 16 pixels: bars that stand or lie, at places of their own, by two writers."""
    folder, utterances = tmp_path_factory.mktemp("characters"), []
    rng = np.random.default_rng(0)
    for number in range(60):
        ink, place, label = np.zeros((16, 16)), rng.integers(5, 8), "|-"[number % 2]
        ink[(slice(place, place + 4), slice(2, 14)) if label == "|" else (slice(2, 14), slice(place, place + 4))] = 1
        path = folder / f"c{number:02d}.png"
        write_image(path, ink)
        tiers = {"character": [Interval(0, 16, label)]}
        utterances.append(Utterance(path.stem, str(path), f"w{number // 2 % 2}", 16, height=16, alignment=tiers))
    write_manifest(folder / "corpus.jsonl", utterances)
    return folder / "corpus.jsonl"


@pytest.fixture(scope="module")
def vae(characters):
    steps = ["training.steps=90", "training.batch_size=16", "training.halve_at=[70]", "training.learning_rate=5e-3"]
    pull = ["bottleneck.dim=2", "bottleneck.warmup_steps=10", "bottleneck.kl_weight=0.1", "training.average_decay=0.9"]
    sizes = ["features.height=16", "encoder.channels=[8,8,16]", "decoder.channels=32", "decoder.layers=1"]
    folder, options = characters.parent / "vae", ["conditioner.speaker=one-hot", *steps, *pull, *sizes]
    train("vae-characters", characters, folder, options, device="cpu")
    return folder


def test_what_lies_between_two_items(characters, vae, tmp_path):
    options = MorphOptions("c00", "c01", steps=5)
    found = morph(vae, characters, tmp_path / "a", options)
    (way,) = found.morphs
    assert (way.first, way.last, way.labels) == ("c00", "c01", ("|", "-"))
    assert way.read[0] == "|" and way.read[-1] == "-" and found.probe_accuracy > 0.9
    assert way.leaning[0] < 0.2 < 0.8 < way.leaning[-1] and len(way.leaning) == len(way.bits) == 5
    assert all(0 < bits < 2 for bits in way.bits)
    pictures = [read_image(tmp_path / "a" / file) for file in way.files]
    assert {picture.shape for picture in pictures} == {(16, 16)} and not np.array_equal(pictures[0], pictures[-1])
    assert [one.id for one in read_manifest(tmp_path / "a" / "corpus.jsonl")] == [
        f"000-{step:02d}" for step in range(5)
    ]
    facts = json.loads((tmp_path / "a" / "morph.json").read_text())
    assert facts["morphs"][0]["bits"] == way.bits and facts["hump"] == pytest.approx(way.hump)
    assert "What lies between?" in (tmp_path / "a" / "index.html").read_text()
    assert (tmp_path / "a" / "strip.png").exists()
    again = morph(vae, characters, tmp_path / "a", options)
    assert again.morphs == found.morphs
    with pytest.raises(ValueError, match=r"holds ways made in another way \(options differ\)"):
        morph(vae, characters, tmp_path / "a", MorphOptions("c00", "c01", steps=4))
    with pytest.raises(ValueError, match=r"holds something else, corpus.jsonl, for it has no morph.json"):
        morph(vae, characters, characters.parent, options)


def test_pairs_and_speakers(characters, vae, tmp_path):
    pairs = morph(vae, characters, tmp_path / "a", MorphOptions(pairs=3, steps=3))
    assert len(pairs.morphs) == 3 and all(way.labels[0] != way.labels[1] for way in pairs.morphs)
    assert pairs.mean("hump") == pytest.approx(np.mean([way.hump for way in pairs.morphs]))
    hands = morph(vae, characters, tmp_path / "b", MorphOptions(from_speaker="w0", to_speaker="w1", steps=3))
    assert hands.morphs[0].labels == ("w0", "w1")
    assert hands.mean("monotone") in (0.0, 1.0)
    own = morph(vae, characters, tmp_path / "c", MorphOptions("c00", from_speaker="w0", to_speaker="w1", steps=3))
    assert own.morphs[0].bits[0] != hands.morphs[0].bits[0]  # it begins with the item, not with the mean of its hand


@pytest.mark.parametrize(
    "options,message",
    [
        ({}, "give both ends"),
        ({"first": "c00"}, "give both ends"),
        ({"first": "c00", "last": "c01", "pairs": 2}, "give both ends"),
        ({"from_speaker": "w0"}, "give both ends"),
        ({"last": "c01", "pairs": 2}, "give both ends"),
        ({"last": "c01", "from_speaker": "w0", "to_speaker": "w1"}, "give both ends"),
        ({"pairs": 2, "seed": -1}, "`seed` must be 0 or more"),
        ({"pairs": 2, "temperature": -1.0}, "a temperature must be 0 or more"),
        ({"first": "c00", "last": "c01", "steps": 2}, "`steps` 3 or more"),
        ({"first": "c00", "last": "nobody"}, "no item 'nobody' in the corpus, which has c00, c01"),
        ({"from_speaker": "w0", "to_speaker": "w7"}, "no speaker 'w7' in the corpus, which has w0, w1"),
        ({"pairs": 1, "tier": "word"}, r"has no tier 'word'; it has \['character'\]"),
    ],
)
def test_ends_that_are_not_there(characters, vae, tmp_path, options, message):
    with pytest.raises((ValueError, CorpusError), match=message):
        morph(vae, characters, tmp_path / "out", MorphOptions(**options))
    assert not (tmp_path / "out" / "morph.json").exists()


def test_figures_of_a_way():
    def way(leaning, bits=()):
        return Morph("a", "b", ("x", "y"), [], list(bits), [], leaning)

    assert way([0.1, 0.5, 0.9]).monotone and way([0.0, 0.5, 0.49, 1.0]).monotone and not way([0.1, 0.5, 0.4]).monotone
    assert way([0.0, 0.6, 0.4, 1.0]).backwards == pytest.approx(0.2 / 1.4) and way([]).monotone is None
    assert way([], [0.2, 0.5, 0.3]).hump == pytest.approx(0.2) and way([], [0.2, None, 0.3]).hump is None


def test_the_probe_is_measured_on_what_it_has_not_seen():
    torch.manual_seed(0)
    labels = ["a", "b"] * 50
    assert Probe.learned(torch.randn(100, 3), labels, 0).accuracy < 0.8
    apart = torch.randn(100, 3) + 6 * (torch.arange(100) % 2)[:, None]
    assert Probe.learned(apart, labels, 0).accuracy == 1.0
    assert Probe.learned(apart, ["a"] * 100, 0) is None


def test_new_items_are_drawn_from_the_prior(characters, vae, tmp_path, capsys):
    wanted = GenerateOptions(3, speakers=["w1", "w0"])
    found = generate(vae, tmp_path / "a", wanted, corpus=characters)
    assert len(found.files) == 6 and found.named_rightly is None and found.probe_accuracy > 0.9
    assert "is, so none is judged" in capsys.readouterr().err
    drawn = list(read_manifest(tmp_path / "a" / "corpus.jsonl"))
    assert [one.speaker for one in drawn] == ["w1"] * 3 + ["w0"] * 3 and drawn[0].ticks == 16
    with pytest.raises(CorpusError, match=r"nothing\.jsonl"):
        generate(vae, tmp_path / "e", wanted, corpus=tmp_path / "nothing.jsonl")
    assert not (tmp_path / "e" / "sample.json").exists()  # refused before anything was drawn
    square = generate(vae, tmp_path / "b", GenerateOptions(plane=3), sheet_size=2)
    assert len(square.files) == 9 and read_image(tmp_path / "b" / "sheet.png").shape == (38, 38)
    with pytest.raises(ValueError, match="`sheet_size` must be 1 or more, not 0"):
        generate(vae, tmp_path / "c", sheet_size=0)
    with pytest.raises(ExperimentError, match=r"knows no speaker \['w9'\]"):
        generate(vae, tmp_path / "c", GenerateOptions(speakers=["w9"]))
    with pytest.raises(ValueError, match="`frames` must be 1 or more"):
        GenerateOptions(frames=0)


def test_items_of_different_latents_are_drawn_by_different_random_numbers():
    bottleneck, experiment = (
        GlobalGaussian(1, dim=2, num_speakers=2, speaker=True),
        SimpleNamespace(speakers=["a", "b"]),
    )

    def turns(**options) -> list[list[int]]:
        return [[one.turn for one in row] for row in rows_of(bottleneck, GenerateOptions(**options), experiment)]

    assert turns(number=4) == [[0, 1], [2, 3]]
    assert turns(number=3, speakers=["a", "b"]) == [[0, 1, 2]] * 2  # the same for both
    assert turns(plane=2) == [[0, 0]] * 2
    made = Experiment(config.read("vae-characters", PRESET), ["a"], {})
    model, signals = made.build().eval(), type("Signals", (), {"target": made.target()})
    items = [ItemToDraw(torch.zeros(3), 16, -1, turn=turn) for turn in (0, 1)]
    seeds = [request(model, signals, item, 5).generator for item in items]
    assert [each.initial_seed() for each in seeds] == [5, 6]


def test_what_follows_no_prior_is_not_drawn_from_and_does_not_judge(characters, vae, tmp_path, capsys, monkeypatch):
    short = ["training.steps=1", "training.batch_size=2", *PRESET]
    plain, frames = characters.parent / "plain", characters.parent / "frames"
    train("vae-characters", characters, plain, [*short, "bottleneck.kind=global-linear"], device="cpu")
    with pytest.raises(ExperimentError, match="its latents follow no prior that could be drawn from"):
        generate(plain, tmp_path / "a")
    with pytest.raises(ExperimentError, match="draws no latents, so it cannot judge"):
        morph(vae, characters, tmp_path / "a", MorphOptions("c00", "c01", steps=3), judge=plain)
    capsys.readouterr()
    alone = morph(plain, characters, tmp_path / "b", MorphOptions("c00", "c01", steps=3))
    assert alone.morphs[0].bits == [None] * 3 and "stays unsaid" in capsys.readouterr().err
    judged = morph(plain, characters, tmp_path / "c", MorphOptions("c00", "c01", steps=3, temperature=1.0), judge=vae)
    assert None not in judged.morphs[0].bits
    monkeypatch.setattr("unitdisc.api.morph.bits_of_items", lambda *given, **more: {})
    morph(vae, characters, tmp_path / "g", MorphOptions("c00", "c01", steps=3))
    assert "how likely 3 of 3 steps are stays unsaid" in capsys.readouterr().err
    with pytest.raises(ExperimentError, match="its latents have 3 numbers, and a plane has two"):
        options = [*short, "bottleneck.kind=global-linear", "objective.kind=adversarial-autoencoder"]
        train("vae-characters", characters, characters.parent / "aae", options, device="cpu")
        generate(characters.parent / "aae", tmp_path / "d", GenerateOptions(plane=2))
    with pytest.raises(ExperimentError, match="its decoder was told of no speakers; leave `speakers` out"):
        generate(characters.parent / "aae", tmp_path / "d", GenerateOptions(speakers=["w1"]))
    options = [*options, "bottleneck.dim=2", "bottleneck.categories=3"]
    train("vae-characters", characters, characters.parent / "categories", options, device="cpu")
    monkeypatch.setattr("unitdisc.api.generate.picture_of", lambda signals, one: np.zeros((16, 16)))
    assert len(generate(characters.parent / "categories", tmp_path / "f", GenerateOptions(plane=2)).files) == 12
    assert "12 of 12 items are blank" in capsys.readouterr().err
    train("vae-characters", characters, frames, [*short, "bottleneck.kind=gaussian", "training.crop=16"], device="cpu")
    with pytest.raises(ExperimentError, match="has no latents of whole items"):
        generate(frames, tmp_path / "e")
