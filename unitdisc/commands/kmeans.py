"""unitdisc kmeans."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import (
    AnyEncodingsPath,
    Threads,
    Times,
)


def kmeans(
    encodings: AnyEncodingsPath,
    codebook: Annotated[
        Path, typer.Argument(help="NAME.npy to write; NAME.json says what it was made from", metavar="CODEBOOK")
    ],
    codes: Annotated[int, typer.Option(help="how many")] = 100,
    spherical: Annotated[bool, typer.Option("--spherical", help="compare frames by angle: codes of length 1")] = False,
    seed: int = 0,
    passes: Annotated[int, typer.Option(help="over all frames, at most")] = 100,
    tolerance: Annotated[
        float, typer.Option(help="stop when a pass lowers the distances by less than this part")
    ] = 1e-5,
    sample: Annotated[int, typer.Option(help="frames to begin with (default: 64 for each code, 50,000 at least)")] = 0,
    starts: Annotated[int, typer.Option(help="how often k-means of the sample is begun; the best counts")] = 3,
    mini_batch: Annotated[int, typer.Option(help="move codes after so many frames; 0: after each pass")] = 0,
    memory: Annotated[float, typer.Option(help="GiB for the sample and for frames that are not read again")] = 2.0,
    threads: Threads = None,
    times: Times = None,
) -> None:
    """Make a codebook of any system's frames, however many; an interrupted run goes on.

    Example: `unitdisc kmeans exp/vq/encodings/train/mfcc exp/codebooks/mfcc-100.npy --codes 100`
    """
    from unitdisc.api import kmeans as verb

    options = verb.KMeansOptions(codes, spherical, seed, passes, tolerance, sample, starts, mini_batch)
    verb.kmeans(encodings, codebook, options, memory, threads, times)
