"""Masking: spans of local frames that the context network does not see."""

import torch
import torch.nn.functional as F
from torch import Tensor

from unitdisc.batch import Batch, laid
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.objectives.base import ModelParts

EMBEDDING_DEVIATION = 0.1  # of what stands in for what is hidden, at first


def check_spans(probability: float, span: int) -> None:
    """Raises ValueError if nothing would be hidden."""
    if not 0 < probability <= 1 or span < 1:
        raise ValueError(f"spans of {span} frames with probability {probability} hide nothing")


def spans(chances: Tensor, probability: float, span: int) -> Tensor:
    """Which frames are hidden, given uniform numbers: [B, S] -> [B, S]. At each begins a span with a probability."""
    begun = F.pad((chances < probability).float(), (span - 1, 0))
    return F.max_pool1d(begun[:, None], span, stride=1)[:, 0] > 0


def units_of_masked(
    model: ModelParts, batch: Batch, hidden: Tensor, embedding: Tensor
) -> tuple[BottleneckOutput, Tensor]:
    """As `units_of` of the model, but the hidden [B, S] of the frames behind the target give way to an embedding."""
    latents, lengths = model.encoder.local(batch.features, batch.lengths)
    places = laid(hidden, batch.starts // model.encoder.stride, latents.shape[1])
    latents = torch.where(places[..., None], embedding.to(latents.dtype), latents)
    return model.units_behind(batch, model.encoder.context(latents, lengths), lengths)
