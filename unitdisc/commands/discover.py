"""unitdisc discover."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import AllowPipes, Cache, CorpusPath, Strict, Threads, Trust


def discover(
    config: Annotated[
        str,
        typer.Argument(
            help="of the network: a TOML file or preset; or a folder that discover filled, whose units are looked for",
            metavar="CONFIG",
        ),
    ],
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder to create, or to go on with; units/ in it are encodings")],
    units: Annotated[
        int | None,
        typer.Option(
            help="how many different ones (default: 100; of lines, two for every kind that halves agree about)"
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            help="units in a second of recording, or in 100 columns of images, blanks apart (default: 10 a second; "
            "in lines, one for every one and a half strokes)"
        ),
    ] = None,
    rounds: Annotated[
        str | None,
        typer.Option(
            help="how often units teach a network (default: 3); auto: as long as halves of the corpus agree better"
        ),
    ] = None,
    edges: Annotated[
        str | None,
        typer.Option(
            help="where units of lines begin and end: ink (the default: at the columns where their ink does); frames"
        ),
    ] = None,
    frames: Annotated[
        Path | None,
        typer.Option(help="encodings that templates are made of (default: gradients of lines; MFCC per speaker)"),
    ] = None,
    min_duration: Annotated[
        float | None, typer.Option(help="of a unit, in ms, or in columns (default: 0.4 mean units)")
    ] = None,
    max_duration: Annotated[float | None, typer.Option(help="the same (default: 2.2 mean units)")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="change an option of the network: TABLE.OPTION=VALUE")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="of templates; that of networks is training.seed")] = None,
    memory: Annotated[float, typer.Option(help="GiB for frames that are not read again")] = 2.0,
    threads: Threads = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda (default: a GPU if there is one)")] = None,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
    trust: Trust = False,
) -> None:
    """Find units from nothing: templates, then networks that are taught them and cut anew; an interrupted run goes on.

    Example: `unitdisc discover discover-handwriting data/train.jsonl exp/found --units 80 --rate 8`

    The same units in other lines: `unitdisc discover exp/found data/test.jsonl exp/found-test`
    """
    from unitdisc import CorpusAccess, DiscoverOptions, TemplateOptions, discover

    chosen = {"units": units, "rate": rate, "min_duration": min_duration, "max_duration": max_duration, "seed": seed}
    templates = TemplateOptions(**{name: value for name, value in chosen.items() if value is not None})
    how = {"rounds": None if rounds is None else number_of(rounds), "edges": edges}
    options = DiscoverOptions(templates, **{name: value for name, value in how.items() if value is not None})
    access = CorpusAccess(cache, allow_pipes=allow_pipes, strict=strict, trust=trust)
    found = discover(
        config,
        corpus,
        folder,
        options=options,
        overrides=overrides or (),
        frames=frames,
        memory=memory,
        threads=threads,
        device=device,
        access=access,
    )
    typer.echo(f"{folder}/units: {found.units} units, {found.rate:.4g} per {found.per}")


def number_of(rounds: str) -> int | str:
    """Raises ValueError for what is no number, and not auto."""
    if rounds == "auto":
        return rounds
    try:
        return int(rounds)
    except ValueError:
        raise ValueError(f"--rounds must be a number or auto, not {rounds}") from None
