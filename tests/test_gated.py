"""The gated layers and the output computed by hand: equal to the plain formulas, forward and backward."""

import importlib.util
from itertools import product
from pathlib import Path

import pytest
import torch

from unitdisc.decoders import WaveNet, gated
from unitdisc.decoders.causal import GatedLayer
from unitdisc.decoders.likelihoods import ProjectedLogProb, categorical_log_prob, projected_log_prob

BASELINE = Path(__file__).parent.parent / "benchmarks" / "baselines" / "plain_wavenet.py"
SIZE, BATCH, CONDITIONS, DIM, CHANNELS, SKIPS = 24, 2, 4, 3, 4, 5
PIECES = [1, 8, 3 * CHANNELS * BATCH, 2**17]  # numbers at once


@pytest.fixture(scope="module")
def plain_class():
    spec = importlib.util.spec_from_file_location("plain_wavenet", BASELINE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PlainWaveNet


@pytest.fixture(params=PIECES)
def numbers(request, monkeypatch):
    """In pieces of a step, of parts of a condition, of some conditions, and all at once."""
    monkeypatch.setattr(gated, "NUMBERS", request.param)


def double(*shape):
    return torch.randn(*shape, dtype=torch.double, requires_grad=True)


def layers() -> list:
    """Every way a layer is computed; slow but for eight, among which any two things meet in every way."""
    found = []
    for (place, size), keep, last, three in product(enumerate(PIECES), *3 * [(False, True)]):
        chosen = keep == (place % 2 ^ last) and three == (place // 2 ^ last)
        found.append(pytest.param(size, keep, last, 2 + three, marks=() if chosen else pytest.mark.slow))
    return found


@pytest.mark.parametrize("numbers,keep,last,kernel", layers(), indirect=["numbers"])
def test_gradients_of_a_layer_are_those_of_its_numbers(numbers, keep, last, kernel):
    torch.manual_seed(0)
    x, condition = double(6, BATCH, 2), double(3, BATCH, 4)
    weights = [double(4, kernel * 2), double(3, 2), *([None, None] if last else [double(2, 2), double(2)])]
    skips = double(6, BATCH, 3)

    def layer(x, skips, *others):
        following, found = gated.GatedSteps.apply(x, skips.clone(), *others, [2 * i for i in range(kernel)][::-1], keep)
        return found if following is None else (following, found)

    assert torch.autograd.gradcheck(layer, (x, skips, condition, *weights))


def test_pieces_hold_every_step_once(numbers):
    x = torch.zeros(SIZE, BATCH, CHANNELS)
    for conditions in (1, 3, 8, SIZE):
        found = list(gated.pieces(x, conditions))
        assert [step for piece in found for step in range(piece.first, piece.last)] == list(range(SIZE))
        for piece in found:
            held = range(conditions)[piece.conditions]
            assert all(step * conditions // SIZE in held for step in range(piece.first, piece.last))
            assert (piece.last - piece.first) % len(held) == 0


def tiny(**options):
    torch.manual_seed(0)
    sizes = {"channels": CHANNELS, "skip_channels": SKIPS, "layers": 5, "cycle": 3}
    return WaveNet(DIM, 256, **(sizes | options)).double()


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters()}


@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("checkpoint", [False, True])
def test_loss_and_gradients_are_those_of_convolutions(plain_class, numbers, kernel, checkpoint):
    ours = tiny(kernel=kernel, checkpoint=checkpoint)
    plain = plain_class.of(ours)
    target, condition = torch.randint(256, (BATCH, SIZE)), double(BATCH, CONDITIONS, DIM)
    losses = [-ours.log_prob(target, condition).mean(), plain(target, condition)]
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(*[torch.autograd.grad(loss, condition, retain_graph=True)[0] for loss in losses])
    found, expected = gradients(ours, losses[0]), gradients(plain, losses[1])
    for name, gradient in found.items():
        other = expected[name.replace("stack.layers", "layers").replace(".gates.", ".conv.")]
        if name.endswith("gates.weight"):
            other = other.transpose(1, 2)
        torch.testing.assert_close(gradient, other.reshape(gradient.shape), msg=name)


def test_checkpointing_gives_the_same_gradients_and_keeps_less():
    target, condition = torch.randint(256, (BATCH, SIZE)), torch.randn(BATCH, CONDITIONS, DIM).double()
    found, held = [], []
    for checkpoint in (False, True):
        model, kept = tiny(checkpoint=checkpoint), {}

        def hold(tensor, kept=kept):
            kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor):
            loss = -model.log_prob(target, condition).mean()
        found.append(gradients(model, loss))
        held.append(sum(kept.values()))
    torch.testing.assert_close(*found, rtol=0, atol=0)
    assert held[1] < held[0] / 2


def test_nothing_is_kept_where_no_gradient_is_wanted(monkeypatch):
    asked = []
    apply = gated.GatedSteps.apply
    monkeypatch.setattr(gated.GatedSteps, "apply", lambda *arguments: asked.append(arguments[-1]) or apply(*arguments))
    with torch.no_grad():
        tiny().log_prob(torch.randint(256, (BATCH, SIZE)), torch.randn(BATCH, CONDITIONS, DIM).double())
    assert asked == 5 * [False]


def test_a_decoder_of_which_only_a_part_learns(numbers):
    """Frozen weights, and a condition that needs no gradient."""
    model = tiny()
    target, condition = torch.randint(256, (BATCH, SIZE)), torch.randn(BATCH, CONDITIONS, DIM).double()
    whole = gradients(model, -model.log_prob(target, condition).mean())
    for name, weight in model.named_parameters():
        weight.requires_grad_(name.startswith("stack.layers.2.skip"))
        weight.grad = None
    (-model.log_prob(target, condition).mean()).backward()
    for name, weight in model.named_parameters():
        assert weight.requires_grad == (weight.grad is not None)
        if weight.requires_grad:
            torch.testing.assert_close(weight.grad, whole[name])


def test_a_tanh_by_way_of_sigmoid_is_one():
    """In 32 bits, within two roundings of numbers near 1."""
    layer = GatedLayer(1, 1, 1, 1, 2, last=True)
    torch.nn.init.zeros_(layer.gates.weight)
    signal = torch.linspace(-9, 9, 3601)
    condition = torch.stack([signal, torch.full_like(signal, 100.0)], dim=-1)[:, None]
    with torch.no_grad():
        layer.skip.weight.fill_(1.0)
        skips = layer.all_steps(torch.zeros(3601, 1, 1), torch.zeros(3601, 1, 1), condition, keep=False)[1]
    torch.testing.assert_close(skips[:, 0, 0], signal.tanh(), atol=2.5e-7, rtol=0)


@pytest.mark.parametrize("keep", [True, False])
def test_the_output_in_pieces_is_the_log_probability(monkeypatch, keep):
    monkeypatch.setattr("unitdisc.decoders.likelihoods.PIECE", 30)
    torch.manual_seed(0)
    hidden, weight, bias, codes = double(3, 5, 4), double(9, 4), double(9), torch.randint(9, (3, 5))
    found = projected_log_prob(hidden, weight, bias, codes, keep)
    expected = categorical_log_prob(hidden @ weight.T + bias, codes)
    torch.testing.assert_close(found, expected)
    rows = codes.flatten()
    assert torch.autograd.gradcheck(
        lambda *inputs: ProjectedLogProb.apply(*inputs, rows, keep), (double(15, 4), weight, bias)
    )


@pytest.mark.parametrize("checkpoint", [False, True])
def test_sixteen_bits_are_close(checkpoint):
    """Autocast: the products are in 16 bits, what comes out is in 32."""
    model = tiny(checkpoint=checkpoint).float()
    target, condition = torch.randint(256, (BATCH, SIZE)), torch.randn(BATCH, CONDITIONS, DIM)
    expected = model.log_prob(target, condition)
    full = gradients(model, -expected.mean())
    with torch.autocast("cpu", torch.bfloat16):
        assert model.stack(torch.randn(BATCH, SIZE, CHANNELS), condition).dtype == torch.bfloat16
        found = model.log_prob(target, condition)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=0.03, rtol=0)
    for name, gradient in gradients(model, -found.mean()).items():
        assert (gradient - full[name]).norm() < 0.05 * full[name].norm(), name
