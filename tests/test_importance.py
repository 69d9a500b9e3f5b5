"""Bounds by importance weighting, against the exact evidence of a linear-Gaussian model."""

import json
import math

import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from unitdisc.api.train import train
from unitdisc.batch import Batch, padding_mask
from unitdisc.bottlenecks.continuous import Gaussian
from unitdisc.inference.importance import bound_of, log_evidence

pytest_plugins = ["tiny_fixtures"]
FRAMES, NOISE = 3, 0.5
WEIGHT, BIAS = torch.tensor([1.5, -0.5]), torch.tensor([0.2, 1.0])
VAE = """
[encoder]
kind = "conv"
dim = 8
[bottleneck]
kind = "gaussian"
dim = 2
[decoder]
kind = "frames"
channels = 8
[training]
steps = 2
batch_size = 2
crop = 32
"""


class OneFactor(nn.Module):
    """x = z * WEIGHT + BIAS + NOISE * e, frame by frame; z and e are standard normal. The posterior can be exact."""

    def __init__(self, shift: float = 0.0, wider: float = 1.0):
        super().__init__()
        self.encoder = lambda features, lengths: (features, lengths)
        self.decoder = self.conditioner = self
        self.bottleneck = Gaussian(2, dim=1)
        precision = 1 + (WEIGHT @ WEIGHT).item() / NOISE**2
        with torch.no_grad():
            to_mean = WEIGHT / NOISE**2 / precision
            self.bottleneck.project.weight.copy_(torch.stack([to_mean, torch.zeros(2)]))
            log_variance = math.log(wider**2 / precision)
            self.bottleneck.project.bias.copy_(torch.tensor([shift - (to_mean @ BIAS).item(), log_variance]))

    def __call__(self, latents, lengths, speakers):
        return latents

    def places_behind(self, batch, lengths):
        return batch.starts, lengths, padding_mask(lengths, batch.target.shape[1])

    def log_prob(self, target, condition, lengths):
        return Normal(condition * WEIGHT + BIAS, NOISE).log_prob(target).sum(-1)

    def posterior(self, batch):
        mean, log_variance = self.bottleneck.project(batch.features).chunk(2, -1)
        return Normal(mean[..., 0], (log_variance[..., 0] / 2).exp())


def observed(copies: int = 1) -> Batch:
    torch.manual_seed(1)
    x = torch.randn(2, FRAMES, 1) * WEIGHT + BIAS + NOISE * torch.randn(2, FRAMES, 2)
    lengths = torch.tensor([FRAMES, 2])
    x[1, 2:] = 100.0  # padding
    x, lengths = x.repeat_interleave(copies, 0), lengths.repeat_interleave(copies)
    nobody = torch.zeros(2 * copies, dtype=torch.long)
    return Batch(x, lengths, nobody, x, lengths, FRAMES, nobody)


def many_draws(model, copies: int) -> torch.Tensor:
    """The weights of single draws, of each of the two utterances: [copies, 2]."""
    with torch.inference_mode():
        found = log_evidence(model, observed(copies), (1,), torch.Generator().manual_seed(0))[0]
    return found.unflatten(0, (2, copies)).T


def evidence(batch: Batch) -> torch.Tensor:
    exact = MultivariateNormal(BIAS.double(), torch.outer(WEIGHT, WEIGHT).double() + NOISE**2 * torch.eye(2).double())
    return (exact.log_prob(batch.target.double()) * batch.target_mask).sum(1)


def bounds(model, draws, seed=0):
    with torch.inference_mode():
        return log_evidence(model, observed(), draws, torch.Generator().manual_seed(seed))


def test_with_the_exact_posterior_every_bound_is_the_evidence():
    exact = evidence(observed())
    torch.testing.assert_close(bounds(OneFactor(), (1, 7)), exact.expand(2, -1), atol=1e-4, rtol=0)


def test_with_another_posterior_more_draws_come_to_the_evidence():
    exact, weights = evidence(observed()), many_draws(OneFactor(shift=0.05, wider=1.1), 500_000)
    found = [bound_of(weights, number) for number in (1, 10, 1000, 500_000)]
    torch.testing.assert_close(found[3], exact, atol=1e-3, rtol=0)
    assert (found[0] < found[1]).all() and (found[1] < found[2]).all() and (found[2] < exact + 1e-3).all()


def test_one_draw_is_the_evidence_lower_bound():
    """Which falls short by the divergence of the posterior from the true one."""
    model, batch = OneFactor(shift=0.05, wider=1.1), observed()
    gap = kl_divergence(model.posterior(batch), OneFactor().posterior(batch)).double()
    expected = evidence(batch) - (gap * batch.target_mask).sum(1)
    torch.testing.assert_close(many_draws(model, 500_000).mean(0), expected, atol=1e-3, rtol=0)


def test_groups_of_draws_are_averaged():
    weights = torch.randn(7, 2, dtype=torch.float64)
    pairs = [(weights[2 * i : 2 * i + 2].exp().mean(0)).log() for i in range(3)]
    torch.testing.assert_close(bound_of(weights, 2), torch.stack(pairs).mean(0))
    torch.testing.assert_close(bound_of(weights, 7), weights.exp().mean(0).log())


def test_seeds_decide_the_draws():
    model = OneFactor(shift=0.3)
    assert torch.equal(bounds(model, (3,)), bounds(model, (3,)))
    assert not torch.equal(bounds(model, (3,)), bounds(model, (3,), seed=1))


def test_the_command_counts_what_latents_cost(tiny_corpus, tmp_path, unitdisc):
    (tmp_path / "vae.toml").write_text(VAE)
    train(str(tmp_path / "vae.toml"), tiny_corpus, tmp_path / "vae", device="cpu")
    output = tmp_path / "bits.json"
    options = ["--limit", 2, "--importance", "1,3", "--output", output, "--device", "cpu"]
    done = unitdisc("likelihood", tmp_path / "vae", tiny_corpus, *options)
    assert done.code == 0, done.err
    found = json.loads(output.read_text())
    assert found["bits_with_latents"].keys() == {"1", "3"}
    assert found["bits_with_latents"]["3"] <= found["bits_with_latents"]["1"]
    assert "(1 draw)" in done.out and "(3 draws)" in done.out


def test_what_draws_nothing_is_refused(tiny_experiment, tiny_corpus, unitdisc):
    done = unitdisc("likelihood", tiny_experiment, tiny_corpus, "--importance", "1", "--device", "cpu")
    assert done.code == 1 and "draws no latents" in done.err and "bottleneck.kind = 'gaussian'" in done.err
    done = unitdisc("likelihood", tiny_experiment, tiny_corpus, "--importance", "one", "--device", "cpu")
    assert done.code == 1 and "give whole numbers with commas between them, as 1,10,100" in done.err
