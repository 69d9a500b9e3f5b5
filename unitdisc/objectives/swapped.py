"""Swapped prediction: two voices of one utterance must get the same codes (Spin: Chang et al., 2023)."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import Batch, masked_mean, padding_mask
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.bottlenecks.base import perplexity
from unitdisc.objectives.base import ModelOutput, ModelParts
from unitdisc.objectives.players import Player
from unitdisc.objectives.reconstruction import AddedReconstruction
from unitdisc.training.distributed import is_measured, rank, rows_of_all
from unitdisc.training.precision import full_products, in_full

ITERATIONS = 3  # of Sinkhorn


class SwappedPrediction(nn.Module):
    """Every frame is given to prototypes, all equally often, and the same frame in another voice must tell to which.

    Frames are projected, by bottleneck and length, onto a sphere with the prototypes. What is to be told, the soft
    codes, is the most likely way to share out the frames of a batch evenly (Sinkhorn: Cuturi, 2013), without gradient.

    num_codes: prototypes. temperature: of the prediction. epsilon: entropy of the codes; less makes them harder.
    clean: one of the two voices is the recording as it is; else both are augmented. reconstruction: weight of the
    decoder's loss, made of both voices.

    Where a step is computed in parts, each shares out its own frames; several processes share out those of all.
    """

    needs = ()
    needs_augmentation = True

    def __init__(
        self,
        latent_dim: int,
        num_codes: int = 128,
        temperature: float = 0.1,
        epsilon: float = 0.05,
        clean: bool = True,
        reconstruction: float = 0.0,
    ):
        super().__init__()
        if num_codes < 2 or not temperature > 0 or not epsilon > 0:
            raise ValueError("num_codes must be 2 or more, temperature and epsilon above 0")
        self.temperature = temperature
        self.epsilon = epsilon
        self.second_view = "clean" if clean else "augmented"
        self.prototypes = nn.Parameter(F.normalize(torch.randn(num_codes, latent_dim), dim=1))
        self.reconstruction = AddedReconstruction(reconstruction)

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        both = batch.in_both_views()
        units, lengths = model.units_of(both)
        scores = self.scores(units.projected)  # [2 B, T, K]
        mask = padding_mask(lengths, scores.shape[1])
        codes = torch.stack([self.shared_out(scores[view::2], mask[view::2]) for view in (0, 1)], dim=1)  # [B, 2, T, K]
        swapped = codes.flip(1).flatten(0, 1)
        count = both.counts.get("latents")
        losses = {"swap": masked_mean(self.surprise(scores, swapped), mask, count)}
        losses |= self.reconstruction.losses(model, both, units, lengths)
        metrics = dict(units.metrics)
        if is_measured():
            found = codes.argmax(-1)
            alike = (found[:, 0] == found[:, 1]).to(scores.dtype)
            metrics["swap_agreement"] = masked_mean(alike, mask[::2], batch.counts.get("latents"))
            metrics["prototype_perplexity"] = perplexity(scores.argmax(-1)[mask])
        return ModelOutput({**losses, **units.losses}, metrics)

    def scores(self, projected: Tensor) -> Tensor:
        """Cosines of frames with the prototypes: [B, T, D] -> [B, T, K]."""
        with torch.autocast(projected.device.type, enabled=False), full_products():
            return F.normalize(in_full(projected), dim=-1) @ F.normalize(self.prototypes, dim=1).T

    def shared_out(self, scores: Tensor, mask: Tensor) -> Tensor:
        """The soft codes of frames, by which prototypes have equally many frames: [B, T, K], [B, T] -> [B, T, K]."""
        found = torch.zeros_like(scores)
        own = scores.detach()[mask]
        counts = rows_of_all(torch.tensor([len(own)], device=own.device))
        before = int(counts[: rank()].sum())
        found[mask] = sinkhorn(rows_of_all(own), self.epsilon)[before : before + len(own)]
        return found

    def surprise(self, scores: Tensor, codes: Tensor) -> Tensor:
        """Cross-entropy of codes with what the scores predict, in nats: [B, T, K] twice -> [B, T]."""
        return -(codes * F.log_softmax(scores / self.temperature, dim=-1)).sum(-1)

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return self.reconstruction.counts(batch)

    def players(self) -> Mapping[str, Player]:
        return {}

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """Of a frame's own codes: nothing is augmented in validation."""
        scores = self.scores(units.projected)
        mask = padding_mask(lengths, scores.shape[1])
        losses = {"swap": masked_mean(self.surprise(scores, self.shared_out(scores, mask)), mask)}
        metrics = {"prototype_perplexity": perplexity(scores.argmax(-1)[mask])}
        added = self.reconstruction.held_out(model, batch, units, lengths)
        return ModelOutput({**losses, **added.losses}, {**metrics, **added.metrics})


def sinkhorn(scores: Tensor, epsilon: float, iterations: int = ITERATIONS) -> Tensor:
    """Shares out N frames among K codes evenly: [N, K] -> [N, K], rows that sum to 1.

    The plan of transport that has most of scores and of epsilon times entropy, after so many iterations; with more,
    its columns sum to N / K.
    """
    plan = in_full(scores) / epsilon
    for _ in range(iterations):
        plan = plan - plan.logsumexp(0, keepdim=True)
        plan = plan - plan.logsumexp(1, keepdim=True)
    return plan.exp()
