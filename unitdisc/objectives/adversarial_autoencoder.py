"""The adversarial autoencoder: latents of whole items made like draws from a prior (Makhzani et al., 2015)."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from unitdisc.batch import Batch
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.objectives.base import ModelOutput, ModelParts
from unitdisc.objectives.players import Player
from unitdisc.objectives.reconstruction import Reconstruction
from unitdisc.training.distributed import normal, uniform
from unitdisc.training.precision import full_products, in_full


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
        noise: float = 0.2,
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
        sizes = {"numbers": self.numbers, "categories": self.categories}
        self.critics = nn.ModuleDict({name: critic_of(size, hidden) for name, size in sizes.items() if size})

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        units, lengths = model.units_of(batch)
        made = self.parts_of(units)
        prior = self.prior(*made["all"].shape[:1], device=made["all"].device)
        judging, fooling, right = [], [], []
        with torch.autocast(made["all"].device.type, enabled=False), full_products():
            for name, critic in self.critics.items():
                own, drawn = self.blurred(made[name]), self.blurred(prior[name])
                taken, known = critic(drawn), critic(own.detach())
                judging.append((F.softplus(-taken) + F.softplus(known)).mean())
                unmoved = {name: weight.detach() for name, weight in critic.named_parameters()}
                fooling.append(F.softplus(-functional_call(critic, unmoved, (own,))).mean())
                right.append(((taken > 0).float().mean() + (known < 0).float().mean()) / 2)
        losses = {
            "reconstruction": self.reconstruction.loss(model, batch, model.jitter(units.latents, lengths), lengths),
            "critic": torch.stack(judging).sum(),
            "fooling": self.weight * torch.stack(fooling).sum(),
        }
        metrics = {**units.metrics, "critic_accuracy": torch.stack(right).mean().detach()}
        return ModelOutput(losses={**losses, **units.losses}, metrics=metrics)

    def parts_of(self, units: BottleneckOutput) -> dict[str, Tensor]:
        """The latents of items, numbers and categories: [B, W], [B, D], [B, K]."""
        vectors = in_full(units.latents[:, 0, : self.numbers + self.categories])
        numbers, categories = vectors.tensor_split([self.numbers], dim=-1)
        return {"all": vectors, "numbers": numbers, "categories": categories}

    def prior(self, count: int, device: torch.device) -> dict[str, Tensor]:
        """Drawn in the stream of training: as many as there are items."""
        chance = uniform(count, max(1, self.categories), device=device)
        one_of = F.one_hot(chance.argmax(-1), max(1, self.categories)).float()
        return {"numbers": normal(count, max(1, self.numbers), device=device), "categories": one_of}

    def blurred(self, vectors: Tensor) -> Tensor:
        return vectors + self.noise * normal(*vectors.shape, device=vectors.device)

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return self.reconstruction.counts(batch)

    def players(self) -> Mapping[str, Player]:
        return {
            "critic": Player([*self.critics.parameters()], learning_rate=self.critic_learning_rate, schedule="constant")
        }

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """As of reconstruction; and how often a critic, the better one, knows latents, and always the same draws."""
        found = self.reconstruction.held_out(model, batch, units, lengths)
        made, generator, right = self.parts_of(units), torch.Generator().manual_seed(0), []
        for name, critic in self.critics.items():
            own = made[name]
            drawn = torch.randn(own.shape, generator=generator)
            if name == "categories":
                drawn = F.one_hot(drawn.argmax(-1), self.categories).float()
            shifts = self.noise * torch.randn(2, *own.shape, generator=generator)
            taken, known = critic((drawn + shifts[0]).to(own)), critic(own + shifts[1].to(own))
            right.append(((taken > 0).float().mean() + (known < 0).float().mean()) / 2)
        return ModelOutput(found.losses, {**found.metrics, "critic_accuracy": torch.stack(right).max()})


def critic_of(size: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(size, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1)
    )
