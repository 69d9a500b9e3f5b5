"""unitdisc templates."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.choices import choices
from unitdisc.commands.options import (
    AllowPipes,
    AnyEncodingsPath,
    CorpusPath,
    FrameRate,
    Strict,
    Threads,
    Times,
)


def templates(
    encodings: AnyEncodingsPath,
    corpus: CorpusPath,
    file: Annotated[
        Path,
        typer.Argument(help="NAME.safetensors to write, for `segment --templates`", metavar="TEMPLATES"),
    ],
    units: Annotated[
        int | None, typer.Option(help="how many different ones (default: as describe held-out utterances best)")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            help="units in a second of recording, or in 100 columns of images, blanks apart (default: 10 a second; "
            "in lines, one for every one and a half strokes)"
        ),
    ] = None,
    points: Annotated[int, typer.Option(help="frames of a template, to which every stretch is brought")] = 8,
    dims: Annotated[int, typer.Option(help="principal components of the frames that are compared")] = 24,
    pool: Annotated[
        int | None, typer.Option(help="frames averaged to one in learning (default: a mean unit has five to ten)")
    ] = None,
    min_duration: Annotated[
        float | None, typer.Option(help="of a unit, in ms, or in columns (default: 0.4 mean units)")
    ] = None,
    max_duration: Annotated[float | None, typer.Option(help="the same (default: 2.2 mean units)")] = None,
    blank: Annotated[
        str, typer.Option(help=f"frames near zero are of no unit: {', '.join(choices('blanks'))} (auto: of images)")
    ] = "auto",
    start: Annotated[
        str,
        typer.Option(help="first cuts: at minima of ink, or where frames change (auto: ink, where there are blanks)"),
    ] = "auto",
    starts: Annotated[int, typer.Option(help="learn so often, from other seeds, and keep the likeliest")] = 1,
    passes: Annotated[int, typer.Option(help="over all utterances")] = 10,
    seed: int = 0,
    memory: Annotated[float, typer.Option(help="GiB for frames that are not read again")] = 2.0,
    threads: Threads = None,
    frame_rate: FrameRate = None,
    times: Times = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
) -> None:
    """Learn units with a shape, and where they are, from any system's frames; an interrupted run goes on.

    Example: `unitdisc templates exp/gradients/train data/train.jsonl exp/templates.safetensors --units 80 --rate 8`
    """
    from unitdisc import TemplateOptions, templates

    options = TemplateOptions(
        units,
        rate,
        points=points,
        dims=dims,
        pool=pool,
        min_duration=min_duration,
        max_duration=max_duration,
        blank=blank,
        start=start,
        starts=starts,
        passes=passes,
        seed=seed,
    )
    card = templates(
        encodings,
        corpus,
        file,
        options=options,
        memory=memory,
        threads=threads,
        frame_rate=frame_rate,
        times=times,
        allow_pipes=allow_pipes,
        strict=strict,
    )
    last = f", cost {card['costs'][-1]:.5g} a frame" if card["costs"] else ""
    typer.echo(f"{file}: {card['used']} of {card['options']['units']} units in use, {card['units']} segments{last}")
