"""How a device is asked: what benchmarks of a GPU share, which also run on a CPU."""

import argparse
import ctypes
from collections.abc import Callable
from pathlib import Path

import torch


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", help="cuda: the table for GPUs; cpu: the same, to see that all runs")


def name_of(device: torch.device) -> dict[str, str]:
    """The GPU, if the figures are its."""
    return {"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}


def synchronise(device: torch.device) -> None:
    """Returns when the device has done what it was asked to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_memory(job: Callable[[], object], device: torch.device) -> float:
    """Megabytes that a job holds at most, beyond what was held before; a GPU's, or those of this process (Linux)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        job()
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    ctypes.CDLL(None).malloc_trim(0)  # or what others have freed would be at hand for it
    before = held("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    job()
    return held("VmHWM") - before


def held(field: str) -> float:
    """Megabytes of this process: "VmRSS" now, "VmHWM" at most so far."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) / 1024
