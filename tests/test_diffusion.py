"""Diffusion: on Gaussian data all is known in closed form: the best network, its loss, the score, the density."""

import math

import pytest
import torch

from unitdisc.decoders import Diffusion, DiffusionColumns, DrawsInSteps
from unitdisc.decoders.noise_paths import LEAST_NOISE, PATHS
from unitdisc.decoders.sampling.denoising import SAMPLERS, ddim, ddpm, denoised

MEAN, SCALE = 0.7, 0.6  # of the data
CONDITION = 3


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.double, generator=seeded(seed))


def moment(share):
    return torch.tensor(share, dtype=torch.double)


@pytest.fixture(params=PATHS)
def path(request):
    return PATHS[request.param]


def gaussian(path):
    """What is best told of x_t where data are Normal(MEAN, SCALE): E[x_0 | x_t] and E[e | x_t]."""

    def tell(x, t):
        alpha, sigma = path.alpha(t), path.sigma(t)
        noise = sigma * (x - alpha * MEAN) / (alpha**2 * SCALE**2 + sigma**2)
        return (x - sigma * noise) / alpha, noise

    return tell


def alive(decoder, std=0.2):
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return decoder.double().eval()


def best(decoder):
    """A decoder whose network is not asked: for Gaussian data it knows."""
    tell = gaussian(decoder.path)
    decoder.asked = lambda x, t, condition, mask: decoder.path.velocity(*tell(x, t), t)
    return decoder


# Paths


def test_data_noise_and_velocity_follow_from_each_other(path):
    data, noise, t = normal(4, 5), normal(4, 5, seed=1), torch.rand(4, 1, generator=seeded()).double()
    x = path.alpha(t) * data + path.sigma(t) * noise
    found = path.data_and_noise(x, path.velocity(data, noise, t), t)
    torch.testing.assert_close(found, (data, noise))


def test_rates_are_derivatives(path):
    t = torch.linspace(0.05, 0.95, 7, dtype=torch.double).requires_grad_()
    for value, rate in ((path.alpha, path.alpha_rate), (path.sigma, path.sigma_rate)):
        torch.testing.assert_close(torch.autograd.grad(value(t).sum(), t)[0], rate(t))


def test_paths_lead_from_little_noise_to_much(path):
    least, most = map(moment, path.ends)
    assert path.log_ratio(least).item() == pytest.approx(LEAST_NOISE)
    assert path.log_ratio(most).item() == pytest.approx(-LEAST_NOISE)
    assert 0 < least < 0.01 and 0.99 < most < 1
    ratios = torch.linspace(-9, 9, 7, dtype=torch.double)
    torch.testing.assert_close(path.log_ratio(path.times(ratios)), ratios)


# What is learned


def test_the_best_loss_is_that_of_the_closed_form(path):
    """The variance of e given x_t is (alpha SCALE)^2 over that of x_t: no network has less."""
    t = moment(0.4)
    data, noise = MEAN + SCALE * normal(50000), normal(50000, seed=1)
    x = path.alpha(t) * data + path.sigma(t) * noise
    _, told = gaussian(path)(x, t)
    signal = (path.alpha(t) * SCALE) ** 2
    best_loss = signal / (signal + path.sigma(t) ** 2)
    assert (told - noise).square().mean().item() == pytest.approx(best_loss.item(), rel=0.02)
    for worse in (1.1 * told, told + 0.1):
        assert (worse - noise).square().mean() > best_loss


def test_denoising_is_score_matching(path):
    """-E[e | x_t] / sigma is the gradient of log p(x_t); and losses of noise, score and velocity differ by factors."""
    t, x = moment(0.3), normal(50).requires_grad_()
    marginal = torch.distributions.Normal(
        path.alpha(t) * MEAN, ((path.alpha(t) * SCALE) ** 2 + path.sigma(t) ** 2).sqrt()
    )
    score = torch.autograd.grad(marginal.log_prob(x).sum(), x)[0]
    _, noise = gaussian(path)(x.detach(), t)
    torch.testing.assert_close(-noise / path.sigma(t), score)
    # of any network, against the score of x_t given x_0, which a sample of both has
    data, drawn, velocity = normal(50, seed=1), normal(50, seed=2), normal(50, seed=3)
    x = path.alpha(t) * data + path.sigma(t) * drawn
    given = torch.distributions.Normal(path.alpha(t) * data, path.sigma(t))
    wanted = torch.autograd.grad(given.log_prob(y := x.clone().requires_grad_()).sum(), y)[0]
    told = -path.data_and_noise(x, velocity, t)[1] / path.sigma(t)
    by_score = (told - wanted).square()
    by_velocity = (velocity - path.velocity(data, drawn, t)).square()
    torch.testing.assert_close(by_score, (path.alpha(t) / path.sigma(t)) ** 2 * by_velocity)


def test_the_loss_of_a_decoder_is_the_error_of_the_velocity():
    decoder = best(Diffusion(CONDITION, 4, channels=4, layers=1)).train()
    target, condition = MEAN + SCALE * normal(64, 60, 4), normal(64, 1, CONDITION)
    torch.manual_seed(0)
    found = decoder.loss(target, condition).mean().item() / 4
    t = torch.linspace(*decoder.path.ends, 2000, dtype=torch.double)
    signal = (decoder.path.alpha(t) * SCALE) ** 2
    errors = signal / (signal + decoder.path.sigma(t) ** 2) / decoder.path.alpha(t) ** 2
    assert found == pytest.approx(errors.mean().item(), rel=0.1)
    assert decoder.eval().loss(target, condition).mean().item() / 4 == pytest.approx(errors.mean().item(), rel=0.1)


def test_a_network_learns_a_normal_distribution():
    """Its samples have the mean and the deviation of the data, and differ by condition."""
    torch.manual_seed(0)
    decoder = Diffusion(1, 2, channels=16, layers=1, steps=10)
    optimiser = torch.optim.Adam(decoder.parameters(), 1e-2)
    signs = torch.tensor([1.0, -1.0]).repeat(16).view(-1, 1, 1)
    for _ in range(120):
        optimiser.zero_grad()
        decoder.loss(signs * MEAN + 0.3 * torch.randn(32, 8, 2), signs).mean().backward()
        optimiser.step()
    drawn = decoder.eval().sample(torch.tensor([[[1.0]], [[-1.0]]]), 500, seeded())
    torch.testing.assert_close(drawn.mean((1, 2)), torch.tensor([MEAN, -MEAN]), atol=0.12, rtol=0)
    torch.testing.assert_close(drawn.std((1, 2)), torch.tensor([0.3, 0.3]), atol=0.12, rtol=0)


# Bounds


def test_the_bound_is_the_density_of_gaussian_data_where_the_network_is_best():
    """In continuous time nothing is lost; and of a network that is not, it is less."""
    target, condition = MEAN + SCALE * normal(4, 500, 4), normal(4, 1, CONDITION)
    exact = torch.distributions.Normal(MEAN, SCALE).log_prob(target).mean().item()
    decoder = best(Diffusion(CONDITION, 4, channels=4, layers=1).eval())
    found = decoder.log_prob_bound(target, condition).mean().item() / 4
    assert found == pytest.approx(exact, abs=0.01)
    told = decoder.asked
    for worse in (lambda *inputs: 0.8 * told(*inputs), lambda *inputs: told(*inputs) + 0.2):
        decoder.asked = worse
        assert decoder.log_prob_bound(target, condition).mean().item() / 4 < found - 0.01


def test_bounds_are_those_of_any_path():
    target, condition, found = MEAN + SCALE * normal(4, 9, 4), normal(4, 1, CONDITION), []
    for name in PATHS:
        decoder = best(Diffusion(CONDITION, 4, channels=4, layers=1, path=name).eval())
        found.append(decoder.log_prob_bound(target, condition))
    torch.testing.assert_close(*found)


def test_the_bound_of_levels_is_theirs_where_pixels_are_independent():
    """A network that says the true frequencies of levels, whatever is around: nats are nearly their entropy."""
    shares = torch.tensor([0.7, 0.2, 0.1], dtype=torch.double)
    decoder = DiffusionColumns(CONDITION, 5, 3, channels=4, layers=1).double().eval()
    for parameter in decoder.parameters():
        torch.nn.init.zeros_(parameter)
    decoder.network.last.bias.data.copy_(shares.log())
    target = torch.multinomial(shares, 20 * 100 * 5, replacement=True, generator=seeded()).view(20, 100, 5)
    with torch.no_grad():
        found = -decoder.log_prob_bound(target, normal(20, 1, CONDITION)).mean().item() / 5
    entropy = -shares.log()[target].mean().item()
    assert entropy - 0.02 < found < entropy + 0.05


def test_a_pixel_under_little_noise_is_told_exactly():
    """By Bayes' rule, whatever the network says."""
    decoder = alive(DiffusionColumns(CONDITION, 4, 4, channels=6, layers=1))
    target, condition = torch.randint(4, (2, 6, 4), generator=seeded()), normal(2, 2, CONDITION)
    data = decoder.data_of(target, condition)
    t = moment(0.02).view(1, 1, 1)
    x = decoder.path.alpha(t) * data + decoder.path.sigma(t) * normal(2, 6, 4, seed=1)
    found, _ = decoder.path.data_and_noise(x, decoder.asked(x, t, condition, None), t)
    torch.testing.assert_close(found, data, atol=1e-3, rtol=0)


# Samplers


def test_ddim_with_all_its_noise_is_ddpm(path):
    x, drawn = normal(7), normal(7, seed=1)
    tell = gaussian(path)
    for t, s in ((0.9, 0.6), (0.5, 0.1), (0.2, 0.01)):
        one, other = (
            way(path, tell, x, moment(t), moment(s), lambda: drawn, **by)
            for way, by in ((ddim, {"eta": 1.0}), (ddpm, {}))
        )
        torch.testing.assert_close(one, other)
    assert not torch.allclose(one, ddim(path, tell, x, moment(t), moment(s), lambda: drawn))


@pytest.mark.parametrize("sampler,steps", [("ddim", 50), ("ddpm", 200), ("euler", 200), ("heun", 30)])
def test_samples_have_the_mean_and_the_deviation_of_the_data(path, sampler, steps):
    noise = iter(normal(steps + 1, 20000))
    drawn = denoised(path, gaussian(path), next(noise), lambda: next(noise), sampler=sampler, steps=steps)
    assert drawn.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert drawn.std().item() == pytest.approx(SCALE, rel=0.04)


def test_one_step_of_ddim_is_the_mean_and_more_steps_are_nearer(path):
    x = normal(20000)
    errors = []
    for steps in (1, 2, 5, 20):
        drawn = denoised(path, gaussian(path), x, lambda: None, sampler="ddim", steps=steps)
        errors.append(abs(drawn.std().item() - SCALE))
    assert errors == sorted(errors, reverse=True)
    once = denoised(path, gaussian(path), x, lambda: None, sampler="ddim", steps=1)
    torch.testing.assert_close(once, torch.full_like(x, MEAN), atol=0.05, rtol=0)


def test_heuns_method_needs_fewer_steps_than_eulers(path):
    x = normal(2000)
    exact, *found = (
        denoised(path, gaussian(path), x, lambda: None, sampler=sampler, steps=steps)
        for sampler, steps in (("heun", 400), ("heun", 16), ("euler", 32))
    )
    assert (found[0] - exact).abs().max() < 0.25 * (found[1] - exact).abs().max()


def test_of_many_steps_the_deterministic_ways_agree(path):
    x = normal(500)
    found = [
        denoised(path, gaussian(path), x, lambda: None, sampler=sampler, steps=300)
        for sampler in SAMPLERS.keys() - {"ddpm"}
    ]
    for each in found[1:]:
        torch.testing.assert_close(each, found[0], atol=0.02, rtol=0)


@pytest.mark.parametrize("kind", [Diffusion, DiffusionColumns])
def test_how_samples_are_drawn_may_be_chosen_later(kind):
    decoder, condition = alive(kind(CONDITION, 4, channels=6, layers=1, steps=4)), normal(2, 3, CONDITION)
    assert isinstance(decoder, DrawsInSteps)
    asked, network = [], decoder.asked
    decoder.asked = lambda *inputs: asked.append(1) or network(*inputs)
    drawn = {}
    for sampler, steps, times in ((None, None, 4), ("ddpm", None, 4), ("heun", 3, 6), ("euler", 2, 2), (None, 1, 1)):
        asked.clear()
        decoder.draw_by(sampler, steps)
        drawn[sampler, steps] = decoder.sample(condition, 6, seeded())
        assert len(asked) == times
    assert decoder.sampler == "euler"
    for wrong, message in (
        ({"sampler": "magic"}, "sampler is one of ddim"),
        ({"steps": 0}, "must be 1 or more, not 0"),
    ):
        with pytest.raises(ValueError, match=message):
            decoder.draw_by(**wrong)
    assert (decoder.sampler, decoder.steps) == ("euler", 1)


def test_without_temperature_chance_has_no_say():
    decoder, condition = alive(Diffusion(CONDITION, 4, channels=6, layers=1, sampler="ddpm")), normal(2, 3, CONDITION)
    cold = [decoder.sample(condition, 6, seeded(seed), temperature=0.0) for seed in (1, 2)]
    assert torch.equal(*cold) and not torch.equal(cold[0], decoder.sample(condition, 6, seeded(1)))


# The contract beyond that of all decoders


def test_a_step_sees_later_ones_as_far_as_the_network_reaches_and_no_padding():
    decoder = alive(Diffusion(CONDITION, 4, channels=16, layers=2, noise_levels=2))
    target, condition, lengths = normal(1, 24, 4), normal(1, 24, CONDITION), torch.tensor([20])
    before = decoder.log_prob_bound(target, condition, lengths)
    changed = target.clone()
    changed[:, 15] += 1
    different = (decoder.log_prob_bound(changed, condition, lengths) != before)[0, :20]
    assert different.nonzero().flatten().tolist() == list(range(12, 19))  # dilations 1 and 2
    padded = target.clone()
    padded[:, 20:] += 5
    assert torch.equal(decoder.log_prob_bound(padded, condition, lengths)[:, :20], before[:, :20])
    alone = decoder.log_prob_bound(target[:, :20], condition[:, :20])
    torch.testing.assert_close(alone, before[:, :20])
    assert not torch.allclose(decoder.log_prob_bound(padded, condition)[:, :20], before[:, :20])


def test_what_is_drawn_in_training_differs_from_item_to_item_and_from_time_to_time():
    decoder = alive(Diffusion(CONDITION, 4, channels=6, layers=1))
    target, condition = normal(1, 6, 4).expand(2, -1, -1), normal(1, 2, CONDITION).expand(2, -1, -1)
    still = decoder.loss(target, condition)
    assert torch.equal(still, decoder.loss(target, condition)) and torch.equal(still[0], still[1])
    one, other = (decoder.train().loss(target, condition) for _ in range(2))
    assert not torch.equal(one, other) and not torch.equal(one[0], one[1])


def test_given_columns_are_kept_at_every_step():
    """What follows is drawn beside them, not beside what would have been drawn in their place."""
    decoder = alive(DiffusionColumns(CONDITION, 4, 3, channels=12, layers=2))
    condition = normal(1, 6, CONDITION)
    given = torch.randint(3, (1, 3, 4), generator=seeded())
    ends = [decoder.sample(condition, 6, seeded(1), given=start) for start in (given, 2 - given)]
    assert torch.equal(ends[0][:, :3], given) and torch.equal(ends[1][:, :3], 2 - given)
    assert not torch.equal(ends[0][:, 3:], ends[1][:, 3:])
    nothing = decoder.sample(condition, 6, seeded(1), given=given[:, :0])
    assert torch.equal(nothing, decoder.sample(condition, 6, seeded(1)))


@pytest.mark.parametrize(
    "options,message",
    [
        ({"path": "straight"}, "path is one of diffusion, flow-matching, not 'straight'"),
        ({"sampler": "pndm"}, "sampler is one of ddim, ddpm, euler, heun, not 'pndm'"),
        ({"steps": 0}, "steps of a sampler must be 1 or more, not 0"),
        ({"noise_levels": 0}, "noise_levels must be 1 or more, not 0"),
        ({"layers": 0}, "needs? a (channel, a )?layer"),
    ],
)
@pytest.mark.parametrize("kind", [Diffusion, DiffusionColumns])
def test_options_that_mean_nothing_are_refused(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(CONDITION, 4, **options)


def test_a_kernel_that_is_even_is_refused():
    with pytest.raises(ValueError, match="a kernel, which is odd, of 2 at least, not 5 and 4"):
        Diffusion(CONDITION, 4, kernel=4)


def test_the_prior_costs_next_to_nothing():
    """Where there is most noise, next to none of the data is left: all of the bound is in the levels between."""
    assert math.log1p(math.exp(LEAST_NOISE)) < 1e-4
