"""unitdisc morph."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import AllowPipes, Cache, CorpusPath, Device, ExperimentPath


def morph(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder for the steps and their page", metavar="OUT")],
    first: Annotated[str | None, typer.Option("--from", help="id of an item of CORPUS", metavar="ID")] = None,
    last: Annotated[str | None, typer.Option("--to", help="id of another", metavar="ID")] = None,
    from_speaker: Annotated[
        str | None, typer.Option(help="or: from the mean of a speaker's, or, with --from, along this direction")
    ] = None,
    to_speaker: Annotated[str | None, typer.Option(help="to that of another")] = None,
    pairs: Annotated[int, typer.Option(help="or: so many pairs of items with different labels, by chance")] = 0,
    steps: Annotated[int, typer.Option(help="with both ends")] = 9,
    tier: Annotated[str | None, typer.Option(help="whose labels a probe learns (default: the only one)")] = None,
    judge: Annotated[
        Path | None,
        typer.Option(help="experiment that says how likely steps are (default: EXPERIMENT, if it can)"),
    ] = None,
    temperature: Annotated[float, typer.Option(help="1 draws from the decoder, 0 takes the likeliest")] = 0.0,
    seed: Annotated[int, typer.Option(help="of all that is drawn")] = 0,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """What lies between two items, or two speakers: drawn on the straight line between latents of whole items.

    Example: `unitdisc morph exp/vae data/test.jsonl exp/morph --from w0331-3-00 --to w0412-8-01`

    From one hand to another: `unitdisc morph exp/vae data/test.jsonl exp/morph --from-speaker w0331 --to-speaker w0412`
    """
    from unitdisc import CorpusAccess, MorphOptions, morph

    options = MorphOptions(
        first,
        last,
        from_speaker=from_speaker,
        to_speaker=to_speaker,
        pairs=pairs,
        steps=steps,
        tier=tier,
        temperature=temperature,
        seed=seed,
    )
    access = CorpusAccess(cache, allow_pipes=allow_pipes)
    found = morph(experiment, corpus, folder, options=options, judge=judge, access=access, device=device)
    if found.probe_accuracy is not None:
        typer.echo(f"the probe names {100 * found.probe_accuracy:.1f} % of held-out items rightly")
    said = {
        "monotone": "{:.0%} of {} ways lean to the last end more with every step",
        "backwards": "{:.1%} of what the probe's opinion moves it moves back",
        "hump": "{:+.3f} bits per value: the unlikeliest step between against the unlikelier end",
    }
    for figure, sentence in said.items():
        if (value := found.mean(figure)) is not None:
            typer.echo(sentence.format(value, len(found.morphs)))
    typer.echo(f"{found.folder / 'index.html'}")
