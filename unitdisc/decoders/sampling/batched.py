"""Drawing several items at once: each comes out as it would alone, from random numbers of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol, Self, runtime_checkable

import torch
from torch import Tensor

ITEMS_IN_A_GROUP = 64  # drawn together: more would not be faster, and each has its queues, megabytes of them
FRAMES_IN_A_GROUP = 64_000  # their steps, at 16 kHz, are 160 MB of codes and random numbers


@dataclass(frozen=True)
class SampleRequest:
    """What one sample is drawn from."""

    condition: Tensor  # [L, C]
    size: int  # steps
    generator: torch.Generator
    given: Tensor | None = None  # [P, H], of line images

    def on_cpu(self) -> "SampleRequest":
        given = None if self.given is None else self.given.cpu()
        return replace(self, condition=self.condition.cpu(), given=given)

    def sample(self, decoder: torch.nn.Module, temperature: float) -> Tensor:
        """Alone: [size, ...]."""
        given = () if self.given is None else (self.given[None],)
        return decoder.sample(self.condition[None], self.size, self.generator, temperature, *given)[0]


@runtime_checkable
class SamplesTogether(Protocol):
    """A decoder with a loop of its own for many items."""

    def sample_several(
        self,
        items: Sequence[SampleRequest],
        temperature: float,
        finish: Callable[[int, Tensor], None],
        tick: Callable[[int], None],
    ) -> None:
        """As the function of this name."""


@runtime_checkable
class DrawsOnCpu(Protocol):
    """A decoder that draws on the CPU wherever it is."""

    def on_cpu(self) -> Self:
        """Itself, or a copy, there."""


def sample_several(
    decoder: torch.nn.Module,
    items: Sequence[SampleRequest],
    temperature: float,
    finish: Callable[[int, Tensor], None],
    tick: Callable[[int], None] = lambda steps: None,
) -> None:
    """Calls finish(index, target [S, ...]) for every item, from any thread, and tick(n) as n more steps are drawn.

    A decoder that `SamplesTogether` draws them together; with others each of torch's threads draws one item after the
    other on a CPU, and so it is with one that `DrawsOnCpu`.
    Either way the samples are those of `decoder.sample` for each alone.
    The decoder stays in its mode; nothing is recorded for gradients.
    """
    if isinstance(decoder, SamplesTogether):
        decoder.sample_several(items, temperature, finish, tick)
        return

    if isinstance(decoder, DrawsOnCpu):
        decoder, items = decoder.on_cpu(), [item.on_cpu() for item in items]

    @torch.inference_mode()  # which holds for a thread
    def draw(index: int) -> None:
        finish(index, items[index].sample(decoder, temperature))
        tick(items[index].size)

    on_cpu = next(decoder.parameters()).device.type == "cpu"
    run_in_threads(draw, range(len(items)), torch.get_num_threads() if on_cpu else 1)


def run_in_threads(work: Callable[[int], object], numbers: Sequence[int], threads: int) -> None:
    """Calls `work` for every number; what it raises first is raised here, and what has not begun by then never does."""
    with ThreadPoolExecutor(max(1, min(threads, len(numbers)))) as pool:
        futures = [pool.submit(work, number) for number in numbers]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
