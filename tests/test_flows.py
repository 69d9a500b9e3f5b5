"""Flows: the inverse is one, determinants are autograd's, densities those of closed forms, zuko and integrals."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal

from unitdisc.decoders import Flow, FlowColumns, FlowWave
from unitdisc.decoders.draws import placed_noise
from unitdisc.decoders.flow import QUICK, FlowSteps, Mixing, Normalisation
from unitdisc.decoders.flow_columns import DEQUANTISATIONS, Dequantisation, from_real, to_real
from unitdisc.decoders.flow_wave import FIRST, LOUDEST, QUIETEST, Loudness, from_wave, to_wave
from unitdisc.media.audio import inverse_mulaw, mulaw

CONDITION = 5


def alive(module, std=0.2):
    """In double precision, far from its beginning."""
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return module.double().eval()


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.double, generator=seeded(seed))


def small(dim=4, flows=3, **sizes):
    torch.manual_seed(0)
    return alive(FlowSteps(dim, CONDITION, flows=flows, **({"channels": 6, "layers": 2, "kernel": 2} | sizes)))


def linear(dim):
    """A flow without condition, whose frames do not know of each other: couplings that change nothing."""
    steps = small(dim)
    for coupling in steps.couplings:
        torch.nn.init.zeros_(coupling.network.last.weight)
        torch.nn.init.zeros_(coupling.network.last.bias)
    return steps


@pytest.mark.parametrize("dim", [2, 5, 80])
def test_the_inverse_is_one_in_single_precision_too(dim):
    torch.manual_seed(0)
    steps = FlowSteps(dim, CONDITION, flows=8, channels=16, layers=2, kernel=3)
    for coupling in steps.couplings:
        torch.nn.init.normal_(coupling.network.last.weight, std=0.1)
    x, condition = normal(2, 12, dim).float(), normal(2, 3, CONDITION, seed=1).float()
    with torch.no_grad():
        z, _ = steps(x, condition)
        assert (z - x).abs().max() > 0.5
        assert (steps.inverse(z, condition) - x).abs().max() < 1e-5
        assert (steps(steps.inverse(x, condition), condition)[0] - x).abs().max() < 1e-5


def test_the_determinant_is_that_of_autograds_jacobian():
    """Of a whole item; and each step's is that of its own block, for later frames change no earlier noise."""
    steps, x, condition = small(), normal(1, 4, 4), normal(1, 4, CONDITION, seed=1)
    jacobian = torch.autograd.functional.jacobian(lambda x: steps(x, condition)[0], x)[0, :, :, 0]
    _, log_det = steps(x, condition)
    torch.testing.assert_close(jacobian.reshape(16, 16).slogdet()[1], log_det.sum())
    for step in range(4):
        torch.testing.assert_close(jacobian[step, :, step].slogdet()[1], log_det[0, step])
        assert not jacobian[step, :, step + 1 :].any()


def test_the_noise_of_a_frame_knows_the_frames_before_within_reach():
    steps, x, condition = small(channels=16), normal(16, 20, 4).requires_grad_(), normal(16, 20, CONDITION, seed=1)
    steps(x, condition)[0][:, 15].sum().backward()
    seen = (x.grad != 0).any(0).any(-1)
    assert steps.reach == 3 * (1 + 2)
    assert seen.tolist() == [15 - steps.reach <= step <= 15 for step in range(20)]


def test_a_flow_without_networks_is_a_normal_distribution():
    """Of which the density has a closed form: a frame is A z + m."""
    steps, condition = linear(4), normal(1, 3, CONDITION)
    with torch.no_grad():
        origin = steps.inverse(torch.zeros(1, 3, 4, dtype=torch.double), condition)[0, 0]
        matrix = (steps.inverse(torch.eye(4, dtype=torch.double)[None], condition[:, :1].expand(1, 4, -1)) - origin)[
            0
        ].t()
        x = normal(1, 3, 4, seed=3)
        expected = MultivariateNormal(origin, matrix @ matrix.t()).log_prob(x)
        torch.testing.assert_close(steps.log_prob(x, condition), expected)


def test_a_flow_learns_a_normal_distribution_and_then_knows_its_density():
    """Frames A z of a known covariance: held-out nats are the entropy, which no density can beat."""
    torch.manual_seed(0)
    matrix = torch.tensor([[1.5, 0.0, 0.0], [0.9, 0.6, 0.0], [-0.5, 0.3, 0.4]])
    decoder = Flow(CONDITION, 3, flows=2, channels=8, layers=1)
    optimiser, condition = torch.optim.Adam(decoder.parameters(), 2e-2), torch.zeros(16, 4, CONDITION)
    for _ in range(150):
        optimiser.zero_grad()
        decoder.loss(torch.randn(16, 16, 3) @ matrix.t(), condition).mean().backward()
        optimiser.step()
    held_out = torch.randn(16, 256, 3, generator=seeded()) @ matrix.t()
    true = MultivariateNormal(torch.zeros(3), matrix @ matrix.t()).log_prob(held_out).mean().item()
    with torch.no_grad():
        found = decoder.eval().log_prob(held_out, condition).mean().item()
    assert true - 0.05 < found < true + 0.01


def test_frames_are_drawn_with_the_density_that_they_are_said_to_have():
    """The mean of log p over samples is minus the entropy: of the linear flow, half a log-determinant and constants."""
    decoder = alive(Flow(CONDITION, 4, flows=3, channels=6))
    decoder.steps = linear(4)
    condition = normal(20, 1, CONDITION)
    drawn = decoder.sample(condition, 500, seeded())
    found, log_det = decoder.log_prob(drawn, condition), decoder.steps(drawn, condition)[1][0, 0]
    entropy = 2 * (1 + math.log(2 * math.pi)) - log_det
    assert -found.mean().item() == pytest.approx(entropy.item(), abs=0.05)
    # and in general: noise goes back to the noise that it was made of
    decoder = alive(Flow(CONDITION, 4, flows=3, channels=6))
    drawn = decoder.sample(condition, 8, seeded(7), temperature=0.5)
    noise = 0.5 * torch.randn(20, 8, 4, dtype=torch.double, generator=seeded(7))
    torch.testing.assert_close(decoder.steps(drawn, condition)[0], noise)


def test_densities_are_those_of_zuko():
    """One frame, so that there is no past: an independent composition of the same transforms."""
    zuko = pytest.importorskip("zuko", reason="zuko is not installed: pip install 'unitdisc[dev]'")
    from zuko.transforms import (
        ComposedTransform,
        CouplingTransform,
        LULinearTransform,
        MonotonicAffineTransform,
        PermutationTransform,
    )

    steps, condition, x = small(5), normal(6, 1, CONDITION), normal(6, 1, 5, seed=2)

    def affine(log_scale, shift):
        raw = log_scale / (1 - log_scale.abs() / -math.log(1e-3))  # it is squashed there
        return MonotonicAffineTransform(shift, raw)

    parts = []
    for normalise, mix, couple in zip(steps.normalisations, steps.mixings, steps.couplings):
        log_scale = QUICK * normalise.scale
        parts.append(torch.distributions.IndependentTransform(affine(log_scale, normalise.shift * log_scale.exp()), 1))
        lower, upper = mix.factors()
        diagonal = upper.diagonal()
        parts.append(LULinearTransform((lower * diagonal).tril() + (upper / diagonal[:, None]).triu(1)))
        parts.append(PermutationTransform(mix.permutation.argsort()))

        def meta(kept, couple=couple):
            log_scale, shift = couple.scale_and_shift(kept, condition)
            return torch.distributions.IndependentTransform(affine(log_scale, shift), 1)

        parts.append(CouplingTransform(meta, torch.arange(5) < couple.kept))
    base = zuko.distributions.DiagNormal(torch.zeros(5).double(), torch.ones(5).double())
    expected = zuko.distributions.NormalizingFlow(ComposedTransform(*parts), base).log_prob(x)
    torch.testing.assert_close(steps.log_prob(x, condition), expected)


@pytest.mark.parametrize("layer", [Normalisation, Mixing])
def test_what_is_the_same_at_every_step_goes_back_and_counts(layer):
    torch.manual_seed(0)
    for module in (layer(5).double(), alive(layer(5))):
        x = normal(3, 5)
        z, log_det = module(x)
        torch.testing.assert_close(module.inverse(z), x)
        torch.testing.assert_close(
            torch.autograd.functional.jacobian(lambda x, module=module: module(x)[0], x[0]).slogdet()[1], log_det
        )


def test_mixing_begins_as_a_rotation():
    torch.manual_seed(0)
    x = normal(3, 6)
    z, log_det = Mixing(6).double()(x)
    assert log_det.abs() < 1e-5 and not torch.allclose(z, x)
    torch.testing.assert_close(z.norm(dim=-1), x.norm(dim=-1), rtol=1e-5, atol=0)


@pytest.mark.parametrize("options", [{"flows": 0}, {"layers": 0}, {"kernel": 1}])
def test_sizes_that_make_no_flow_are_refused(options):
    with pytest.raises(ValueError, match="at least, not"):
        Flow(CONDITION, 4, **options)
    with pytest.raises(ValueError, match="at least, not"):
        FlowColumns(CONDITION, 4, **options)


def test_a_step_of_one_value_has_nothing_to_couple():
    with pytest.raises(ValueError, match="two values in a step and one flow at least, not 1 and 8"):
        Flow(CONDITION, 1)


# Levels of grey


def columns(kind="variational", rows=2, levels=3):
    torch.manual_seed(0)
    decoder = alive(FlowColumns(CONDITION, rows, levels, flows=2, channels=6, dequantisation=kind), std=0.4)
    alive(decoder.dequantise, std=0.2)
    return decoder


def test_logits_go_back_and_say_their_derivative():
    share = torch.linspace(0, 1, 11, dtype=torch.double).requires_grad_()
    real, log_scale = to_real(share)
    torch.testing.assert_close(from_real(real), share)
    torch.testing.assert_close(torch.autograd.grad(real.sum(), share)[0].log(), log_scale)


def test_the_density_over_all_levels_and_what_is_added_integrates_to_one():
    """Uniform dequantisation, one column of two rows: by a sum inside, and a little beyond."""
    decoder = alive(columns("uniform"), std=0.2)
    inside = (torch.arange(24, dtype=torch.double) + 0.5) / 24
    condition, total = normal(1, 1, CONDITION), 0.0
    with torch.no_grad():
        for level in torch.cartesian_prod(torch.arange(3), torch.arange(3)):
            places = torch.cartesian_prod(inside, inside)
            target = level.expand(len(places), 1, 2)
            numbers = torch.special.ndtri(places)[:, None]
            _, log_prob = decoder.with_noise(target, condition.expand(len(places), -1, -1), numbers)
            total += log_prob.exp().mean().item()
        drawn = decoder.steps.inverse(normal(4000, 1, 2), condition.expand(4000, -1, -1))
        beyond = ((from_real(drawn) < 0) | (from_real(drawn) > 1)).any(-1).double().mean().item()
    assert total + beyond == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("kind", DEQUANTISATIONS)
def test_the_bound_is_below_the_log_probability_of_levels(kind):
    """Which is how often a column is drawn, but for what lies beyond the margins; and the mean of exp(bound) is it."""
    decoder, many = columns(kind), 4000
    condition = normal(1, 1, CONDITION).expand(many, -1, -1)
    with torch.no_grad():
        share = from_real(decoder.steps.inverse(normal(many, 1, 2), condition))[:, 0]
        drawn = (share * 3).floor()
        for level in torch.cartesian_prod(torch.arange(3), torch.arange(3)):
            frequency = (drawn == level).all(-1).double().mean().item()
            _, bound = decoder.with_noise(level.expand(many, 1, 2), condition, normal(many, 1, 2, seed=3))
            assert bound.exp().mean().item() == pytest.approx(frequency, rel=0.15, abs=0.01)
            assert bound.mean().exp().item() < frequency + 0.01


@pytest.mark.parametrize("kind", DEQUANTISATIONS)
def test_what_is_added_has_the_density_that_is_said(kind):
    torch.manual_seed(0)
    module = alive(Dequantisation(kind, 1, CONDITION, 6), std=0.5)
    numbers = torch.linspace(-3, 3, 601, dtype=torch.double).view(-1, 1, 1)
    share, condition = torch.full_like(numbers, 0.5), normal(1, 1, CONDITION).expand(601, -1, -1)
    with torch.no_grad():
        added, log_q = module(share, condition, numbers)
    mass = torch.trapezoid(log_q.exp().flatten(), added.flatten())
    assert (added > 0).all() and (added < 1).all()
    torch.testing.assert_close(
        mass, torch.special.ndtr(numbers[-1, 0, 0]) - torch.special.ndtr(numbers[0, 0, 0]), atol=1e-3, rtol=0
    )


def test_variational_dequantisation_begins_nearly_uniform():
    torch.manual_seed(0)
    added, log_q = Dequantisation("variational", 3, CONDITION, 6)(
        torch.rand(200, 50, 3), torch.randn(200, 50, CONDITION), torch.randn(200, 50, 3)
    )
    assert log_q.mean().abs() < 0.05 and (added.mean() - 0.5).abs() < 0.02


def test_what_is_added_changes_in_training_and_is_the_same_otherwise():
    decoder, target, condition = columns(), torch.zeros(2, 6, 2, dtype=torch.long), normal(2, 2, CONDITION)
    assert torch.equal(decoder.loss(target, condition), decoder.loss(target, condition))
    assert not torch.equal(*(decoder.train().loss(target, condition) for _ in range(2)))


def test_columns_that_are_given_begin_the_noise_of_the_line():
    """So that what follows is drawn given them: of a flow that knows its past, not merely put in place."""
    decoder, condition = columns(rows=4, levels=6), normal(4, 12, CONDITION)
    given = torch.randint(6, (4, 6, 4), generator=seeded())
    with torch.no_grad():
        drawn = decoder.sample(condition, 12, seeded(5), given=given)
        z = torch.randn(4, 12, 4, dtype=torch.double, generator=seeded(5))
        free = from_real(decoder.steps.inverse(z, condition))
        numbers = placed_noise("normal", 6, 4, like=condition).expand(4, -1, -1)
        z[:, :6] = decoder.with_noise(given, condition[:, :6], numbers)[0]
        real = from_real(decoder.steps.inverse(z, condition))
    free, levels = ((share * 6).floor().clamp(0, 5).long() for share in (free, real))
    assert torch.equal(levels[:, :6], given)
    assert torch.equal(drawn, levels)
    assert not torch.equal(free[:, 6:], levels[:, 6:])


def test_placed_noise_is_noise_and_stays_in_its_place():
    like = torch.zeros(1, dtype=torch.double)
    for kind, mean, variance in (("uniform", 0.5, 1 / 12), ("normal", 0.0, 1.0)):
        numbers, others = (placed_noise(kind, 4000, 10, like, turn) for turn in (0, 1))
        assert torch.equal(numbers[:7], placed_noise(kind, 7, 10, like))
        for shifted in (numbers[1:], others[:-1], numbers.roll(1, 1)[:-1]):
            both = torch.stack([numbers[:-1].flatten(), shifted.flatten()]) - mean
            torch.testing.assert_close(both.cov(), variance * torch.eye(2).double(), atol=0.02, rtol=0)
    assert placed_noise("uniform", 3, 2, like).flatten().diff().abs().min() > 1e-6


def test_an_unknown_dequantisation_is_refused():
    with pytest.raises(ValueError, match="dequantisation is one of uniform, variational, not 'none'"):
        FlowColumns(CONDITION, 4, dequantisation="none")


# Samples


def samples(levels=256, group=4, std=0.2, **options):
    torch.manual_seed(0)
    sizes = {"hop": 2 * group, "flows": 3, "early_every": 1, "early": 1, "channels": 6, "layers": 2, "kernel": 2}
    return alive(FlowWave(CONDITION, levels, group=group, **(sizes | options)), std)


def heard(batch=2, conditions=3, seed=0, group=4, levels=256):
    """Levels, a condition, and what is added to the levels."""
    size = 2 * group * conditions
    target = torch.randint(levels, (batch, size), generator=seeded(seed))
    numbers = torch.rand(batch, size, dtype=torch.double, generator=seeded(seed + 1))
    return target, normal(batch, conditions, CONDITION, seed=seed + 2), numbers


def test_levels_of_a_flow_are_those_of_mu_law():
    wave = np.linspace(-1, 1, 1001)
    assert np.array_equal(from_wave(torch.from_numpy(wave), 256).floor().numpy(), mulaw(wave))
    middles, _ = to_wave(torch.arange(256, dtype=torch.double) + 0.5, 256)
    np.testing.assert_allclose(middles.numpy(), inverse_mulaw(np.arange(256)), atol=1e-7)


def test_samples_go_back_to_their_levels_and_say_their_derivative():
    level = torch.linspace(0.01, 255.99, 96, dtype=torch.double).requires_grad_()
    wave, log_slope = to_wave(level, 256)
    torch.testing.assert_close(from_wave(wave, 256), level)
    torch.testing.assert_close(torch.autograd.grad(wave.sum(), level)[0].log(), log_slope)


@pytest.mark.parametrize("early", [0, 2])
def test_the_inverse_of_a_wave_is_one_in_single_precision_too(early):
    torch.manual_seed(0)
    decoder = FlowWave(CONDITION, 256, hop=16, flows=8, early_every=2, early=early, channels=16)
    for part in decoder.parts:
        for coupling in part.couplings:
            torch.nn.init.normal_(coupling.network.last.weight, std=0.1)
    target, condition, numbers = heard(group=8)
    condition, numbers = condition.float(), numbers.float()
    with torch.no_grad():
        z, _ = decoder.with_noise(target, condition, numbers)
        wave = decoder.wave(z, condition)
        assert (wave - to_wave(target + numbers, 256)[0]).abs().max() < 1e-5
        drawn = torch.randn(2, 48, generator=seeded())
        again = decoder.wave(drawn, condition)
        assert (from_wave(again, 256).floor() - decoder.sample(condition, 48, seeded()) == 0).all()


def test_the_determinant_of_a_wave_is_that_of_autograds_jacobian():
    """Of levels with what is added, up to the noise that leaves early or late."""
    decoder, (target, condition, numbers) = samples(), heard(batch=1, conditions=1)
    jacobian = torch.autograd.functional.jacobian(lambda x: decoder.with_noise(target, condition, x)[0], numbers)
    z, nats = decoder.with_noise(target, condition, numbers)
    of_noise = torch.distributions.Normal(0, 1).log_prob(z).sum()
    torch.testing.assert_close(jacobian[0, :, 0].slogdet()[1], nats.sum() - of_noise)
    for group in (slice(0, 4), slice(4, 8)):  # each group is told by itself, given those before
        of_noise = torch.distributions.Normal(0, 1).log_prob(z[0, group]).sum()
        expected = nats[0, group.start // 4] - of_noise
        torch.testing.assert_close(jacobian[0, group, 0, group].slogdet()[1], expected)
    assert not jacobian[0, :4, 0, 4:].any()


def test_the_density_of_a_group_integrates_to_one_and_bounds_how_often_levels_are_drawn():
    """Of groups of two samples on five levels: by a sum within every pair of them, and by drawing."""
    decoder, many = samples(5, group=2, early=0, std=0.15), 8000
    condition = normal(1, 1, CONDITION)
    with torch.no_grad():
        decoder.loudness.condition.bias.fill_(8.0)
        level = from_wave(decoder.wave(normal(many, 2), condition.expand(many, 1, -1)), 5)
        drawn, total, several = level.floor(), 0.0, 0
        inside = (torch.arange(16, dtype=torch.double) + 0.5) / 16
        numbers = torch.cartesian_prod(inside, inside)
        for pair in torch.cartesian_prod(torch.arange(5), torch.arange(5)):
            target = pair.expand(len(numbers), 2)
            _, nats = decoder.with_noise(target, condition.expand(len(numbers), 1, -1), numbers)
            total += (probability := nats.exp().mean().item())
            frequency = (drawn == pair).all(-1).double().mean().item()
            assert probability == pytest.approx(frequency, abs=0.02)
            assert nats.mean().exp().item() <= probability
            several += frequency > 0.03
    beyond = ((level < 0) | (level >= 5)).any(-1).double().mean().item()
    assert several > 5 and beyond < 0.6
    assert total + beyond == pytest.approx(1, abs=0.02)


def test_a_drawn_wave_is_made_of_the_noise_that_the_generator_says():
    decoder, (_, condition, _) = samples(), heard()
    noise = 0.5 * torch.randn(2, 24, dtype=torch.double, generator=seeded(7))
    wave = decoder.wave(noise, condition)
    level = from_wave(wave, 256)
    inside = (level > 0) & (level < 256)
    assert inside.any()
    expected = level.floor().clamp(0, 255).long()
    assert torch.equal(decoder.sample(condition, 24, seeded(7), temperature=0.5), expected)
    likeliest = [decoder.sample(condition, 24, seeded(seed), temperature=0) for seed in (1, 2)]
    assert torch.equal(*likeliest)
    assert not torch.equal(*(decoder.sample(condition, 24, seeded(seed)) for seed in (1, 2)))


def test_all_samples_of_an_item_come_of_one_pass(monkeypatch):
    decoder, asked = samples(), []
    for part in decoder.parts:
        inverse = part.inverse
        monkeypatch.setattr(part, "inverse", lambda *given, inverse=inverse: asked.append(1) or inverse(*given))
    decoder.sample(normal(1, 50, CONDITION), 400)
    assert len(asked) == len(decoder.parts) == 3


def test_an_item_that_ends_within_a_group_bears_the_silence_after_it():
    """Then all that is told of it is still a bound: of what follows the very probability of silence is counted."""
    decoder, (target, condition, _) = samples(), heard(batch=1)
    silent = torch.cat([target[:, :13], torch.full((1, 11), 128)], dim=1)
    with torch.no_grad():
        found = decoder.log_prob_bound(target, condition, torch.tensor([13]))[:, :13]
        expected = decoder.log_prob_bound(silent, condition)[:, :16]
    torch.testing.assert_close(found.sum(), expected.sum())
    torch.testing.assert_close(found[0, 12], expected[0, 12:].sum())


def test_what_is_added_to_samples_changes_in_training_and_is_the_same_otherwise():
    decoder, (target, condition, _) = samples(), heard()
    assert torch.equal(decoder.loss(target, condition), decoder.loss(target, condition))
    assert not torch.equal(*(decoder.train().loss(target, condition) for _ in range(2)))


def test_loudness_begins_the_same_everywhere_and_has_ends():
    loudness = Loudness(CONDITION).double()
    found = loudness(normal(2, 3, CONDITION)).exp()
    torch.testing.assert_close(found, torch.full_like(found, FIRST), rtol=1e-5, atol=0)
    for bias, end in ((-1e3, QUIETEST), (1e3, LOUDEST)):
        torch.nn.init.constant_(loudness.condition.bias, bias)
        torch.testing.assert_close(loudness(normal(1, 1, CONDITION)).exp().item(), end, rtol=1e-5, atol=0)


def test_samples_of_a_condition_that_are_no_whole_groups_are_refused():
    decoder = samples()
    with pytest.raises(ValueError, match="6 samples of a condition are no multiple of `group` = 4"):
        decoder.sample(normal(1, 2, CONDITION), 12)
    with pytest.raises(ValueError, match="6 samples of a condition are no multiple of `group` = 4"):
        decoder.loss(torch.zeros(1, 12, dtype=torch.long), normal(1, 2, CONDITION))
