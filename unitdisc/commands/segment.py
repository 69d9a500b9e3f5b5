"""unitdisc segment."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.choices import choices
from unitdisc.commands.options import (
    AllowPipes,
    AnyEncodingsPath,
    CorpusPath,
    FrameRate,
    Normalise,
    NormaliseLike,
    Strict,
    Threads,
    Times,
)


def segment(
    encodings: AnyEncodingsPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder to create: encodings, and units/ for other tools")],
    units_per_second: Annotated[float | None, typer.Option(help="changes of unit in a second of recording")] = None,
    units_per_100_columns: Annotated[float | None, typer.Option(help="the same for images")] = None,
    codebook: Annotated[Path | None, typer.Option(help="NAME.npy [codes, dimensions], as of `unitdisc kmeans`")] = None,
    codes: Annotated[int | None, typer.Option(help="make a codebook of so many codes of these frames")] = None,
    experiment: Annotated[Path | None, typer.Option(help="take the codebook of its vq, for `projection`")] = None,
    phone_loop: Annotated[
        Path | None, typer.Option(help="NAME.safetensors, made by `unitdisc phone-loop`: segments and codes at once")
    ] = None,
    templates: Annotated[
        Path | None, typer.Option(help="NAME.safetensors, made by `unitdisc templates`: the same")
    ] = None,
    posteriors: Annotated[
        str | None, typer.Option(help="write those of a phone loop as frames, square roots: of units, or of states")
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="units: cheapest codes; phone-loop; templates; change: of the mean frame; peaks: of dissimilarity; "
            "prominence: of the length of frames; given: by `--boundaries`"
        ),
    ] = "units",
    boundaries: Annotated[
        Path | None, typer.Option(help="a folder of units, whose segments these frames are to name")
    ] = None,
    solver: Annotated[str, typer.Option(help="viterbi, greedy, exact; nearest: frame by frame")] = "viterbi",
    distance: Annotated[
        str, typer.Option(help=f"of frame and code: {', '.join(choices('segment distances'))}")
    ] = "squared",
    durations: Annotated[
        str, typer.Option(help="prior of durations: none, linear (the same), poisson, gamma, histogram (learned)")
    ] = "none",
    min_duration: Annotated[float | None, typer.Option(help="of a unit, in ms, or in columns")] = None,
    max_duration: Annotated[
        float | None, typer.Option(help="the same (default: any; with a prior, 1 s or five mean units)")
    ] = None,
    transitions: Annotated[str, typer.Option(help="price of changes: uniform, or bigram: learned")] = "uniform",
    prior_weight: Annotated[float, typer.Option(help="of durations and transitions against distances")] = 1.0,
    iterations: Annotated[int, typer.Option(help="estimate codes (and priors) from the units so often")] = 0,
    prominence: Annotated[float | None, typer.Option(help="of boundaries at peaks, instead of a number")] = None,
    switch_cost: Annotated[
        float | None, typer.Option(help="price of a change, as another run found it, instead of a number of units")
    ] = None,
    pool: Annotated[bool, typer.Option("--pool", help="write the mean of every unit's frames, not its code")] = False,
    seed: Annotated[int, typer.Option(help="of k-means")] = 0,
    memory: Annotated[float, typer.Option(help="GiB for distances that are not computed again")] = 2.0,
    threads: Threads = None,
    frame_rate: FrameRate = None,
    times: Times = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
    normalise: Normalise = None,
    normalise_like: NormaliseLike = None,
) -> None:
    """Find units in any system's frames, so many a second, and write them as encodings, TextGrid and CTM.

    Example: `unitdisc segment features/hubert data/test.jsonl exp/units --units-per-second 12 --codes 100
    --frame-rate 50`

    Syllables, from the peaks of change: `unitdisc segment features/hubert data/test.jsonl exp/syllables --method peaks
    --units-per-second 4.5 --codes 500 --frame-rate 50`

    Segments where one system's frames change, named by those of another: `unitdisc segment exp/mfcc data/test.jsonl
    exp/cuts --method change --units-per-second 8 --codes 100`, then `unitdisc segment features/hubert data/test.jsonl
    exp/units --boundaries exp/cuts --codes 100`

    With a codebook of normalised frames, NAME.npy: `--codebook NAME.npy --normalise-like NAME.adaptation.safetensors`

    Segments and codes of a phone loop: `unitdisc segment exp/mfcc/test data/test.jsonl exp/units
    --phone-loop exp/loop.safetensors --units-per-second 8`
    """
    from unitdisc import Codes, SegmentOptions, segment

    if units_per_second is not None and units_per_100_columns is not None:
        raise ValueError("--units-per-second is for recordings and --units-per-100-columns for images; give one")
    of_images = units_per_100_columns is not None
    if phone_loop is not None and method == "units":
        method = "phone-loop"
    if templates is not None and method == "units":
        method = "templates"
    if boundaries is not None and method == "units":
        method = "given"
    options = SegmentOptions(
        units_per_100_columns if of_images else units_per_second,
        method,
        solver,
        distance=distance,
        durations=durations,
        min_duration=min_duration,
        max_duration=max_duration,
        transitions=transitions,
        prior_weight=prior_weight,
        iterations=iterations,
        prominence=prominence,
        pool=pool,
        posteriors=posteriors,
        switch_cost=switch_cost,
    )
    found = segment(
        encodings,
        corpus,
        folder,
        codes=Codes(codebook, codes, experiment, seed=seed, phone_loop=phone_loop, templates=templates),
        options=options,
        boundaries=boundaries,
        per="100 columns" if of_images else "second",
        memory=memory,
        threads=threads,
        frame_rate=frame_rate,
        times=times,
        allow_pipes=allow_pipes,
        strict=strict,
        normalise=normalise,
        normalise_like=normalise_like,
    )
    asked = f"{options.rate:g} asked" if options.rate else "no number asked"
    typer.echo(
        f"{folder}: {found.units} units in {found.utterances} utterances, {found.rate:.4g} per {found.per} ({asked})"
    )
    if "switch_cost" in found.facts:
        typer.echo(f"switch cost {found.facts['switch_cost']:.6g}")
    for path in found.files:
        typer.echo(path)
