"""Reconstruction: a decoder makes the signal again of the units and the speaker (Chorowski et al., 2019)."""

from collections.abc import Mapping

from torch import Tensor

from unitdisc.batch import Batch, masked_mean
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.objectives.base import ModelOutput, ModelParts
from unitdisc.objectives.players import Player


class Reconstruction:
    """The loss of the decoder, told of jittered latents and of the speaker.

    The speaker reaches the decoder beside the latents, so the units need not carry it.
    """

    needs = ("jitter", "conditioner", "decoder")

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        units, lengths = model.units_of(batch)
        reconstruction = self.loss(model, batch, model.jitter(units.latents, lengths), lengths)
        return ModelOutput(losses={"reconstruction": reconstruction, **units.losses}, metrics=units.metrics)

    def loss(self, model: ModelParts, batch: Batch, latents: Tensor, lengths: Tensor) -> Tensor:
        """latents [B, T, D], lengths [B] -> nats per value of the target (a sample, a mel bin, a pixel)."""
        condition = model.conditioner(latents, lengths, batch.speakers)
        losses = model.decoder.loss(batch.target, condition, batch.target_lengths)
        return masked_mean(losses, batch.target_mask, batch.counts.get("target")) / batch.target[0, 0].numel()

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """Steps of the "target", no padding."""
        return {"target": batch.target_lengths.sum()}

    def players(self) -> Mapping[str, Player]:
        return {}

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """With the right latents, without jitter; and by how much wrong ones are worse."""
        right, wrong = (
            self.loss(model, batch, latents, lengths) for latents in (units.latents, wrong_latents(units.latents))
        )
        return ModelOutput({"reconstruction": right}, {"latent_gap": wrong - right})


class AddedReconstruction(Reconstruction):
    """Reconstruction beside another objective, its loss times a weight; at 0 nothing at all.

    It is made of the units that the other objective reads: where that hides frames, of what is left of them.
    """

    def __init__(self, weight: float):
        self.weight = weight

    def losses(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> dict[str, Tensor]:
        if not self.weight:
            return {}
        loss = self.loss(model, batch, model.jitter(units.latents, lengths), lengths)
        return {"reconstruction": self.weight * loss}

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return super().counts(batch) if self.weight else {}

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        if not self.weight:
            return ModelOutput({}, {})
        found = super().held_out(model, batch, units, lengths)
        return ModelOutput({name: self.weight * loss for name, loss in found.losses.items()}, found.metrics)


def wrong_latents(latents: Tensor) -> Tensor:
    """Latents [B, T, D] that belong to something else: the next item's, or, of a single item, another time's."""
    return latents.roll(1, 0) if len(latents) > 1 else latents.roll(max(1, latents.shape[1] // 2), 1)
