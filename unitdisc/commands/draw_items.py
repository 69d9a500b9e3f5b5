"""unitdisc draw-items."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import CORPUS, AllowPipes, Cache, Device, ExperimentPath


def draw_items(
    experiment: ExperimentPath,
    folder: Annotated[Path, typer.Argument(help="folder for the items and their sheet", metavar="OUT")],
    samples: Annotated[int, typer.Option(help="latents that are drawn")] = 16,
    speaker: Annotated[
        list[str] | None,
        typer.Option(help="a voice, a hand, or what else the decoder is told: an item of every latent (default: none)"),
    ] = None,
    plane: Annotated[
        int, typer.Option(help="instead: so many latents by so many, evenly in a plane, where they have two numbers")
    ] = 0,
    frames: Annotated[int | None, typer.Option(help="length of items (default: the mean of training)")] = None,
    temperature: Annotated[float, typer.Option(help="1 draws from the decoder, 0 takes the likeliest")] = 0.0,
    seed: Annotated[int, typer.Option(help="of all that is drawn")] = 0,
    corpus: Annotated[
        Path | None, typer.Option(help=f"of real items, from which a probe learns to name new ones: {CORPUS}")
    ] = None,
    tier: Annotated[str | None, typer.Option(help="whose labels the probe learns (default: the only one)")] = None,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """New items, drawn from the prior of an autoencoder with one latent for a whole item: variational or adversarial.

    Example: `unitdisc draw-items exp/vae exp/new --samples 64`

    Of a conditional one: `unitdisc draw-items exp/cvae exp/new --speaker 3 --speaker 5 --corpus data/test.jsonl`
    """
    from unitdisc import CorpusAccess, DrawItemsOptions, draw_items

    options = DrawItemsOptions(
        samples, speakers=speaker or [], plane=plane, frames=frames, temperature=temperature, seed=seed
    )
    access = CorpusAccess(cache, allow_pipes=allow_pipes)
    found = draw_items(experiment, folder, options, corpus=corpus, tier=tier, access=access, device=device)
    if found.probe_accuracy is not None:
        typer.echo(f"the probe names {100 * found.probe_accuracy:.1f} % of real items rightly, held out")
    if found.named_rightly is not None:
        typer.echo(f"{100 * found.named_rightly:.1f} % of the new ones")
    typer.echo(f"{folder / 'sheet.png'}")
