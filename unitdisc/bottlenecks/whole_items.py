"""One latent for a whole item, such as a cut-out character or word: an autoencoder's, and a VAE's."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitdisc.bottlenecks.base import BottleneckOutput, measured
from unitdisc.bottlenecks.continuous import Gaussian, divergence_from_unit_normal, drawn
from unitdisc.bottlenecks.flow_prior import FlowPosterior, FlowPrior
from unitdisc.training.distributed import normal

DRAWS = 8  # of a posterior in evaluation, and as many opposite ones
CONTEXT = 32  # numbers that the encoder tells a flow as posterior


class GlobalLinear(nn.Module):
    """A plain autoencoder's latent of a whole item: `dim` numbers, beside the probabilities of `categories`.

    The frames of an item are pooled, weighted by cosines of where in the item they lie, so that what is on the left
    and on the right is told apart. The latent is told at every step, times each of these cosines: what a linear layer
    makes of that may be another function of the latent at every place, for a decoder that sees one step at a time.
    Nothing pulls the latents anywhere; the objective "adversarial-autoencoder" does (Makhzani et al., 2015).

    waves: how many cosines, the constant among them; as many as an item has latent steps lose nothing.
    """

    def __init__(self, in_dim: int, dim: int = 16, categories: int = 0, waves: int = 8):
        super().__init__()
        check_waves(waves)
        if not dim + categories or categories == 1:
            raise ValueError(
                f"dim ({dim}) or categories ({categories}) must leave something to tell: 2 categories, say"
            )
        self.waves = waves
        self.continuous = dim
        self.width = dim + categories
        self.dim = told_dim(self.width, waves)
        if categories:
            self.num_codes = categories
        self.project = nn.Linear(waves * in_dim, self.width)

    def forward(self, encoded: Tensor, mask: Tensor, speakers: Tensor | None = None) -> BottleneckOutput:
        """As of any bottleneck; codes are the likeliest category, of every frame of an item the same."""
        vectors = self.vectors(encoded, mask)
        told = self.told(vectors, mask)
        codes = None
        if self.width > self.continuous:
            codes = vectors[:, self.continuous :].argmax(-1, keepdim=True) * mask
        return BottleneckOutput(latents=told, projected=told, codes=codes)

    def vectors(self, encoded: Tensor, mask: Tensor, speakers: Tensor | None = None) -> Tensor:
        """As `OfWholeItems` has it: [B, W], the numbers and then the probabilities."""
        numbers, logits = self.project(pooled(encoded, mask, self.waves)).tensor_split([self.continuous], dim=-1)
        return torch.cat([numbers, logits.softmax(-1)], dim=-1)

    def told(self, vectors: Tensor, mask: Tensor, speakers: Tensor | None = None) -> Tensor:
        """As `OfWholeItems` has it."""
        return told_at_every_step(vectors, mask, self.waves)

    def of_noise(self, noise: Tensor) -> Tensor:
        """As `OfWholeItems` has it; where an adversary pulls numbers to the unit normal they are noise."""
        return noise


class GlobalGaussian(Gaussian):
    """A VAE's latent of a whole item: a Gaussian posterior, pulled towards the unit prior (Kingma & Welling, 2014).

    Pooled and told as `GlobalLinear` does. Evaluation uses the posterior's mean.

    kl_weight: of the divergence from the prior, in nats per item; 1 is the evidence lower bound, other weights make a
    beta-VAE (Higgins et al., 2017). It grows to that over `warmup_steps` as in `Gaussian`. free_bits: of an item,
    that cost nothing. speaker: encoder and decoder are told who speaks or writes, as a conditional VAE's are (Sohn et
    al., 2015), the decoder beside the latent, times the same cosines; of who is unknown, and in encodings, they are
    not. prior_couplings: the prior is no unit normal, but a flow of so many couplings that learns where latents are, 2
    or more; 0: the unit normal. What the divergence from it is, is then estimated, by one draw in training and in
    evaluation by a few that are always the same; there are no free_bits of it. posterior_couplings: draws of the
    Gaussian go through a flow of so many couplings, 2 or more, each of which the encoder tells something (Rezende &
    Mohamed, 2015); the divergence is estimated in the same way, and in the place of the posterior's mean stands what
    the flow makes of that of the Gaussian; 0: none.
    """

    def __init__(
        self,
        in_dim: int,
        values_per_latent: int = 1,
        num_speakers: int = 1,
        dim: int = 16,
        free_bits: float = 0.0,
        kl_weight: float = 1.0,
        warmup_steps: int = 200,
        waves: int = 8,
        speaker: bool = False,
        prior_couplings: int = 0,
        posterior_couplings: int = 0,
    ):
        check_waves(waves)
        super().__init__(waves * in_dim, dim, free_bits, kl_weight / values_per_latent, warmup_steps)
        self.waves = waves
        self.width = dim
        self.dim = told_dim(dim + speaker * num_speakers, waves)
        self.num_speakers = num_speakers
        self.of_speaker = nn.Linear(num_speakers, 2 * dim, bias=False) if speaker else None
        if (prior_couplings or posterior_couplings) and free_bits:
            raise ValueError("free_bits are of a divergence that is known, and that of a flow is not: leave out one")
        self.prior = FlowPrior(dim, prior_couplings) if prior_couplings else None
        self.flow = self.context = None
        if posterior_couplings:
            self.flow = FlowPosterior(dim, posterior_couplings, context=CONTEXT)
            self.context = nn.Linear(waves * in_dim, CONTEXT)

    def forward(self, encoded: Tensor, mask: Tensor, speakers: Tensor | None = None) -> BottleneckOutput:
        """As of any bottleneck; the losses of the frames of an item together are that of the item."""
        mean, log_variance = self.posterior(encoded, mask, speakers)
        context, deviation = self.said_beside(encoded, mask), (log_variance / 2).exp()
        centre = vectors = self.flowed(mean, context)[0]
        known = self.prior is None and self.flow is None
        if self.training:
            vectors, log_det = self.flowed(mean + deviation * normal(*mean.shape, device=mean.device), context)
            draws, log_dets = vectors[None], log_det[None]
        elif not known:
            noise = fixed_noise(mean)
            several = None if context is None else context.repeat(len(noise), 1)
            draws, log_dets = self.flowed((mean + deviation * noise).flatten(0, 1), several)
            draws, log_dets = draws.unflatten(0, (len(noise), -1)), log_dets.unflatten(0, (len(noise), -1))
        kl = (
            divergence_from_unit_normal(mean, log_variance) if known else self.divergence(log_variance, draws, log_dets)
        )
        weight = self.weight_now()
        self.count_step()
        beyond = kl.clamp(min=self.free_nats) - self.free_nats if known else kl
        cost = beyond / mask.sum(1).clamp(min=1)
        return BottleneckOutput(
            latents=self.told(vectors, mask, speakers),
            projected=self.told(centre, mask, speakers),
            losses={"kl": (weight * cost)[:, None].expand(mask.shape)},
            metrics=measured(lambda: {"bits_per_item": kl.detach().mean() / math.log(2)}),
        )

    def divergence(self, log_variance: Tensor, draws: Tensor, log_dets: Tensor | float = 0.0) -> Tensor:
        """Of the posterior from the prior in nats, by draws of the former: [B, W], [K, B, W] -> [B], without bias.

        log_dets: of the flow that draws went through, if any, [K, B].
        """
        entropy = 0.5 * (log_variance + math.log(2 * math.pi * math.e)).sum(-1)
        told = self.log_prior(draws.flatten(0, 1)).unflatten(0, draws.shape[:2])
        return -entropy - (told + log_dets).mean(0)

    def log_prior(self, latents: Tensor) -> Tensor:
        """In nats: [B, W] -> [B]."""
        return log_unit_normal(latents) if self.prior is None else self.prior.log_prob(latents)

    def said_beside(self, encoded: Tensor, mask: Tensor) -> Tensor | None:
        """What the encoder tells the flow as posterior: [B, CONTEXT]."""
        return None if self.context is None else self.context(pooled(encoded, mask, self.waves))

    def flowed(self, draws: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Draws of the Gaussian [B, W] -> of the posterior [B, W], log |det| [B]."""
        return (draws, draws.new_zeros(len(draws))) if self.flow is None else self.flow(draws, context)

    def of_noise(self, noise: Tensor) -> Tensor:
        """As `OfWholeItems` has it."""
        return noise if self.prior is None else self.prior.inverse(noise)

    def posterior(self, encoded: Tensor, mask: Tensor, speakers: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance: [B, W] both."""
        found = self.project(pooled(encoded, mask, self.waves))
        if self.of_speaker is not None:
            found = found + self.of_speaker(self.identity(found, speakers))
        return found.chunk(2, dim=-1)

    def vectors(self, encoded: Tensor, mask: Tensor, speakers: Tensor | None = None) -> Tensor:
        """As `OfWholeItems` has it: the means, or what a flow makes of them, [B, W]."""
        return self.flowed(self.posterior(encoded, mask, speakers)[0], self.said_beside(encoded, mask))[0]

    def told(self, vectors: Tensor, mask: Tensor, speakers: Tensor | None = None) -> Tensor:
        """As `OfWholeItems` has it."""
        if self.of_speaker is not None:
            vectors = torch.cat([vectors, self.identity(vectors, speakers)], dim=-1)
        return told_at_every_step(vectors, mask, self.waves)

    def identity(self, like: Tensor, speakers: Tensor | None) -> Tensor:
        """A one for the speaker of every item, zeros where that is unknown: [B, speakers]."""
        if speakers is None:
            return like.new_zeros(len(like), self.num_speakers)
        known = (speakers >= 0)[:, None]
        return F.one_hot(speakers.clamp(min=0), self.num_speakers).to(like.dtype) * known

    def draw(
        self, encoded: Tensor, mask: Tensor, speakers: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `HasPosterior` has it: of every frame, its share of the one ratio of its item."""
        vectors, ratio = drawn(*self.posterior(encoded, mask, speakers), generator)
        if self.prior is not None or self.flow is not None:  # in place of the unit normal and the Gaussian
            unit = log_unit_normal(vectors)
            vectors, log_det = self.flowed(vectors, self.said_beside(encoded, mask))
            ratio = ratio + self.log_prior(vectors) - unit + log_det
        return self.told(vectors, mask, speakers), (ratio / mask.sum(1).clamp(min=1))[:, None].expand(mask.shape)


def log_unit_normal(latents: Tensor) -> Tensor:
    """In nats: [..., W] -> [...]."""
    return -0.5 * (latents**2 + math.log(2 * math.pi)).sum(-1)


def fixed_noise(like: Tensor) -> Tensor:
    """The same normal noise for every item and in every evaluation, each with its opposite: [2 DRAWS, 1, W]."""
    half = torch.randn(DRAWS, 1, like.shape[-1], generator=torch.Generator().manual_seed(0))
    return torch.cat([half, -half]).to(like)


def check_waves(waves: int) -> None:
    if waves < 1:
        raise ValueError(f"waves must be 1 or more, not {waves}")


def told_dim(width: int, waves: int) -> int:
    return waves * (width + 1)


def places(mask: Tensor, waves: int, like: Tensor) -> Tensor:
    """Cosines of where in its item every step lies, the first constant, and zeros in the padding: [B, T, waves]."""
    lengths = mask.sum(1, keepdim=True).clamp(min=1)
    middles = (torch.arange(mask.shape[1], device=mask.device, dtype=like.dtype) + 0.5) / lengths
    turns = math.pi * torch.arange(waves, device=mask.device, dtype=like.dtype)
    return (middles[..., None] * turns).cos() * mask[..., None]


def pooled(encoded: Tensor, mask: Tensor, waves: int) -> Tensor:
    """Means of an item's frames, each time weighted by another of the cosines: [B, T, C], [B, T] -> [B, waves C]."""
    weighted = places(mask, waves, like=encoded).transpose(1, 2) @ (encoded * mask[..., None])
    return weighted.flatten(1) / mask.sum(1, keepdim=True).clamp(min=1)


def told_at_every_step(vectors: Tensor, mask: Tensor, waves: int) -> Tensor:
    """Vectors [B, W], and 1, times every cosine of place: [B, T, waves (W + 1)]; the first W are the vector itself."""
    cosines = places(mask, waves, like=vectors)
    products = cosines[..., None] * vectors[:, None, None, :]
    return torch.cat([products.flatten(2), cosines], dim=-1)
