"""A PixelCNN sees every pixel read before and no other, adds up to one, and draws what it says it draws."""

import itertools

import numpy as np
import pytest
import torch

from unitdisc.decoders import pixel_layers
from unitdisc.decoders.draws import categorical_draw, noise
from unitdisc.decoders.logistic_mixture import LogisticMixture
from unitdisc.decoders.pixelcnn import OUTPUTS, PixelCNN
from unitdisc.decoders.pixels import backwards
from unitdisc.decoders.sampling.pixelcnn_cpu import ColumnSampler

DIM, SIZE, HEIGHT, LEVELS, CONDITIONS = 5, 12, 7, 4, 4
SIDES = ("left-to-right", "right-to-left")


@pytest.fixture(autouse=True)
def many(monkeypatch):
    """Gates of a whole image are computed as many are, those of a pixel or a column as few."""
    monkeypatch.setattr(pixel_layers, "MANY", 500)


def tiny(levels=LEVELS, height=HEIGHT, std=0.3, **options):
    """A decoder whose weights are alive, and too small to saturate and hide a leak."""
    torch.manual_seed(0)
    decoder = PixelCNN(DIM, height, **({"channels": 6, "layers": 2, "first_kernel": 3, "levels": levels} | options))
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=std)
    for network in decoder.networks.values():
        network["stacks"].painting.paint.weight.data.mul_(0.05)  # a sum over many, which would drown the pixels
        for bias in (network["stacks"].rows_above, network["head"][1].bias):
            bias.data.add_(1.0)  # or all of the few channels before a ReLU may be off
    return decoder.double().eval()


def loud(levels=LEVELS, height=HEIGHT, **options):
    """A decoder that draws something else if its past was wrong."""
    return tiny(levels, height, std=0.7, **options)


def random_target(batch=2, size=SIZE, height=HEIGHT, levels=LEVELS):
    return torch.randint(levels, (batch, size, height))


def random_condition(batch=2, conditions=CONDITIONS):
    return torch.randn(batch, conditions, DIM, dtype=torch.double)


def seeded(seed=3):
    return torch.Generator().manual_seed(seed)


def by_pixel(decoder, target, condition, lengths=None):
    """Log-probability of every pixel, where it stands in the line: [B, S, H]."""
    (side,) = decoder.networks
    order = decoder.order(side, target, lengths)
    rows = torch.arange(len(target))[:, None]
    read = target if order is None else target[rows, order]
    found = decoder.output.log_prob(decoder.parameters_of(side, read, condition, order), read)
    return found if order is None else found[rows, order]


@torch.no_grad()
def sample_slowly(decoder, condition, numbers, temperature=1.0, given=None):
    """From the definition: the whole image is looked at again before every pixel."""
    side = decoder.sample_direction
    levels, kept = torch.zeros(numbers.shape, dtype=torch.long), 0 if given is None else given.shape[1]
    mirror = (lambda x: x.flip(1)) if side == "right-to-left" else (lambda x: x)
    if kept:
        levels[:, :kept] = mirror(given)
    order = decoder.order(side, levels, None)
    for column in range(kept, numbers.shape[1]):
        for row in range(numbers.shape[2]):
            logits = decoder.output.logits(decoder.parameters_of(side, levels, condition, order)[:, column, row])
            levels[:, column, row] = categorical_draw(logits, numbers[:, column, row], temperature)
    return mirror(levels)


# what a pixel sees


@pytest.mark.parametrize("layers,first_kernel", [(1, 3), (2, 3), (1, 5), (3, 5)])
def test_a_pixel_sees_every_pixel_read_before_within_reach_and_no_other(layers, first_kernel):
    """Neither itself, nor those below, nor the columns after; no blind spot."""
    stack = tiny(layers=layers, first_kernel=first_kernel).stack
    size, height, reach = 8, 7, stack.receptive_field
    assert reach == first_kernel // 2 + layers
    columns, rows = torch.meshgrid(torch.arange(size), torch.arange(height), indexing="ij")
    for column, row in itertools.product(range(size), range(height)):
        ink = torch.rand(1, size, height, dtype=torch.double, requires_grad=True)
        stack(ink, random_condition(1))[0, column, row].sum().backward()
        before = (column - reach <= columns) & (columns < column) & ((rows - row).abs() <= reach)
        above = (columns == column) & (row - reach <= rows) & (rows < row)
        assert torch.equal(ink.grad[0] != 0, before | above), (column, row)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("direction", SIDES)
def test_a_changed_pixel_changes_only_what_is_read_after_it(direction, output):
    decoder = tiny(direction=direction, output=output)
    target, condition, lengths = random_target(1), random_condition(1), torch.tensor([10])
    before = by_pixel(decoder, target, condition, lengths)[0]
    reach = decoder.stack.receptive_field
    columns, rows = torch.meshgrid(torch.arange(10), torch.arange(HEIGHT), indexing="ij")
    for column, row in itertools.product(range(10), range(HEIGHT)):
        changed = target.clone()
        changed[0, column, row] = (target[0, column, row] + 2) % LEVELS
        different = (by_pixel(decoder, changed, condition, lengths)[0] != before)[:10]
        later = columns - column if direction == "left-to-right" else column - columns
        seen = (later > 0) & (later <= reach) & ((rows - row).abs() <= reach)
        seen |= (later == 0) & (row < rows) & (rows <= row + reach)
        seen[column, row] = True  # another value has another probability
        assert torch.equal(different, seen), (column, row)


@pytest.mark.parametrize("stacks", [("past", "above"), ("past",), ("above",), ()])
def test_a_row_knows_which_row_it_is(stacks):
    """On blank paper far from the edges, nothing but its bias, in either stack, tells rows apart."""
    blank, condition = torch.zeros(1, SIZE, 20, dtype=torch.long), random_condition(1)
    decoder = tiny(height=20)
    torch.nn.init.zeros_(decoder.stack.painting.paint.weight)
    for stack in {"past", "above"} - {*stacks}:
        torch.nn.init.zeros_(getattr(decoder.stack, f"rows_{stack}"))
    inner = decoder.parameters_of("left-to-right", blank, condition)[0, 5, 8:-4]  # a bias is seen from below, too
    if stacks:
        assert not any(torch.allclose(inner[i], inner[j]) for i, j in itertools.combinations(range(len(inner)), 2))
    else:
        torch.testing.assert_close(inner, inner[:1].expand_as(inner))


@pytest.mark.parametrize("direction", SIDES)
def test_the_condition_of_its_column_reaches_every_pixel(direction):
    decoder = tiny(direction=direction)
    target = random_target(1)
    condition = random_condition(1, SIZE)
    before = by_pixel(decoder, target, condition)[0]
    for column in range(SIZE):
        changed = condition.clone()
        changed[:, column] += 1.0
        different = by_pixel(decoder, target, changed)[0] != before
        assert different[column].all()
        unread = slice(0, column) if direction == "left-to-right" else slice(column + 1, None)
        assert not different[unread].any()


@pytest.mark.parametrize("stack", ["past", "above"])
def test_the_condition_enters_every_layer_of_both_stacks(stack):
    decoder = tiny(layers=3)
    decoder.log_prob(random_target(), random_condition()).sum().backward()
    for layer in decoder.stack.layers[: -1 if stack == "past" else None]:
        parts = layer.condition.weight.grad.split(12)  # signals and gates of 6 channels
        assert (parts[stack == "past"] != 0).all()


# probabilities


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("direction", SIDES)
@pytest.mark.parametrize("size,height,levels", [(2, 2, 2), (2, 2, 3), (3, 2, 2), (1, 4, 3)])
def test_all_images_together_have_probability_one(direction, output, size, height, levels):
    decoder = tiny(levels, height, direction=direction, output=output)
    images = torch.tensor(list(itertools.product(range(levels), repeat=size * height))).view(-1, size, height)
    condition = random_condition(1, size).expand(len(images), -1, -1)
    total = decoder.log_prob(images, condition).sum(1).exp().sum()
    torch.testing.assert_close(total.item(), 1.0, atol=1e-9, rtol=0)


@pytest.mark.parametrize("levels", [2, 3, 4, 17, 256])
def test_probabilities_of_a_mixture_sum_to_one(levels):
    torch.manual_seed(0)
    mixture = LogisticMixture(levels)
    parameters = torch.randn(50, mixture.dim, dtype=torch.double) * torch.tensor([1.0, 3.0, 5.0]).repeat_interleave(5)
    torch.testing.assert_close(mixture.logits(parameters).exp().sum(-1), torch.ones(50, dtype=torch.double))


def test_a_mixture_gives_every_level_the_mass_between_the_middles_to_its_neighbours():
    torch.manual_seed(0)
    mixture, levels = LogisticMixture(6, components=3), torch.arange(6)
    weights, means, log_scales = torch.randn(3, 3, dtype=torch.double)
    edges = (levels[:-1].double() + 0.5) / 5 * 2 - 1
    below = (weights.softmax(0) * ((edges[:, None] - means) / log_scales.exp()).sigmoid()).sum(-1)
    expected = torch.cat([below, torch.ones(1)]) - torch.cat([torch.zeros(1), below])
    parameters = torch.cat([weights, means, log_scales])
    torch.testing.assert_close(mixture.logits(parameters).exp(), expected)
    torch.testing.assert_close(mixture.log_prob(parameters.expand(6, -1), levels).exp(), expected)


@pytest.mark.parametrize("mean", [-50.0, -1.0, 0.3, 1.0, 50.0])
@pytest.mark.parametrize("log_scale", [-100.0, -7.0, 0.0, 20.0])
def test_a_mixture_stays_finite_and_trainable_far_out(mean, log_scale):
    mixture = LogisticMixture(256, components=1)
    parameters = torch.tensor([0.0, mean, log_scale], requires_grad=True)
    logits = mixture.logits(parameters)
    assert logits.isfinite().all()
    torch.testing.assert_close(logits.exp().sum().item(), 1.0, atol=1e-4, rtol=0)
    logits.sum().backward()
    assert parameters.grad.isfinite().all()


def test_components_of_a_mixture_begin_apart():
    decoder = PixelCNN(DIM, HEIGHT, channels=6, layers=2, output="logistic-mixture")
    torch.nn.init.zeros_(decoder.head[-1].weight)
    means = decoder.parameters_of("left-to-right", random_target(), torch.zeros(2, CONDITIONS, DIM))[..., 5:10]
    assert (means.mean((0, 1, 2)).diff() > 0.2).all()


# directions and padding


@pytest.mark.parametrize("direction", ["left-to-right", "right-to-left", "both"])
@pytest.mark.parametrize("length", [6, 7])
def test_padding_changes_nothing(direction, length):
    decoder = tiny(direction=direction)
    target, condition, lengths = random_target(), random_condition(), torch.tensor([SIZE, length])
    clean = decoder.log_prob(target, condition, lengths)
    noisy, louder = target.clone(), condition.clone()
    noisy[1, length:] = (target[1, length:] + 1) % LEVELS
    louder[1, -(-length // 3) :] = 100.0
    torch.testing.assert_close(decoder.log_prob(noisy, louder, lengths)[1, :length], clean[1, :length])
    torch.testing.assert_close(decoder.log_prob(noisy, louder, lengths)[0], clean[0])


@pytest.mark.parametrize("direction", ["left-to-right", "right-to-left", "both"])
def test_a_line_in_a_batch_is_as_likely_as_alone(direction):
    decoder = tiny(direction=direction)
    target, condition = random_target(), random_condition()
    together = decoder.log_prob(target, condition, torch.tensor([SIZE, 6]))
    torch.testing.assert_close(together[1, :6], decoder.log_prob(target[1:, :6], condition[1:, :2])[0])
    torch.testing.assert_close(together[0], decoder.log_prob(target[:1], condition[:1])[0])


def test_right_to_left_reads_the_mirrored_line():
    forwards, mirrored = tiny(), tiny(direction="right-to-left")
    for decoder in (forwards, mirrored):  # where a column lies among those of its condition is never mirrored
        torch.nn.init.zeros_(decoder.stack.painting.place.weight)
    target, condition = random_target(), random_condition()
    expected = forwards.log_prob(target.flip(1), condition.flip(1)).flip(1)
    torch.testing.assert_close(mirrored.log_prob(target, condition), expected)
    assert not torch.allclose(forwards.log_prob(target, condition), expected)


def test_backwards_reads_each_line_from_its_own_end_and_leaves_the_padding():
    assert backwards(torch.tensor([5, 3, 1]), 5).tolist() == [[4, 3, 2, 1, 0], [2, 1, 0, 3, 4], [0, 1, 2, 3, 4]]


def test_both_directions_are_trained_and_count_alike():
    decoder = tiny(direction="both")
    target, condition, lengths = random_target(), random_condition(), torch.tensor([SIZE, 7])
    sides = [decoder.log_prob_of(side, target, condition, lengths) for side in SIDES]
    log_prob = decoder.log_prob(target, condition, lengths)
    torch.testing.assert_close(log_prob, (sides[0] + sides[1]) / 2)
    assert not torch.allclose(*sides)
    log_prob.sum().backward()
    assert all((parameter.grad != 0).any() for parameter in decoder.parameters())


def test_both_directions_draw_from_left_to_right():
    decoder, condition = tiny(direction="both"), random_condition()
    alone = tiny()
    alone.networks["left-to-right"].load_state_dict(decoder.networks["left-to-right"].state_dict())
    assert torch.equal(decoder.sample(condition, SIZE, seeded()), alone.sample(condition, SIZE, seeded()))


# sampling


@pytest.mark.parametrize("direction", SIDES)
@pytest.mark.parametrize("output,levels", [("softmax", 4), ("softmax", 2), ("logistic-mixture", 9)])
@pytest.mark.parametrize("temperature,given", [(1.0, 0), (1.0, 5), (0.5, 1), (0.0, 3)])
def test_caches_change_nothing(direction, output, levels, temperature, given):
    decoder = loud(levels, 4, direction=direction, output=output, first_kernel=5)
    condition, given = random_condition(3, 5), random_target(3, given, 4, levels)
    numbers = torch.rand(3, 10, 4, dtype=torch.double)
    slow = sample_slowly(decoder, condition, numbers, temperature, given)
    assert torch.equal(decoder.sample_columns(decoder.draw_column, condition, numbers, temperature, given), slow)


def assert_drawn_from(decoder, levels, condition, numbers, temperature):
    """Every pixel is the one its uniform number chooses, given those before it, up to the rounding of 32 bits."""
    (side,) = decoder.networks
    order = decoder.order(side, levels, None)
    read = levels if order is None else levels.flip(1)
    logits = decoder.output.logits(decoder.parameters_of(side, read, condition, order)).double()
    if temperature == 0:
        chosen = logits.gather(-1, read[..., None])[..., 0]
        torch.testing.assert_close(chosen, logits.amax(-1), atol=1e-4, rtol=0)
        return
    probabilities = (logits / temperature).softmax(-1)
    upto = probabilities.cumsum(-1).gather(-1, read[..., None])[..., 0]
    below = upto - probabilities.gather(-1, read[..., None])[..., 0]
    assert (below - 1e-4 <= numbers).all()
    assert (numbers <= upto + 1e-4).all()


@pytest.mark.parametrize("direction", SIDES)
@pytest.mark.parametrize("output,levels", [("softmax", 4), ("logistic-mixture", 4), ("logistic-mixture", 256)])
@pytest.mark.parametrize("temperature", [1.0, 0.5, 0.0])
@torch.no_grad()
def test_compiled_sampling_draws_what_the_definition_draws(direction, output, levels, temperature):
    decoder = loud(levels, direction=direction, output=output, channels=7).float()  # taps: no multiple of four
    condition = torch.randn(5, 6, DIM)
    drawn = decoder.sample(condition, 24, seeded(), temperature)
    numbers = noise("uniform", 5, 24, HEIGHT, like=condition, generator=seeded())
    assert_drawn_from(decoder, drawn, condition, numbers, temperature)


@pytest.mark.parametrize("levels", [2, 3, 256])
@torch.no_grad()
def test_a_mixture_is_searched_for_the_level_that_counting_them_all_finds(levels):
    from unitdisc.decoders.sampling.kernels import draw
    from unitdisc.decoders.sampling.pixelcnn_cpu import draw_mixed, measure, mix

    likely, logits, parts = np.empty(levels), np.empty(levels), np.empty((3, 4))
    parameters = (2 * torch.randn(200, 12)).numpy()
    for number, row in zip([0.0, 1 - 1e-9, *np.random.default_rng(0).random(198)], parameters):
        measure(row, parts)
        mix(parts, logits)
        np.testing.assert_allclose(
            np.exp(logits), LogisticMixture(levels, 4).logits(torch.from_numpy(row).double()).exp(), atol=1e-12
        )
        assert draw_mixed(parts, number, levels) == draw(logits, number, 1.0, likely)


def test_images_are_drawn_as_often_as_they_are_likely():
    decoder = loud(2, 2)
    condition = random_condition(1, 2)
    drawn = decoder.sample(condition.expand(20_000, -1, -1), 2, seeded())
    images = torch.tensor(list(itertools.product(range(2), repeat=4))).view(-1, 2, 2)
    expected = decoder.log_prob(images, condition.expand(16, -1, -1)).sum(1).exp()
    found = (drawn[:, None] == images).all(-1).all(-1).double().mean(0)
    torch.testing.assert_close(found, expected, atol=0.015, rtol=0)


def test_compiled_sampling_does_not_depend_on_threads(monkeypatch):
    decoder, condition = loud().float(), torch.randn(5, 4, DIM)
    alone = decoder.sample(condition, SIZE, seeded())
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert torch.equal(alone, decoder.sample(condition, SIZE, seeded()))


def test_a_cpu_runs_the_compiled_loop(monkeypatch):
    decoder = loud().float()
    monkeypatch.setattr(decoder, "draw_column", None)
    assert decoder.sample(torch.randn(1, 2, DIM), 8).shape == (1, 8, HEIGHT)


def test_sampling_leaves_the_model_alone_and_hides_nothing():
    decoder = loud(history_dropout=0.5).float()
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    condition = torch.randn(2, 3, DIM)
    quiet = decoder.sample(condition, 30, seeded())
    assert torch.equal(quiet, decoder.train().sample(condition, 30, seeded()))
    assert decoder.training
    assert all(torch.equal(before[name], value) for name, value in decoder.state_dict().items())


def test_the_same_seed_gives_the_same_sample_and_another_seed_another():
    decoder, condition = loud(), random_condition()
    first, second, third = (decoder.sample(condition, SIZE, seeded(seed)) for seed in (1, 1, 2))
    assert (first.shape, first.dtype) == ((2, SIZE, HEIGHT), torch.int64)
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_temperature_zero_needs_no_luck():
    decoder, condition = loud(), random_condition()
    samples = [decoder.sample(condition, SIZE, seeded(seed), temperature=0.0) for seed in (1, 2)]
    assert torch.equal(*samples)


@pytest.mark.parametrize("temperature", [-0.1, float("nan"), float("inf")])
def test_a_temperature_that_means_nothing_is_refused(temperature):
    with pytest.raises(ValueError, match="temperature must be 0 or more"):
        loud().sample(random_condition(), SIZE, temperature=temperature)


def test_the_condition_decides_what_is_drawn():
    decoder, condition = loud(), random_condition()
    samples = [decoder.sample(scale * condition, SIZE, seeded()) for scale in (1, -1)]
    assert not torch.equal(*samples)


@pytest.mark.parametrize("direction", SIDES)
def test_given_columns_are_kept_and_decide_what_follows(direction):
    decoder, condition = loud(direction=direction), random_condition()
    one, two = random_target(size=5), random_target(size=5)
    samples = [decoder.sample(condition, SIZE, seeded(), given=given) for given in (one, two)]
    kept = slice(0, 5) if direction == "left-to-right" else slice(SIZE - 5, SIZE)
    rest = slice(5, SIZE) if direction == "left-to-right" else slice(0, SIZE - 5)
    assert torch.equal(samples[0][:, kept], one)
    assert torch.equal(samples[1][:, kept], two)
    assert not torch.equal(samples[0][:, rest], samples[1][:, rest])


def test_given_columns_of_a_sample_give_that_sample():
    """The numbers of the columns that are given are passed over, not handed to those that follow."""
    decoder, condition = loud(), random_condition()
    whole = decoder.sample(condition, SIZE, seeded())
    for given in (0, 4, SIZE):
        assert torch.equal(decoder.sample(condition, SIZE, seeded(), given=whole[:, :given]), whole)


@pytest.mark.parametrize(
    "shape,level",
    [((1, 3, HEIGHT), 0), ((2, 3, 5), 0), ((2, 13, HEIGHT), 0), ((2, 3, HEIGHT), 4), ((2, 3, HEIGHT), -1)],
)
def test_given_columns_that_do_not_fit_are_refused(shape, level):
    with pytest.raises(ValueError, match="columns given"):
        loud().sample(random_condition(), SIZE, given=torch.full(shape, level))


# training


@pytest.mark.parametrize("output", OUTPUTS)
def test_half_precision_trains_and_draws(output):
    decoder = tiny(output=output, direction="both", history_dropout=0.2).float().train()
    condition = torch.randn(2, CONDITIONS, DIM, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        log_prob = decoder.log_prob(random_target(), condition)
        drawn = decoder.sample(condition.detach(), SIZE, seeded())
    assert log_prob.dtype == torch.float32
    assert 0 <= drawn.min() <= drawn.max() < LEVELS
    log_prob.sum().backward()
    assert condition.grad.isfinite().all()
    assert (condition.grad != 0).all()


def test_a_history_all_hidden_leaves_the_condition_alone():
    decoder = tiny(history_dropout=1.0).train()
    target, condition = random_target(), random_condition()
    other = (target + 1) % LEVELS
    parameters = [decoder.parameters_of("left-to-right", image, condition) for image in (target, other)]
    torch.testing.assert_close(*parameters)
    assert not torch.allclose(*[decoder.eval().log_prob(image, condition) for image in (target, other)])


def test_whole_columns_are_hidden_as_often_as_asked(monkeypatch):
    decoder = tiny(history_dropout=0.3).train()
    heard = []
    monkeypatch.setattr(decoder.stack, "forward", lambda ink, condition, order: heard.append(ink) or ink[..., None])
    monkeypatch.setattr(decoder.head, "forward", lambda x: x)
    decoder.parameters_of("left-to-right", random_target(8, 500), random_condition(8, 5))
    hidden = heard[0] == decoder.hidden
    assert torch.equal(hidden.all(-1), hidden.any(-1))
    assert 0.27 < hidden.double().mean() < 0.33
    decoder.eval().parameters_of("left-to-right", random_target(8, 500), random_condition(8, 5))
    assert not (heard[1] == decoder.hidden).any()


def numbers_kept(decoder, target, condition):
    """How many numbers are kept for the gradients, which are then there."""
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.numel()) or x, lambda x: x):
        loss = decoder.log_prob(target, condition).sum()
    loss.backward()
    return sum(kept)


@pytest.mark.parametrize("channels", [6, 64])
def test_a_checkpoint_changes_no_gradient_and_keeps_less(channels):
    target, kept, grads = random_target(), [], []
    for checkpoint in (False, True):
        decoder = tiny(channels=channels, std=0.1, checkpoint=checkpoint, history_dropout=0.3).float().train()
        condition = random_condition().float().requires_grad_()
        kept.append(numbers_kept(decoder, target, condition))
        grads.append([condition.grad, *(parameter.grad for parameter in decoder.parameters())])
    assert kept[1] < 0.7 * kept[0]
    assert all(torch.equal(*pair) for pair in zip(*grads))


@pytest.mark.parametrize(
    "options",
    [
        {"levels": 1},
        {"layers": 0},
        {"first_kernel": 4},
        {"first_kernel": 1},
        {"output": "mixture"},
        {"direction": "down"},
        {"history_dropout": 1.5},
    ],
)
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(ValueError):
        PixelCNN(DIM, HEIGHT, **options)


def test_defaults_are_of_the_size_of_the_paper():
    decoder = PixelCNN(64, 32)
    assert (decoder.levels, len(decoder.stack.layers), decoder.stack.receptive_field) == (4, 7, 10)
    painting = sum(parameter.numel() for parameter in decoder.stack.painting.parameters())
    assert 0.6e6 < sum(parameter.numel() for parameter in decoder.parameters()) - painting < 1.0e6


@pytest.mark.parametrize("output", OUTPUTS)
def test_learns_that_strokes_run_on(output):
    """Pixels that copy the pixel above, or the column before, cost less than a fair coin."""
    torch.manual_seed(0)
    decoder = PixelCNN(DIM, HEIGHT, 2, channels=8, layers=1, first_kernel=3, output=output)
    optimiser = torch.optim.Adam(decoder.parameters(), 3e-2)
    lines = [
        torch.randint(2, (8, SIZE, 1)).expand(-1, -1, HEIGHT),
        torch.randint(2, (8, 1, HEIGHT)).expand(-1, SIZE, -1),
    ]
    target, condition = torch.cat(lines), torch.zeros(16, CONDITIONS, DIM)
    for _ in range(40):
        optimiser.zero_grad()
        loss = -decoder.log_prob(target, condition).mean() / HEIGHT
        loss.backward()
        optimiser.step()
    assert loss < 0.3  # of 0.69 nats


def test_numbers_of_a_pixel_are_its_own():
    """A column is drawn from its own row of numbers, whatever the thread that draws it."""
    decoder, condition = tiny(), random_condition(3)
    numbers = torch.rand(3, SIZE, HEIGHT, dtype=torch.double)
    sampler = ColumnSampler(decoder.stack, decoder.head, decoder.output)
    together = decoder.sample_columns(sampler, condition, numbers)
    alone = [decoder.sample_columns(sampler, condition[i : i + 1], numbers[i : i + 1]) for i in range(3)]
    assert torch.equal(together, torch.cat(alone))
