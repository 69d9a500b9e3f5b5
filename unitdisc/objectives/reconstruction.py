"""Reconstruction: a decoder makes the signal again of the units and the speaker (Chorowski et al., 2019)."""

import math
from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from unitdisc.batch import Batch, masked_mean, padding_mask
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.objectives.base import ModelOutput, ModelParts
from unitdisc.objectives.players import Player


class Reconstruction:
    """The loss of the decoder, told of jittered latents and of the speaker.

    The speaker reaches the decoder beside the latents, so the units need not carry it.

    slowness: the weight of a penalty on how far neighbouring latents lie apart. A model can have it for nothing, by
    latents that are all the same; time jitter is the better way to units that change slowly, and this is there to
    show it.
    """

    needs = ("jitter", "conditioner", "decoder")

    def __init__(self, slowness: float = 0.0):
        if not (0 <= slowness < math.inf):
            raise ValueError(f"objective.slowness must be 0 or more, not {slowness}")
        self.slowness = slowness

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        units, lengths = model.units_of(batch)
        losses = {"reconstruction": self.loss(model, batch, model.jitter(units.latents, lengths), lengths)}
        if self.slowness:
            losses["slowness"] = self.slowness * change(units.latents, lengths, batch.counts.get("latents"))
        return ModelOutput(losses={**losses, **units.losses}, metrics=units.metrics)

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
        super().__init__()
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


def change(latents: Tensor, lengths: Tensor, count: Tensor | None = None) -> Tensor:
    """The mean absolute difference of latents [B, T, D] from the ones before; the first of an item differs by 0.

    count: see `masked_mean`.
    """
    steps = F.pad((latents[:, 1:] - latents[:, :-1]).abs().mean(-1), (1, 0))
    return masked_mean(steps, padding_mask(lengths, latents.shape[1]), count)


def wrong_latents(latents: Tensor) -> Tensor:
    """Latents [B, T, D] that belong to something else: the next item's, or, of a single item, another time's."""
    return latents.roll(1, 0) if len(latents) > 1 else latents.roll(max(1, latents.shape[1] // 2), 1)
