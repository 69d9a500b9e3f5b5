"""What every decoder promises, and what some can do besides; for ways of drawing, see also `sampling.batched`."""

from collections.abc import Callable
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor


class Decoder(Protocol):
    """Built as `Decoder(condition_dim, target_dim, **options)`; learns to make the target of the condition.

    The condition comes at a slower clock than the target: S is a multiple of L, and condition l holds for the S / L
    target steps from l * S / L on. All methods raise ValueError where S is not a multiple of L.
    """

    target: ClassVar[
        str
    ]  # "log-mel" (float [B, S, bins]), "mu-law" (int64 [B, S]), "wave" (float) or "grey" ([B, S, H])

    def loss(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """target [B, S, ...], condition [B, L, C] -> what is to be made small, per step: [B, S].

        In nats, where it bounds or is a negative log-probability; summed over the values of a step (bins or rows).
        lengths [B]: steps of each item before padding (default: all of S), for decoders that read from the end.
        """

    def sample(
        self, condition: Tensor, size: int, generator: torch.Generator | None = None, temperature: float = 1.0
    ) -> Tensor:
        """condition [B, L, C] -> a drawn target of `size` steps: [B, size, ...].

        temperature: 1 draws from the model, less draws closer to what is likeliest, 0 takes the likeliest.
        """


@runtime_checkable
class LikelihoodDecoder(Decoder, Protocol):
    """A decoder that knows how probable a target is: its loss is the negative of this, and can be told in bits."""

    def log_prob(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """target [B, S, ...], condition [B, L, C] -> log p(step | steps before it, condition), in nats: [B, S].

        lengths: as in `loss`.
        """


class LearnsByLikelihood:
    """Gives a likelihood decoder its loss; to be inherited."""

    def loss(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The negative of `log_prob`, in nats: [B, S]."""
        return -self.log_prob(target, condition, lengths)


@runtime_checkable
class BoundsLikelihood(Decoder, Protocol):
    """A decoder that knows how probable a target is at least: its bits are an upper bound."""

    def log_prob_bound(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """As `log_prob` of a `LikelihoodDecoder`, or less: in the mean, and over the steps of an item together.

        By random numbers that in training are drawn, and are otherwise the same at the same step of every item.
        """


def log_prob_of(decoder: LikelihoodDecoder | BoundsLikelihood) -> Callable[..., Tensor]:
    """How probable a target is to a decoder, or is at least: its `log_prob` or `log_prob_bound`."""
    return decoder.log_prob_bound if isinstance(decoder, BoundsLikelihood) else decoder.log_prob


class LearnsByBound:
    """Gives a decoder that bounds likelihoods its loss; to be inherited."""

    def loss(self, target: Tensor, condition: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The negative of `log_prob_bound`, in nats: [B, S]."""
        return -self.log_prob_bound(target, condition, lengths)


@runtime_checkable
class DrawsInSteps(Decoder, Protocol):
    """A decoder that comes from noise to a sample in steps, however many."""

    def draw_by(self, sampler: str | None = None, steps: int | None = None) -> None:
        """Chooses a way of drawing, and how many steps it takes, from now on; None: as before.

        Raises ValueError for what cannot be.
        """


@runtime_checkable
class Continues(Decoder, Protocol):
    """A decoder of line images that can go on from a part that is given."""

    sample_direction: str  # "left-to-right", or "right-to-left": then what is given is the end of a line

    def sample(
        self,
        condition: Tensor,
        size: int,
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
        given: Tensor | None = None,
    ) -> Tensor:
        """As of any decoder. given [B, P, H]: the first P columns, or the last, which are kept as they are.

        Raises ValueError if they do not fit.
        """
