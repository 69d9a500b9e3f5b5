"""Gated, dilated, causal convolutions with a condition in every layer (WaveNet, van den Oord et al., 2016).

Computed in two ways that agree: all steps at once, to train, and one step at a time with queues, to sample.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from unitdisc.decoders.gated import GatedSteps, gated_steps
from unitdisc.decoders.likelihoods import working_type
from unitdisc.training.distributed import uniform


class GatedLayer(nn.Module):
    """One convolution: a step sees `kernel` inputs, `dilation` apart, the newest of them its own.

    h = tanh(signal) * sigmoid(gate), each of them W * x + V c; x + W_r h goes to the next layer, W_s h to the head.
    Time stays before channels: a convolution is a matrix product for every tap.
    """

    def __init__(self, channels: int, condition_dim: int, skip_channels: int, dilation: int, kernel: int, last: bool):
        super().__init__()
        self.delays = [dilation * tap for tap in reversed(range(kernel))]  # oldest first
        self.gates = nn.Linear(kernel * channels, 2 * channels)
        self.condition = nn.Linear(condition_dim, 2 * channels, bias=False)
        self.skip = nn.Linear(channels, skip_channels)
        self.residual = None if last else nn.Linear(channels, channels)  # nothing would read the last one

    @property
    def reach(self) -> int:
        """How many steps back the oldest tap lies: the length of the queue."""
        return self.delays[0]

    def all_steps(self, x: Tensor, skips: Tensor, by_condition: Tensor, keep: bool) -> tuple[Tensor | None, Tensor]:
        """x [S, B, C], skips [S, B, K], what condition and bias give to the gates [L, B, 2 * C] -> x, skips.

        May add to the skips in place. keep: the factors of the gates for the way back, or compute them again.
        """
        matrices = [self.gates.weight, self.skip.weight]
        matrices += [None, None] if self.residual is None else [self.residual.weight, self.residual.bias]
        cast = [None if matrix is None else matrix.to(x.dtype) for matrix in matrices]
        inputs = (x, skips, by_condition, *cast, self.delays)
        if not torch.compiler.is_compiling():
            return GatedSteps.apply(*inputs, keep)
        if keep or not torch.is_grad_enabled():
            return gated_steps(*inputs)
        return checkpoint(gated_steps, *inputs, use_reentrant=False, preserve_rng_state=False)


def gated(gates: Tensor) -> Tensor:
    """[..., 2 * C] -> [..., C]."""
    signal, gate = gates.chunk(2, dim=-1)
    return signal.tanh() * gate.sigmoid()


class CausalStack(nn.Module):
    """Gated layers, one per dilation, whose skip connections add up to what the head reads.

    checkpoint: compute the gates again on the way back instead of keeping them.
    """

    def __init__(
        self,
        channels: int,
        condition_dim: int,
        skip_channels: int,
        dilations: Sequence[int],
        kernel: int = 2,
        checkpoint: bool = False,
    ):
        super().__init__()
        self.checkpoint = checkpoint
        if kernel < 2 or not dilations:
            raise ValueError(
                f"a causal stack needs a layer and a kernel of 2 at least, not {len(dilations)} and {kernel}"
            )
        self.channels = channels
        last = len(dilations) - 1
        self.layers = nn.ModuleList(
            GatedLayer(channels, condition_dim, skip_channels, dilation, kernel, last=index == last)
            for index, dilation in enumerate(dilations)
        )

    @property
    def receptive_field(self) -> int:
        """How many inputs an output depends on, its own included."""
        return 1 + sum(layer.reach for layer in self.layers)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """All steps at once: x [B, S, C], condition [B, L, D] -> the sum of the skips [B, S, K].

        Raises ValueError if S is not a multiple of L.
        """
        steps_per_condition(x.shape[1], condition.shape[1])
        x = x.to(working_type(x)).transpose(0, 1).contiguous()  # as GatedSteps has it
        bias = sum(layer.skip.bias for layer in self.layers).to(x.dtype)
        skips = bias.expand(*x.shape[:2], -1).contiguous()
        keep = torch.is_grad_enabled() and not self.checkpoint
        for layer, by_condition in zip(self.layers, self.by_condition(condition, x.dtype)):
            x, skips = layer.all_steps(x, skips, by_condition, keep)
        return skips.transpose(0, 1)

    def by_condition(self, condition: Tensor, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """What condition [B, L, D] and bias give to the gates of every layer, by one product: each [L, B, 2 * C]."""
        weight = torch.cat([layer.condition.weight for layer in self.layers])
        bias = torch.cat([layer.gates.bias for layer in self.layers])
        gates = F.linear(condition, weight, bias).to(dtype).unflatten(-1, (len(self.layers), -1))
        return gates.permute(2, 1, 0, 3).contiguous().unbind()

    def unroll(
        self, start: Tensor, condition: Tensor, size: int, follow: Callable[[Tensor, int], tuple[Tensor, Tensor]]
    ) -> Tensor:
        """One step at a time, as in Paine et al. (2016): every layer queues the inputs it will need again.

        start: the input of the first step [C]; condition: [B, L, D]; follow: (sum of skips [B, K], step) -> the value
        of that step [B, ...] and the input [B, C] it is to the next. Gives the values: [B, size, ...].
        Raises ValueError if `size` is not a multiple of L.
        """
        repeats = steps_per_condition(size, condition.shape[1])
        conditions = [layer.condition(condition).transpose(0, 1) for layer in self.layers]  # [L, B, 2 * C]
        queues = [start.new_zeros(layer.reach, len(condition), self.channels) for layer in self.layers]
        x, values = start.expand(len(condition), -1), []
        for step in range(size):
            skips = 0
            for layer, queue, by_condition in zip(self.layers, queues, conditions):
                # step modulo the queue's length is the oldest place, read here and overwritten below
                past = [queue[(step - delay) % layer.reach] for delay in layer.delays[:-1]]
                hidden = gated(layer.gates(torch.cat([*past, x], dim=-1)) + by_condition[step // repeats])
                queue[step % layer.reach] = x
                skips = skips + layer.skip(hidden)
                if layer.residual is not None:
                    x = x + layer.residual(hidden)
            value, x = follow(skips, step)
            values.append(value)
        return torch.stack(values, dim=1)


def per_step(head: nn.Module, x: Tensor) -> Tensor:
    """What a head that looks at one step at a time makes of [B, S, K], steps first, as a stack has them in memory."""
    return head(x.transpose(0, 1)).transpose(0, 1)


def heard(past: Tensor, start: Tensor, hidden: Tensor, dropout: float | None) -> Tensor:
    """The inputs of all steps: `start`, then the steps before, each with a probability replaced by `hidden`.

    past: [B, S - 1, C], start and hidden: [C] -> [B, S, C]. dropout: None outside of training. A probability of 0 goes
    the same way as any other, so that every weight has a gradient: several processes wait for each.
    """
    if dropout is not None:
        hide = uniform(*past.shape[:2], device=past.device) < dropout
        past = torch.where(hide[..., None], hidden.to(past.dtype), past)
    return torch.cat([start.to(past.dtype).expand(len(past), 1, -1), past], dim=1)


def check_history_dropout(probability: float) -> None:
    """Raises ValueError unless it is a probability."""
    if not 0 <= probability <= 1:
        raise ValueError(f"history_dropout is a probability, from 0 to 1, not {probability}")


def steps_per_condition(size: int, conditions: int) -> int:
    """How many target steps a condition holds for.

    Raises ValueError if the target steps cannot be shared out evenly.
    """
    if size == 0 or conditions == 0 or size % conditions:
        raise ValueError(
            f"{size} target steps cannot be shared evenly among {conditions} condition frames; "
            "cut the target to a positive multiple of them"
        )
    return size // conditions
