"""What every bottleneck takes and gives back, what some can do besides, and what keeps a GPU from being waited for."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from unitdisc.batch import masked_mean
from unitdisc.training.distributed import is_measured, part, rows_of_all


@dataclass(frozen=True)
class BottleneckOutput:
    latents: Tensor  # [B, T, D]      what goes on to the decoder
    projected: Tensor  # [B, T, D]    the same frames before the bottleneck tightened
    codes: Tensor | None = None  # [B, T], the units found; None for a continuous bottleneck
    losses: dict[str, Tensor] = field(default_factory=dict)  # [B, T] or scalars, already weighted: added to the total
    metrics: dict[str, Tensor] = field(default_factory=dict)  # [B, T] or scalars: logged, never optimised

    def averaged(self, mask: Tensor, count: Tensor | None = None) -> Self:
        """With losses and metrics of every frame averaged over the frames inside the mask; see `masked_mean`."""
        losses, metrics = (
            {name: masked_mean(value, mask, count) if value.dim() else value for name, value in values.items()}
            for values in (self.losses, self.metrics)
        )
        return replace(self, losses=losses, metrics=metrics)


class Bottleneck(Protocol):
    dim: int  # D, the width of the latents

    def __call__(self, encoded: Tensor, mask: Tensor) -> BottleneckOutput:
        """encoded: [B, T, C]; mask: [B, T], False in the padding."""


@runtime_checkable
class Coded(Protocol):
    """A bottleneck whose frames get codes."""

    num_codes: int  # K: codes are 0 to K - 1


@runtime_checkable
class FollowsCodes(Protocol):
    """A bottleneck whose latents follow from codes alone, so that others than an encoder can choose these."""

    num_codes: int  # K

    def latents_of(self, codes: Tensor) -> Tensor:
        """The latents of consecutive frames with these codes, as in evaluation: [T] -> [T, D]."""


@runtime_checkable
class HasPosterior(Protocol):
    """A bottleneck whose latents are drawn from a posterior, and cost what it knows beyond a prior."""

    def draw(
        self, encoded: Tensor, mask: Tensor, speakers: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """encoded [B, T, C], mask [B, T], speakers [B] -> latents, and log p(latent) - log q(latent | signal) in nats.

        These are [B, T, D] and [B, T]. The generator may live on another device.
        """


@runtime_checkable
class OfWholeItems(Protocol):
    """A bottleneck with one latent for a whole item, which so must not be cut.

    Beside what others take it may be given speakers [B], -1 where unknown: `bottleneck(encoded, mask, speakers)`.
    """

    width: int  # W, of the latent of an item: the first of what is told at any step

    def vectors(self, encoded: Tensor, mask: Tensor, speakers: Tensor | None = None) -> Tensor:
        """The latents of items as in evaluation: [B, T, C], [B, T], [B] -> [B, W]."""

    def told(self, vectors: Tensor, mask: Tensor, speakers: Tensor | None = None) -> Tensor:
        """What goes on to the decoder of these: [B, W], [B, T], [B] -> [B, T, D]."""

    def of_noise(self, noise: Tensor) -> Tensor:
        """The numbers of latents that follow the prior, of normal noise: [N, numbers] -> the same."""


@runtime_checkable
class MixesCategories(Protocol):
    """A bottleneck of whole items whose latent may be numbers, and then the probabilities of categories."""

    continuous: int  # how many numbers
    width: int  # W, with the categories


@runtime_checkable
class Calibrated(Protocol):
    """A bottleneck that learns something of whole utterances before it is saved: in training it sees but crops."""

    def calibrate(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """batches: encoded [B, T, C] and mask [B, T], False in the padding."""


@runtime_checkable
class CutsUtterances(Protocol):
    """A bottleneck whose units are known before training: of whole utterances, so that a crop cuts none in two."""

    blank: int | None  # the code of frames of no unit; None if all are of units

    def cut(self, encoded: Tensor, mask: Tensor) -> Tensor:
        """Which part of which unit every frame is, as whole numbers: [B, T, C], [B, T] -> [B, T]."""

    def of_cut(self, parts: Tensor, mask: Tensor) -> BottleneckOutput:
        """As for the frames that `cut` says this of; but nothing is said of `projected`."""


@runtime_checkable
class WarmsUpInTurn(Protocol):
    """A bottleneck whose codebooks begin one after the other, not all at once."""

    in_turn: ClassVar[bool]


@runtime_checkable
class NeedsMoreInTraining(Protocol):
    """A module with buffers that only training needs: checkpoints have them, weights that are used do not."""

    training_only: ClassVar[Sequence[str]]


@runtime_checkable
class LearnsAtOwnRate(Protocol):
    """A weight (an `nn.Parameter`) that learns faster or more slowly than the others."""

    rate_factor: float  # times the learning rate


@runtime_checkable
class Replaceable(Protocol):
    """A weight (an `nn.Parameter`) whose rows may be put elsewhere, and not by the optimiser, which resets this."""

    replaced: Tensor | None  # [K], which of K rows were since it last looked; None for none


class OnHost(nn.Module):
    """A module of which the buffers in `on_host` stay on the CPU, wherever the rest is: to read them is no wait.

    They are small numbers that decide what is done next, such as how many steps there were.
    """

    on_host: ClassVar[Sequence[str]] = ("steps",)

    def _apply(self, change: Callable[[Tensor], Tensor], *arguments: object, **options: object) -> Self:
        """What `to`, `cuda` and all like them go through."""
        kept = {name: self._buffers[name] for name in self.on_host}
        super()._apply(change, *arguments, **options)
        self._buffers.update(kept)
        return self


class WarmsUp(OnHost):
    """A module that begins as another one, and comes to itself over its first `warmup_steps` training calls."""

    def __init__(self, warmup_steps: int):
        super().__init__()
        self.warmup_steps = warmup_steps
        self.register_buffer("steps", torch.tensor(0))

    def left(self) -> float:
        """How much of the warm-up is still to come: from 1 to 0."""
        return max(0.0, 1 - int(self.steps) / self.warmup_steps) if self.warmup_steps else 0.0

    def count_step(self) -> None:
        """At the end of every call; one that is no training, or only a part of a step, does not count."""
        if self.training and part().is_last:
            self.steps += 1


def measured(metrics: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The metrics, where somebody will look at them: to count codes is to wait for a GPU."""
    return metrics() if is_measured() else {}


def rows_inside(mask: Tensor, *frames: Tensor | None) -> list[Tensor | None]:
    """The rows of several [B, T, ...] that are inside a mask [B, T]: [N, ...] of each, with one wait for a GPU."""
    index = mask.flatten().nonzero().squeeze(1)
    return [None if each is None else each.flatten(0, 1).index_select(0, index) for each in frames]


def straight_through(frames: Tensor, quantised: Tensor) -> Tensor:
    """The quantised values going forward, the gradient of the frames going back."""
    return frames + (quantised - frames).detach()


def perplexity(codes: Tensor) -> Tensor:
    """How many codes are effectively in use, over all processes: 1 when collapsed, their number when all are alike."""
    codes = rows_of_all(codes)
    counts = codes.unique(return_counts=True)[1].float()  # there may be more codes than an array can count
    return torch.special.entr(counts / max(codes.numel(), 1)).sum().exp()
