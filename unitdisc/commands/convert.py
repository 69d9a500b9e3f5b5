"""unitdisc convert."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import AllowPipes, Cache, CorpusPath, Device, ExperimentPath, Strict


def convert(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder for what is converted, and its list", metavar="OUT")],
    speaker: Annotated[list[str] | None, typer.Option(help="one of the training corpus; one or more")] = None,
    texture: Annotated[
        Path | None, typer.Option(help="corpus of their lines, to take on the texture of by optimising pixels")
    ] = None,
    lines: Annotated[int | None, typer.Option(help="of --texture: looked at by a scribe, at most (default: 8)")] = None,
    steps: Annotated[int | None, typer.Option(help="of --texture: of optimising pixels (default: 150)")] = None,
    content: Annotated[
        float | None, typer.Option(help="of --texture: weight of what is written against that of it (default: 1)")
    ] = None,
    strict: Strict = False,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """Write lines in the hand of another scribe, or say utterances in another voice, by a network shown no pairs.

    Example: `unitdisc convert exp/converter data/test.jsonl data/as-gus --speaker gus`

    The presets convert-handwriting and convert-speech train one; resynthesise goes by way of units.

    By texture, of an encoder conv2d: `unitdisc convert exp/vq test.jsonl data/gus --speaker gus --texture train.jsonl`
    """
    from unitdisc import CorpusAccess, TextureOptions, convert

    given = {"lines": lines, "steps": steps, "content": content}
    given = {name: value for name, value in given.items() if value is not None}
    if given and texture is None:
        raise ValueError(f"--{next(iter(given))} is of --texture, and changes nothing without it; leave it out")
    converted = convert(
        experiment,
        corpus,
        folder,
        speakers=speaker or [],
        texture=texture,
        options=TextureOptions(**given),
        access=CorpusAccess(cache, allow_pipes=allow_pipes, strict=strict),
        device=device,
    )
    typer.echo(converted.manifest)
