"""Sampling step by step with queues gives what sampling from the definition gives, from the same random numbers."""

import pytest
import torch

from unitdisc.decoders import DECODERS
from unitdisc.decoders.likelihoods import categorical_draw, noise, normal_draw

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


@pytest.fixture(params=DECODERS)
def decoder(request):
    return tiny(request.param)


@pytest.mark.parametrize("batch,size,conditions", [(1, 1, 1), (1, 24, 6), (3, 24, 2), (2, 40, 40)])
@pytest.mark.parametrize("temperature", [1.0, 0.5, 0.0])
def test_queues_change_nothing(decoder, batch, size, conditions, temperature):
    condition = torch.randn(batch, conditions, DIM, dtype=torch.double)
    fast = decoder.sample(condition, size, seeded(), temperature)
    slow = sample_slowly(decoder, condition, size, seeded(), temperature)
    torch.testing.assert_close(fast, slow)


def test_queues_change_nothing_for_a_wider_kernel():
    decoder = tiny("wavenet", kernel=3)
    condition = torch.randn(2, 3, DIM, dtype=torch.double)
    assert torch.equal(decoder.sample(condition, 36, seeded()), sample_slowly(decoder, condition, 36, seeded()))


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


def test_sampling_in_training_mode_drops_nothing():
    decoder = tiny("frames", dropout=0.5, history_dropout=0.5)
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
