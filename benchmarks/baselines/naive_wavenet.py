"""WaveNet as public code writes and samples it: a Conv1d per convolution, and for every sample a pass over the past.

The condition is brought to the rate of the samples first, and every layer projects it there. The pass covers the
receptive field and no more, which is kinder than hearing the whole past.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.decoders import WaveNet
from unitdisc.decoders.causal import GatedLayer
from unitdisc.decoders.draws import categorical_draw


class NaiveLayer(nn.Module):
    def __init__(self, layer: GatedLayer):
        super().__init__()
        dilation = layer.delays[-2]
        channels, kernel = layer.skip.in_features, len(layer.delays)
        self.past = layer.reach
        self.gates = nn.Conv1d(channels, 2 * channels, kernel, dilation=dilation)
        taps = layer.gates.weight.unflatten(1, (kernel, channels)).transpose(1, 2)
        self.gates.weight, self.gates.bias = nn.Parameter(taps.contiguous()), layer.gates.bias
        self.condition = pointwise(layer.condition)
        self.skip = pointwise(layer.skip)
        self.residual = None if layer.residual is None else pointwise(layer.residual)

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, C, S], condition [B, D, S] -> x of the next layer and the skip [B, K, S]."""
        signal, gate = (self.gates(F.pad(x, (self.past, 0))) + self.condition(condition)).chunk(2, dim=1)
        hidden = signal.tanh() * gate.sigmoid()
        return x if self.residual is None else x + self.residual(hidden), self.skip(hidden)


class NaiveWaveNet(nn.Module):
    """With the weights of a WaveNet."""

    def __init__(self, decoder: WaveNet):
        super().__init__()
        self.start, self.embed, self.head = decoder.start, decoder.embed, decoder.head
        self.layers = nn.ModuleList(NaiveLayer(layer) for layer in decoder.stack.layers)
        self.receptive_field = decoder.stack.receptive_field

    def logits(self, x: Tensor, condition: Tensor) -> Tensor:
        """Inputs [B, S, C] and condition [B, S, D] of some steps -> [B, codes] of the last one."""
        x, condition, skips = x.transpose(1, 2), condition.transpose(1, 2), 0
        for layer in self.layers:
            x, skip = layer(x, condition)
            skips = skips + skip
        return self.head(skips.transpose(1, 2))[:, -1]

    @torch.no_grad()
    def draw(self, codes: Tensor, condition: Tensor, uniform: Tensor, first: int, last: int) -> None:
        """Fills in steps [first, last) of codes [B, S], given those before; condition [B, L, D], uniform [B, S]."""
        repeated = condition.repeat_interleave(codes.shape[1] // condition.shape[1], dim=1)
        for step in range(first, last):
            seen = slice(max(0, step + 1 - self.receptive_field), step + 1)
            past = self.embed(codes[:, max(0, seen.start - 1) : step])
            if seen.start == 0:
                past = torch.cat([self.start.expand(len(codes), 1, -1), past], dim=1)
            codes[:, step] = categorical_draw(self.logits(past, repeated[:, seen]), uniform[:, step])


def pointwise(linear: nn.Linear) -> nn.Conv1d:
    convolution = nn.Conv1d(linear.in_features, linear.out_features, 1, bias=linear.bias is not None)
    convolution.weight = nn.Parameter(linear.weight[..., None].contiguous())
    if linear.bias is not None:
        convolution.bias = linear.bias
    return convolution
