"""unitdisc generate."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import CORPUS, AllowPipes, Cache, Device, ExperimentPath


def generate(
    experiment: ExperimentPath,
    folder: Annotated[Path, typer.Argument(help="folder for the items, their corpus and a sheet", metavar="OUT")],
    number: Annotated[int, typer.Option(help="of items; of each code and speaker, where these are told")] = 10,
    code: Annotated[list[int] | None, typer.Option(help="items of this code alone (default: of all)")] = None,
    speaker: Annotated[
        list[str] | None,
        typer.Option(help="a voice, a hand, or what else the model is told (default: one after the other, or none)"),
    ] = None,
    plane: Annotated[
        int, typer.Option(help="instead: so many latents by so many, evenly in a plane, where they have two numbers")
    ] = 0,
    frames: Annotated[int | None, typer.Option(help="length of items (default: the mean of training)")] = None,
    temperature: Annotated[float, typer.Option(help="1 draws from the decoder, 0 takes the likeliest")] = 0.0,
    seed: Annotated[int, typer.Option(help="of all that is drawn")] = 0,
    sheet_size: Annotated[
        int | None, typer.Option(help="rows and columns of sheet.png, at most (default: all items are on it)")
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option(help=f"of real items, from which a probe learns to name new ones: {CORPUS}")
    ] = None,
    tier: Annotated[str | None, typer.Option(help="whose labels the probe learns (default: the only one)")] = None,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """New items, such as characters or words: of noise, or drawn from the prior of latents of whole items.

    Example: `unitdisc generate exp/gan exp/gan/made --number 100 --seed 1`

    Of a conditional autoencoder: `unitdisc generate exp/cvae exp/new --speaker 3 --speaker 5 --corpus data/test.jsonl`
    """
    from unitdisc import CorpusAccess, GenerateOptions, generate

    options = GenerateOptions(
        number,
        tuple(code or ()),
        speakers=tuple(speaker or ()),
        plane=plane,
        frames=frames,
        temperature=temperature,
        seed=seed,
    )
    access = CorpusAccess(cache, allow_pipes=allow_pipes)
    found = generate(
        experiment,
        folder,
        options,
        corpus=corpus,
        tier=tier,
        sheet_size=sheet_size,
        access=access,
        device=device,
    )
    if found.probe_accuracy is not None:
        typer.echo(f"the probe names {100 * found.probe_accuracy:.1f} % of real items rightly, held out")
    if found.named_rightly is not None:
        typer.echo(f"{100 * found.named_rightly:.1f} % of the new ones")
    typer.echo(f"{folder}: {len(found.files)} items, corpus.jsonl and sheet.png")
