"""The adversarial autoencoder: latents of whole items made like draws from a prior (Makhzani et al., 2015)."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import Batch
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.objectives.adversarial_losses import critic_loss, judged_by, pleasing_loss
from unitdisc.objectives.base import ModelOutput, ModelParts
from unitdisc.objectives.players import Player
from unitdisc.objectives.reconstruction import Reconstruction
from unitdisc.training.distributed import normal, uniform
from unitdisc.training.precision import full_products, in_full

LOSS = "non-saturating"
PARTS = ("numbers", "categories")  # of a latent, each of which has a critic


class AdversarialAutoencoder(nn.Module):
    """Reconstruction, and a critic for which the encoder makes latents look as if they were drawn from the prior.

    The latent is that of the bottleneck "global-linear": its numbers are to be normal, and its categories one of as
    many, all as frequent. Each has a critic of its own, which learns to tell the prior's from the encoder's; the
    encoder learns that it takes its own for the prior's (the non-saturating loss). Of `categories`, the code of an item
    is a cluster that nobody labelled.

    weight: of the losses of fooling the critics, in nats per item, against a reconstruction in nats per value.
    critic_learning_rate: constant. noise: deviation of what is added to all that critics see, so that they cannot tell
    ones and zeros by their being exact (Sønderby et al., 2017). hidden: width of their two layers.
    """

    needs = Reconstruction.needs

    def __init__(
        self,
        item_width: int,
        item_categories: int,
        weight: float = 0.02,
        critic_learning_rate: float = 1e-3,
        noise: float = 0.5,
        hidden: int = 128,
    ):
        super().__init__()
        if not item_width:
            raise ValueError("takes one latent for a whole item; set bottleneck.kind = 'global-linear'")
        if hidden < 1:
            raise ValueError(f"hidden must be 1 or more, not {hidden}")
        self.numbers, self.categories = item_width - item_categories, item_categories
        self.weight, self.noise, self.critic_learning_rate = weight, noise, critic_learning_rate
        self.reconstruction = Reconstruction()
        sizes = zip(PARTS, (self.numbers, self.categories))
        self.critics = nn.ModuleDict({name: critic_of(size, hidden) for name, size in sizes if size})

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        units, lengths = model.units_of(batch)
        made = self.parts_of(units)
        drawn = {
            name: self.drawn(name, uniform(*own.shape, device=own.device), normal(*own.shape, device=own.device))
            for name, own in made.items()
        }
        shifts = {
            name: [self.noise * normal(*own.shape, device=own.device) for _ in range(2)] for name, own in made.items()
        }
        losses, accuracies = self.judged(made, drawn, shifts)
        loss = self.reconstruction.loss(model, batch, model.jitter(units.latents, lengths), lengths)
        metrics = {**units.metrics, "critic_accuracy": accuracies.mean()}
        return ModelOutput({"reconstruction": loss, **losses, **units.losses}, metrics)

    def parts_of(self, units: BottleneckOutput) -> dict[str, Tensor]:
        """The latents of items by critic: numbers [B, D], categories [B, K]."""
        parts = in_full(units.latents[:, 0, : self.numbers + self.categories]).tensor_split([self.numbers], dim=-1)
        return {name: part for name, part in zip(PARTS, parts) if name in self.critics}

    def drawn(self, name: str, chance: Tensor, gaussian: Tensor) -> Tensor:
        """Of the prior, by random numbers of both kinds, of the shape that is wanted."""
        return gaussian if name == "numbers" else F.one_hot(chance.argmax(-1), self.categories).to(gaussian)

    def judged(
        self, made: Mapping[str, Tensor], drawn: Mapping[str, Tensor], shifts: Mapping[str, Sequence[Tensor]]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Losses of the critics and of fooling them, and how often each critic is right; shifts: noise of both."""
        judging, fooling, right = [], [], []
        with torch.autocast(next(iter(made.values())).device.type, enabled=False), full_products():
            for name, critic in self.critics.items():
                own = made[name] + shifts[name][0].to(made[name])
                taken, known = critic((drawn[name] + shifts[name][1]).to(own)), critic(own.detach())
                judging.append(critic_loss(LOSS, taken, known).mean())
                fooling.append(pleasing_loss(LOSS, judged_by(critic, own)).mean())
                right.append(((taken > 0).to(own.dtype).mean() + (known < 0).to(own.dtype).mean()) / 2)
        losses = {"critic": torch.stack(judging).sum(), "fooling": self.weight * torch.stack(fooling).sum()}
        return losses, torch.stack(right).detach()

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return self.reconstruction.counts(batch)

    def players(self) -> Mapping[str, Player]:
        return {
            "critic": Player([*self.critics.parameters()], learning_rate=self.critic_learning_rate, schedule="constant")
        }

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """As of reconstruction; and of critics, by random numbers that are always the same: of the one that is best."""
        found = self.reconstruction.held_out(model, batch, units, lengths)
        made, generator = self.parts_of(units), torch.Generator().manual_seed(0)

        def fixed(like: Tensor) -> Tensor:
            return torch.randn(like.shape, generator=generator).to(like)

        drawn = {name: self.drawn(name, fixed(own), fixed(own)) for name, own in made.items()}
        shifts = {name: [self.noise * fixed(own) for _ in range(2)] for name, own in made.items()}
        losses, accuracies = self.judged(made, drawn, shifts)
        return ModelOutput({**found.losses, **losses}, {**found.metrics, "critic_accuracy": accuracies.max()})


def critic_of(size: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(size, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1)
    )
