"""The gates and convolutions of the pixels' stacks are those of torch, and so are their gradients."""

import pytest
import torch
import torch.nn.functional as F

from unitdisc.decoders import pixel_layers as module
from unitdisc.decoders.pixel_layers import WIDE, Convolved, Gated, convolved, gated, pointwise


@pytest.fixture(autouse=True)
def many(monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(module, "MANY", 1)  # so that few gates are computed as many are


def random(*shape, dtype=torch.float32):
    return torch.randn(*shape, dtype=dtype).requires_grad_()


def assert_same(found, expected, inputs):
    """As are the gradients of the inputs, where not all outputs weigh the same."""
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(expected)
    for ours, theirs in zip(*(torch.autograd.grad((y * weights).sum(), inputs) for y in (found, expected))):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * theirs.abs().max().item())


def plainly(gates, by_condition):
    signal, gate = (gates + by_condition).chunk(2, dim=-1)
    return signal.tanh() * gate.sigmoid()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(2, 3, 4, 6), (2, 3, 1, 6), (1, 3, 1, 6), (6,)])
def test_gates_are_open_as_far_as_signals_and_gates_say(dtype, shape):
    inputs = random(2, 3, 4, 6, dtype=dtype), random(*shape, dtype=dtype)
    assert_same(gated(*inputs), plainly(*inputs), inputs)


def test_few_gates_are_as_open_as_many(monkeypatch):
    inputs = random(2, 3, 4, 6), random(2, 3, 1, 6)
    many = gated(*inputs)
    monkeypatch.setattr(module, "MANY", 10**9)
    monkeypatch.setattr(module.Gated, "apply", None)
    assert_same(gated(*inputs), many, inputs)


@pytest.mark.parametrize("shape", [(2, 3, 4, 6), (2, 3, 1, 6)])
def test_gradients_of_gates_are_those_of_differences(shape):
    assert torch.autograd.gradcheck(Gated.apply, (random(2, 3, 4, 6, dtype=torch.double), random(*shape).double()))


def test_gates_far_out_are_shut_or_open():
    gates = torch.tensor([-1e4, -30.0, 30.0, 1e4]).repeat(2, 1).T.reshape(1, -1)[:, [0, 2, 4, 6]]
    both = torch.cat([gates, gates.flip(-1)], dim=-1).requires_grad_()
    assert_same(gated(both, torch.zeros(8)), plainly(both, torch.zeros(8)), (both,))


def test_gates_of_few_bits_keep_small_signals():
    """2 * sigmoid(2 * x) - 1 would round them to one of a few values."""
    gates = torch.linspace(-0.05, 0.05, 64).repeat(2)[None]
    low = gated(gates.bfloat16(), torch.zeros(128, dtype=torch.bfloat16)).float()
    torch.testing.assert_close(low, plainly(gates, torch.zeros(128)), rtol=0.02, atol=0)


@pytest.mark.parametrize("width", [5, WIDE])
@pytest.mark.parametrize("columns,rows", [(2, 3), (1, 2), (1, 1)])
def test_convolutions_narrow_and_wide_are_those_of_torch(width, columns, rows):
    inputs = random(2, 4, 5, width), random(6, width, columns, rows)
    x, kernel = inputs
    assert_same(convolved(*inputs), F.conv2d(x.permute(0, 3, 1, 2), kernel).permute(0, 2, 3, 1), inputs)


@pytest.mark.parametrize("columns,rows", [(2, 3), (1, 2)])
def test_gradients_of_convolutions_are_those_of_differences(columns, rows):
    inputs = random(2, 3, 4, 2, dtype=torch.double), random(3, 2, columns, rows, dtype=torch.double)
    assert torch.autograd.gradcheck(Convolved.apply, inputs)


@pytest.mark.parametrize("width", [5, WIDE])
@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_at_every_pixel_is_a_linear_layer(width, bias):
    linear, x = torch.nn.Linear(width, 6, bias=bias), random(2, 3, 4, width)
    assert_same(pointwise(x, linear), linear(x), (x, *linear.parameters()))


@pytest.mark.parametrize("width", [5, WIDE])
def test_half_precision_is_left_to_torch(width):
    linear, x, kernel = torch.nn.Linear(width, 6), random(2, 3, 4, width), random(6, width, 1, 2)
    with torch.autocast("cpu", torch.bfloat16):
        found = gated(convolved(x, kernel) + pointwise(x, linear)[:, :, 1:], linear(x[:, :, :1]))
    assert found.dtype == torch.bfloat16
    found.float().square().sum().backward()
    for value in (x, kernel, *linear.parameters()):
        assert value.grad.isfinite().all()
        assert (value.grad != 0).any()
