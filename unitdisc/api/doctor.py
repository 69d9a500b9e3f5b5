"""unitdisc doctor: whether this machine has what unitdisc needs."""

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import warnings
from collections.abc import Iterator

from unitdisc import __version__

EXTRAS = {
    "demo": "espeakng_loader",
    "explore": "starlette",
    "hf": "transformers",
    "lhotse": "lhotse",
    "ray": "ray",
    "tensorboard": "tensorboard",
    "vad": "silero_vad",
}
WITHOUT = {  # what there is not, where an extra or one of OTHERS is missing
    "demo": "built-in speech",
    "explore": "pages that are served by `explore`",
    "hf": "features of networks of others",
    "lhotse": "tests that lhotse reads what is exported",
    "ray": "work shared by a Ray cluster",
    "tensorboard": "curves of training in TensorBoard",
    "vad": "`prepare --vad silero`",
    "pyarrow": "`prepare` of Parquet and of saved data sets",
    "a C++ compiler": "`training.compile` on a CPU",
}
COMPILERS = ("c++", "g++", "clang++")
NEEDED = (
    "numpy",
    "scipy",
    "librosa",
    "numba",
    "soundfile",
    "soxr",
    "scikit-learn",
    "safetensors",
    "typer",
    "rich",
    "Pillow",
    "defusedxml",
    "jinja2",
    "matplotlib",
    "joblib",
    "threadpoolctl",
    "rapidfuzz",
)


def doctor() -> tuple[list[tuple[str, str]], bool]:
    """What was found, as (part, finding) pairs, and whether unitdisc can run."""
    findings = list(examine())
    return findings, not any(finding.startswith("missing") or "cannot" in finding for _, finding in findings)


def same_as_cpu(device: str) -> Iterator[tuple[str, bool]]:
    """Lines of a table that compares a device with the CPU, and whether what each is about agrees.

    Raises ValueError for a device that this machine does not have.
    """
    import torch

    from unitdisc.inference.agreement import agreement
    from unitdisc.training.devices import usable_device

    place = torch.device(usable_device(device))
    yield f"\n{device} beside the CPU: one step of training, relative differences", True
    found = []
    for one in agreement(place):
        found.append(one.agrees)
        yield f"{one.name:28} {'agrees ' if one.agrees else 'DIFFERS'}  {one.finding}", one.agrees
    yield f"{sum(found)} of {len(found)} agree", all(found)


def examine() -> Iterator[tuple[str, str]]:
    yield "unitdisc", __version__
    yield "Python", f"{platform.python_version()} on {platform.platform()}"
    yield "torch", version("torch")
    yield "torchaudio", torchaudio()
    yield "GPU", gpu()
    yield (
        "cores",
        f"{os.cpu_count()} ({len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else '?'} usable)",
    )
    for name in NEEDED:
        yield name, version(name)
    for extra, module in EXTRAS.items():
        there = importlib.util.find_spec(module) is not None
        yield f"extra {extra}", "installed" if there else optional(extra, f"'unitdisc[{extra}]'")
    yield "pyarrow", "installed" if importlib.util.find_spec("pyarrow") else optional("pyarrow", "pyarrow")
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    yield "C++ compiler", compiler or f"not there (optional): without it, no {WITHOUT['a C++ compiler']}"


def optional(what: str, package: str) -> str:
    return f"not installed (optional): without it, no {WITHOUT[what]}; pip install {package}"


def version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return f"missing: pip install {distribution}"


def torchaudio() -> str:
    try:
        return f"{importlib.import_module('torchaudio').__version__}, loads"
    except (ImportError, OSError) as error:
        return (
            f"cannot be loaded: {error}. torchaudio 2.11.0 needs a standard torch 2.11 to 2.14 from the package index, "
            "not a '+cpu' build (2.11.1 not 2.11 either): "
            "pip install --force-reinstall 'torch>=2.11,<2.15' 'torchaudio>=2.11,<2.12,!=2.11.1'"
        )


def gpu() -> str:
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        return f"unknown, for torch cannot be loaded: {error}. Cure: pip install --force-reinstall 'torch>=2.11,<2.15'"
    with warnings.catch_warnings(record=True) as said:  # such as that the driver is too old for this torch
        warnings.simplefilter("always")
        there = torch.cuda.is_available()
    if not there:
        message = str(said[0].message) if said else ""
        why = f" ({message.splitlines()[0]})" if message else ""
        return f"none: everything runs on the CPU{why}"
    properties = torch.cuda.get_device_properties(0)
    return f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, {torch.cuda.device_count()} of them"
