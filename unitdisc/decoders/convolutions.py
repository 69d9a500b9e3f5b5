"""Gated, dilated convolutions that see all steps at once: the networks inside flows and diffusion models."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.decoders.causal import gated, steps_per_condition
from unitdisc.decoders.likelihoods import working_type

FIRST_WEIGHTS = 0.01  # deviation of those of the last layer: what comes out begins near 0, and yet all weights learn


class GatedConvolution(nn.Module):
    """h = tanh(signal) * sigmoid(gate), each of them W * x + V c; x + W_r h goes on, W_s h to the head."""

    def __init__(self, channels: int, condition_dim: int, *, dilation: int, kernel: int, causal: bool, last: bool):
        super().__init__()
        reach = dilation * (kernel - 1)
        self.padding = (reach, 0) if causal else (reach // 2, reach - reach // 2)
        self.gates = nn.Conv1d(channels, 2 * channels, kernel, dilation=dilation)
        self.condition = nn.Linear(condition_dim, 2 * channels, bias=False)
        self.skip = nn.Conv1d(channels, channels, 1)
        self.residual = None if last else nn.Conv1d(channels, channels, 1)  # nothing would read the last one

    def forward(self, x: Tensor, condition: Tensor, repeats: int) -> tuple[Tensor, Tensor]:
        """x [B, C, S], condition [B, L, D] -> x, what the head is told: [B, C, S]."""
        by_condition = self.condition(condition).transpose(1, 2).repeat_interleave(repeats, dim=2)
        gates = self.gates(F.pad(x, self.padding)) + by_condition
        hidden = gated(gates.transpose(1, 2)).transpose(1, 2)
        return x if self.residual is None else x + self.residual(hidden), self.skip(hidden)


class GatedConvolutions(nn.Module):
    """Layers of dilations 1, 2, 4, ..., whose skip connections add up to what the head reads (as WaveGlow's "WN").

    causal: a step sees itself and those before it, and what comes after the end of an item does not matter; or else
    it sees as many after it as before, and `mask` says which steps there are.
    """

    def __init__(
        self, in_dim: int, out_dim: int, condition_dim: int, *, channels: int, layers: int, kernel: int, causal: bool
    ):
        super().__init__()
        if layers < 1 or kernel < 2 or (not causal and kernel % 2 == 0):
            odd = "" if causal else ", which is odd,"
            raise ValueError(
                f"gated convolutions need a layer and a kernel{odd} of 2 at least, not {layers} and {kernel}"
            )
        self.first = nn.Conv1d(in_dim, channels, 1)
        self.layers = nn.ModuleList(
            GatedConvolution(
                channels, condition_dim, dilation=2**layer, kernel=kernel, causal=causal, last=layer == layers - 1
            )
            for layer in range(layers)
        )
        self.head = nn.Sequential(nn.ReLU(), nn.Conv1d(channels, channels, 1), nn.ReLU())
        self.last = nn.Conv1d(channels, out_dim, 1)
        nn.init.normal_(self.last.weight, std=FIRST_WEIGHTS)
        nn.init.zeros_(self.last.bias)

    @property
    def reach(self) -> int:
        """How many steps before its own, and where not causal half of them after, an output depends on."""
        return sum(sum(layer.padding) for layer in self.layers)

    def forward(self, x: Tensor, condition: Tensor, mask: Tensor | None = None) -> Tensor:
        """x [B, S, I], condition [B, L, D], mask [B, S], True inside the items -> [B, S, O], in the type of x.

        Raises ValueError if S is not a multiple of L.
        """
        repeats = steps_per_condition(x.shape[1], condition.shape[1])
        inside = None if mask is None else mask[:, None]
        signal = self.first(x.to(working_type(x)).transpose(1, 2))
        skips = torch.zeros((), dtype=signal.dtype, device=signal.device)
        for layer in self.layers:
            signal, skip = layer(signal if inside is None else signal * inside, condition, repeats)
            skips = skips + skip
        return self.last(self.head(skips)).transpose(1, 2).to(x.dtype)
