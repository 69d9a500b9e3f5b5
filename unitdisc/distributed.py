"""Several processes as one: what models need so that N processes with a share of the batch follow one with all of it.

Every process draws the random numbers of the whole batch from the same stream and keeps its own rows; means are over
the frames of all processes; codebooks see the frames of all processes. With one process all of this is the identity.
"""

import os

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def own_rows(rows: Tensor) -> Tensor:
    """This process's share of what was drawn for the whole batch: [world * B, ...] -> [B, ...]."""
    return rows.chunk(world_size())[rank()] if world_size() > 1 else rows


def uniform(batch: int, *shape: int, device: torch.device) -> Tensor:
    """Uniform numbers in [0, 1) for this process's items: [batch, *shape]."""
    return own_rows(torch.rand(world_size() * batch, *shape, device=device))


def normal(batch: int, *shape: int, device: torch.device) -> Tensor:
    """Standard normal numbers for this process's items: [batch, *shape]."""
    return own_rows(torch.randn(world_size() * batch, *shape, device=device))


def mean_over_processes(value: Tensor) -> Tensor:
    """The mean of a tensor over processes, without gradient."""
    if world_size() == 1:
        return value.detach()
    total = value.detach().clone()
    dist.all_reduce(total)
    return total / world_size()


def sum_with_gradient(value: Tensor) -> Tensor:
    """The sum of a tensor over processes; gradients flow back to every process."""
    if world_size() == 1:
        return value
    from torch.distributed.nn.functional import all_reduce

    return all_reduce(value)


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


def start_processes(device: str | None = None) -> str:
    """Joins the processes that `torchrun` started, if it did; returns the device of this one.

    device: "cpu" or "cuda" (default: a GPU if there is one); under torchrun every process has a GPU of its own.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return device
    on_gpu = device.startswith("cuda")
    if not dist.is_initialized():
        dist.init_process_group("nccl" if on_gpu else "gloo")
    if on_gpu:
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    return device
