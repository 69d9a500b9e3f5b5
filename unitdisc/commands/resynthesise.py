"""unitdisc resynthesise."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import (
    AllowPipes,
    CorpusPath,
    Device,
    ExperimentPath,
    Limit,
)


def resynthesise(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder for the sound files, or images")],
    speaker: Annotated[
        list[str] | None, typer.Option(help="a voice, or a scribe, of the training corpus (default: their own)")
    ] = None,
    limit: Limit = None,
    seed: Annotated[int, typer.Option(help="of the decoder's random choices")] = 0,
    temperature: Annotated[float, typer.Option(help="1 draws from the model, less is tamer")] = 1.0,
    given: Annotated[float, typer.Option(help="share of every line that is given, of which the rest is made")] = 0.0,
    sampler: Annotated[
        str | None, typer.Option(help="of diffusion: ddim, ddpm, euler, heun (default: the experiment's)")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="that the sampler takes (default: the experiment's)")] = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """Turn units back into sound, or into handwriting, in the voice or hand of any known speaker or scribe.

    Example: `unitdisc resynthesise exp/vq data/test.jsonl exp/vq/resyntheses --limit 3 --speaker p239`

    Lines of which half is given: `unitdisc resynthesise exp/pixelcnn data/test.jsonl exp/pixelcnn/lines --given 0.5`

    By diffusion in few steps: `unitdisc resynthesise exp/diffusion data/test.jsonl exp/diffusion/10 --steps 10`
    """
    from unitdisc import Drawing, resynthesise

    paths = resynthesise(
        experiment,
        corpus,
        folder,
        speakers=speaker or [],
        limit=limit,
        drawing=Drawing(seed, temperature, given, sampler=sampler, steps=steps),
        allow_pipes=allow_pipes,
        device=device,
    )
    for path in paths:
        typer.echo(path)
