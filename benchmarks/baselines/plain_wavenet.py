"""WaveNet as public code writes it: a Conv1d per layer, channels before time, the condition at the rate of samples.

The usual form of open implementations: one dilated convolution for signal and gate, 1x1 convolutions for the condition
(stretched to samples beforehand), the skip and the residual of every layer, and torch's cross-entropy. Written from
their common structure, with an embedding for the one-hot input, which is the cheaper form.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.decoders import WaveNet


class PlainLayer(nn.Module):
    def __init__(self, channels: int, condition_dim: int, skip_channels: int, dilation: int, kernel: int, last: bool):
        super().__init__()
        self.padding = (kernel - 1) * dilation
        self.conv = nn.Conv1d(channels, 2 * channels, kernel, dilation=dilation)
        self.condition = nn.Conv1d(condition_dim, 2 * channels, 1, bias=False)
        self.skip = nn.Conv1d(channels, skip_channels, 1)
        self.residual = None if last else nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, C, S], condition [B, D, S] -> what the next layer gets [B, C, S], and the skip [B, K, S]."""
        gates = self.conv(F.pad(x, (self.padding, 0))) + self.condition(condition)
        signal, gate = gates.chunk(2, dim=1)
        hidden = torch.tanh(signal) * torch.sigmoid(gate)
        return x if self.residual is None else x + self.residual(hidden), self.skip(hidden)


class PlainWaveNet(nn.Module):
    """The same function as `unitdisc.decoders.WaveNet`, and, through `of`, with the same weights."""

    def __init__(
        self, condition_dim: int, codes: int, channels: int, skip_channels: int, dilations: list[int], kernel: int
    ):
        super().__init__()
        self.start = nn.Parameter(torch.zeros(channels))
        self.embed = nn.Embedding(codes, channels)
        last = len(dilations) - 1
        self.layers = nn.ModuleList(
            PlainLayer(channels, condition_dim, skip_channels, dilation, kernel, index == last)
            for index, dilation in enumerate(dilations)
        )
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv1d(skip_channels, skip_channels, 1), nn.ReLU(), nn.Conv1d(skip_channels, codes, 1)
        )

    @classmethod
    def of(cls, ours: WaveNet) -> "PlainWaveNet":
        """A copy of one of our decoders."""
        layers = ours.stack.layers
        skip_channels, channels = layers[0].skip.weight.shape
        dilations = [layer.delays[-2] for layer in layers]  # of the tap before the newest
        codes, condition_dim = len(ours.embed.weight), layers[0].condition.in_features
        plain = cls(condition_dim, codes, channels, skip_channels, dilations, len(layers[0].delays))
        plain.load_state_dict({plain_name(name): as_plain(name, value) for name, value in ours.state_dict().items()})
        return plain.to(ours.start.dtype)

    def forward(self, target: Tensor, condition: Tensor) -> Tensor:
        """target [B, S] int64, condition [B, L, D] -> nats per sample, their mean."""
        past = self.embed(target[:, :-1])
        x = torch.cat([self.start.expand(len(target), 1, -1), past], dim=1).transpose(1, 2).contiguous()
        condition = condition.transpose(1, 2).repeat_interleave(target.shape[1] // condition.shape[1], dim=2)
        skips = 0
        for layer in self.layers:
            x, skip = layer(x, condition)
            skips = skips + skip
        return F.cross_entropy(self.head(skips), target)


def plain_name(name: str) -> str:
    return name.replace("stack.layers", "layers").replace(".gates.", ".conv.")


def as_plain(name: str, value: Tensor) -> Tensor:
    """A matrix of ours as the kernel of a convolution."""
    if value.ndim == 1 or name.startswith("embed"):
        return value
    if ".gates." not in name:
        return value[..., None]
    channels = value.shape[0] // 2
    return value.unflatten(1, (-1, channels)).transpose(1, 2)  # [2C, kernel * C] -> [2C, C, kernel]
