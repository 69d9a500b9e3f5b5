"""Vocoding: a wave told at once of frames or units, near in its spectra, and taken for real by critics (HiFi-GAN)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from unitdisc.batch import Batch, masked_mean
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.decoders import Vocoder
from unitdisc.objectives.adversarial_losses import (
    check_adversary,
    critic_loss,
    doubt,
    judged_by,
    pleasing_loss,
    told_apart,
)
from unitdisc.objectives.base import ModelOutput, ModelParts
from unitdisc.objectives.players import Player
from unitdisc.objectives.reconstruction import Reconstruction
from unitdisc.objectives.wave_critics import WaveCritics, unlike
from unitdisc.training.distributed import is_measured, own_rows, part, rows_of_all
from unitdisc.training.distributed import shares as shares_of_step

BETAS = (0.8, 0.99)  # of Adam, for both players, as of HiFi-GAN


class Vocoding(nn.Module):
    """The decoder "vocoder" learns waves: by the distance of spectra, and by critics who learn to tell made from real.

    The distance is that of the objective "reconstruction", in nats of amplitude, and is what held-out items are judged
    by; no likelihood is claimed. Critics see what it cannot, such as phases (Kong et al., 2020). They are of periods of
    2, 3, 5, 7 and 11 samples, and of spectra of 256, 512 and 1024.

    adversary: weight of being taken for real, the mean over all critics. matching: of their layers being alike for the
    real wave and the made one. Both against a distance of weight 1; with 0 for both there are no critics.
    adversary_from: step from which critics learn and are learned from. adversarial_loss: "non-saturating" or "hinge".
    critic_channels: of the critics' first layers; critic_learning_rate: theirs. critic_every: they hear one item in so
    many, for to be heard by all of them costs on a CPU ten times as much as to be made.

    `critic_right` is how often a real item scores higher than a made one, `critic_doubt` the critics' loss over that of
    ones that cannot tell.
    """

    needs = Reconstruction.needs

    def __init__(
        self,
        adversary: float = 0.05,
        matching: float = 0.1,
        adversary_from: int = 0,
        adversarial_loss: str = "hinge",
        critic_channels: int = 8,
        critic_learning_rate: float = 5e-4,
        critic_every: int = 1,
    ):
        super().__init__()
        check_adversary(adversarial_loss, "none")
        if critic_channels < 1 or critic_every < 1 or not critic_learning_rate > 0:
            raise ValueError(
                "critic_channels and critic_every must be 1 or more, and critic_learning_rate above 0, not "
                f"{critic_channels}, {critic_every} and {critic_learning_rate}"
            )
        self.adversary, self.matching, self.adversary_from = adversary, matching, adversary_from
        self.adversarial_loss, self.critic_learning_rate = adversarial_loss, critic_learning_rate
        self.critic_every = critic_every
        self.reconstruction = Reconstruction()
        self.critics = WaveCritics(critic_channels) if adversary or matching else None
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))  # of training

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        self.refuse_other(model)
        units, lengths = model.units_of(batch)
        found = self.judged(model, batch, model.jitter(units.latents, lengths), lengths)
        if self.training and part().is_last:
            self.steps += 1
        return ModelOutput({**found.losses, **units.losses}, {**found.metrics, **units.metrics})

    def judged(self, model: ModelParts, batch: Batch, latents: Tensor, lengths: Tensor) -> ModelOutput:
        """latents [B, T, D], lengths [B] -> losses of both sides."""
        condition = model.conditioner(latents, lengths, batch.speakers)
        made = model.decoder.wave(condition, batch.target.shape[1], batch.target_lengths)
        apart = model.decoder.distance(made, batch.target, batch.target_lengths)
        losses = {"reconstruction": masked_mean(apart, batch.target_mask, batch.counts.get("target"))}
        if self.critics is None:
            return ModelOutput(losses, {})
        if self.steps < self.adversary_from:  # they wait, but several processes ask for a gradient of every weight
            nothing = sum(weight.square().sum() for weight in self.critics.parameters()) * 0
            return ModelOutput({**losses, "critic": nothing}, {})
        contested = self.contested(batch.target * batch.target_mask, made, batch.target_lengths)
        return ModelOutput({**losses, **contested.losses}, contested.metrics)

    def contested(self, real: Tensor, made: Tensor, lengths: Tensor) -> ModelOutput:
        """Waves [B, S], zeros past the lengths [B] -> what critics and decoder make small: means over items heard."""
        size, loss = shares_of_step() * len(lengths), self.adversarial_loss
        every = self.critic_every if self.training else 1  # what is held out, every process hears all of
        heard = own_rows(torch.arange(size, device=lengths.device)) % every == 0
        if not heard.any():  # in this share: one is heard all the same, and counts for nothing
            heard[0], counted = True, torch.zeros_like(lengths[:1])
        else:
            counted = torch.ones_like(lengths[heard])
        real, made, lengths = real[heard], made[heard], lengths[heard]

        def mean(values: Sequence[Tensor]) -> Tensor:
            """Of every critic, of the items heard, [N] each; what several processes or parts find averages to it."""
            of_items = sum(values) / len(values) * counted
            return of_items.sum() * shares_of_step() / -(-size // every)

        of_real, of_made = self.critics(real, lengths), self.critics(made.detach(), lengths)
        pleasing = judged_by(self.critics, made, lengths)
        pairs = list(zip(of_real, of_made))
        losses = {
            "adversary": self.adversary * mean([each.mean(pleasing_loss(loss, each.scores)) for each in pleasing]),
            "matching": self.matching * mean(unlike(of_real, pleasing)),
            "critic": mean([real.mean(critic_loss(loss, real.scores, made.scores)) for real, made in pairs]),
        }
        if not is_measured():
            return ModelOutput(losses, {})
        those = rows_of_all(counted) > 0
        scores = [[rows_of_all(side.mean(side.scores))[those] for side in pair] for pair in pairs]
        right = torch.stack([told_apart(*pair) for pair in scores]).mean().nan_to_num(0.5)  # of a part without any
        return ModelOutput(losses, {"critic_right": right, "critic_doubt": doubt(loss, losses["critic"].detach())})

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return self.reconstruction.counts(batch)

    def players(self) -> Mapping[str, Player]:
        model = Player([], betas=BETAS)
        if self.critics is None:
            return {"model": model}
        critics = Player([*self.critics.parameters()], learning_rate=self.critic_learning_rate, betas=BETAS)
        return {"model": model, "critic": critics}

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """The distance of spectra, with the right latents and with wrong ones; and how well critics tell."""
        self.refuse_other(model)
        found = self.reconstruction.held_out(model, batch, units, lengths)
        judged = self.judged(model, batch, units.latents, lengths)
        return ModelOutput(found.losses, {**found.metrics, **judged.metrics})

    @staticmethod
    def refuse_other(model: ModelParts) -> None:
        """Raises ValueError if the decoder tells no waves."""
        if not isinstance(model.decoder, Vocoder):
            raise ValueError("[objective] 'vocoder' teaches a decoder that tells waves: set decoder.kind to 'vocoder'")
