"""What benchmarks share: what figures were measured on, how a device is asked, and where figures are kept."""

import argparse
import ctypes
import os
import platform
from collections.abc import Callable
from pathlib import Path

import torch

from unitdisc.files import write_json


def add_note_and_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--note", default="", help="kept with the figures: what else the machine was doing")
    parser.add_argument("--output", type=Path, help="JSON file")


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", help="cuda: the table for GPUs; cpu: the same, to see that all runs")


def keep_result(found: dict, output: Path | None) -> None:
    """Writes figures to a JSON file, if there is to be one."""
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_json(output, found)


def machine(device: torch.device | None = None, **about: object) -> dict:
    """Processor and cores, the GPU if the figures are its, and whatever else is to be said."""
    gpu = {"gpu": torch.cuda.get_device_name(device)} if device is not None and device.type == "cuda" else {}
    return {"processor": processor(), "cores": os.cpu_count(), **gpu, **about}


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())


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
