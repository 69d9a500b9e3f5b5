"""What benchmarks share: what figures were measured on, and where they are kept."""

import argparse
import os
import platform
import statistics
from collections.abc import Iterable
from pathlib import Path

from unitdisc.files import write_json


def add_note_and_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--note", default="", help="kept with the figures: what else the machine was doing")
    parser.add_argument("--output", type=Path, help="JSON file")


def keep_result(found: dict, output: Path | None) -> None:
    """Writes figures to a JSON file, if there is to be one."""
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_json(output, found)


def spread(values: Iterable[float]) -> dict[str, float]:
    """What several repetitions come to."""
    values = list(values)
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def circumstances(**about: object) -> dict:
    """What figures are kept with: processor, cores and whatever else is to be said of the machine; versions."""
    from unitdisc.evaluation.settings import versions  # takes memory that a child may be measured by

    return {"machine": {"processor": processor(), "cores": os.cpu_count(), **about}, "versions": versions()}


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())


def heading(found: dict) -> str:
    """Above a table of steps: what they were taken on, and how many."""
    machine = found["machine"]
    return f"{machine['processor']}, {machine['threads']} thread(s), {found['steps']} steps. {machine['note']}".strip()
