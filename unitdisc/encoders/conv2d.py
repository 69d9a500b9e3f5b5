"""The encoder of line images: convolutions over columns and rows, then, if wanted, an LSTM in both directions."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unitdisc.batch import padding_mask
from unitdisc.encoders.image_batch_norm import NORMS

PUBLISHED = [64, 128, 256, 256, 512, 512, 512]


class Conv2dEncoder(nn.Module):
    """Convolutions over columns x rows, the last as tall as what is left; each normalised, then ReLU.

    As large, by default, as the convolutions of Chorowski et al. (2019, "Unsupervised neural segmentation and
    clustering for unit discovery in sequential data"), which two LSTM layers of 32 units follow: `blstm=2`.

    channels: the width of every convolution. The first, second, fourth, sixth, ... halve the rows until 3 or fewer are
    left. The second and those after it reduce the columns, each by a prime factor of `stride`: 12 = 2 * 2 * 3 takes
    three. A convolution that reduces columns s times is s + 2 wide, so that a latent lies in the middle of its columns.
    norm: "batch" (over pixels and items, padding apart), "layer" (over the pixels and channels of a column) or "none".
    feedforward: how many residual layers, frame by frame, `x + relu(W x)`, follow the convolutions.
    blstm: layers of an LSTM in both directions, of `blstm_dim` units each. They see a whole line at once: `reach` is
    that of the convolutions, and so is the context that a crop of a line gets.
    """

    def __init__(
        self,
        in_dim: int,
        channels: list = PUBLISHED,
        stride: int = 4,
        norm: str = "batch",
        feedforward: int = 0,
        blstm: int = 0,
        blstm_dim: int = 32,
    ):
        super().__init__()
        factors = prime_factors(stride)
        check(channels, factors, norm)
        self.stride = stride
        self.offset = (stride - 1) / 2
        self.layers, field = nn.ModuleList(), 1
        width, height, step = 1, in_dim, 1
        for index, wider in enumerate(channels):
            last = index == len(channels) - 1
            columns = ([1, *factors] + len(channels) * [1])[index]
            rows = 2 if (index == 0 or index % 2) and height > 3 and not last else 1
            kernel, padding = (columns + 2, height if last else 3), (1, 0 if last else 1)
            layer = nn.Conv2d(width, wider, kernel, (columns, rows), padding)
            self.layers.append(layer.to(memory_format=torch.channels_last))  # a sixth faster on a CPU
            field += (columns + 1) * step
            width, height, step = wider, 1 if last else -(-height // rows), step * columns
        self.reach = -(-field // 2)
        self.norms = nn.ModuleList(NORMS[norm](wider) for wider in channels)
        self.feedforward = nn.ModuleList(nn.Linear(width, width) for _ in range(feedforward))
        self.blstm = nn.LSTM(width, blstm_dim, blstm, batch_first=True, bidirectional=True) if blstm else None
        self.dim = 2 * blstm_dim if blstm else width

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features: [B, T, H], lengths: [B] -> encoded: [B, ceil(T / stride), C], lengths: [B]."""
        x = F.pad(features, (0, 0, 0, -features.shape[1] % self.stride))[..., None]
        # what lies past the end must stay zero, or the next layer would carry it back inside
        x = x * padding_mask(lengths, x.shape[1])[..., None, None]
        for layer, norm in zip(self.layers, self.norms):
            lengths = -(-lengths // layer.stride[0])
            x = (full_height if layer is self.layers[-1] else convolved)(x, layer)
            inside = padding_mask(lengths, x.shape[1])
            x = norm(x, inside).relu() * inside[..., None, None]
        x = x.squeeze(2)
        for layer in self.feedforward:
            x = x + layer(x).relu()
        if self.blstm is not None:
            x = self.recurrent(x, lengths)
        return x * padding_mask(lengths, x.shape[1])[..., None], lengths

    def recurrent(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Backwards every item is read from its own end: x [B, T, C], lengths [B] -> [B, T, 2 * blstm_dim]."""
        packed = pack_padded_sequence(x, lengths.cpu().clamp(min=1), batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.blstm(packed)[0], batch_first=True, total_length=x.shape[1])[0]


def convolved(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """[B, T, H, C], as it lies in memory, -> [B, T', H', C']."""
    return layer(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def full_height(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """The convolution as one matrix product, twice as fast on a CPU: [B, T, H, C] -> [B, T', 1, C']."""
    columns, stride = layer.kernel_size[0], layer.stride[0]
    x = F.pad(x.flatten(2), (0, 0, *2 * layer.padding[:1]))
    last = x.shape[1] - columns + 1
    taps = torch.cat([x[:, column : column + last : stride] for column in range(columns)], dim=-1)
    return F.linear(taps, layer.weight.permute(0, 2, 3, 1).flatten(1), layer.bias)[:, :, None]


def check(channels: list, factors: list[int], norm: str) -> None:
    """Raises ValueError for options that make no encoder."""
    if not channels or not all(type(width) is int and width > 0 for width in channels):
        raise ValueError(f"channels must list the width of every convolution, such as [16, 32, 32, 64], not {channels}")
    if len(channels) <= len(factors):
        raise ValueError(
            f"a stride of {' * '.join(map(str, factors))} needs {len(factors) + 1} convolutions or more: "
            f"list that many channels, not {len(channels)}"
        )
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {sorted(NORMS)}, not {norm!r}")


def prime_factors(number: int) -> list[int]:
    """Ascending; 1 has none. Raises ValueError below 1."""
    if number < 1:
        raise ValueError(f"the encoder's stride must be 1 or more, not {number}")
    found, prime = [], 2
    while number > 1:
        while number % prime == 0:
            found.append(prime)
            number //= prime
        prime += 1
    return found
