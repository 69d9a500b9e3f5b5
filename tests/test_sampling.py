"""Sampling step by step with queues gives what sampling from the definition gives, from the same random numbers."""

import numpy as np
import pytest
import torch

from unitdisc.decoders import DECODERS
from unitdisc.decoders.draws import categorical_draw, noise, normal_draw
from unitdisc.decoders.sampling import wavenet_cpu as compiled

DIM, BINS = 5, 7
OPTIONS = {
    "frames": {"channels": 8, "layers": 3},
    "wavenet": {"channels": 8, "skip_channels": 12, "layers": 5, "cycle": 3},
}


def tiny(kind, **options):
    torch.manual_seed(0)
    decoder = DECODERS[kind](DIM, {"frames": BINS, "wavenet": 256}[kind], **(OPTIONS[kind] | options))
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # loud enough for a wrong past to change what is drawn
    return decoder.double().eval()


def seeded(seed=3):
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def sample_slowly(decoder, condition, size, generator, temperature=1.0):
    """From the definition: the whole past is heard again before every step."""
    batch = len(condition)
    if decoder.target == "mu-law":
        uniform = noise("uniform", batch, size, like=condition, generator=generator)
        target = torch.zeros(batch, size, dtype=torch.long)
        for step in range(size):
            logits = decoder.logits(target, condition)[:, step]
            target[:, step] = categorical_draw(logits, uniform[:, step], temperature)
    else:
        normal = noise("normal", batch, size, BINS, like=condition, generator=generator)
        target = torch.zeros(batch, size, BINS, dtype=condition.dtype)
        for step in range(size):
            mean = decoder.means(target, condition)[:, step]
            target[:, step] = normal_draw(mean, decoder.log_scale, normal[:, step], temperature)
    return target


def sample_with_queues(decoder, condition, size, generator, temperature=1.0):
    """As `sample`, but in double precision for every decoder, so that equal means equal."""
    if decoder.target == "mu-law":
        uniform = noise("uniform", len(condition), size, like=condition, generator=generator)
        return decoder.sample_with_torch(condition, uniform, temperature)
    return decoder.sample(condition, size, generator, temperature)


@pytest.fixture(params=OPTIONS)  # what draws line images has tests of its own
def decoder(request):
    return tiny(request.param)


@pytest.mark.parametrize("batch,size,conditions", [(1, 1, 1), (1, 24, 6), (3, 24, 2), (2, 40, 40)])
@pytest.mark.parametrize("temperature", [1.0, 0.5, 0.0])
def test_queues_change_nothing(decoder, batch, size, conditions, temperature):
    condition = torch.randn(batch, conditions, DIM, dtype=torch.double)
    fast = sample_with_queues(decoder, condition, size, seeded(), temperature)
    slow = sample_slowly(decoder, condition, size, seeded(), temperature)
    torch.testing.assert_close(fast, slow)


def test_queues_change_nothing_for_a_wider_kernel():
    decoder = tiny("wavenet", kernel=3)
    condition = torch.randn(2, 3, DIM, dtype=torch.double)
    fast = sample_with_queues(decoder, condition, 36, seeded())
    assert torch.equal(fast, sample_slowly(decoder, condition, 36, seeded()))


def test_a_sample_looks_like_the_target(decoder):
    sample = decoder.sample(torch.randn(2, 3, DIM, dtype=torch.double), 6, seeded())
    if decoder.target == "mu-law":
        assert (sample.shape, sample.dtype) == ((2, 6), torch.int64)
        assert 0 <= sample.min() <= sample.max() < 256
    else:
        assert (sample.shape, sample.dtype) == ((2, 6, BINS), torch.double)
    assert decoder.log_prob(sample, torch.randn(2, 3, DIM, dtype=torch.double)).isfinite().all()


def test_the_same_seed_gives_the_same_sample_and_another_seed_another(decoder):
    condition = torch.randn(2, 3, DIM, dtype=torch.double)
    first, second, third = (decoder.sample(condition, 30, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_sampling_from_a_generator_leaves_the_global_random_numbers_alone(decoder):
    before = torch.random.get_rng_state()
    decoder.sample(torch.randn(1, 3, DIM, dtype=torch.double, generator=seeded()), 6, seeded())
    assert torch.equal(before, torch.random.get_rng_state())


def test_sampling_in_training_mode_drops_nothing():
    decoder = tiny("frames", history_dropout=0.5)
    condition = torch.randn(2, 3, DIM, dtype=torch.double)
    quiet = decoder.sample(condition, 30, seeded())
    assert torch.equal(quiet, decoder.train().sample(condition, 30, seeded()))


def test_the_condition_decides_what_is_drawn(decoder):
    condition = torch.randn(1, 3, DIM, dtype=torch.double)
    samples = [decoder.sample(scale * condition, 30, seeded()) for scale in (1, -1)]
    assert not torch.equal(*samples)


@pytest.mark.parametrize("temperature", [-0.1, float("nan"), float("inf")])
def test_a_temperature_that_means_nothing_is_refused(decoder, temperature):
    with pytest.raises(ValueError, match="temperature must be 0 or more"):
        decoder.sample(torch.randn(1, 3, DIM, dtype=torch.double), 6, temperature=temperature)


def assert_drawn_from(decoder, codes, condition, uniform, temperature=1.0):
    """Every code is the one its uniform number chooses, given the codes before it, up to the rounding of 32 bits."""
    logits = decoder.logits(codes, condition).double()
    if temperature == 0:
        chosen = logits.gather(-1, codes[..., None])[..., 0]
        torch.testing.assert_close(chosen, logits.amax(-1), atol=1e-4, rtol=0)
        return
    probabilities = (logits / temperature).softmax(-1)
    above = probabilities.cumsum(-1).gather(-1, codes[..., None])[..., 0]
    below = above - probabilities.gather(-1, codes[..., None])[..., 0]
    assert (below - 1e-4 <= uniform).all()
    assert (uniform <= above + 1e-4).all()


@pytest.mark.parametrize("batch,size,conditions", [(1, 1, 1), (1, 600, 6), (5, 120, 2)])
@pytest.mark.parametrize("temperature", [1.0, 0.5, 0.0])
@torch.no_grad()
def test_compiled_sampling_draws_what_the_definition_draws(batch, size, conditions, temperature):
    decoder = tiny("wavenet").float()
    condition = torch.randn(batch, conditions, DIM)
    codes = decoder.sample(condition, size, seeded(), temperature)
    uniform = noise("uniform", batch, size, like=condition, generator=seeded())
    assert_drawn_from(decoder, codes, condition, uniform, temperature)


@torch.no_grad()
def test_compiled_sampling_knows_wider_kernels():
    decoder = tiny("wavenet", kernel=3, channels=6).float()  # 18 taps: not a multiple of four
    condition, uniform = torch.randn(2, 3, DIM), torch.rand(2, 90)
    codes = compiled.sample_codes(decoder, condition, uniform, 1.0)
    assert_drawn_from(decoder, codes, condition, uniform)


def test_compiled_sampling_does_not_depend_on_threads_or_interruptions(monkeypatch):
    decoder, condition = tiny("wavenet").float(), torch.randn(5, 4, DIM)
    alone = decoder.sample(condition, 80, seeded())
    monkeypatch.setattr(compiled, "STRETCH", 7)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert torch.equal(alone, decoder.sample(condition, 80, seeded()))


def test_a_cpu_runs_the_compiled_loop(monkeypatch):
    decoder = tiny("wavenet").float()
    monkeypatch.setattr(decoder, "sample_with_torch", None)
    assert decoder.sample(torch.randn(1, 2, DIM), 8).shape == (1, 8)


def test_compiled_tanh_is_right_everywhere():
    gates = np.concatenate([np.linspace(-12, 12, 4801), np.full(4801, 100)]).astype(np.float32)[None]
    gated = np.empty((1, 4801), np.float32)
    compiled.apply_gates(gates, gated)
    np.testing.assert_allclose(gated[0], np.tanh(np.linspace(-12, 12, 4801)), atol=1e-6)
    compiled.apply_gates(np.ascontiguousarray(gates[:, ::-1]), gated)
    np.testing.assert_allclose(gated[0], 1 / (1 + np.exp(np.linspace(-12, 12, 4801))), atol=1e-6)


def test_a_sample_from_a_compiled_loop_leaves_the_model_alone():
    decoder = tiny("wavenet").float()
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    decoder.sample(torch.randn(2, 3, DIM), 30, seeded())
    assert all(torch.equal(before[name], value) for name, value in decoder.state_dict().items())
