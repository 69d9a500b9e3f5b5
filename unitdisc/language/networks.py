"""Networks that tell the next symbol: an LSTM, and a Transformer with a cache of keys and values."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from unitdisc.training.distributed import own_rows, shares

State = Sequence[
    tuple[Tensor, Tensor]
]  # of every layer: hidden and cell [B, D] each, or keys and values [B, H, T, D / H]


class Network(Protocol):
    """What is asked of both."""

    window: int | None  # symbols that it can see at once; None: all

    def __call__(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Scores of the next symbol, to be normalised, at each of the symbols in hand: [B, T] -> [B, T, V].

        state: what a call before gave, of the symbols before these.
        """


class Dropout(nn.Dropout):
    """Dropout (Srivastava et al., 2014) of the whole batch of a step, of which the items in hand have their rows.

    So several processes draw the same numbers, as one that has the whole batch; and so do parts of a batch.
    rows: the dimension of the items, [B, T, D] or [T, B, D]: numbers are drawn in the order of memory.
    """

    def __init__(self, p: float, rows: int = 0):
        super().__init__(p)
        self.rows = rows

    def forward(self, hidden: Tensor) -> Tensor:
        if not self.training or shares() == 1:
            return super().forward(hidden)
        shape = [*hidden.shape]
        shape[self.rows] *= shares()
        drawn = functional.dropout(hidden.new_ones(shape), self.p)
        return hidden * own_rows(drawn.movedim(self.rows, 0)).movedim(0, self.rows)


class Lstm(nn.Module):
    """Layers of LSTM (Hochreiter & Schmidhuber, 1997); the output has the embedding's weights (Press & Wolf, 2017)."""

    window = None

    def __init__(self, symbols: int, layers: int, dim: int, dropout: float):
        super().__init__()
        self.embedding = embedding(symbols, dim, 0.1)  # with less, the first thousand steps teach it little
        self.layers = nn.ModuleList(nn.LSTM(dim, dim, batch_first=True) for _ in range(layers))
        self.dropout = Dropout(dropout)
        self.dropout_of_layers = Dropout(dropout, rows=1)  # torch computes [T, B, D]
        self.bias = nn.Parameter(torch.zeros(symbols))

    def forward(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        hidden, new = self.dropout(self.embedding(ids)), []
        for place, layer in enumerate(self.layers):
            before = None if state is None else tuple(part[None] for part in state[place])
            hidden, after = layer(hidden, before)
            hidden = self.dropout_of_layers(hidden.transpose(0, 1)).transpose(0, 1)
            new.append(tuple(part[0] for part in after))
        return functional.linear(hidden, self.embedding.weight, self.bias), new


class Block(nn.Module):
    """A layer of a Transformer, normalised before each part (Xiong et al., 2020).

    The same as `nn.TransformerEncoderLayer(dim, heads, 4 * dim, activation="gelu", norm_first=True)` under a causal
    mask, which has no cache.
    """

    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.in_proj = nn.Linear(dim, 3 * dim)
        self.out_proj = nn.Linear(dim, dim)
        self.linear1, self.linear2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        self.dropout = Dropout(dropout)

    def forward(self, hidden: Tensor, cache: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        attended, cache = self.attend(self.norm1(hidden), cache)
        hidden = hidden + self.dropout(attended)
        wide = self.dropout(functional.gelu(self.linear1(self.norm2(hidden))))
        return hidden + self.dropout(self.linear2(wide)), cache

    def attend(self, hidden: Tensor, cache: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """To these symbols and those before: [B, T, D]; with a cache, T is 1."""
        queries, keys, values = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.in_proj(hidden).chunk(3, dim=-1)
        )
        if cache is not None:
            keys, values = (torch.cat([old, new], dim=2) for old, new in zip(cache, (keys, values)))
        found = functional.scaled_dot_product_attention(queries, keys, values, is_causal=cache is None)
        return self.out_proj(found.transpose(1, 2).flatten(2)), (keys, values)


class Transformer(nn.Module):
    """Blocks over symbols and their places (Vaswani et al., 2017; sized as GPT-2, Radford et al., 2019)."""

    def __init__(self, symbols: int, layers: int, dim: int, heads: int, context: int, dropout: float):
        super().__init__()
        self.window = context
        self.embedding, self.places = embedding(symbols, dim), embedding(context, dim)
        self.blocks = nn.ModuleList(Block(dim, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)
        self.dropout = Dropout(dropout)
        self.bias = nn.Parameter(torch.zeros(symbols))
        for block in self.blocks:
            for layer in (block.in_proj, block.linear1, block.out_proj, block.linear2):
                nn.init.normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
            for last in (block.out_proj, block.linear2):
                nn.init.normal_(last.weight, std=0.02 / (2 * layers) ** 0.5)

    def forward(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        before = 0 if state is None else state[0][0].shape[2]
        places = torch.arange(before, before + ids.shape[1], device=ids.device)
        hidden, new = self.dropout(self.embedding(ids) + self.places(places)), []
        for place, block in enumerate(self.blocks):
            hidden, cache = block(hidden, None if state is None else state[place])
            new.append(cache)
        return functional.linear(self.norm(hidden), self.embedding.weight, self.bias), new


def embedding(number: int, dim: int, deviation: float = 0.02) -> nn.Embedding:
    table = nn.Embedding(number, dim)
    nn.init.normal_(table.weight, std=deviation)
    return table


def build(kind: str, symbols: int, options: dict) -> nn.Module:
    """A network by its kind and its options; symbols: of the vocabulary."""
    names = ("layers", "dim", "dropout") if kind == "lstm" else ("layers", "dim", "heads", "context", "dropout")
    return {"lstm": Lstm, "transformer": Transformer}[kind](symbols, **{name: options[name] for name in names})
