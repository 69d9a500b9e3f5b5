"""wav2vec 2.0: what a hidden frame is when quantised, told from what other hidden frames are (Baevski et al., 2020)."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import Batch, cut, mean_of_chosen, padding_mask
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.bottlenecks.base import perplexity, straight_through
from unitdisc.bottlenecks.gumbel import with_gumbel_noise
from unitdisc.bottlenecks.soft import divergence_from_uniform
from unitdisc.bottlenecks.temperature import Temperature
from unitdisc.objectives.base import ModelOutput, ModelParts
from unitdisc.objectives.contrastive import IMPOSSIBLE, drawn_places
from unitdisc.objectives.masking import SpanMasking, mask_embedding, masked
from unitdisc.objectives.players import Player
from unitdisc.objectives.reconstruction import AddedReconstruction
from unitdisc.objectives.stages import refuse_one_stage
from unitdisc.training.distributed import is_measured, sum_over_processes, uniform
from unitdisc.training.precision import full_products, in_full


@dataclass(frozen=True)
class Quantisation:
    """How the frames that are told are quantised: one code of each of several groups, drawn by Gumbel-softmax.

    groups: of dim / groups dimensions each; num_codes: of every group. diversity: weight of the loss that keeps codes
    in use, see `soft`. gumbel_temperature, min_gumbel_temperature, gumbel_temperature_decay: where the temperature
    begins, where it ends, its factor per training step.
    """

    groups: int = 2
    num_codes: int = 320
    diversity: float = 0.1
    gumbel_temperature: float = 2.0
    min_gumbel_temperature: float = 0.5
    gumbel_temperature_decay: float = 0.999995

    def __post_init__(self):
        if self.groups < 1 or self.num_codes < 2:
            raise ValueError("groups must be 1 or more, and num_codes 2 or more")


class ProductQuantiser(nn.Module):
    """A vector for each of the codes that are chosen, one of every group, side by side."""

    def __init__(self, in_dim: int, dim: int, options: Quantisation):
        super().__init__()
        if dim < 1 or dim % options.groups:
            raise ValueError(f"groups must divide dim = {dim} into equal parts, which {options.groups} does not")
        self.options = options
        self.norm = nn.LayerNorm(in_dim)
        self.choose = nn.Linear(in_dim, options.groups * options.num_codes)
        nn.init.normal_(self.choose.weight)  # as the paper's code: at first frames decide, hardly the noise
        nn.init.zeros_(self.choose.bias)
        self.codebooks = nn.Parameter(torch.rand(options.groups, options.num_codes, dim // options.groups))
        self.temperature = Temperature(
            options.gumbel_temperature, options.min_gumbel_temperature, options.gumbel_temperature_decay
        )

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, S, C] -> vectors [B, S, D], codes [B, S, G], logits [B, S, G, K]."""
        logits = self.choose(self.norm(frames)).unflatten(-1, (self.options.groups, -1))
        drawn = with_gumbel_noise(logits) if self.training else logits
        codes = drawn.argmax(-1)
        shares = (drawn / self.temperature()).softmax(-1)
        chosen = straight_through(shares, F.one_hot(codes, self.options.num_codes).to(shares.dtype))
        vectors = [of_group @ codebook for of_group, codebook in zip(chosen.unbind(2), self.codebooks)]
        return torch.cat(vectors, dim=-1), codes, logits


class Wav2Vec2(nn.Module):
    """Spans of local frames are hidden; the latents there tell their own frames, quantised, from others of the crop.

    Others are at most so many `negatives`, drawn among the hidden frames of a crop; those that have the same codes are
    none. `prediction_accuracy` is how often the own one is nearest, `prediction_chance` how often it would be by
    chance; `target_use` is the perplexity of the targets' codes, as a share of how many there could be.

    probability: that a span begins at a frame; span: how many frames it hides. dim: of the space in which cosines are
    taken, which the temperature divides, and of the quantised frames. reconstruction: weight of the decoder's loss.
    """

    needs = ()

    def __init__(
        self,
        latent_dim: int,
        local_dim: int,
        probability: float = 0.065,
        span: int = 10,
        negatives: int = 100,
        dim: int = 256,
        temperature: float = 0.1,
        quantisation: Quantisation = Quantisation(),
        reconstruction: float = 0.0,
    ):
        super().__init__()
        refuse_one_stage("wav2vec2", local_dim)
        if negatives < 1 or not temperature > 0:
            raise ValueError("negatives must be 1 or more, and temperature above 0")
        self.masking = SpanMasking(probability, span)
        self.negatives = negatives
        self.temperature = temperature
        self.diversity = quantisation.diversity
        self.mask = mask_embedding(local_dim)
        self.quantiser = ProductQuantiser(local_dim, dim, quantisation)
        self.target = nn.Linear(dim, dim)
        self.head = nn.Linear(latent_dim, dim)
        self.reconstruction = AddedReconstruction(reconstruction)

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        items, size = len(batch.features), -(-batch.target_frames // model.encoder.stride)
        device = batch.features.device
        hidden, chances = self.masking.drawn(items, size, device), uniform(items, size, device=device)
        units, lengths, found = self.predicted(model, batch, hidden, chances)
        added = self.reconstruction.losses(model, batch, units, lengths)
        return ModelOutput({**found.losses, **added, **units.losses}, {**found.metrics, **units.metrics})

    def predicted(
        self, model: ModelParts, batch: Batch, hidden: Tensor, chances: Tensor
    ) -> tuple[BottleneckOutput, Tensor, ModelOutput]:
        """hidden: [B, S]; chances: uniform numbers by which negatives are drawn among them, [B, S]."""
        local, lengths = model.encoder.local(batch.features, batch.lengths)
        starts, size = batch.starts // model.encoder.stride, hidden.shape[1]
        seen = masked(local, hidden, starts, self.mask)
        units, lengths = model.units_behind(batch, model.encoder.context(seen, lengths), lengths)
        inside = padding_mask(lengths, size)
        drawn = drawn_places(hidden & inside, chances, self.negatives)
        with torch.autocast(local.device.type, enabled=False), full_products():
            vectors, codes, logits = self.quantiser(in_full(cut(local, starts, size)))
            own, others = self.scores(in_full(units.latents), vectors, codes, drawn)
        chosen = hidden & inside & (others > IMPOSSIBLE).any(-1)
        count = batch.counts.get("latents")
        losses = {"prediction": mean_of_chosen(F.softplus(others.logsumexp(-1) - own), chosen, lengths, count=count)}
        if self.diversity:
            groups = [divergence_from_uniform(of_group, inside) for of_group in logits.unbind(2)]
            losses["target_diversity"] = self.diversity * sum(groups) / len(groups)
        if not is_measured():
            return units, lengths, ModelOutput(losses, {})
        chance = 1 / (1 + (others > IMPOSSIBLE).sum(-1))
        metrics = {
            "prediction_accuracy": mean_of_chosen((own > others.amax(-1)).to(own.dtype), chosen, lengths, count=count),
            "prediction_chance": mean_of_chosen(chance.to(own.dtype), chosen, lengths, count=count),
            "target_use": self.use(codes, inside),
        }
        return units, lengths, ModelOutput(losses, metrics)

    def scores(self, latents: Tensor, vectors: Tensor, codes: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines, over the temperature, of what is told with one's own quantised frame, and with negatives.

        latents: [B, S, L], vectors: [B, S, D], codes: [B, S, G], drawn: places [B, N] -> [B, S], [B, S, N].
        """
        told, targets = F.normalize(self.head(latents), dim=-1), F.normalize(self.target(vectors), dim=-1)
        own = (told * targets).sum(-1) / self.temperature
        places = drawn.clamp(min=0)[..., None]
        others = told @ targets.gather(1, places.expand(-1, -1, targets.shape[-1])).mT / self.temperature
        of_others = codes.gather(1, places.expand(-1, -1, codes.shape[-1]))
        same = (codes[:, :, None] == of_others[:, None]).all(-1)
        return own, others.masked_fill(same | (drawn < 0)[:, None], IMPOSSIBLE)

    def use(self, codes: Tensor, mask: Tensor) -> Tensor:
        """How many codes of a group are effectively in use, as a share of how many could be: [B, S, G], [B, S]."""
        frames = sum_over_processes(mask.sum()).clamp(1, self.quantiser.options.num_codes)
        return torch.stack([perplexity(of_group) for of_group in codes[mask].unbind(1)]).mean() / frames

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return self.reconstruction.counts(batch)

    def players(self) -> Mapping[str, Player]:
        return {}

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """With spans and negatives that are the same in every validation; nothing is hidden from reconstruction."""
        items, size = units.latents.shape[:2]
        hidden = self.masking.held_out(items, size, lengths.device)
        chances = torch.rand(items, size, generator=torch.Generator().manual_seed(1)).to(lengths.device)
        _, _, found = self.predicted(model, batch, hidden, chances)
        added = self.reconstruction.held_out(model, batch, units, lengths)
        return ModelOutput({**found.losses, **added.losses}, {**found.metrics, **added.metrics})
