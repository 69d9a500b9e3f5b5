"""unitdisc kmeans: a codebook for any system's frames."""

import os
from dataclasses import asdict
from pathlib import Path

import typer

from unitdisc import console
from unitdisc.clustering import KMeansOptions
from unitdisc.clustering import kmeans as find_codes
from unitdisc.clustering.codebook import write_codebook
from unitdisc.clustering.frames import StoredFrames
from unitdisc.encodings.folders import refuse_among
from unitdisc.evaluation.foreign import open_encodings
from unitdisc.evaluation.settings import versions
from unitdisc.files.folders import file_for_results
from unitdisc.files.locks import locked_file

ANY_RATE = 50.0  # of frames, whose time does not matter
TIME = ("stride", "offset", "rate")


def kmeans(
    encodings: Path,
    codebook: Path,
    options: KMeansOptions,
    memory: float,
    threads: int | None,
    times: str | None = None,
) -> None:
    """Writes CODEBOOK.npy and its card CODEBOOK.json, and prints what was found; an interrupted run goes on."""
    if codebook.suffix != ".npy":
        raise ValueError(f"{codebook}: must end in .npy, for the codebook is an array, and its card is put beside it")
    if not 0 < memory < float("inf"):
        raise ValueError(f"--memory must be a number of GiB above 0, not {memory:g}")
    if threads is not None and threads < 1:
        raise ValueError(f"--threads must be 1 or more, not {threads}")
    file_for_results(codebook, "CODEBOOK")
    refuse_among(codebook, encodings)
    with locked_file(codebook):
        make(encodings, codebook, options, memory, threads, times)


def make(
    encodings: Path, codebook: Path, options: KMeansOptions, memory: float, threads: int | None, times: str | None
) -> None:
    """As `kmeans`, where no other run makes this codebook."""
    opened = open_encodings(encodings, frame_rate=None if times == "column" else ANY_RATE, times=times)
    frames = StoredFrames(opened, opened.codes, options.spherical)
    unfinished = codebook.with_name(codebook.name + ".part")
    found = find_codes(frames, options, memory, threads or os.cpu_count() or 1, unfinished, console.progress)
    card = {
        "spherical": options.spherical,
        "frames_of": {name: value for name, value in opened.settings.items() if name not in TIME},
        "encodings": str(encodings),
        "utterances": len(frames.names),
        "frames": found.frames,
        "frames_checksum": found.frames_checksum,
        "inertia": found.inertia,
        "passes": found.passes,
        "converged": found.converged,
        "options": asdict(options),
        "counts": found.counts.tolist(),
        "versions": versions(),
    }
    write_codebook(codebook, found.vectors, card)
    unfinished.unlink(missing_ok=True)
    end = "settled" if found.converged else "stopped"
    mean = found.inertia / found.frames
    typer.echo(f"{codebook}: {options.codes} codes of {frames.dim} dimensions, {end} after {found.passes} passes")
    typer.echo(f"{found.frames} frames of {len(frames.names)} utterances, mean squared distance {mean:.6g}")
