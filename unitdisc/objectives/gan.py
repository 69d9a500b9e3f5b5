"""Generative adversarial networks of whole items (Goodfellow et al., 2014; DCGAN: Radford et al., 2016)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.batch import Batch, cut
from unitdisc.bottlenecks import BottleneckOutput
from unitdisc.objectives.adversarial_losses import (
    check_adversary,
    critic_loss,
    doubt,
    judged_by,
    penalty_of,
    pleasing_loss,
    told_apart,
)
from unitdisc.objectives.base import ModelOutput, ModelParts
from unitdisc.objectives.ink import refuse_learning, refuse_unbounded
from unitdisc.objectives.item_networks import ItemCritic, ItemGenerator
from unitdisc.objectives.players import Player
from unitdisc.objectives.style_generator import StyleGenerator
from unitdisc.training.distributed import is_measured, normal, own_rows, rows_of_all, uniform
from unitdisc.training.distributed import shares as shares_of_step
from unitdisc.training.precision import full_products, in_full

PENALISED = 4  # one item in so many: a gradient of a gradient takes half of the time of a step
LOUDER = 3.0  # at 1 all that codes did was to leave a mark; at 8 items of a code were all alike, whatever the noise
BETAS = (0.5, 0.999)  # of Adam, for both players, as of DCGAN: with more of momentum they run round each other
TOLD = ("none", "speaker", "codes")
GENERATORS = ("transposed", "style")


@dataclass(frozen=True)
class Contest:
    """Generator and critic of line images of one size, and how they learn.

    columns: of an item; narrower ones get paper on their right. channels: of both networks where they have most pixels,
    twice as many with every halving of rows and columns; layers: how often they are halved. generator: "transposed",
    convolutions one after the other (DCGAN), or "style" (StyleGAN2), whose layers are all told a style, made of the
    noise, and more noise, of pixels, is added in each: it has a layer more, of half as many channels, and learned well
    with training.learning_rate = 2e-4. style_dim: of that generator, the numbers of a style.
    loss: "non-saturating", "hinge" or "wasserstein". penalty: of a steep critic, at real items ("r1", along their
    pixels), or between real and made ones ("gradient", from slope 1), or "none"; of one item in four. penalty_weight:
    its weight. critic_learning_rate: the critic's; that of all others is training.learning_rate.

    Both learn at every step, at once; there are no steps of the critic alone.
    """

    columns: int = 32
    channels: int = 16
    layers: int = 3
    loss: str = "non-saturating"
    penalty: str = "r1"
    penalty_weight: float = 1.0
    critic_learning_rate: float = 5e-4
    generator: str = "transposed"
    style_dim: int = 64

    def __post_init__(self):
        if self.generator not in GENERATORS:
            raise ValueError(f"generator must be one of {list(GENERATORS)}, not {self.generator!r}")
        check_adversary(self.loss, self.penalty)
        if not self.critic_learning_rate > 0:
            raise ValueError(f"critic_learning_rate must be above 0, not {self.critic_learning_rate}")


class Gan(nn.Module):
    """A generator makes whole items of noise, and a critic learns to tell them from those of the corpus.

    noise_dim: of the normal noise that an item is made of. told: what both are told beside: "none", the "speaker" (or
    writer), or the first of the "codes" of [codes] in the middle of an item, as of its label. What is unknown is all
    zeros.

    Encoder and bottleneck learn nothing, so there must be none: encoder "identity", bottleneck "none". `critic_right`
    is how often a real item scores higher than a made one, `critic_doubt` its loss over that of one that cannot tell,
    `sample_variance` that of made pixels over the real ones'.
    """

    needs = ()
    both_please: ClassVar[bool] = False  # whether what goes with real items learns to please, too

    def __init__(
        self,
        in_dim: int,
        num_speakers: int,
        features: Any,
        contest: Contest,
        codebook_size: int = 0,
        noise_dim: int = 64,
        told: str = "none",
    ):
        super().__init__()
        if told not in TOLD:
            raise ValueError(f"told must be one of {list(TOLD)}, not {told!r}")
        self.told = told
        self.codes = codebook_size if told == "codes" else 0
        beside = {"none": 0, "speaker": num_speakers, "codes": codebook_size}[told]
        self.set_up(in_dim, features, contest, noise_dim=noise_dim, beside=beside, judged_beside=beside)

    def set_up(
        self, in_dim: int, features: Any, contest: Contest, *, noise_dim: int, beside: int, judged_beside: int
    ) -> None:
        """beside: numbers that the generator is told beside noise; judged_beside: the critic beside items."""
        if noise_dim < 1:
            raise ValueError(f"noise_dim must be 1 or more, not {noise_dim}")
        refuse_unbounded(features)
        self.contest = contest
        self.columns, self.latent_dim = contest.columns, noise_dim
        sizes = {"channels": contest.channels, "layers": contest.layers}
        kind, own = ItemGenerator, {}
        if contest.generator == "style":
            kind, own = StyleGenerator, {"style_dim": contest.style_dim}
        self.generator = kind(noise_dim + beside, contest.columns, in_dim, **sizes, **own)
        self.noise_dim = noise_dim + self.generator.pixels
        self.critic = ItemCritic(judged_beside, contest.columns, in_dim, **sizes)

    def __call__(self, model: ModelParts, batch: Batch) -> ModelOutput:
        refuse_learning(model, "gan", "objective.kind to 'infogan' or 'bigan'")
        device = batch.features.device
        noise = normal(len(batch.features), self.noise_dim, device=device)
        return self.contested(batch, noise, uniform(len(noise), device=device))

    def contested(self, batch: Batch, noise: Tensor, shares: Tensor) -> ModelOutput:
        """noise [B, Z], shares [B] (see `penalty_of`) -> the losses of both, and what is worth logging."""
        told = self.beside(batch.speakers, self.codes_of(batch))
        real, made = items_of(batch, self.columns), self.made(noise, told)
        return self.judged([real], [made], told, shares=shares)

    def judged(
        self, real: Sequence[Tensor], made: Sequence[Tensor], told: Tensor | None = None, *, shares: Tensor
    ) -> ModelOutput:
        """real, made: parts that the critic is shown together, the items first, [B, ...] each -> losses of both.

        told: what it is told beside either, [B, D].
        """
        loss, beside = self.contest.loss, () if told is None else (told,)
        scores = [in_full(self.critic(*(part.detach() for part in side), *beside)) for side in (real, made)]
        pleasing = pleasing_loss(loss, in_full(judged_by(self.critic, *made, *beside)))
        if self.both_please:
            pleasing = pleasing + pleasing_loss(loss, -in_full(judged_by(self.critic, *real, *beside)))
        losses = {"generator": pleasing.mean(), "critic": critic_loss(loss, *scores).mean()}
        if self.contest.penalty != "none" and torch.is_grad_enabled():
            losses["penalty"] = self.contest.penalty_weight * self.steepness(real, made, beside, shares=shares)
        if not is_measured():
            return ModelOutput(losses, {})
        variances = [rows_of_all(items).var(0, correction=0).mean() for items in (made[0], real[0])]
        metrics = {
            "critic_right": told_apart(*map(rows_of_all, scores)),
            "critic_doubt": doubt(loss, losses["critic"].detach()),
            "sample_variance": variances[0] / variances[1].clamp(min=1e-6),
        }
        return ModelOutput(losses, metrics)

    def steepness(
        self, real: Sequence[Tensor], made: Sequence[Tensor], beside: Sequence[Tensor], *, shares: Tensor
    ) -> Tensor:
        """The mean penalty of every fourth item of a step, whatever part of it is computed."""
        size = shares_of_step() * len(shares)
        some = (own_rows(torch.arange(size, device=shares.device)) % PENALISED == 0).nonzero()[:, 0]
        shown = (
            1 if self.contest.penalty == "r1" else len(real)
        )  # or latents that go with items would hardly be looked at
        fixed = [part[some].detach() for part in (*real[shown:], *beside)]
        with torch.autocast(shares.device.type, enabled=False), full_products():
            found = penalty_of(
                self.contest.penalty,
                lambda *parts: self.critic(*parts, *fixed),
                real=[part[some] for part in real[:shown]],
                made=[part[some] for part in made[:shown]],
                shares=shares[some],
            )
        return found.sum() * shares_of_step() / -(-size // PENALISED)

    def made(self, noise: Tensor, told: Tensor | None) -> Tensor:
        """noise [B, Z], told [B, D] -> items: [B, columns, rows].

        What is told is made louder: a one among zeros would hardly be heard beside noise.
        """
        noise = noise.to(next(self.generator.parameters()).dtype)
        latent, pixels = noise.tensor_split([self.latent_dim], dim=1)
        parts = [latent] if told is None else [latent, LOUDER * told]
        return in_full(self.generator(torch.cat(parts, dim=1), pixels))

    def make(self, noise: Tensor, speakers: Tensor, codes: Tensor) -> Tensor:
        """As `MakesItems` has it."""
        return self.made(noise, self.beside(speakers, codes))

    def beside(self, speakers: Tensor, codes: Tensor | None) -> Tensor | None:
        """What both networks are told of items: [B, D]."""
        if self.told == "none":
            return None
        index = speakers if self.told == "speaker" else codes
        size = self.generator.in_dim - self.latent_dim
        return F.one_hot(index + 1, size + 1)[:, 1:].to(next(self.generator.parameters()).dtype)

    def codes_of(self, batch: Batch) -> Tensor | None:
        """The code in the middle of every item: [B]."""
        if self.told != "codes":
            return None
        steps = (batch.codes.shape[1] * batch.lengths / max(1, batch.target_frames)).long() // 2
        return batch.codes[..., 0].gather(1, steps.clamp(max=batch.codes.shape[1] - 1)[:, None])[:, 0]

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return {}

    def players(self) -> Mapping[str, Player]:
        critic = Player([*self.critic.parameters()], self.contest.critic_learning_rate, betas=BETAS)
        return {"critic": critic, "model": Player([], betas=BETAS)}

    def held_out(self, model: ModelParts, batch: Batch, units: BottleneckOutput, lengths: Tensor) -> ModelOutput:
        """Of items that are made of the same noise in every validation."""
        noise, shares = self.noise_of_validation(batch)
        return self.contested(batch, noise, shares)

    def noise_of_validation(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Noise [B, Z], and zeros [B] where training draws shares."""
        draw, device = torch.Generator().manual_seed(0), batch.features.device
        noise = torch.randn(len(batch.features), self.noise_dim, generator=draw)
        return noise.to(device), torch.zeros(len(noise), device=device)


def items_of(batch: Batch, columns: int) -> Tensor:
    """The items of a batch, brought to one width by paper on their right: [B, columns, H].

    Raises ValueError for what is wider, or cut.
    """
    widest = int(batch.lengths.max())
    if widest > columns or bool(batch.starts.any()):
        raise ValueError(
            f"[objective] an item has {widest} frames, or is cut, and whole items of at most {columns} are made: "
            "set training.crop to 0, and objective.columns to the width of the widest, or leave that out"
        )
    return cut(batch.features, batch.starts, columns)
