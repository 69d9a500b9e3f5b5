"""Context networks: local frames in, as many frames out that each know of those around them, or before them."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unitdisc.batch import padding_mask

DILATIONS = (1, 2, 4)  # of the convolutions, over and over
HEAD_DIM = 64
SMALL = 0.3  # of the usual deviation: a residual block begins close to doing nothing


def one_after_another(blocks: Iterable[nn.Module], x: Tensor, given: Tensor | None) -> list[Tensor]:
    """What goes in, and what comes out of every block, each of which is given something beside."""
    found = [x]
    for block in blocks:
        found.append(block(found[-1], given))
    return found


class ConvContext(nn.Module):
    """Residual blocks of a dilated convolution of three taps and a linear layer, normalised before (pre-norm).

    A frame sees sum(dilations) frames on either side; if causal, twice as many before and none after.
    """

    def __init__(self, dim: int, layers: int, causal: bool):
        super().__init__()
        dilations = [DILATIONS[index % len(DILATIONS)] for index in range(layers)]
        self.blocks = nn.ModuleList(ConvBlock(dim, dilation, causal) for dilation in dilations)
        self.reach = (2 if causal else 1) * sum(dilations)
        self.depth = layers

    def layer_frames(self, x: Tensor, lengths: Tensor) -> list[Tensor]:
        inside = padding_mask(lengths, x.shape[1])[..., None]
        return one_after_another(self.blocks, x, inside)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return self.layer_frames(x, lengths)[-1]


class ConvBlock(nn.Module):
    def __init__(self, dim: int, dilation: int, causal: bool):
        super().__init__()
        self.dilation = dilation
        self.before = 2 * dilation if causal else dilation
        self.norm = nn.LayerNorm(dim)
        self.taps = nn.Linear(3 * dim, dim)
        self.out = nn.Linear(dim, dim)
        nn.init.normal_(self.out.weight, std=SMALL / dim**0.5)

    def forward(self, x: Tensor, inside: Tensor) -> Tensor:
        """x: [B, T, D], inside: [B, T, 1] -> [B, T, D]."""
        around = F.pad(self.norm(x) * inside, (0, 0, self.before, 2 * self.dilation - self.before))
        steps = [around[:, tap * self.dilation :][:, : x.shape[1]] for tap in range(3)]
        return x + self.out(F.gelu(self.taps(torch.cat(steps, dim=-1))))  # one product, faster than nn.Conv1d on a CPU


class RecurrentContext(nn.Module):
    """Layers of a recurrent network, `rnn`; unless causal in both directions, each of half the width."""

    reach = None
    depth = 1  # what lies between the layers stays in them
    rnn: type[nn.RNNBase]

    def __init__(self, dim: int, layers: int, causal: bool):
        super().__init__()
        if not causal and dim % 2:
            raise ValueError(f"in both directions dim must be even, not {dim}; or set causal")
        width = dim if causal else dim // 2
        self.layers = self.rnn(dim, width, layers, batch_first=True, bidirectional=not causal)

    def layer_frames(self, x: Tensor, lengths: Tensor) -> list[Tensor]:
        return [self(x, lengths)]

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        if not self.layers.bidirectional:
            return self.layers(x)[0]
        packed = pack_padded_sequence(x, lengths.cpu().clamp(min=1), batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.layers(packed)[0], batch_first=True, total_length=x.shape[1])[0]


class GRUContext(RecurrentContext):
    rnn = nn.GRU


class LSTMContext(RecurrentContext):
    rnn = nn.LSTM


class TransformerContext(nn.Module):
    """Layers of self-attention and a feedforward network four times as wide (Vaswani et al., 2017), pre-norm.

    Places are told by rotation (RoFormer, Su et al., 2021): attention knows how far apart two frames are, and nothing
    else, so that it can go on beyond the lengths that it was trained on. Heads are 64 wide. A frame of a causal one
    attends to itself and those before.
    """

    reach = None

    def __init__(self, dim: int, layers: int, causal: bool):
        super().__init__()
        heads = max(1, dim // HEAD_DIM)
        if dim % (2 * heads):
            raise ValueError(f"a Transformer takes a dim that is a multiple of {HEAD_DIM}, or even below, not {dim}")
        self.causal = causal
        self.depth = layers
        self.blocks = nn.ModuleList(TransformerBlock(dim, heads) for _ in range(layers))

    def layer_frames(self, x: Tensor, lengths: Tensor) -> list[Tensor]:
        # of a causal one nothing inside attends to the padding, which comes after
        attended = None if self.causal else padding_mask(lengths.clamp(min=1), x.shape[1])[:, None, None]
        return one_after_another(self.blocks, x, attended)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return self.layer_frames(x, lengths)[-1]


class TransformerBlock(nn.Module):
    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(dim)
        self.queries_keys_values = nn.Linear(dim, 3 * dim)
        self.attention_out = nn.Linear(dim, dim)
        self.feedforward = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        for layer in (self.attention_out, self.feedforward[-1]):
            nn.init.normal_(layer.weight, std=SMALL / layer.in_features**0.5)

    def forward(self, x: Tensor, attended: Tensor | None) -> Tensor:
        """x: [B, T, D]; attended: [B, 1, 1, T], or None for every frame up to one's own -> [B, T, D]."""
        heads = self.queries_keys_values(self.attention_norm(x)).unflatten(-1, (3, self.heads, -1))
        queries, keys, values = heads.permute(2, 0, 3, 1, 4)  # [B, heads, T, D / heads] each
        queries, keys = rotated(queries), rotated(keys)
        mixed = F.scaled_dot_product_attention(queries, keys, values, attended, is_causal=attended is None)
        x = x + self.attention_out(mixed.transpose(1, 2).flatten(2))
        return x + self.feedforward(x)


def rotated(x: Tensor) -> Tensor:
    """Each pair of channels i and i + D/2 turned by its angle per frame, 10000^(-2i/D) times t: [..., T, D], even D."""
    half = x.shape[-1] // 2
    wide = torch.promote_types(x.dtype, torch.float32)  # 16 bits cannot tell frame 257 from 258
    speeds = 10_000 ** (-torch.arange(half, device=x.device, dtype=wide) / half)
    angles = torch.arange(x.shape[-2], device=x.device, dtype=wide)[:, None] * speeds
    cosines, sines = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.split(half, dim=-1)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], dim=-1)


CONTEXTS = {"conv": ConvContext, "gru": GRUContext, "lstm": LSTMContext, "transformer": TransformerContext}
