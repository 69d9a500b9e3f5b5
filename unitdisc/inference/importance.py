"""How probable utterances are to a variational autoencoder: bounds by importance weighting, tighter with more draws."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from unitdisc.batch import Batch
from unitdisc.decoders.base import log_prob_of
from unitdisc.model import UnitModel
from unitdisc.training.precision import in_full


def log_evidence(model: UnitModel, batch: Batch, draws: Sequence[int], generator: torch.Generator) -> Tensor:
    """Lower bounds of log p(x) of whole utterances [B], for every number of draws, in nats: [len(draws), B].

    The bound of K draws is E log 1/K sum_k p(x | z_k) p(z_k) / q(z_k | x) (Burda, Grosse & Salakhutdinov, 2016); of one
    it is the evidence lower bound. As many draws are made as the largest number asks for, and the bound of fewer is the
    mean over all groups of so many that these make.
    """
    encoded, lengths = model.encoder(batch.features, batch.lengths)
    _, lengths, mask = model.places_behind(batch, lengths)
    encoded = in_full(encoded)[:, : mask.shape[1]]

    def weights() -> Tensor:  # of one draw: [B]
        latents, ratio = model.bottleneck.draw(encoded, mask, batch.speakers, generator)
        condition = model.conditioner(latents, lengths, batch.speakers)
        told = log_prob_of(model.decoder)(batch.target, condition, batch.target_lengths)
        return (told.double() * batch.target_mask).sum(1) + (ratio.double() * mask).sum(1)

    drawn = torch.stack([weights() for _ in range(max(draws))])  # [K, B]
    return torch.stack([bound_of(drawn, number) for number in draws])


def bound_of(log_weights: Tensor, number: int) -> Tensor:
    """log_weights [K, B] of K draws -> the mean bound of groups of `number` of them: [B]."""
    groups = len(log_weights) // number
    grouped = log_weights[: groups * number].unflatten(0, (groups, number))
    return (grouped.logsumexp(1) - math.log(number)).mean(0)
