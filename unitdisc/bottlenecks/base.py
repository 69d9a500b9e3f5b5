"""What every bottleneck takes and gives back, and what keeps a GPU from being waited for on the way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol, Self

import torch
from torch import Tensor, nn

from unitdisc.batch import masked_mean
from unitdisc.training.distributed import is_measured, rows_of_all


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
