"""Conversion without pairs: lines in another hand, utterances in another voice.

CycleGAN (Zhu et al., 2017; of voices, Kaneko & Kameoka, 2018), StarGAN (Choi et al., 2018 and 2020; of voices, Kameoka
et al., 2018).
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import Batch, cut, masked_mean
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.objectives.adversarial_losses import (
    check_adversary,
    critic_loss,
    doubt,
    judged_by,
    penalty_of,
    pleasing_loss,
)
from unitdisc.objectives.base import ModelOutput, ModelParts
from unitdisc.objectives.conversion_networks import HandCritic, HandWriter, Timbre, cells_in
from unitdisc.objectives.ink import BOUNDED, refuse_learning, refuse_unbounded, surprise
from unitdisc.objectives.players import Player
from unitdisc.training.distributed import is_measured, uniform

BETAS = (0.5, 0.999)  # of Adam, for both players
LEAST = 1e-5  # that the mean ink of lines is taken to be


class Conversion(nn.Module):
    """Lines of every speaker (or scribe) written as another would, where nobody wrote the same line twice.

    One network serves all: it is told whose line it is to be, not whose it was, so that it also converts lines of those
    it never saw. A critic has a score for every speaker. It learns that lines by one are real, that made ones are not,
    and that real ones by somebody else are not either. What is converted, and then converted back, is to be the line
    that it was (`cycle`); told its own speaker, the network is to leave a line as it is (`identity`). With two speakers
    this is what a CycleGAN learns, by one network and one critic where that has two of each. Utterances in another
    voice are spectrograms in another hand: features.kind "bounded-log-mel".

    Encoder and bottleneck learn nothing, so there must be none. Lines by unknown speakers count for nothing.
    `changed` is the mean absolute difference of made lines from what they were, `hands_apart` that of what is made for
    two speakers over the mean ink, `critic_doubt` the critic's loss over that of one that cannot tell.

    channels, layers, depth: as of the decoder "diffusion-columns". posture: whether lines are leant and stretched as a
    whole before their strokes are drawn in another way; and utterances given the spectrum of the voice as a whole.
    cycle, identity, adversary: weights of the losses, the first two in nats for a pixel. adversarial_loss:
    "non-saturating", "hinge" or "wasserstein"; penalty: "r1" or "none", times penalty_weight. critic_channels,
    critic_rate: its width and its learning rate.
    """

    kind = "convert"
    needs = ()

    def __init__(
        self,
        features: Any,
        in_dim: int,
        num_speakers: int,
        channels: int = 8,
        layers: int = 1,
        depth: int = 2,
        posture: bool = True,
        cycle: float = 1.0,
        identity: float = 0.5,
        adversary: float = 0.3,
        adversarial_loss: str = "hinge",
        penalty: str = "none",
        penalty_weight: float = 1.0,
        critic_channels: int = 16,
        critic_rate: float = 2e-3,
    ):
        super().__init__()
        refuse_unbounded(features)
        check_adversary(adversarial_loss, penalty)
        if penalty == "gradient":
            raise ValueError(
                "penalty 'gradient' is of what lies between a real and a made line, which here are by two scribes; "
                "set objective.penalty to 'r1'"
            )
        if not critic_rate > 0:
            raise ValueError(f"critic_rate must be above 0, not {critic_rate}")
        self.num_speakers = num_speakers
        sizes = {"channels": channels, "layers": layers, "depth": depth}
        self.writer = HandWriter(in_dim, num_speakers, posture=posture, spoken=features.kind == BOUNDED, **sizes)
        self.critic = HandCritic(in_dim, num_speakers, critic_channels)
        self.cycle, self.identity, self.adversary = cycle, identity, adversary
        self.adversarial_loss, self.penalty, self.penalty_weight = adversarial_loss, penalty, penalty_weight
        self.critic_rate = critic_rate

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        refuse_learning(model, self.kind, "objective.kind to 'reconstruction', and convert by units")
        chance = uniform(len(batch.speakers), device=batch.features.device)
        return self.contested(batch, self.others(batch.speakers, chance))

    def others(self, speakers: Tensor, chance: Tensor) -> Tensor:
        """Somebody else for everybody: [B], by numbers in [0, 1), [B]; each of the others as often."""
        step = 1 + (chance * (self.num_speakers - 1)).long().clamp(max=self.num_speakers - 2)
        return (speakers.clamp(min=0) + step) % self.num_speakers

    def logits(self, lines: Tensor, speakers: Tensor, mask: Tensor) -> Tensor:
        """As `converted`, before it becomes ink."""
        return self.writer(lines, F.one_hot(speakers, self.num_speakers).to(lines.dtype), mask)

    def converted(self, lines: Tensor, speakers: Tensor, mask: Tensor) -> Tensor:
        """lines [B, S, H], speakers [B], mask [B, S] -> ink in [0, 1] as they would write it: [B, S, H].

        There are zeros in the padding.
        """
        return self.logits(lines, speakers, mask).sigmoid() * mask[..., None]

    def contested(self, batch: Batch, others: Tensor) -> ModelOutput:
        """The losses of writer and critic, where every line is to be by one of others [B]."""
        mask, own = batch.target_mask, batch.speakers.clamp(min=0)
        lines = cut(batch.features, batch.starts, batch.target_frames) * mask[..., None]
        inside, cells = self.places(batch)

        def of_pixels(values: Tensor) -> Tensor:
            return masked_mean(values.mean(-1), inside, batch.counts.get("known"))

        def of_cells(values: Tensor) -> Tensor:
            return masked_mean(values, cells, batch.counts.get("cells"))

        made = self.converted(lines, others, mask)
        losses = {"cycle": self.cycle * of_pixels(surprise(self.logits(made, own, mask), lines))}
        losses |= self.adversaries(batch, lines, made, others=others, mean=of_cells)
        if self.identity or not torch.is_grad_enabled():
            same = self.logits(lines, own, mask)
            losses["identity"] = self.identity * of_pixels(surprise(same, lines))
        if isinstance(self.writer.posture, Timbre):
            apart, known = self.writer.posture.apart(lines, own, mask), (batch.speakers >= 0)[:, None]
            losses["timbre"] = masked_mean(apart[:, None], known, batch.counts.get("items"))
        if self.penalty != "none" and torch.is_grad_enabled():
            losses["penalty"] = self.penalty_weight * self.steepness(batch, lines, own, cells)
        if not is_measured():
            return ModelOutput(losses, {})
        metrics = {"changed": of_pixels((made.detach() - lines).abs())}
        metrics["critic_doubt"] = doubt(self.adversarial_loss, losses["critic"].detach())
        if not torch.is_grad_enabled():
            ink = of_pixels(lines).clamp(min=LEAST)
            metrics["hands_apart"] = of_pixels((made - same.sigmoid() * mask[..., None]).abs()) / ink
        return ModelOutput(losses, metrics)

    def adversaries(
        self, batch: Batch, lines: Tensor, made: Tensor, *, others: Tensor, mean: Callable[[Tensor], Tensor]
    ) -> dict[str, Tensor]:
        """Losses of the critic and of pleasing it; mean: of scores [B, cells]."""
        loss, mask = self.adversarial_loss, batch.target_mask
        real, fake = self.critic(lines, mask), self.critic(made.detach(), mask)
        own = batch.speakers.clamp(min=0)
        right, wrong = scores_of(real, own), 1 - F.one_hot(own, self.num_speakers).to(real.dtype)[:, None]
        of_others = (critic_loss(loss, right[..., None], real) * wrong).sum(-1) / (self.num_speakers - 1)
        apart = (critic_loss(loss, right, scores_of(fake, others)) + of_others) / 2
        pleasing = pleasing_loss(loss, scores_of(judged_by(self.critic, made, mask), others))
        return {"adversary": self.adversary * mean(pleasing), "critic": mean(apart)}

    def steepness(self, batch: Batch, lines: Tensor, own: Tensor, cells: Tensor) -> Tensor:
        """The mean penalty of lines by known speakers."""

        def score(shown: Tensor) -> Tensor:
            return (scores_of(self.critic(shown, batch.target_mask), own) * cells).sum(1) / cells.sum(1).clamp(min=1)

        steep = penalty_of(self.penalty, score, real=[lines], made=[], shares=own)
        return masked_mean(steep[:, None], (batch.speakers >= 0)[:, None], batch.counts.get("items"))

    def places(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Columns, and cells of the critic, of lines by known speakers: [B, S], [B, ceil(S / 8)]."""
        known = (batch.speakers >= 0)[:, None]
        return batch.target_mask & known, cells_in(batch.target_mask) & known

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        inside, cells = self.places(batch)
        return {"known": inside.sum(), "cells": cells.sum(), "items": (batch.speakers >= 0).sum()}

    def players(self) -> Mapping[str, Player]:
        critic = Player([*self.critic.parameters()], self.critic_rate, betas=BETAS)
        return {"critic": critic, "model": Player([], betas=BETAS)}

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """Every line as the next speaker would write it."""
        return self.contested(batch, self.others(batch.speakers, torch.zeros_like(batch.speakers, dtype=torch.float)))


def scores_of(scores: Tensor, speakers: Tensor) -> Tensor:
    """Those as a line by these speakers: [B, cells, N], [B] -> [B, cells]."""
    return scores.gather(2, speakers[:, None, None].expand(-1, scores.shape[1], 1))[..., 0]
