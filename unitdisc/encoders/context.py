"""An encoder of two stages, for objectives that hide or predict what lies between them: local frames, then context."""

from torch import Tensor, nn

from unitdisc.batch import padding_mask
from unitdisc.encoders.contexts import CONTEXTS
from unitdisc.encoders.identity import Identity


class ContextEncoder(nn.Module):
    """Local frames, each of three strides of features, and a context network over them.

    Its halves are those of CPC (van den Oord et al., 2018) and of HuBERT (Hsu et al., 2021), over features.

    context: "conv" (residual, dilated), "gru", "lstm" or "transformer"; `layers` of it. causal: a frame knows what was
    before, and `stride` features more; else what comes after, too.

    A recurrent or Transformer context sees as much as it is given: all of an utterance, and in training a crop. So
    `reach`, by which crops get their surroundings, is that of the local frames alone; of "conv" it is all that a frame
    sees. Time and memory of a Transformer grow with the square of an utterance's length.
    """

    def __init__(
        self,
        in_dim: int,
        dim: int = 256,
        stride: int = 2,
        context: str = "conv",
        layers: int = 6,
        causal: bool = False,
    ):
        super().__init__()
        if context not in CONTEXTS:
            raise ValueError(f"context must be one of {sorted(CONTEXTS)}, not {context!r}")
        self.stack = Identity(in_dim, stride, context=stride)
        self.front = nn.Sequential(nn.Linear(self.stack.dim, dim), nn.LayerNorm(dim), nn.GELU(), nn.Linear(dim, dim))
        self.network = CONTEXTS[context](dim, layers, causal)
        self.norm = nn.LayerNorm(dim)
        self.dim = self.local_dim = dim
        self.stride = stride
        self.offset = (stride - 1) / 2
        self.reach = self.stack.reach + stride * (self.network.reach or 0)
        self.causal = causal
        self.depth = self.network.depth

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features: [B, T, F], lengths: [B] -> encoded: [B, ceil(T / stride), C], lengths: [B]."""
        local, lengths = self.local(features, lengths)
        return self.context(local, lengths), lengths

    def local(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        stacked, lengths = self.stack(features, lengths)
        return self.front(stacked) * padding_mask(lengths, stacked.shape[1])[..., None], lengths

    def context(self, local: Tensor, lengths: Tensor) -> Tensor:
        return self.norm(self.network(local, lengths)) * padding_mask(lengths, local.shape[1])[..., None]

    def layer_frames(self, features: Tensor, lengths: Tensor) -> list[Tensor]:
        local, lengths = self.local(features, lengths)
        inside = padding_mask(lengths, local.shape[1])[..., None]
        *below, last = self.network.layer_frames(local, lengths)
        return [*(frames * inside for frames in below), self.norm(last) * inside]
