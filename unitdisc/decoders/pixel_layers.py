"""Gates and convolutions over images whose channels come last, written for the gradients a CPU is quick at."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

WIDE = 64  # channels from which on matrix products are quicker than oneDNN's convolutions, where either will do

MANY = 2**16  # gates from which on they take longer than it takes to begin with them


def gated(gates: Tensor, by_condition: Tensor) -> Tensor:
    """tanh(signal) * sigmoid(gate): [..., 2 * C] and what the condition adds to them, which broadcasts -> [..., C]."""
    bits_enough = gates.dtype == by_condition.dtype and gates.dtype in (torch.float32, torch.float64)
    if bits_enough and gates.numel() >= MANY and not torch.compiler.is_compiling():
        return Gated.apply(gates, by_condition)
    signal, gate = (gates + by_condition).chunk(2, dim=-1)
    return signal.tanh() * gate.sigmoid()


class Gated(torch.autograd.Function):
    """In few passes, and with 2 * sigmoid(2 * x) - 1 for tanh(x), which takes a CPU several times as long."""

    @staticmethod
    def forward(ctx: FunctionCtx, gates: Tensor, by_condition: Tensor) -> Tensor:
        scale = gates.new_ones(gates.shape[-1])
        scale[: len(scale) // 2] = 2
        opened = torch.addcmul(by_condition * scale, gates, scale).sigmoid_()
        signal, gate = opened.chunk(2, dim=-1)
        signal.mul_(2).sub_(1)
        ctx.save_for_backward(opened)
        ctx.condition_shape = by_condition.shape
        return signal * gate

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, Tensor]:
        (opened,) = ctx.saved_tensors
        signal, gate = opened.chunk(2, dim=-1)
        grads = torch.empty_like(opened)
        to_signal, to_gate = grads.chunk(2, dim=-1)
        torch.mul(grad, gate, out=to_signal)
        torch.mul(grad, signal, out=to_gate)
        torch.ops.aten.tanh_backward.grad_input(to_signal, signal, grad_input=to_signal)
        torch.ops.aten.sigmoid_backward.grad_input(to_gate, gate, grad_input=to_gate)
        return grads, grads.sum_to_size(ctx.condition_shape)


def convolved(x: Tensor, kernel: Tensor) -> Tensor:
    """x [B, S, H, C], kernel [C', C, columns, rows] -> [B, S', H', C'], as many fewer as the kernel sees beyond one."""
    if kernel.shape[1] >= WIDE and torch.is_grad_enabled() and on_cpu(x):
        return Convolved.apply(x, kernel)
    return F.conv2d(x.permute(0, 3, 1, 2), kernel).permute(0, 2, 3, 1)


class Convolved(torch.autograd.Function):
    """A convolution the gradient of whose kernel is one matrix product, over the taps laid side by side."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, kernel: Tensor) -> Tensor:
        ctx.save_for_backward(x, kernel)
        return F.conv2d(x.permute(0, 3, 1, 2), kernel).permute(0, 2, 3, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, kernel = ctx.saved_tensors
        columns, rows = grad.shape[1:3]
        taps = [
            x[:, column : column + columns, row : row + rows]
            for column in range(kernel.shape[2])
            for row in range(kernel.shape[3])
        ]
        product = grad.flatten(0, 2).T @ torch.cat(taps, dim=-1).flatten(0, 2)
        to_kernel = product.unflatten(1, (*kernel.shape[2:], -1)).permute(0, 3, 1, 2)
        return F.conv_transpose2d(grad.permute(0, 3, 1, 2), kernel).permute(0, 2, 3, 1), to_kernel


def pointwise(x: Tensor, linear: nn.Linear) -> Tensor:
    """The linear layer at every pixel: [B, S, H, C] -> [B, S, H, C']."""
    if linear.in_features >= WIDE or not on_cpu(x):
        return linear(x)
    return F.conv2d(x.permute(0, 3, 1, 2), linear.weight[:, :, None, None], linear.bias).permute(0, 2, 3, 1)


def on_cpu(x: Tensor) -> bool:
    """In 32-bit numbers that stay so, and not compiled: where the ways that are chosen here were timed."""
    if torch.compiler.is_compiling():
        return False
    return x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
