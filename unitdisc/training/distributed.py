"""Several processes as one: what models need so that N processes with a share of the batch follow one with all of it.

Every process draws the random numbers of the whole batch from the same stream and keeps its own rows; means are over
the frames of all processes; codebooks see the frames of all processes. With one process all of this is the identity.

The same holds where a process computes its share in parts, one after the other (gradient accumulation): every part
draws the numbers of the whole batch again and keeps its rows, and what a step learns once is learnt with the last part.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

PATIENCE = timedelta(days=7)  # that processes wait for the first, which may have a whole corpus to read


@dataclass(frozen=True)
class StepPart:
    """The part of a step's batch that is being computed."""

    index: int = 0
    parts: int = 1

    @property
    def is_last(self) -> bool:
        return self.index == self.parts - 1


WHOLE = StepPart()
_current = [WHOLE]


def part() -> StepPart:
    return _current[-1]


@contextmanager
def computing(a_part: StepPart) -> Iterator[None]:
    """Tells the models which part of the batch they see. Every part begins at the same random state."""
    _current.append(a_part)
    try:
        yield
    finally:
        _current.pop()


_measured = [True]


def is_measured() -> bool:
    """Whether anybody will look at the metrics of what is being computed."""
    return _measured[-1]


@contextmanager
def measuring(wanted: bool) -> Iterator[None]:
    """Tells the models whether their metrics are wanted. Every process must be told the same."""
    _measured.append(wanted)
    try:
        yield
    finally:
        _measured.pop()


def world_size() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def is_launched() -> bool:
    """Whether a launcher started this process, and passes on the signals that it gets."""
    return world_size() > 1 or (dist.is_available() and dist.is_torchelastic_launched())


def own_rows(rows: Tensor) -> Tensor:
    """What was drawn for the items in hand, of that for the whole batch: [shares * B, ...] -> [B, ...]."""
    return rows if shares() == 1 else rows.chunk(shares())[rank() * part().parts + part().index]


def shares() -> int:
    """How many parts of processes make up the batch of a step."""
    return world_size() * part().parts


def uniform(batch: int, *shape: int, device: torch.device) -> Tensor:
    """Uniform numbers in [0, 1) for the items in hand: [batch, *shape]."""
    if torch.compiler.is_compiling():
        place = torch.empty(batch, *shape, device=device)
        fill_uniform(place)
        return place
    return own_rows(torch.rand(shares() * batch, *shape, device=device))


@torch.library.custom_op("unitdisc::fill_uniform", mutates_args={"place"})
def fill_uniform(place: Tensor) -> None:
    """`uniform` for compiled code, which calls it as it is: whose rows these are is known only when it runs."""
    place.copy_(uniform(*place.shape, device=place.device))


def normal(batch: int, *shape: int, device: torch.device) -> Tensor:
    """Standard normal numbers for the items in hand: [batch, *shape]."""
    if torch.compiler.is_compiling():
        place = torch.empty(batch, *shape, device=device)
        fill_normal(place)
        return place
    return own_rows(torch.randn(shares() * batch, *shape, device=device))


@torch.library.custom_op("unitdisc::fill_normal", mutates_args={"place"})
def fill_normal(place: Tensor) -> None:
    """`normal` for compiled code, as `fill_uniform` is `uniform`."""
    place.copy_(normal(*place.shape, device=place.device))


def share_of_count(count: Tensor, parts: int = 1) -> Tensor:
    """What the sums over the frames of a share are divided by, so that the results of all shares average to a mean.

    count: the frames of this process, in all its parts; at least one of all processes is taken to be there.
    """
    return sum_over_processes(count).clamp(min=1) / (world_size() * parts)


def mean_over_processes(value: Tensor) -> Tensor:
    """The mean of a tensor over processes, without gradient."""
    return value.detach() if world_size() == 1 else sum_over_processes(value) / world_size()


def sum_over_processes(value: Tensor) -> Tensor:
    """The sum of a tensor over processes, without gradient."""
    if world_size() == 1:
        return value.detach()
    total = value.detach().clone()
    dist.all_reduce(total)
    return total


def sum_with_gradient(value: Tensor) -> Tensor:
    """The sum of a tensor over processes; gradients flow back to every process."""
    if world_size() == 1:
        return value
    return SumOverProcesses.apply(value)


class SumOverProcesses(torch.autograd.Function):
    """What one process adds moves the sum of every process."""

    @staticmethod
    def forward(context: torch.autograd.function.FunctionCtx, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: torch.autograd.function.FunctionCtx, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


def rows_of_all(rows: Tensor) -> Tensor:
    """The rows of every process in the order of ranks, without gradient: [N, ...] -> [sum of N, ...]."""
    rows = rows.detach()
    if world_size() == 1:
        return rows
    counts = [torch.zeros(1, dtype=torch.long, device=rows.device) for _ in range(world_size())]
    dist.all_gather(counts, torch.tensor([len(rows)], device=rows.device))
    longest = int(max(counts))
    padded = torch.zeros(longest, *rows.shape[1:], dtype=rows.dtype, device=rows.device)
    padded[: len(rows)] = rows
    gathered = [torch.empty_like(padded) for _ in range(world_size())]
    dist.all_gather(gathered, padded)
    return torch.cat([part[: int(count)] for part, count in zip(gathered, counts)])


def of_first(value: Tensor) -> Tensor:
    """The value of the first process, on every process: for what machines of different make compute differently."""
    if world_size() > 1:
        value = value.contiguous()
        dist.broadcast(value, 0)
    return value


class LostProcessError(ConnectionError):
    """Another process of the same training went away; the message says what to do."""


@contextmanager
def together() -> Iterator[None]:
    """Raises LostProcessError where another process is not there to be computed with any more."""
    try:
        yield
    except RuntimeError as error:  # gloo has no class of its own
        known = (dist.DistBackendError, dist.DistNetworkError, dist.DistStoreError)
        if world_size() == 1 or not (isinstance(error, known) or "gloo" in str(error).lower()):
            raise
        reason = str(error).splitlines()[0].rpartition("] ")[2].partition(". ")[0].rstrip(".")
        raise LostProcessError(
            f"process {rank()} of {world_size()} stopped, for another went away ({reason}); "
            "see what that one says, then run the same command again, which goes on from the last checkpoint"
        ) from error


class Agreement:
    """Lets processes agree beside the work of their devices, which need not be waited for."""

    def __init__(self):
        self.group = dist.new_group(backend="gloo", timeout=PATIENCE) if world_size() > 1 else None

    def on(self, wish: bool) -> bool:
        """Whether any process wishes it. All must ask."""
        if self.group is None:
            return wish
        wishes = torch.tensor(int(wish))
        dist.all_reduce(wishes, dist.ReduceOp.MAX, group=self.group)
        return bool(wishes)

    def of_all(self, thing: Any) -> list[Any]:
        """What every process has, in the order of ranks. All must give something."""
        if self.group is None:
            return [thing]
        found = [None] * world_size()
        dist.all_gather_object(found, thing, group=self.group)
        return found

    def wait(self) -> None:
        """Returns when every process has come here, be it after days."""
        if self.group is not None:
            dist.barrier(group=self.group)


def start_processes(device: str | None = None) -> str:
    """Joins the processes that `torchrun` started, if it did; returns the device of this one.

    device: "cpu" or "cuda" (default: a GPU if there is one); under torchrun every process has a GPU of its own.
    Raises ValueError if there is none for this one.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return device
    if not device.startswith("cuda"):
        if not dist.is_initialized():
            dist.init_process_group("gloo")
        return device
    own = own_gpu(device)
    torch.cuda.set_device(own)  # before anything is made on a GPU: it would be made on the first one
    if not dist.is_initialized():
        dist.init_process_group("nccl", device_id=own)
    return str(own)


def own_gpu(device: str) -> torch.device:
    """The GPU of this process, by its place among those that torchrun started on this machine.

    Raises ValueError if there is none, or if all are told to use the same.
    """
    if device != "cuda":
        raise ValueError(f"--device {device}: under torchrun every process has a GPU of its own; give --device cuda")
    place, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if place >= there:
        processes = os.environ.get("LOCAL_WORLD_SIZE", "?")
        raise ValueError(
            f"{processes} processes on this machine, but {there} GPU{'s'[: there != 1]} that they can see, and each "
            f"needs its own: start torchrun with --nproc-per-node {max(there, 1)}, or give --device cpu"
        )
    return torch.device("cuda", place)


@contextmanager
def processes(device: str | None = None) -> Iterator[str]:
    """As `start_processes`, and takes leave of the others in the end, if it was here that they were joined.

    Not after an error: who waits for others that are gone may wait for long.
    """
    alone = world_size() == 1
    own = start_processes(device)
    try:
        yield own
    except KeyboardInterrupt:  # which all have agreed to
        leave_processes(alone)
        raise
    leave_processes(alone)


def leave_processes(alone_before: bool) -> None:
    if alone_before and world_size() > 1:
        dist.destroy_process_group()
