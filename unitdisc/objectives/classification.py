"""Frame classification: the code of every frame, told of a signal that is augmented (hybrid of HMM and network).

What aligns a signal with units, templates or HMMs, teaches a network; the network's posteriors align it anew (Bourlard
& Morgan, 1994). The units of `unitdisc discover` come so.
"""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import Batch, masked_mean, padding_mask
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.objectives.base import ModelOutput, ModelParts
from unitdisc.objectives.players import Player
from unitdisc.objectives.reconstruction import AddedReconstruction
from unitdisc.training.distributed import is_measured
from unitdisc.training.precision import in_full


class FrameClassification(nn.Module):
    """The codes of all latents, by a linear layer behind a ReLU.

    smoothing: share of the target that all codes get alike. reconstruction: weight of the decoder's loss; 0: there is
    no decoder. The losses are means over codebooks, in nats.
    """

    needs = ("codes",)

    def __init__(
        self, latent_dim: int, codebooks: int, codebook_size: int, smoothing: float = 0.05, reconstruction: float = 0.0
    ):
        super().__init__()
        if not 0 <= smoothing < 1:
            raise ValueError(f"smoothing must be 0 or more and below 1, not {smoothing}")
        self.smoothing = smoothing
        self.reconstruction = AddedReconstruction(reconstruction)
        self.codebooks = codebooks
        self.head = nn.Linear(latent_dim, codebooks * codebook_size)

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        units, lengths = model.units_of(batch)
        found = self.classified(batch, units, lengths)
        added = self.reconstruction.losses(model, batch, units, lengths)
        return ModelOutput({**found.losses, **added, **units.losses}, {**found.metrics, **units.metrics})

    def classified(self, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        logits = self.logits(units.latents)
        losses = F.cross_entropy(
            logits.permute(0, 3, 1, 2), batch.codes, reduction="none", label_smoothing=self.smoothing
        ).mean(-1)
        inside, count = padding_mask(lengths, losses.shape[1]), batch.counts.get("latents")
        found = {"classification": masked_mean(losses, inside, count)}
        if not is_measured():
            return ModelOutput(found, {})
        right = (logits.detach().argmax(-1) == batch.codes).to(losses.dtype).mean(-1)
        return ModelOutput(found, {"accuracy": masked_mean(right, inside, count)})

    def logits(self, latents: Tensor) -> Tensor:
        """[B, S, D] -> [B, S, N, K]"""
        return in_full(self.head(latents.relu())).unflatten(-1, (self.codebooks, -1))

    def prediction(self, latents: Tensor) -> Tensor:
        """As `PredictsCodes` has it."""
        return self.logits(latents).softmax(-1).sqrt().flatten(-2)

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return self.reconstruction.counts(batch)

    def players(self) -> Mapping[str, Player]:
        return {}

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """Of latents as they are: nothing is augmented in validation."""
        found = self.classified(batch, units, lengths)
        added = self.reconstruction.held_out(model, batch, units, lengths)
        return ModelOutput({**found.losses, **added.losses}, {**found.metrics, **added.metrics})
