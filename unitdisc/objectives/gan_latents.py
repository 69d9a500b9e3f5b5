"""Generators whose latents can be read back of items: InfoGAN (Chen et al., 2016) and BiGAN (Donahue et al., 2017)."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from unitdisc.batch import Batch
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.objectives.base import ModelOutput, ModelParts
from unitdisc.objectives.gan import Contest, Gan, items_of
from unitdisc.training.distributed import is_measured, normal, uniform
from unitdisc.training.precision import in_full

SMALLEST = 1e-6  # probability, or its logarithm would be minus infinity


class InfoGan(Gan):
    """Items are made of noise and a category, and encoder and bottleneck learn to read the category back of them.

    What reads is no part of the critic, as in ciwGAN (Begus, 2021). It sees made items only in training, and gives real
    ones codes afterwards, by `unitdisc encode`. Needs bottleneck "global-linear": its `categories` are as many,
    drawn evenly, and its `dim` numbers are the first of the noise.

    noise_dim: of the noise, the numbers that are read back among it. reading: weight of the loss of reading, the
    cross-entropy of categories in nats and the squared errors of numbers. `codes_read` is how much of the entropy of
    categories is read back, 0 to 1, and `numbers_read` that of the variance of numbers.
    """

    def __init__(
        self,
        in_dim: int,
        features: Any,
        item_width: int,
        item_categories: int,
        contest: Contest,
        noise_dim: int = 64,
        reading: float = 1.0,
    ):
        super(Gan, self).__init__()
        continuous = item_width - item_categories
        if item_categories < 2:
            raise ValueError(
                "reads back categories: set bottleneck.kind to 'global-linear' and bottleneck.categories to 2 or more"
            )
        if noise_dim <= continuous:
            raise ValueError(
                f"noise_dim must be more than bottleneck.dim, what is read back of it, not {noise_dim} and {continuous}"
            )
        self.told = "codes"
        self.codes, self.continuous, self.width = item_categories, continuous, item_width
        self.reading = reading
        self.set_up(in_dim, features, contest, noise_dim=noise_dim, beside=self.codes, judged_beside=0)

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        size, device = len(batch.features), batch.features.device
        noise = normal(size, self.noise_dim, device=device)
        codes = (uniform(size, device=device) * self.codes).long().clamp(max=self.codes - 1)
        return self.read_back(model, batch, noise, codes=codes, shares=uniform(size, device=device))

    def read_back(
        self, model: ModelParts, batch: Batch, noise: Tensor, *, codes: Tensor, shares: Tensor
    ) -> ModelOutput:
        """noise [B, Z], codes and shares [B] -> the losses of both players, and of reading."""
        real, made = items_of(batch, self.columns), self.make(noise, batch.speakers, codes)
        units, _ = model.units_of(as_batch(made, batch.speakers))
        numbers, shown = vectors(units, self.width).tensor_split([self.continuous], dim=1)
        logarithms = in_full(shown).clamp(min=SMALLEST).log()
        surprise = F.nll_loss(logarithms, codes)
        wanted = noise[:, : self.continuous].to(numbers.dtype)
        contest = self.judged([real], [made], shares=shares)
        losses = {**contest.losses, "reading": self.reading * surprise, **units.losses}
        metrics = dict(contest.metrics)
        if self.continuous:
            error = (in_full(numbers) - wanted).square().mean()
            losses["reading"] = losses["reading"] + self.reading * self.continuous * error / 2
        if is_measured():
            metrics["codes_read"] = 1 - surprise.detach() / torch.tensor(self.codes).log()
            metrics |= {"numbers_read": 1 - error.detach()} if self.continuous else {}
        return ModelOutput(losses, metrics)

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        noise, shares = self.noise_of_validation(batch)
        codes = torch.arange(len(noise), device=noise.device) % self.codes
        found = self.read_back(model, batch, noise, codes=codes, shares=shares)
        return ModelOutput(
            {name: loss for name, loss in found.losses.items() if name not in units.losses}, found.metrics
        )


class BiGan(Gan):
    """A critic tells pairs apart: real items with their latents, and noise with what is made of it.

    Where it cannot, the encoder inverts the generator (also ALI: Dumoulin et al., 2017). Needs bottleneck
    "global-linear" without categories, whose `dim` numbers are as many as there are of noise.

    inverting: weight of the squared error of noise that is read back of what is made of it, summed over its numbers and
    halved; 0: only the critic teaches the encoder, which after 2,000 steps of small digits said the same of all.
    `inverted` is how much of the variance of noise is read back.
    """

    both_please: ClassVar[bool] = True

    def __init__(
        self,
        in_dim: int,
        features: Any,
        item_width: int,
        item_categories: int,
        contest: Contest,
        inverting: float = 1.0,
    ):
        super(Gan, self).__init__()
        self.inverting = inverting
        if not item_width or item_categories:
            raise ValueError(
                "pairs items with one latent each: set bottleneck.kind to 'global-linear', and no bottleneck.categories"
            )
        self.told, self.codes, self.width = "none", 0, item_width
        self.set_up(in_dim, features, contest, noise_dim=item_width, beside=0, judged_beside=item_width)

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        size, device = len(batch.features), batch.features.device
        units, _ = model.units_of(batch)
        noise = normal(size, self.noise_dim, device=device)
        found = self.of_pairs(model, batch, units, noise=noise, shares=uniform(size, device=device))
        return ModelOutput({**found.losses, **units.losses}, {**found.metrics, **units.metrics})

    def of_pairs(
        self, model: ModelParts, batch: Batch, units: BottleneckOutput, *, noise: Tensor, shares: Tensor
    ) -> ModelOutput:
        """noise [B, Z], shares [B] -> the losses of both players, and of reading noise back."""
        real, made = items_of(batch, self.columns), self.made(noise, None)
        known = in_full(vectors(units, self.width))
        latents = noise[:, : self.width].to(known.dtype)
        contest = self.judged([real, known], [made, latents], shares=shares)
        again, _ = model.units_of(as_batch(made, batch.speakers))
        error = (in_full(vectors(again, self.width)) - latents).square().mean()
        losses = {**contest.losses, "inverting": self.inverting * self.width * error / 2}
        return ModelOutput(losses, {**contest.metrics, "inverted": 1 - error.detach()})

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """Of items that are made of the same noise in every validation."""
        noise, shares = self.noise_of_validation(batch)
        return self.of_pairs(model, batch, units, noise=noise, shares=shares)


def vectors(units: BottleneckOutput, width: int) -> Tensor:
    """The latents of whole items, [B, W]: the first numbers that any of their steps is told."""
    return units.latents[:, 0, :width]


def as_batch(made: Tensor, speakers: Tensor) -> Batch:
    """Made items [B, T, C] as an encoder is shown real ones; nothing is predicted of them."""
    lengths = torch.full((len(made),), made.shape[1], device=made.device)
    return Batch(
        features=made,
        lengths=lengths,
        starts=torch.zeros_like(lengths),
        target=made[..., :0],
        target_lengths=lengths,
        target_frames=made.shape[1],
        speakers=speakers,
    )
