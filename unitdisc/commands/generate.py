"""unitdisc generate."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import Device, ExperimentPath


def generate(
    experiment: ExperimentPath,
    folder: Annotated[Path, typer.Argument(help="folder for the images, their corpus and a sheet", metavar="OUT")],
    number: Annotated[int, typer.Option(help="of items; of each code, where the generator knows codes")] = 10,
    code: Annotated[list[int] | None, typer.Option(help="items of this code alone (default: of all)")] = None,
    speaker: Annotated[
        str | None, typer.Option(help="a scribe of the training corpus (default: one after the other)")
    ] = None,
    seed: Annotated[int, typer.Option(help="of the noise")] = 0,
    device: Device = None,
) -> None:
    """Make whole items, such as characters, of noise, as `gan`, `infogan` and `bigan` learn it.

    Example: `unitdisc generate exp/gan exp/gan/made --number 100 --seed 1`
    """
    from unitdisc import ItemOptions, generate

    options = ItemOptions(number, codes=tuple(code or ()), speaker=speaker, seed=seed)
    files = generate(experiment, folder, options=options, device=device)
    typer.echo(f"{folder}: {len(files)} images, corpus.jsonl and sheet.png")
