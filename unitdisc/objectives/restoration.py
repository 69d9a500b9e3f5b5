"""Restoration: damaged lines are made whole, from pairs that were damaged on purpose (pix2pix, SRGAN)."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import Batch, cut, masked_mean, padding_mask
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.decoders.unet import UNet, pooled
from unitdisc.encoders import Encoder
from unitdisc.objectives.adversarial_losses import (
    check_adversary,
    critic_loss,
    judged_by,
    penalty_of,
    pleasing_loss,
)
from unitdisc.objectives.base import ModelOutput, ModelParts
from unitdisc.objectives.ink import surprise
from unitdisc.objectives.players import Player
from unitdisc.training.distributed import is_measured, uniform
from unitdisc.training.precision import in_full

LEAST = 1e-5  # that the encoder's frames of a line are taken to be
CELL = 4  # rows and columns of pixels from one score of the critic to the next


class PatchCritic(nn.Module):
    """Scores every patch of a pair, the damaged line and one that may be its original (PatchGAN, Isola et al., 2017).

    A score sees 18 rows and columns; there is one for every 4 of them. channels: of the first layer.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, channels, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * channels, 2 * channels, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * channels, 1, 1),
        )

    def forward(self, line: Tensor, damaged: Tensor) -> Tensor:
        """[B, S, H] twice -> scores [B, ceil(S / 4), ceil(H / 4)], the higher the more it is taken for real."""
        pair = torch.stack([line, damaged], dim=1)
        padding = (0, -pair.shape[3] % CELL, 0, -pair.shape[2] % CELL)
        return in_full(self.layers(F.pad(pair, padding))[:, 0])


class Restoration(nn.Module):
    """The line as it was before [augmentation] damaged it, told by a U-Net over rows and columns.

    The U-Net is shown the damaged line, and its latents, of which the bottleneck "none" makes nothing. For every pixel
    it says how likely ink is there; the loss is the cross-entropy with how dark the pixel was, in nats, above what that
    could be at least. `error` is the mean absolute difference, `damage` that of who leaves held-out lines as they are.

    channels, layers, depth: as of the decoder "diffusion-columns"; with one layer and a depth of 3 a pixel is told by
    those up to 104 columns away.
    perceptual: weight of the mean absolute difference of what the encoder makes of the told line and of the clean one,
    over the mean of the latter (Johnson et al., 2016): a trained encoder that is frozen, of encoder.kind "experiment".
    adversary: weight of the loss of pleasing a critic of pairs (Isola et al., 2017; of resolution, Ledig et al., 2017);
    0: there is none. adversarial_loss: "non-saturating", "hinge" or "wasserstein"; penalty: "r1", "gradient" or "none",
    times penalty_weight. critic_channels, critic_rate: its width and its learning rate.
    """

    kind = "restore"
    needs = ()
    second_view = "clean"
    needs_augmentation = True
    changed_in_validation = True

    def __init__(
        self,
        features: object,
        in_dim: int,
        latent_dim: int,
        channels: int = 16,
        layers: int = 1,
        depth: int = 3,
        perceptual: float = 0.0,
        adversary: float = 0.0,
        adversarial_loss: str = "hinge",
        penalty: str = "none",
        penalty_weight: float = 1.0,
        critic_channels: int = 16,
        critic_rate: float = 1e-3,
    ):
        super().__init__()
        refuse_features(features)
        check_adversary(adversarial_loss, penalty)
        self.network = UNet(in_dim, 1, latent_dim, channels=channels, layers=layers, depth=depth)
        self.perceptual = perceptual
        self.adversary, self.adversarial_loss = adversary, adversarial_loss
        self.penalty, self.penalty_weight = penalty, penalty_weight
        self.critic_rate = critic_rate
        self.critic = PatchCritic(critic_channels) if adversary else None

    def follow(self, encoder: nn.Module) -> None:
        """Raises ValueError if the encoder is not one to compare lines by."""
        learning = [weight.requires_grad for weight in encoder.parameters()]
        if self.perceptual and (not learning or any(learning)):
            raise ValueError(
                "[objective] perceptual compares lines by a trained encoder that is frozen; set encoder.kind to "
                "'experiment' and give the folder of one, or perceptual to 0"
            )

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        units, lengths = model.units_of(batch)
        damaged, clean, logits = self.lines(batch, units.latents)
        found = self.compared(model, batch, clean, logits, lengths)
        if self.critic is not None:
            judged = self.judged(batch, damaged, clean, self.ink(logits, batch.target_mask))
            found = ModelOutput({**found.losses, **judged.losses}, {**found.metrics, **judged.metrics})
        return ModelOutput({**found.losses, **units.losses}, {**found.metrics, **units.metrics})

    def lines(self, batch: Batch, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The stretches of the target: damaged and clean, and the logits of what is told of them: [B, S, H] each."""
        inside = batch.target_mask[..., None]
        views = batch.features, batch.features if batch.second_view is None else batch.second_view
        damaged, clean = (cut(view, batch.starts, batch.target_frames) * inside for view in views)
        return damaged, clean, self.logits(damaged, latents, batch.target_mask)

    def logits(self, damaged: Tensor, latents: Tensor, mask: Tensor) -> Tensor:
        """As `restored`, before it becomes ink."""
        return in_full(self.network(damaged, latents, mask)[..., 0])

    def ink(self, logits: Tensor, mask: Tensor) -> Tensor:
        return logits.sigmoid() * mask[..., None]

    def restored(self, damaged: Tensor, latents: Tensor, mask: Tensor) -> Tensor:
        """damaged [B, S, H], latents [B, L, D], S a multiple of L, mask [B, S] -> ink in [0, 1], [B, S, H].

        There are zeros in the padding.
        """
        return self.ink(self.logits(damaged, latents, mask), mask)

    def compared(self, model: ModelParts, batch: Batch, clean: Tensor, logits: Tensor, lengths: Tensor) -> ModelOutput:
        """How far what is told is from the clean lines, pixel by pixel and, if wanted, as the encoder sees both."""
        target = batch.target_mask, batch.counts.get("target")
        losses = {"restore": masked_mean(surprise(logits, clean).mean(-1), *target)}
        told = self.ink(logits, batch.target_mask)
        if self.perceptual:
            seen, wanted = (self.features(model.encoder, lines, batch) for lines in (told, clean))
            inside = padding_mask(lengths, seen.shape[1])
            apart = (seen - wanted).abs().mean(-1) / size_of(wanted, inside)
            losses["perceptual"] = self.perceptual * masked_mean(apart, inside, batch.counts.get("latents"))
        if not is_measured():
            return ModelOutput(losses, {})
        return ModelOutput(losses, {"error": masked_mean((told.detach() - clean).abs().mean(-1), *target)})

    def features(self, encoder: Encoder, lines: Tensor, batch: Batch) -> Tensor:
        return in_full(encoder(lines, batch.target_lengths)[0])

    def judged(self, batch: Batch, damaged: Tensor, clean: Tensor, told: Tensor) -> ModelOutput:
        """What critic and network make small: means over patches that lie in a line by half or more."""
        inside, count = patches_in(batch.target_mask), batch.counts.get("patches")

        def mean(losses: Tensor) -> Tensor:
            return masked_mean(losses.mean(-1), inside, count)

        made = told.detach()
        real, fake = self.critic(clean, damaged), self.critic(made, damaged)
        pleasing = pleasing_loss(self.adversarial_loss, judged_by(self.critic, told, damaged))
        losses = {
            "adversary": self.adversary * mean(pleasing),
            "critic": mean(critic_loss(self.adversarial_loss, real, fake)),
        }
        if self.penalty != "none":
            shares = uniform(len(told), device=told.device).to(told.dtype)
            steep = penalty_of(
                self.penalty, self.scores_of_lines(inside), real=[clean, damaged], made=[made, damaged], shares=shares
            )
            items = torch.ones_like(shares, dtype=torch.bool)[:, None]
            losses["penalty"] = self.penalty_weight * masked_mean(steep[:, None], items, batch.counts.get("items"))
        if not is_measured():
            return ModelOutput(losses, {})
        right = torch.stack([real > 0, fake < 0]).to(real.dtype).mean(0)
        return ModelOutput(losses, {"critic_accuracy": mean(right)})

    def scores_of_lines(self, inside: Tensor):
        """The critic with a score for each line, the mean of its patches, for `penalty_of`."""

        def scores(line: Tensor, damaged: Tensor) -> Tensor:
            of_patches = self.critic(line, damaged).mean(-1) * inside
            return of_patches.sum(1) / inside.sum(1).clamp(min=1)

        return scores

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        found = {"target": batch.target_lengths.sum()}
        if self.critic is None:
            return found
        items = torch.ones_like(batch.target_lengths).sum()
        return found | {"patches": patches_in(batch.target_mask).sum(), "items": items}

    def players(self) -> Mapping[str, Player]:
        if self.critic is None:
            return {}
        return {"critic": Player([*self.critic.parameters()], learning_rate=self.critic_rate, betas=(0.5, 0.999))}

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """Without the critic, whose losses tell nothing of how good a line is."""
        damaged, clean, logits = self.lines(batch, units.latents)
        found = self.compared(model, batch, clean, logits, lengths)
        damage = masked_mean((damaged - clean).abs().mean(-1), batch.target_mask)
        return ModelOutput(found.losses, {**found.metrics, "damage": damage})


def refuse_features(features: object) -> None:
    """Raises ValueError for those of which no line can be made, or in which the clean one lies elsewhere."""
    if features.kind != "columns":
        raise ValueError(f"it restores lines, column by column; set features.kind to 'columns', not {features.kind!r}")
    if features.normalise != "none" or features.adaptation:
        raise ValueError("what is told is ink, from 0 to 1; leave features.normalise and features.adaptation out")
    if features.slant or features.body:
        raise ValueError(
            "a damaged line is set upright in another way than a clean one; leave features.slant and body out"
        )


def size_of(frames: Tensor, inside: Tensor) -> Tensor:
    """The mean absolute value of what is in an item: [B, T, C], [B, T] -> [B, 1]."""
    sizes = (frames.abs().mean(-1) * inside).sum(1, keepdim=True)
    return (sizes / inside.sum(1, keepdim=True).clamp(min=1)).clamp(min=LEAST)


def patches_in(mask: Tensor) -> Tensor:
    """Which patches lie in the line by half or more: [B, S] -> [B, ceil(S / 4)]."""
    return pooled(F.pad(mask.float(), (0, -mask.shape[1] % CELL)), CELL) >= 0.5
