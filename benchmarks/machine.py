"""What figures were measured on."""

import os
import platform
from pathlib import Path


def machine(**about: object) -> dict:
    """Processor and cores, and whatever else is to be said."""
    return {"processor": processor(), "cores": os.cpu_count(), **about}


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())
