"""Contrastive prediction: which local frames come next is told from others (CPC, and aligned CPC)."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import Batch, cut, mean_of_chosen, padding_mask
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.encoders.contexts import TransformerContext
from unitdisc.objectives.base import ModelOutput, ModelParts
from unitdisc.objectives.players import Player
from unitdisc.objectives.reconstruction import AddedReconstruction
from unitdisc.objectives.stages import refuse_one_stage
from unitdisc.training.distributed import is_measured, uniform
from unitdisc.training.precision import full_products, in_full

NEGATIVES_OF = ("utterance", "speaker", "batch")
IMPOSSIBLE = -1e9  # log-likelihood: infinities would have no gradient


class LinearPredictor(nn.Linear):
    """Each prediction is a linear map of the latent."""

    def forward(self, latents: Tensor, lengths: Tensor) -> Tensor:
        return super().forward(latents)


class TransformerPredictor(nn.Module):
    """One causal layer of a Transformer, then linear maps (Rivière et al., 2020, who have a layer for every step)."""

    def __init__(self, latent_dim: int, out_dim: int):
        super().__init__()
        self.attention = TransformerContext(latent_dim, layers=1, causal=True)
        self.out = nn.Linear(latent_dim, out_dim)

    def forward(self, latents: Tensor, lengths: Tensor) -> Tensor:
        return self.out(self.attention(latents, lengths))


PREDICTORS = {"linear": LinearPredictor, "transformer": TransformerPredictor}


@dataclass(frozen=True)
class Contrast:
    """What predictions are compared with, and how.

    negatives: local frames drawn for every item, at most. negatives_of: the same "utterance" (crop), all crops in the
    batch of the same "speaker", or the whole "batch". predictor: "linear" or "transformer". dim: of the space in which
    cosines are taken, which the temperature divides. clean_targets: what is predicted, and what it is told from, are of
    the clean recording, and only the past, from which it is predicted, is augmented (Kharitonov et al., 2021); else all
    of it is, in the same way.

    Where a step is computed in parts, or by several processes, each looks for negatives among its own items.
    """

    negatives: int = 128
    negatives_of: str = "utterance"
    predictor: str = "linear"
    dim: int = 64
    temperature: float = 0.1
    clean_targets: bool = False

    def __post_init__(self):
        if self.negatives_of not in NEGATIVES_OF:
            raise ValueError(f"negatives_of must be one of {list(NEGATIVES_OF)}, not {self.negatives_of!r}")
        if self.predictor not in PREDICTORS:
            raise ValueError(f"predictor must be one of {sorted(PREDICTORS)}, not {self.predictor!r}")
        if self.negatives < 1 or not self.temperature > 0:
            raise ValueError("negatives must be 1 or more, and temperature above 0")


class ContrastivePrediction(nn.Module):
    """What CPC and aligned CPC share: what is predicted from every latent, and which local frames it is told from."""

    needs = ()

    def __init__(
        self,
        latent_dim: int,
        local_dim: int,
        causal: bool,
        predictions: int,
        steps: int,
        contrast: Contrast,
        reconstruction: float,
    ):
        super().__init__()
        refuse_one_stage("cpc", local_dim)
        if not causal:
            raise ValueError("the encoder sees what is to be predicted; set encoder.causal to true")
        self.contrast = contrast
        self.second_view = "clean" if contrast.clean_targets else None
        self.needs_augmentation = contrast.clean_targets
        self.steps = steps
        self.predictions = predictions
        self.target = nn.Linear(local_dim, contrast.dim)
        self.predictor = PREDICTORS[contrast.predictor](latent_dim, predictions * contrast.dim)
        self.reconstruction = AddedReconstruction(reconstruction)

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        local, lengths = model.encoder.local(batch.features, batch.lengths)
        units, sizes = model.units_behind(batch, model.encoder.context(local, lengths), lengths)
        if batch.second_view is not None:
            local, _ = model.encoder.local(batch.second_view, batch.lengths)
        items, size = units.latents.shape[:2]
        found = self.predicted(model, batch, units, sizes, local, uniform(items, items * size, device=local.device))
        added = self.reconstruction.losses(model, batch, units, sizes)
        return ModelOutput({**found.losses, **added, **units.losses}, {**found.metrics, **units.metrics})

    def predicted(
        self,
        model: ModelParts,
        batch: Batch,
        units: BottleneckOutput,
        lengths: Tensor,
        local: Tensor,
        chances: Tensor,
    ) -> ModelOutput:
        """chances: uniform numbers by which negatives are drawn, of every item for every latent: [B, B * S]."""
        size = units.latents.shape[1]
        if size <= self.nearest:
            raise ValueError(
                f"[objective] {self.nearest} frames ahead there is nothing in crops of {size}: "
                "set training.crop to more, or objective.steps to fewer"
            )
        targets = self.target(cut(local, batch.starts // model.encoder.stride, size))
        predictions = self.predictor(units.latents, lengths).unflatten(-1, (self.predictions, -1))
        with torch.autocast(targets.device.type, enabled=False), full_products():
            targets, predictions = (F.normalize(in_full(x), dim=-1) for x in (targets, predictions))
            losses, right, chosen = self.compared(predictions, targets, lengths, self.drawn(batch, lengths, chances))
        count = batch.counts.get("latents")
        loss = mean_of_chosen(losses, chosen, lengths, count=count)
        if not is_measured():
            return ModelOutput({"prediction": loss}, {})
        return ModelOutput(
            {"prediction": loss},
            {"prediction_accuracy": mean_of_chosen(right.to(loss.dtype), chosen, lengths, count=count)},
        )

    nearest: int  # steps ahead of the first local frame that must be there for anything to be predicted

    @abstractmethod
    def compared(
        self, predictions: Tensor, targets: Tensor, lengths: Tensor, drawn: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """predictions: [B, S, M, P], targets: [B, S, P], lengths: [B], drawn: see below -> losses in nats, whether the
        target was nearer than all negatives, and which of both count: [B, S, *] each."""

    def drawn(self, batch: Batch, lengths: Tensor, chances: Tensor) -> Tensor:
        """Places among all frames of the batch, B * S, that negatives of every item are at; -1 for none: [B, N]."""
        items, size = len(lengths), chances.shape[1] // len(lengths)
        own = torch.eye(items, dtype=torch.bool, device=chances.device)
        speakers = batch.speakers
        fellows = {
            "utterance": own,
            "speaker": own | (speakers[:, None] == speakers) & (speakers >= 0),
            "batch": torch.ones_like(own),
        }[self.contrast.negatives_of]
        allowed = (fellows[:, :, None] & padding_mask(lengths, size)).flatten(1)
        return drawn_places(allowed, chances, self.contrast.negatives)

    def scores(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Cosines over the temperature: [B, S, M, P] with [B, N, P] or [B, S, N, P] -> [B, S, M, N]."""
        if targets.dim() == 4:
            found = predictions @ targets.transpose(2, 3)
        else:  # one product per item: broadcasting would copy the targets for every latent
            found = (predictions.flatten(1, 2) @ targets.transpose(1, 2)).unflatten(1, predictions.shape[1:3])
        return found / self.contrast.temperature

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return self.reconstruction.counts(batch)

    def players(self) -> Mapping[str, Player]:
        return {}

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """With negatives that are the same in every validation."""
        local, _ = model.encoder.local(batch.features, batch.lengths)
        items, size = units.latents.shape[:2]
        chances = torch.rand(items, items * size, generator=torch.Generator().manual_seed(0)).to(local.device)
        found = self.predicted(model, batch, units, lengths, local, chances)
        added = self.reconstruction.held_out(model, batch, units, lengths)
        return ModelOutput({**found.losses, **added.losses}, {**found.metrics, **added.metrics})


class CPC(ContrastivePrediction):
    """Contrastive predictive coding (van den Oord et al., 2018; Rivière et al., 2020): a prediction for every step.

    steps: how many frames ahead is predicted, at most; first_step: at least. Neighbouring local frames share features:
    the third is the first that shares none. reconstruction: weight of the decoder's loss; 0: there is no decoder.
    """

    def __init__(
        self,
        latent_dim: int,
        local_dim: int,
        causal: bool,
        steps: int = 12,
        first_step: int = 1,
        contrast: Contrast = Contrast(),
        reconstruction: float = 0.0,
    ):
        if not 1 <= first_step <= steps:
            raise ValueError(f"first_step must be from 1 to steps ({steps}), not {first_step}")
        predictions = steps - first_step + 1
        super().__init__(latent_dim, local_dim, causal, predictions, steps, contrast, reconstruction)
        self.nearest = first_step

    def compared(
        self, predictions: Tensor, targets: Tensor, lengths: Tensor, drawn: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of every latent and step: [B, S, M] each."""
        items, size = targets.shape[:2]
        ahead = places_ahead(size, self.nearest, self.steps, targets.device)  # [S, M]
        there = ahead < lengths[:, None, None]
        ahead = ahead.clamp(max=size - 1)
        own = (predictions * targets[:, ahead]).sum(-1) / self.contrast.temperature
        itself = (
            drawn[:, None, None] == (ahead + size * torch.arange(items, device=ahead.device)[:, None, None])[..., None]
        )
        others = self.scores(predictions, targets.flatten(0, 1)[drawn])
        others = others.masked_fill(itself | (drawn < 0)[:, None, None], IMPOSSIBLE)
        return F.softplus(others.logsumexp(-1) - own), own > others.amax(-1), there


class AlignedCPC(ContrastivePrediction):
    """Aligned CPC (Chorowski et al., 2021): fewer predictions than steps, and nothing says which is of which.

    The predictions come in order, each is of one step or of several in a row, and together they are of all. The
    likelihood is the sum over all ways to do so, as in CTC; the loss is per step. Frames that are like their neighbours
    share a prediction, which makes them piecewise constant. `prediction_accuracy` is of the first prediction and step.

    steps: how many frames ahead is predicted. predictions: how many of them there are. reconstruction: weight of the
    decoder's loss; 0: there is no decoder.
    """

    def __init__(
        self,
        latent_dim: int,
        local_dim: int,
        causal: bool,
        steps: int = 12,
        predictions: int = 6,
        contrast: Contrast = Contrast(),
        reconstruction: float = 0.0,
    ):
        if not 1 <= predictions <= steps:
            raise ValueError(f"predictions must be from 1 to steps ({steps}), not {predictions}")
        super().__init__(latent_dim, local_dim, causal, predictions, steps, contrast, reconstruction)
        self.nearest = steps

    def compared(
        self, predictions: Tensor, targets: Tensor, lengths: Tensor, drawn: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of every latent: [B, S] each. No negative is among the steps ahead."""
        items, size = targets.shape[:2]
        ahead = places_ahead(size, 1, self.steps, targets.device)  # [S, K]
        there = ahead[:, -1] < lengths[:, None]
        own = self.scores(predictions, targets[:, ahead.clamp(max=size - 1)])  # [B, S, M, K]
        before = drawn[:, None] - size * torch.arange(items, device=drawn.device)[:, None, None] - ahead[:, :1]
        excluded = (before >= 0) & (before < self.steps) | (drawn < 0)[:, None]  # [B, S, N]
        others = self.scores(predictions, targets.flatten(0, 1)[drawn])
        others = others.masked_fill(excluded[:, :, None], IMPOSSIBLE)
        likelihoods = -F.softplus(others.logsumexp(-1, keepdim=True) - own)
        right = own[..., 0, 0] > others[..., 0, :].amax(-1)
        return -aligned(likelihoods) / self.steps, right, there


def drawn_places(allowed: Tensor, chances: Tensor, most: int) -> Tensor:
    """Places among the allowed ones of every item, at most so many, by uniform numbers: [B, M] twice -> [B, N].

    -1 stands for none, where fewer are allowed.
    """
    found = chances.masked_fill(~allowed, -1).topk(min(most, chances.shape[1]))
    return found.indices.masked_fill(found.values < 0, -1)


def places_ahead(size: int, first: int, last: int, device: torch.device) -> Tensor:
    """Where the frames are that come `first` to `last` steps after each: [size, last - first + 1]."""
    return torch.arange(size, device=device)[:, None] + torch.arange(first, last + 1, device=device)


def aligned(likelihoods: Tensor) -> Tensor:
    """The log-likelihood of K steps, summed over all ways to give them to M predictions in order, none left out.

    likelihoods: [..., M, K], logarithms -> [...].
    """
    first = likelihoods[..., 0]
    reached = torch.cat([first[..., :1], torch.full_like(first[..., 1:], IMPOSSIBLE)], dim=-1)  # [..., M], at a step
    for step in range(1, likelihoods.shape[-1]):
        moved = F.pad(reached[..., :-1], (1, 0), value=IMPOSSIBLE)
        reached = torch.logaddexp(reached, moved) + likelihoods[..., step]
    return reached[..., -1]
