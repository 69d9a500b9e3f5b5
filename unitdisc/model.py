"""The unit discovery model: encoder -> bottleneck -> jitter -> conditioner -> decoder, and what it learns from."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from unitdisc.batch import Batch, cut, padding_mask
from unitdisc.bottlenecks import Bottleneck, BottleneckOutput, CutsUtterances
from unitdisc.conditioning import Conditioner, TimeJitter
from unitdisc.decoders import Decoder
from unitdisc.encoders import Encoder
from unitdisc.objectives import FollowsEncoder, ModelOutput, Objective, Player, PredictsCodes, SpeakerAdversary
from unitdisc.training.precision import full_products, in_full

PROBE_POINTS = ("encoder", "projection", "bottleneck", "condition")  # of every model
PREDICTION = "prediction"  # one more, where the objective tells codes


class UnitModel(nn.Module):
    """Learns units by squeezing a signal through a bottleneck; its objective says what of them is then made of it.

    Parts that the objective does not need may be missing.
    """

    def __init__(
        self,
        encoder: Encoder,
        bottleneck: Bottleneck,
        objective: Objective,
        jitter: TimeJitter | None = None,
        conditioner: Conditioner | None = None,
        decoder: Decoder | None = None,
        adversary: SpeakerAdversary | None = None,
    ):
        super().__init__()
        self.encoder = encoder
        self.bottleneck = bottleneck
        self.jitter = jitter
        self.conditioner = conditioner
        self.decoder = decoder
        self.objective = objective
        self.adversary = adversary
        if isinstance(objective, FollowsEncoder):
            objective.follow(encoder)

    def forward(self, batch: Batch) -> ModelOutput:
        return self.objective(self, batch)

    def units_of(self, batch: Batch) -> tuple[BottleneckOutput, Tensor]:
        """The units behind the target of a batch, and how many each item has: [B]."""
        of_bottleneck = isinstance(self.bottleneck, CutsUtterances) and "codes" not in self.objective.needs
        if of_bottleneck and batch.codes is not None:
            _, lengths, mask = self.places_behind(batch, -(-batch.lengths // self.encoder.stride))
            return self.judged(batch, self.bottleneck.of_cut(batch.codes[..., 0], mask), lengths, mask)
        return self.units_behind(batch, *self.encoder(batch.features, batch.lengths))

    def units_behind(self, batch: Batch, encoded: Tensor, lengths: Tensor) -> tuple[BottleneckOutput, Tensor]:
        """The same of what the encoder makes of the batch, or of a changed one: [B, T, C], [B]."""
        starts, lengths, mask = self.places_behind(batch, lengths)
        with torch.autocast(encoded.device.type, enabled=False), full_products():  # codes, distances need all digits
            units = self.bottleneck(cut(in_full(encoded), starts, mask.shape[1]), mask)
        return self.judged(batch, units, lengths, mask)

    def places_behind(self, batch: Batch, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where the latents behind the target of a batch begin, how many each item has [B], and which are [B, S].

        lengths: latents of all that the encoder reads.
        """
        starts = batch.starts // self.encoder.stride
        size = -(-batch.target_frames // self.encoder.stride)
        lengths = (lengths - starts).clamp(max=size)
        return starts, lengths, padding_mask(lengths, size)

    def judged(
        self, batch: Batch, units: BottleneckOutput, lengths: Tensor, mask: Tensor
    ) -> tuple[BottleneckOutput, Tensor]:
        """The units with means for losses, and what an adversary finds of them."""
        units = units.averaged(mask, batch.counts.get("latents"))
        if self.adversary is None:
            return units, lengths
        found = self.adversary(units.latents, lengths, batch)
        losses, metrics = {**units.losses, **found.losses}, {**units.metrics, **found.metrics}
        return replace(units, losses=losses, metrics=metrics), lengths

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """How many places of a batch each mask of a loss lets through: "latents", no padding, and the objective's."""
        stride = self.encoder.stride
        size = -(-batch.target_frames // stride)
        latents = (-(-batch.lengths // stride) - batch.starts // stride).clamp(0, size)
        of_adversary = self.adversary.counts(batch, latents) if self.adversary else {}
        return {"latents": latents.sum(), **of_adversary, **self.objective.counts(batch)}

    def players(self) -> dict[str, Player]:
        """Which weights learn together, by name: as "model" all that the objective does not set apart."""
        apart = {**self.objective.players()}
        others = apart.pop("model", Player([]))  # how they learn, if it matters to the objective
        taken = {id(weight) for player in apart.values() for weight in player.weights}
        rest = [weight for weight in self.parameters() if id(weight) not in taken]
        return {"model": replace(others, weights=rest), **apart}

    def encode(self, features: Tensor, lengths: Tensor) -> tuple[BottleneckOutput, Tensor]:
        """features: [B, T, F], lengths: [B] -> the units, and how many each item has: [B]."""
        encoded, lengths = self.encoder(features, lengths)
        return self.bottleneck(encoded, padding_mask(lengths, encoded.shape[1])), lengths

    def probe_points(self, features: Tensor, lengths: Tensor) -> tuple[dict[str, Tensor], Tensor | None, Tensor]:
        """The representations worth probing, each more filtered than the one before.

        features: [B, T, F], lengths: [B] -> {probe point: [B, T', *]}, codes [B, T'] if any, lengths [B].
        Without a conditioner, the condition is the latents as they are. Only where the objective tells codes, there is
        the prediction, too.
        """
        encoded, lengths = self.encoder(features, lengths)
        units = self.bottleneck(encoded, padding_mask(lengths, encoded.shape[1]))
        points = {
            "encoder": encoded,
            "projection": units.projected,
            "bottleneck": units.latents,
            "condition": self.conditioner.mix(units.latents, lengths) if self.conditioner else units.latents,
        }
        if isinstance(self.objective, PredictsCodes):
            points[PREDICTION] = self.objective.prediction(units.latents)
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
