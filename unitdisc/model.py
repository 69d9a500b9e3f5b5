"""The unit discovery model: encoder -> bottleneck -> jitter -> conditioner -> decoder."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unitdisc.batch import Batch, cut, masked_mean, padding_mask
from unitdisc.bottlenecks import Bottleneck, BottleneckOutput
from unitdisc.conditioning import Conditioner, TimeJitter
from unitdisc.decoders import Decoder
from unitdisc.encoders import Encoder
from unitdisc.training.precision import full_products

PROBE_POINTS = ("encoder", "projection", "bottleneck", "condition")


@dataclass(frozen=True)
class ModelOutput:
    losses: dict[str, Tensor]
    metrics: dict[str, Tensor]

    @property
    def loss(self) -> Tensor:
        return sum(self.losses.values())


class UnitModel(nn.Module):
    """Learns units by squeezing a signal through a bottleneck and predicting it back.

    The speaker reaches the decoder beside the latents, so the units need not carry it.
    """

    def __init__(
        self, encoder: Encoder, bottleneck: Bottleneck, jitter: TimeJitter, conditioner: Conditioner, decoder: Decoder
    ):
        super().__init__()
        self.encoder = encoder
        self.bottleneck = bottleneck
        self.jitter = jitter
        self.conditioner = conditioner
        self.decoder = decoder

    def forward(self, batch: Batch) -> ModelOutput:
        units, lengths = self.units_of(batch)
        condition = self.conditioner(self.jitter(units.latents, lengths), lengths, batch.speakers)
        reconstruction = self.reconstruction(batch, condition)
        return ModelOutput(losses={"reconstruction": reconstruction, **units.losses}, metrics=units.metrics)

    def units_of(self, batch: Batch) -> tuple[BottleneckOutput, Tensor]:
        """The units behind the target of a batch, and how many each item has: [B]."""
        encoded, lengths = self.encoder(batch.features, batch.lengths)
        starts = batch.starts // self.encoder.stride
        size = -(-batch.target_frames // self.encoder.stride)
        lengths = (lengths - starts).clamp(max=size)
        mask = padding_mask(lengths, size)
        with torch.autocast(encoded.device.type, enabled=False), full_products():  # codes, distances need all digits
            units = self.bottleneck(cut(in_full(encoded), starts, size), mask)
            return units.averaged(mask, batch.counts.get("latents")), lengths

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """How many places of a batch each mask of a loss lets through: "latents" and "target" steps, no padding."""
        stride = self.encoder.stride
        size = -(-batch.target_frames // stride)
        latents = (-(-batch.lengths // stride) - batch.starts // stride).clamp(0, size)
        return {"latents": latents.sum(), "target": batch.target_lengths.sum()}

    def reconstruction(self, batch: Batch, condition: Tensor) -> Tensor:
        """The decoder's loss in nats per value of the target (a sample, a mel bin, a pixel)."""
        losses = self.decoder.loss(batch.target, condition, batch.target_lengths)
        return masked_mean(losses, batch.target_mask, batch.counts.get("target")) / batch.target[0, 0].numel()

    def encode(self, features: Tensor, lengths: Tensor) -> tuple[BottleneckOutput, Tensor]:
        """features: [B, T, F], lengths: [B] -> the units, and how many each item has: [B]."""
        encoded, lengths = self.encoder(features, lengths)
        return self.bottleneck(encoded, padding_mask(lengths, encoded.shape[1])), lengths

    def probe_points(self, features: Tensor, lengths: Tensor) -> tuple[dict[str, Tensor], Tensor | None, Tensor]:
        """The representations worth probing, each more filtered than the one before.

        features: [B, T, F], lengths: [B] -> {probe point: [B, T', *]}, codes [B, T'] if any, lengths [B].
        """
        encoded, lengths = self.encoder(features, lengths)
        units = self.bottleneck(encoded, padding_mask(lengths, encoded.shape[1]))
        points = {
            "encoder": encoded,
            "projection": units.projected,
            "bottleneck": units.latents,
            "condition": self.conditioner.mix(units.latents, lengths),
        }
        return points, units.codes, lengths

    @torch.no_grad()
    def resynthesise(
        self,
        latents: Tensor,
        lengths: Tensor,
        speakers: Tensor,
        size: int,
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
        given: Tensor | None = None,
    ) -> Tensor:
        """Speaks (or writes) the units again, in the voice of any known speaker: `size` steps of the decoder.

        given: the first columns of a line [B, P, H], which are kept and gone on from.
        """
        condition = self.conditioner(latents, lengths, speakers)
        if given is None:
            return self.decoder.sample(condition, size, generator, temperature)
        return self.decoder.sample(condition, size, generator, temperature, given)


def in_full(x: Tensor) -> Tensor:
    """In 32 bits at least."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
