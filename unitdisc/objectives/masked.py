"""Masked prediction: the codes of stretches that the context network does not see (HuBERT, Hsu et al., 2021)."""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import Batch, mean_of_chosen, padding_mask
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.objectives.base import ModelOutput, ModelParts
from unitdisc.objectives.masking import SpanMasking, mask_embedding, units_of_masked
from unitdisc.objectives.players import Player
from unitdisc.objectives.reconstruction import AddedReconstruction
from unitdisc.objectives.stages import refuse_one_stage
from unitdisc.training.distributed import is_measured
from unitdisc.training.precision import in_full


class MaskedPrediction(nn.Module):
    """Spans of local frames give way to an embedding, and their codes are told of the latents at their places.

    probability: that a span begins at a frame; span: how many frames it hides. The paper's 8 % and 10, at 50 Hz, hide
    more than half. unmasked: weight of the loss at what is seen. reconstruction: weight of the decoder's loss; 0: there
    is no decoder.

    Around the target of a crop nothing is hidden. The losses are means over codebooks, in nats.
    """

    needs = ("codes",)

    def __init__(
        self,
        latent_dim: int,
        local_dim: int,
        codebooks: int,
        codebook_size: int,
        probability: float = 0.08,
        span: int = 10,
        unmasked: float = 0.0,
        reconstruction: float = 0.0,
    ):
        super().__init__()
        refuse_one_stage("masked", local_dim)
        self.masking = SpanMasking(probability, span)
        self.unmasked = unmasked
        self.reconstruction = AddedReconstruction(reconstruction)
        self.codebooks = codebooks
        self.mask = mask_embedding(local_dim)
        self.head = nn.Linear(latent_dim, codebooks * codebook_size)

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        hidden = self.masking.drawn(*batch.codes.shape[:2], device=batch.codes.device)
        units, lengths = units_of_masked(model, batch, hidden, self.mask)
        found = self.predicted(batch, units, lengths, hidden)
        added = self.reconstruction.losses(model, batch, units, lengths)
        return ModelOutput({**found.losses, **added, **units.losses}, {**found.metrics, **units.metrics})

    def predicted(self, batch: Batch, units: BottleneckOutput, lengths: Tensor, hidden: Tensor) -> ModelOutput:
        logits = self.logits(units.latents)
        losses = F.cross_entropy(logits.permute(0, 3, 1, 2), batch.codes, reduction="none").mean(-1)
        inside = padding_mask(lengths, hidden.shape[1])
        places = {"masked": hidden & inside, "unmasked": ~hidden & inside}
        weights = {"masked": 1.0, "unmasked": self.unmasked}
        count = batch.counts.get("latents")
        found = {
            name: weight * mean_of_chosen(losses, places[name], lengths, count=count)
            for name, weight in weights.items()
            if weight
        }
        if not is_measured():
            return ModelOutput(found, {})
        right = (logits.detach().argmax(-1) == batch.codes).to(losses.dtype).mean(-1)
        accuracy = {f"{name}_accuracy": mean_of_chosen(right, places[name], lengths, count=count) for name in places}
        return ModelOutput(found, accuracy)

    def logits(self, latents: Tensor) -> Tensor:
        """[B, S, D] -> [B, S, N, K]"""
        return in_full(self.head(latents)).unflatten(-1, (self.codebooks, -1))

    def prediction(self, latents: Tensor) -> Tensor:
        """As `PredictsCodes` has it; the rows of each codebook are of length 1, as those of a posteriorgram are."""
        return self.logits(latents).softmax(-1).sqrt().flatten(-2)

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return self.reconstruction.counts(batch)

    def players(self) -> Mapping[str, Player]:
        return {}

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """With spans that are the same in every validation; nothing is hidden from reconstruction."""
        hidden = self.masking.held_out(*batch.codes.shape[:2], device=batch.codes.device)
        found = self.predicted(batch, *units_of_masked(model, batch, hidden, self.mask), hidden)
        added = self.reconstruction.held_out(model, batch, units, lengths)
        return ModelOutput({**found.losses, **added.losses}, {**found.metrics, **added.metrics})
