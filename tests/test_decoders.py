"""Every decoder: a causal, normalised distribution, told of the condition in every layer; fast sampling is exact."""

import copy

import pytest
import torch

from unitdisc.decoders import DECODERS, BoundsLikelihood, Continues, LikelihoodDecoder
from unitdisc.decoders.draws import categorical_draw, noise, normal_draw
from unitdisc.decoders.frames import FIRST_SCALE
from unitdisc.decoders.likelihoods import categorical_log_prob, normal_log_prob
from unitdisc.decoders.sampling.batched import DrawsOnCpu, SamplesTogether

SIZE, CONDITIONS, DIM = 24, 6, 5
TARGET_DIM = {"log-mel": 7, "mu-law": 256, "grey": 6, "wave": 1}
LEVELS = 4  # of grey
OPTIONS = {
    "frames": {"channels": 8, "layers": 3},
    "wavenet": {"channels": 8, "skip_channels": 12, "layers": 5, "cycle": 3},
    "columns": {"channels": 8, "layers": 4, "cycle": 2, "levels": LEVELS},
    "deconv": {"channels": 8, "layers": 2, "levels": LEVELS},
    "pixelcnn": {"channels": 12, "layers": 2, "first_kernel": 3, "levels": LEVELS},
    "flow": {"flows": 2, "channels": 8, "layers": 1},
    "flow-columns": {"flows": 2, "channels": 8, "layers": 1, "levels": LEVELS},
    "diffusion": {"channels": 8, "layers": 2, "noise_levels": 4},
    "diffusion-columns": {"channels": 8, "layers": 2, "noise_levels": 4, "levels": LEVELS},
    "vocoder": {"channels": 8, "layers": 2, "hop": 4},
    "flow-wave": {"flows": 2, "channels": 8, "layers": 1, "hop": 4, "group": 4, "early_every": 1, "early": 1},
}
GREY = sorted(kind for kind in DECODERS if DECODERS[kind].target == "grey")
BLIND = {"deconv"}  # to the past
NOISY = {"diffusion", "diffusion-columns"}
NOISY_CLASSES = tuple(DECODERS[kind] for kind in sorted(NOISY))
WHOLE = {"vocoder"} | NOISY  # see later steps, too, and learn from something else than likelihoods
BOUNDS = {"flow-columns", "flow-wave"} | NOISY  # know no likelihoods, but bounds
BY_STEPS = {
    kind for kind in DECODERS if kind not in BLIND | WHOLE | {"flow", "flow-columns", "flow-wave"}
}  # one causal stack, in a loop


def tiny(kind, **options):
    """A decoder whose weights are alive but not saturated, in double precision so that equal means equal."""
    torch.manual_seed(0)
    decoder_class = DECODERS[kind]
    decoder = decoder_class(DIM, TARGET_DIM[decoder_class.target], **(OPTIONS[kind] | options))
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return decoder.double().eval()


def told(decoder, *inputs):
    """What is known of it; of one that knows no likelihoods, the negative of its loss."""
    if not isinstance(decoder, LikelihoodDecoder | BoundsLikelihood):
        return -decoder.loss(*inputs)
    return (decoder.log_prob if isinstance(decoder, LikelihoodDecoder) else decoder.log_prob_bound)(*inputs)


def random_target(decoder, batch=2, size=SIZE):
    if decoder.target == "mu-law":
        return torch.randint(256, (batch, size))
    if decoder.target == "grey":
        return torch.randint(LEVELS, (batch, size, TARGET_DIM["grey"]))
    if decoder.target == "wave":
        return 0.1 * torch.randn(batch, size, dtype=torch.double)
    return torch.randn(batch, size, TARGET_DIM["log-mel"], dtype=torch.double)


def random_condition(batch=2, conditions=CONDITIONS):
    return torch.randn(batch, conditions, DIM, dtype=torch.double)


def other(target):
    if target.dtype == torch.int64:
        return (target + 100) % 256 if target.ndim == 2 else (target + 2) % LEVELS
    return target + 3.0


@pytest.fixture(params=DECODERS)
def decoder(request):
    return tiny(request.param)


@pytest.fixture(params=[kind for kind in DECODERS if kind not in WHOLE])
def causal(request):
    return tiny(request.param)


@pytest.fixture(params=sorted(BY_STEPS))
def autoregressive(request):
    return tiny(request.param)


@pytest.fixture(params=GREY)
def grey(request):
    return tiny(request.param)


def test_log_prob_is_one_number_per_step(decoder):
    log_prob = told(decoder, random_target(decoder), random_condition())
    assert log_prob.shape == (2, SIZE)
    assert log_prob.isfinite().all()


def test_the_loss_is_the_negative_log_prob(decoder):
    """With lengths, too, which only those that read from the end heed."""
    kind = next(kind for kind in DECODERS if isinstance(decoder, DECODERS[kind]))
    assert isinstance(decoder, BoundsLikelihood) == (kind in BOUNDS)
    assert isinstance(decoder, LikelihoodDecoder) == (kind not in BOUNDS and kind != "vocoder")
    target, condition, lengths = random_target(decoder), random_condition(), torch.tensor([SIZE, SIZE - 4])
    assert torch.equal(decoder.loss(target, condition), -told(decoder, target, condition)) == (kind not in NOISY)
    if decoder.target == "grey":
        backwards = tiny("pixelcnn", direction="right-to-left")
        found = backwards.loss(target, condition, lengths)
        assert torch.equal(found, -backwards.log_prob(target, condition, lengths))
        assert not torch.equal(found, backwards.loss(target, condition))


@pytest.mark.parametrize(
    "ability,kinds", [(Continues, set(GREY)), (SamplesTogether, {"wavenet"}), (DrawsOnCpu, {"pixelcnn"})]
)
def test_what_only_some_can_do_is_a_protocol(ability, kinds):
    assert {kind for kind in DECODERS if isinstance(tiny(kind), ability)} == kinds


@pytest.mark.parametrize("step", [0, 1, 10, SIZE - 1])
def test_no_step_sees_the_future(causal, step):
    """Of steps that are told together, none before the first of them."""
    step -= step % getattr(causal, "group", 1)
    target, condition = random_target(causal), random_condition()
    changed = target.clone()
    changed[:, step:] = other(target[:, step:])
    before, after = told(causal, target, condition), told(causal, changed, condition)
    torch.testing.assert_close(before[:, :step], after[:, :step], rtol=0, atol=0)


@pytest.mark.parametrize("step", [0, 1, 10])
def test_every_step_sees_the_whole_past_within_reach(autoregressive, step):
    decoder = autoregressive
    target, condition = random_target(decoder), random_condition()
    changed = target.clone()
    changed[:, step : step + 1] = other(target[:, step : step + 1])
    before, after = told(decoder, target, condition), told(decoder, changed, condition)
    reach = decoder.stack.receptive_field
    different = (before != after)[0, step + 1 :]
    assert different[:reach].all()
    assert not different[reach:].any()


@pytest.mark.parametrize("kind", sorted(BLIND))
def test_no_step_sees_any_other(kind):
    decoder = tiny(kind)
    target, condition = random_target(decoder), random_condition()
    changed = target.clone()
    changed[:, 10] = other(target[:, 10:11])[:, 0]
    different = (told(decoder, target, condition) != told(decoder, changed, condition)).any(0)
    assert different.nonzero().flatten().tolist() == [10]


def test_gradient_reaches_only_the_past():
    decoder = tiny("frames")
    target = random_target(decoder).requires_grad_()
    decoder.means(target, random_condition())[:, 10].sum().backward()
    seen = target.grad.abs().sum((0, 2)) > 0
    reach = decoder.stack.receptive_field
    assert seen.tolist() == [10 - reach <= step < 10 for step in range(SIZE)]


@pytest.mark.parametrize("step", [0, 7])
def test_probabilities_of_a_sample_sum_to_one(step):
    """A decoder that peeks at the very step it predicts cannot pass."""
    decoder = tiny("wavenet")
    everything = random_target(decoder, batch=1).repeat(256, 1)
    everything[:, step] = torch.arange(256)
    log_prob = told(decoder, everything, random_condition(1).expand(256, -1, -1))
    torch.testing.assert_close(log_prob[:, step].exp().sum().item(), 1.0, atol=1e-5, rtol=0)


@pytest.mark.parametrize("step", [0, 7])
@pytest.mark.parametrize("kind", [kind for kind in GREY if kind not in BOUNDS])
def test_probabilities_of_a_column_sum_to_one(kind, step):
    """Over all the columns that there can be: a pixel that peeks at itself, or at one that sees it, cannot pass."""
    torch.manual_seed(0)
    decoder = DECODERS[kind](DIM, 3, **(OPTIONS[kind] | {"levels": 3})).double().eval()
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    everything = torch.randint(3, (1, 8, 3)).repeat(27, 1, 1)
    everything[:, step] = torch.cartesian_prod(*3 * [torch.arange(3)])
    log_prob = told(decoder, everything, random_condition(1, 2).expand(27, -1, -1))
    torch.testing.assert_close(log_prob[:, step].exp().sum().item(), 1.0, atol=1e-9, rtol=0)


@pytest.mark.parametrize("step", [0, 7])
def test_density_of_a_frame_integrates_to_one(step):
    """One bin at a time is integrated, the others held: p of the frame over p of the frame without that bin."""
    decoder = tiny("frames")
    grid = torch.linspace(-12, 12, 2001, dtype=torch.double)
    target, condition = random_target(decoder, batch=1), random_condition(1)
    everything = target.repeat(len(grid), 1, 1)
    everything[:, step, 2] = grid
    joint = told(decoder, everything, condition.expand(len(grid), -1, -1))[:, step].exp()
    mean = decoder.means(target, condition)[0, step]
    bins = [bin for bin in range(TARGET_DIM["log-mel"]) if bin != 2]
    rest = torch.distributions.Normal(mean[bins], decoder.log_scale.exp()[bins]).log_prob(target[0, step, bins])
    torch.testing.assert_close(torch.trapezoid(joint, grid), rest.sum().exp(), rtol=1e-6, atol=0)


def test_every_condition_holds_for_its_own_steps(causal):
    """Condition l changes nothing before step l * S / L, and changes that very step."""
    target, condition = random_target(causal), random_condition()
    for latent in range(CONDITIONS):
        changed = condition.clone()
        changed[:, latent] += 1.0
        different = (told(causal, target, condition) != told(causal, target, changed)).any(0)
        first = latent * SIZE // CONDITIONS
        assert not different[:first].any()
        assert different[first : first + SIZE // CONDITIONS].all()


def test_condition_is_upsampled_to_the_nearest(autoregressive):
    decoder = autoregressive
    for name, parameter in decoder.named_parameters():
        if name.endswith("place.weight"):  # of columns among those of their condition
            torch.nn.init.zeros_(parameter)
    target, condition = random_target(decoder), random_condition()
    slow = told(decoder, target, condition)
    fast = told(decoder, target, condition.repeat_interleave(SIZE // CONDITIONS, dim=1))
    torch.testing.assert_close(slow, fast)


def test_condition_reaches_every_layer_and_every_weight_learns(decoder):
    decoder.train()
    told(decoder, random_target(decoder), random_condition()).sum().backward()
    stacks = decoder.stack if hasattr(decoder, "stack") else decoder
    layers = [module for name, module in stacks.named_modules() if name.split(".")[-1] == "condition"]
    layers = [layer for layer in layers if not hasattr(stacks, "painting") or layer is not stacks.painting.condition]
    assert layers and all((layer.weight.grad != 0).all() for layer in layers)
    for name, parameter in decoder.named_parameters():
        assert (parameter.grad != 0).any(), name


def test_condition_has_a_gradient(decoder):
    condition = random_condition().requires_grad_()
    told(decoder, random_target(decoder), condition).sum().backward()
    assert (condition.grad != 0).all()


@pytest.mark.parametrize("size,conditions", [(25, 6), (5, 6), (6, 0), (0, 6)])
def test_steps_that_cannot_be_shared_out_are_refused(decoder, size, conditions):
    message = f"{size} target steps cannot be shared evenly among {conditions} condition frames"
    with pytest.raises(ValueError, match=message):
        told(decoder, random_target(decoder, size=size), random_condition(conditions=conditions))
    with pytest.raises(ValueError, match=message):
        decoder.sample(random_condition(conditions=conditions), size)


def test_items_of_a_batch_do_not_mix(decoder):
    target, condition = random_target(decoder), random_condition()
    together = told(decoder, target, condition)
    alone = torch.cat([told(decoder, target[i : i + 1], condition[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(together, alone)


def test_a_target_cut_short_has_the_same_log_prob(causal):
    target, condition = random_target(causal), random_condition()
    whole, part = told(causal, target, condition), told(causal, target[:, :8], condition[:, :2])
    torch.testing.assert_close(whole[:, :8], part)


def test_state_survives_saving(decoder):
    kind = next(kind for kind in DECODERS if isinstance(decoder, DECODERS[kind]))
    twin = DECODERS[kind](DIM, TARGET_DIM[decoder.target], **OPTIONS[kind]).double().eval()
    twin.load_state_dict(decoder.state_dict())
    target, condition = random_target(decoder), random_condition()
    assert torch.equal(told(decoder, target, condition), told(twin, target, condition))


def test_learns(decoder):
    decoder = copy.deepcopy(decoder).train()
    target, condition = random_target(decoder), random_condition()
    first = told(decoder, target, condition).mean().item()
    optimiser = torch.optim.Adam(decoder.parameters(), 1e-2)
    for _ in range(15 if isinstance(decoder, NOISY_CLASSES) else 30):
        optimiser.zero_grad()
        (-told(decoder, target, condition).mean()).backward()
        optimiser.step()
    assert told(decoder.eval(), target, condition).mean().item() > first + 0.5


@pytest.mark.parametrize("kind", ["frames", "columns"])
def test_history_is_hidden_in_training_only(kind):
    decoder = tiny(kind, history_dropout=0.5)
    target, condition = random_target(decoder), random_condition()
    torch.testing.assert_close(told(decoder, target, condition), told(decoder, target, condition), rtol=0, atol=0)
    decoder.train()
    assert not torch.allclose(told(decoder, target, condition), told(decoder, target, condition))


@pytest.mark.parametrize("kind,predict", [("frames", "means"), ("columns", "logits")])
def test_a_history_all_hidden_leaves_the_condition_alone(kind, predict):
    decoder = tiny(kind, history_dropout=1.0).train()
    target, condition = random_target(decoder), random_condition()
    first, second = (getattr(decoder, predict)(heard, condition) for heard in (target, other(target)))
    torch.testing.assert_close(first, second)


def test_every_item_has_a_history_of_its_own():
    decoder = tiny("frames", history_dropout=0.5).train()
    target, condition = random_target(decoder, batch=1), random_condition(1)
    twins = decoder.means(target.repeat(2, 1, 1), condition.repeat(2, 1, 1))
    assert not torch.allclose(*twins)


def test_history_is_hidden_as_often_as_asked():
    decoder = tiny("frames", history_dropout=0.3).train()
    target = random_target(decoder, batch=8, size=500).requires_grad_()
    heard = []
    decoder.stack.forward = lambda x, condition: heard.append(x) or x
    decoder.means(target, random_condition(8, 5))
    hidden = (heard[0] == decoder.hidden).all(-1)
    assert not hidden[:, 0].any()
    assert 0.27 < hidden[:, 1:].double().mean() < 0.33


def test_scales_stay_within_their_bounds():
    decoder = tiny("frames", scales=(0.1, 2.0))
    for value, scale in ((-100.0, 0.1), (100.0, 2.0)):
        torch.nn.init.constant_(decoder.scale, value)
        torch.testing.assert_close(decoder.log_scale.exp(), torch.full((7,), scale, dtype=torch.double))


def test_scales_start_where_trained_ones_end():
    decoder = DECODERS["frames"](DIM, 7)
    torch.testing.assert_close(decoder.log_scale.exp(), torch.full((7,), FIRST_SCALE), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "kind,options,message",
    [
        ("frames", {"history_dropout": 1.5}, "from 0 to 1"),
        ("frames", {"scales": (2.0, 1.0)}, "a lower and an upper bound"),
        ("frames", {"layers": 0}, "a layer and a kernel"),
        ("columns", {"history_dropout": 1.5}, "from 0 to 1"),
        ("columns", {"layers": 0}, "a layer and a kernel"),
        ("columns", {"cycle": 0}, "cycle is a number of layers"),
        ("vocoder", {"layers": 0}, "needs a layer and an odd kernel, not 0 and 7"),
        ("vocoder", {"kernel": 4}, "needs a layer and an odd kernel, not 6 and 4"),
        ("flow-wave", {"flows": 0}, "one flow at least, not 8 and 0"),
        ("flow-wave", {"early": -1}, "`early` must be 0 or more and `early_every` 1 or more, not -1 and 4"),
        ("flow-wave", {"early": 4}, "of `group` = 8 channels 8 leave early, and couplings need two"),
        ("flow-wave", {"group": 1}, "`group` must be 2 samples or more, not 1"),
        ("flow-wave", {"hop": 221}, "`group` = 8 does not divide the 221 samples of a frame: take 13, 17, 221, or"),
        *[(kind, {"levels": 1}, "2 grey levels at least") for kind in GREY],
    ],
)
def test_options_that_mean_nothing_are_refused(kind, options, message):
    with pytest.raises(ValueError, match=message):
        DECODERS[kind](DIM, 7, **options)


def test_columns_are_by_default_as_far_sighted_as_published():
    assert DECODERS["columns"](DIM, 32).stack.receptive_field == 23


def test_lengths_are_not_needed_where_nothing_is_padded(decoder):
    target, condition = random_target(decoder), random_condition()
    known = told(decoder, target, condition, torch.full((2,), SIZE))
    torch.testing.assert_close(known, told(decoder, target, condition))


def test_padding_changes_nothing(decoder):
    target, condition, lengths = random_target(decoder), random_condition(), torch.tensor([SIZE, 13])
    padded, other_condition = target.clone(), condition.clone()
    padded[1, 13:] = other(target[1:, 13:])[0]
    other_condition[1, 4:] += 1.0  # holds from step 16 on
    before = told(decoder, target, condition, lengths)
    after = told(decoder, padded, other_condition, lengths)
    torch.testing.assert_close(before[0], after[0], rtol=0, atol=0)
    torch.testing.assert_close(before[1, :13], after[1, :13], rtol=0, atol=0)


@pytest.mark.slow
def test_a_pixel_is_more_likely_where_it_was_learned(grey):
    """Ink where there was ink: levels, rows and columns stay where they are."""
    decoder = copy.deepcopy(grey).train()
    target, condition = random_target(decoder, batch=1), random_condition(1)
    optimiser = torch.optim.Adam(decoder.parameters(), 1e-2)
    for _ in range(40 if isinstance(decoder, NOISY_CLASSES) else 100):  # which are told of every noise at every step
        optimiser.zero_grad()
        (-told(decoder, target, condition).mean()).backward()
        optimiser.step()
    decoder.eval()
    right = told(decoder, target, condition).sum()
    for wrong in (target.flip(2), target.roll(1, 1), LEVELS - 1 - target):
        assert right > told(decoder, wrong, condition).sum() + 10


def test_defaults_are_of_the_size_of_the_paper():
    wavenet = DECODERS["wavenet"](128, 256)
    assert [layer.reach for layer in wavenet.stack.layers] == 2 * [2**i for i in range(10)]
    assert wavenet.stack.receptive_field == 2047
    assert 15e6 < sum(parameter.numel() for parameter in wavenet.parameters()) < 25e6


def test_categorical_log_prob_agrees_with_torch():
    logits, codes = torch.randn(2, 3, 9), torch.randint(9, (2, 3))
    expected = torch.distributions.Categorical(logits=logits).log_prob(codes)
    torch.testing.assert_close(categorical_log_prob(logits, codes), expected)


def test_categorical_draws_follow_the_probabilities():
    logits = torch.randn(9)
    uniform = (torch.arange(100_000) + 0.5) / 100_000
    frequencies = torch.bincount(categorical_draw(logits.expand(100_000, -1), uniform), minlength=9) / 100_000
    torch.testing.assert_close(frequencies, logits.softmax(0), atol=2e-5, rtol=0)


def test_categorical_draws_at_the_edges_have_a_probability():
    logits = torch.tensor([-torch.inf, 0.0, 1.0, -torch.inf])
    assert categorical_draw(logits.expand(2, -1), torch.tensor([0.0, 1.0 - 2**-24])).tolist() == [1, 2]
    assert categorical_draw(logits.expand(3, -1), torch.tensor([0.0, 0.5, 0.999]), temperature=0).tolist() == [2] * 3


def test_normal_log_prob_agrees_with_torch():
    mean, log_scale, values = torch.randn(2, 3, 4), torch.randn(4), torch.randn(2, 3, 4)
    expected = torch.distributions.Normal(mean, log_scale.exp()).log_prob(values).sum(-1)
    torch.testing.assert_close(normal_log_prob(mean, log_scale, values), expected)


def test_normal_draws_have_the_mean_and_the_scale():
    normal = torch.randn(20_000, 2)
    drawn = normal_draw(torch.tensor([1.0, -2.0]), torch.tensor([0.5, 2.0]).log(), normal, temperature=0.5)
    torch.testing.assert_close(drawn.mean(0), torch.tensor([1.0, -2.0]), atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.std(0), torch.tensor([0.25, 1.0]), atol=0.05, rtol=0)


def test_the_same_seed_gives_the_same_noise():
    like = torch.zeros(1)
    for kind in ("uniform", "normal"):
        first, second = (noise(kind, 2, 3, like=like, generator=torch.Generator().manual_seed(7)) for _ in range(2))
        assert torch.equal(first, second)
