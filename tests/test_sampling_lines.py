"""What draws line images draws from its own `log_prob`, keeps what is given, and obeys seed and temperature."""

import pytest
import torch

from unitdisc.decoders import DECODERS
from unitdisc.decoders.draws import categorical_draw, noise

DIM, HEIGHT, LEVELS = 5, 3, 3
COLUMNS = torch.cartesian_prod(*HEIGHT * [torch.arange(LEVELS)])  # all that there can be
OPTIONS = {
    "columns": {"channels": 8, "layers": 4, "cycle": 2},
    "deconv": {"channels": 8, "layers": 1},
    "pixelcnn": {"channels": 8, "layers": 2, "first_kernel": 3},
    "flow-columns": {"flows": 2, "channels": 8},
    "diffusion-columns": {"channels": 8, "layers": 2, "steps": 4},
}
EXACT = ["columns", "deconv", "pixelcnn"]  # say how probable every column is


def tiny(kind, **options):
    torch.manual_seed(0)
    decoder = DECODERS[kind](DIM, HEIGHT, **(OPTIONS[kind] | {"levels": LEVELS} | options))
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)  # loud enough for a wrong past to change what is drawn
    return decoder.double().eval()


@pytest.fixture(params=OPTIONS)
def decoder(request):
    return tiny(request.param)


@pytest.fixture(params=EXACT)
def exact(request):
    return tiny(request.param)


def test_every_decoder_of_line_images_is_tested():
    assert set(OPTIONS) == {kind for kind in DECODERS if DECODERS[kind].target == "grey"}


def seeded(seed=3):
    return torch.Generator().manual_seed(seed)


def random_condition(batch=2, conditions=3):
    return 2 * torch.randn(batch, conditions, DIM, dtype=torch.double, generator=seeded(7))


def random_columns(batch, size):
    return torch.randint(LEVELS, (batch, size, HEIGHT), generator=seeded(8))


@torch.no_grad()
def sample_slowly(decoder, condition, size, generator, temperature=1.0, given=None):
    """From the definition: the probability of every possible column, and each pixel's share in it given those above."""
    batch, kept = len(condition), 0 if given is None else given.shape[1]
    uniform = noise("uniform", batch, size, HEIGHT, like=condition, generator=generator)
    drawn = torch.zeros(batch, size, HEIGHT, dtype=torch.long)
    drawn[:, :kept] = 0 if given is None else given
    for item in range(batch):
        for step in range(kept, size):
            tried = drawn[item].repeat(len(COLUMNS), 1, 1)
            tried[:, step] = COLUMNS
            log_prob = decoder.log_prob(tried, condition[item].expand(len(COLUMNS), -1, -1))[:, step]
            for row in range(HEIGHT):
                log_prob = log_prob.view(LEVELS, -1)  # by the level of this pixel, then by what may come below
                level = categorical_draw(log_prob.logsumexp(-1), uniform[item, step, row], temperature)
                drawn[item, step, row] = level
                log_prob = log_prob[level]
    return drawn


@pytest.mark.parametrize("batch,size,conditions", [(1, 1, 1), (2, 12, 3), (1, 6, 6)])
@pytest.mark.parametrize("temperature", [1.0, 0.5, 0.0])
def test_samples_are_drawn_from_the_definition(exact, batch, size, conditions, temperature):
    condition = random_condition(batch, conditions)
    fast = exact.sample(condition, size, seeded(), temperature)
    assert torch.equal(fast, sample_slowly(exact, condition, size, seeded(), temperature))


def test_a_line_is_completed_from_what_is_given(decoder):
    condition, given = random_condition(), random_columns(2, 5)
    completed = decoder.sample(condition, 12, seeded(), given=given)
    assert torch.equal(completed[:, :5], given)
    if any(isinstance(decoder, DECODERS[kind]) for kind in EXACT):
        assert torch.equal(completed, sample_slowly(decoder, condition, 12, seeded(), given=given))


def test_what_was_drawn_may_be_given_back(exact):
    condition = random_condition()
    whole = exact.sample(condition, 12, seeded())
    for kept in (0, 1, 7, 12):
        assert torch.equal(whole, exact.sample(condition, 12, seeded(), given=whole[:, :kept]))


@pytest.mark.parametrize("kind", sorted(OPTIONS.keys() - {"deconv"}))
def test_what_is_given_changes_what_comes_after(kind):
    decoder, condition, given = tiny(kind), random_condition(), random_columns(2, 5)
    ends = [decoder.sample(condition, 12, seeded(), given=start)[:, 5:] for start in (given, LEVELS - 1 - given)]
    assert not torch.equal(*ends)


def test_a_sample_looks_like_the_target(decoder):
    sample = decoder.sample(random_condition(), 6, seeded())
    assert (sample.shape, sample.dtype) == ((2, 6, HEIGHT), torch.int64)
    assert 0 <= sample.min() <= sample.max() < LEVELS
    assert decoder.loss(sample, random_condition()).isfinite().all()


def test_the_same_seed_gives_the_same_sample_and_another_seed_another(decoder):
    first, second, third = (decoder.sample(random_condition(), 30, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_without_temperature_chance_has_no_say(decoder):
    first, second = (decoder.sample(random_condition(), 12, seeded(seed), temperature=0.0) for seed in (1, 2))
    assert torch.equal(first, second)


def test_items_of_a_batch_do_not_mix(decoder):
    condition, given = random_condition(3), random_columns(3, 4)
    together = decoder.sample(condition, 12, temperature=0.0, given=given)
    for item in range(3):
        alone = decoder.sample(condition[item : item + 1], 12, temperature=0.0, given=given[item : item + 1])
        assert torch.equal(together[item : item + 1], alone)


def test_sampling_leaves_the_global_random_numbers_and_the_mode_alone(decoder):
    decoder.train()
    before = torch.random.get_rng_state()
    decoder.sample(random_condition(), 6, seeded())
    assert torch.equal(before, torch.random.get_rng_state())
    assert decoder.training


@pytest.mark.parametrize("kind", ["columns", "pixelcnn"])
def test_sampling_in_training_mode_hides_nothing(kind):
    decoder = tiny(kind, history_dropout=0.5)
    quiet = decoder.sample(random_condition(), 12, seeded())
    assert torch.equal(quiet, decoder.train().sample(random_condition(), 12, seeded()))


def test_the_condition_decides_what_is_drawn(decoder):
    samples = [decoder.sample(scale * random_condition(), 30, seeded()) for scale in (1, -1)]
    assert not torch.equal(*samples)


@pytest.mark.parametrize("temperature", [-0.1, float("nan"), float("inf")])
def test_a_temperature_that_means_nothing_is_refused(decoder, temperature):
    with pytest.raises(ValueError, match="temperature must be 0 or more"):
        decoder.sample(random_condition(), 6, temperature=temperature)


@pytest.mark.parametrize("shape", [(3, 2, HEIGHT), (2, 2, HEIGHT + 1), (2, 7, HEIGHT), (2, HEIGHT)])
def test_columns_that_do_not_fit_are_refused(decoder, shape):
    with pytest.raises(ValueError, match=r"the columns given .* at most \[2, 6, 3\]"):
        decoder.sample(random_condition(), 6, given=torch.zeros(shape, dtype=torch.long))


@pytest.mark.parametrize("level", [-1, LEVELS])
def test_levels_that_do_not_exist_are_refused(decoder, level):
    with pytest.raises(ValueError, match="levels outside of 0 to 2"):
        decoder.sample(random_condition(), 6, given=torch.full((2, 2, HEIGHT), level))
