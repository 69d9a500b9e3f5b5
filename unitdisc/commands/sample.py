"""unitdisc sample."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import AllowPipes, Device, ExperimentPath, LmPath


def sample(
    experiment: ExperimentPath,
    model: LmPath,
    folder: Annotated[
        Path, typer.Argument(help="folder for the sound files, or images, and their page", metavar="OUT")
    ],
    prompts: Annotated[
        Path | None, typer.Option(help="corpus whose beginnings are gone on with (default: from nothing)")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="only the first so many prompts")] = None,
    prompt_seconds: Annotated[float, typer.Option(help="of the beginning of a recording, that are given")] = 2.0,
    prompt_share: Annotated[float, typer.Option(help="of a line that is given, from its left")] = 0.5,
    samples: Annotated[int, typer.Option(help="of every prompt, or of all where there is none")] = 3,
    speaker: Annotated[
        str | None, typer.Option(help="a voice, or a scribe, of the training corpus (default: the prompt's own)")
    ] = None,
    temperature: Annotated[
        float, typer.Option(help="of units; below 1 what is probable becomes more so; 0: no chance")
    ] = 1.0,
    top_p: Annotated[float, typer.Option(help="only the most probable units, with so much probability")] = 1.0,
    top_k: Annotated[int | None, typer.Option(help="only so many of the most probable units")] = None,
    longest: Annotated[
        float | None,
        typer.Option(help="seconds, or heights of a line, that are made up, at most (default: 10; of lines 25)"),
    ] = None,
    lengths: Annotated[
        str, typer.Option(help="of units, where the model has none: drawn from all that there were, or mean")
    ] = "drawn",
    units: Annotated[
        Path | None,
        typer.Option(help="encodings that say how long units last (default: those of the model)", metavar="ENCODINGS"),
    ] = None,
    decoder_temperature: Annotated[float, typer.Option(help="1 draws from the decoder, less is tamer")] = 1.0,
    seed: int = 0,
    symbols: Annotated[str | None, typer.Option(help="of an ARPA file, which does not say")] = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """New speech, or new writing: units that a language model makes up, as the decoder says or writes them.

    Example: `unitdisc sample exp/vq exp/lm exp/new --prompts data/test.jsonl --limit 5 --top-p 0.9`
    """
    from unitdisc import ContinuationOptions, sample

    options = ContinuationOptions(
        samples,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        seed=seed,
        prompt_seconds=prompt_seconds,
        prompt_share=prompt_share,
        longest=longest,
        lengths=lengths,
        decoder_temperature=decoder_temperature,
    )
    files = sample(
        experiment,
        model,
        folder,
        options=options,
        prompts=prompts,
        limit=limit,
        speaker=speaker,
        units=units,
        symbols=symbols,
        allow_pipes=allow_pipes,
        device=device,
    )
    typer.echo(f"{folder}: {len(files)} files, and index.html")
