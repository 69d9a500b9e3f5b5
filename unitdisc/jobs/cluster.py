"""Shards as tasks of a Ray cluster (extra `ray`): what a lost worker had in hand is given to another."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unitdisc import console
from unitdisc.jobs.shard import Shard

RETRIES = 5  # of a shard whose worker is lost; what it had done is there already
LOCAL = "local"

Work = Callable[[Shard, str], list[str]]  # of a shard, on a device ("cpu" or "cuda"): what went wrong, as messages


@dataclass(frozen=True)
class Cluster:
    """Where shards are done.

    address: of a Ray cluster; "auto" for the one that this machine is part of; "local" for this machine alone.
    shards: how many; see `done_on`.
    """

    address: str
    shards: int | None = None

    def __post_init__(self):
        if self.shards is not None and self.shards < 1:
            raise ValueError(f"`shards` must be 1 or more, not {self.shards}")

    @classmethod
    def chosen(cls, address: str | None, shards: int | None, shard: str | None) -> "Cluster | None":
        """What --ray and --shards say; None without --ray. Raises ValueError for options that exclude each other."""
        if shard is not None and address is not None:
            raise ValueError(f"`shard` {shard}: with `cluster` all shards are done; leave it out, or choose `shards`")
        if shards is not None and address is None:
            raise ValueError(f"`shards` {shards}: is for `cluster`; without it, give `shard` I/N")
        return None if address is None else cls(address, shards)


def done_on(cluster: Cluster, work: Work, device: str | None, title: str, per_processor: int = 4) -> list[list[str]]:
    """Does the work of every shard on a cluster; gives the messages of each, in their order.

    work: must go on where another worker stopped, and find its files in the same places on every machine.
    device: by default a GPU for each shard if the cluster has any.
    per_processor: shards, where the cluster is not told how many; if several, a slow worker holds nobody up.
    Raises ValueError if Ray is not installed, ConnectionError if there is no cluster, and what the work raises.
    """
    with redirect_stdout(sys.stderr):  # Ray says there which workers it lost
        ray = joined(cluster.address)
        try:
            resources = ray.cluster_resources()
            device = device or ("cuda" if resources.get("GPU") else "cpu")
            kind = "CPU" if device == "cpu" else "GPU"
            shards = Shard(1, cluster.shards or max(1, per_processor * int(resources.get(kind, 1)))).siblings()
            task = ray.remote(num_cpus=1, num_gpus=int(kind == "GPU"), max_retries=RETRIES)(attempted)
            work = ray.put(work)  # sent once, not with every shard
            return gathered(ray, [task.remote(work, shard, device, Path.cwd()) for shard in shards], title)
        finally:
            ray.shutdown()


def joined(address: str) -> Any:
    """Ray, as a client of the cluster."""
    try:
        import ray
    except ImportError as error:
        raise ValueError(
            f"`cluster` {address}: Ray is not installed here; install unitdisc[ray], or use `shard`"
        ) from error
    where = {"include_dashboard": False} if address == LOCAL else {"address": address}
    try:
        ray.init(**where, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ConnectionError(
            f"`cluster` {address}: no cluster there ({reason}); give local, auto or the address of its head"
        ) from error
    return ray


def attempted(work: Work, shard: Shard, device: str, folder: Path) -> tuple[list[str], type | None, str]:
    """The messages of a shard, or its error: one that has a cure is no reason to try again."""
    os.chdir(folder)
    try:
        return work(shard, device), None, ""
    except (ValueError, OSError, FloatingPointError) as error:
        kind = next(base for base in (FloatingPointError, OSError, ValueError) if isinstance(error, base))
        return [], kind, str(error)


def gathered(ray: Any, tasks: Sequence[Any], title: str) -> list[list[str]]:
    """The messages of every task, with progress."""
    left = list(tasks)
    with console.progress(title, len(tasks), "shards") as advance:
        while left:
            (task,), left = ray.wait(left, num_returns=1)
            _, kind, refusal = result_of(ray, task, len(tasks))
            if kind is not None:
                raise kind(refusal)
            advance(1)
    return [result_of(ray, task, len(tasks))[0] for task in tasks]


def result_of(ray: Any, task: Any, shards: int) -> tuple[list[str], type | None, str]:
    try:
        return ray.get(task)
    except ray.exceptions.RayError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        what = f"a shard was given up after {RETRIES} retries ({reason})"
        cure = f"run the same command again, with `shards` {shards}: what is done is not done again"
        raise OSError(f"{what}; {cure}") from error
