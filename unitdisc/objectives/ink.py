"""What objectives have in common that make features in [0, 1]: the ink of line images, or spectrograms."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from unitdisc.objectives.base import ModelParts

BOUNDED = "bounded-log-mel"


def refuse_unbounded(features: Any) -> None:
    """Raises ValueError for features that are not in [0, 1]."""
    if features.kind == BOUNDED:
        return
    if features.kind != "columns" or features.normalise != "none" or features.adaptation:
        raise ValueError(
            "makes features in [0, 1]: of line images set features.kind to 'columns', features.normalise to 'none', "
            f"and no features.adaptation; of recordings set features.kind to {BOUNDED!r}"
        )


def refuse_learning(model: ModelParts, kind: str, otherwise: str) -> None:
    """Raises ValueError if encoder or bottleneck have weights, which would stay as they began. otherwise: a cure."""
    if next(model.encoder.parameters(), None) is not None or next(model.bottleneck.parameters(), None) is not None:
        raise ValueError(
            f"[objective] {kind!r} teaches encoder and bottleneck nothing: set encoder.kind to 'identity' and "
            f"bottleneck.kind to 'none', or {otherwise}"
        )


def surprise(logits: Tensor, ink: Tensor) -> Tensor:
    """The divergence, in nats, of what logits say from ink in [0, 1]; 0 where they say just that: [...] each."""
    least = torch.special.entr(ink) + torch.special.entr(1 - ink)
    return F.binary_cross_entropy_with_logits(logits, ink, reduction="none") - least
