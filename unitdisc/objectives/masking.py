"""Masking: spans of local frames that the context network does not see."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import Batch, laid
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.objectives.base import ModelParts
from unitdisc.training.distributed import uniform

EMBEDDING_DEVIATION = 0.1  # at first


@dataclass(frozen=True)
class SpanMasking:
    """Which local frames are hidden: at each begins a span with a probability.

    Raises ValueError if nothing would be hidden.
    """

    probability: float
    span: int  # local frames

    def __post_init__(self):
        if not 0 < self.probability <= 1 or self.span < 1:
            raise ValueError(f"spans of {self.span} frames with probability {self.probability} hide nothing")

    def hidden(self, chances: Tensor) -> Tensor:
        """Given uniform numbers: [B, S] -> [B, S]."""
        begun = F.pad((chances < self.probability).float(), (self.span - 1, 0))
        return F.max_pool1d(begun[:, None], self.span, stride=1)[:, 0] > 0

    def drawn(self, items: int, frames: int, device: torch.device) -> Tensor:
        """For a step of training: [B, S]."""
        return self.hidden(uniform(items, frames, device=device))

    def held_out(self, items: int, frames: int, device: torch.device) -> Tensor:
        """The same in every validation, and drawing no random number: [B, S]."""
        return self.hidden(torch.rand(items, frames, generator=torch.Generator().manual_seed(0)).to(device))


def mask_embedding(local_dim: int) -> nn.Parameter:
    """What stands in for a hidden frame: [C]."""
    return nn.Parameter(EMBEDDING_DEVIATION * torch.randn(local_dim))


def masked(frames: Tensor, hidden: Tensor, starts: Tensor, embedding: Tensor) -> Tensor:
    """Frames [B, T, C], of which the hidden [B, S] from starts [B] on give way to an embedding."""
    places = laid(hidden, starts, frames.shape[1])
    return torch.where(places[..., None], embedding.to(frames.dtype), frames)


def units_of_masked(
    model: ModelParts, batch: Batch, hidden: Tensor, embedding: Tensor
) -> tuple[BottleneckOutput, Tensor]:
    """As `units_of` of the model, but the hidden [B, S] of the frames behind the target give way to an embedding."""
    local, lengths = model.encoder.local(batch.features, batch.lengths)
    seen = masked(local, hidden, batch.starts // model.encoder.stride, embedding)
    return model.units_behind(batch, model.encoder.context(seen, lengths), lengths)
