"""unitdisc kmeans."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import (
    CORPUS,
    AllowPipes,
    AnyEncodingsPath,
    Normalise,
    NormaliseLike,
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
    corpus: Annotated[
        Path | None, typer.Option(help=f"only its utterances, {CORPUS}; it says who speaks, for --normalise")
    ] = None,
    normalise: Normalise = None,
    normalise_like: NormaliseLike = None,
    allow_pipes: AllowPipes = False,
) -> None:
    """Make a codebook of any system's frames, however many; an interrupted run goes on.

    Example: `unitdisc kmeans exp/vq/encodings/train/mfcc exp/codebooks/mfcc-100.npy --codes 100`

    Of normalised frames: the same with `--normalise standardise:speaker --corpus data/train.jsonl`
    """
    from unitdisc import KMeansOptions, kmeans

    options = KMeansOptions(
        codes,
        spherical=spherical,
        seed=seed,
        passes=passes,
        tolerance=tolerance,
        sample=sample,
        starts=starts,
        mini_batch=mini_batch,
    )
    card = kmeans(
        encodings,
        codebook,
        options,
        memory=memory,
        threads=threads,
        times=times,
        corpus=corpus,
        normalise=normalise,
        normalise_like=normalise_like,
        allow_pipes=allow_pipes,
    ).card
    end = "settled" if card["converged"] else "stopped"
    typer.echo(f"{codebook}: {codes} codes of {card['dim']} dimensions, {end} after {card['passes']} passes")
    mean = card["inertia"] / card["frames"]
    typer.echo(f"{card['frames']} frames of {card['utterances']} utterances, mean squared distance {mean:.6g}")
