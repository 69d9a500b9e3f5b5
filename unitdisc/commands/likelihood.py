"""unitdisc likelihood."""

from typing import Annotated

import typer

from unitdisc.commands.options import (
    AllowPipes,
    Cache,
    CorpusPath,
    Device,
    ExperimentPath,
    Limit,
    Output,
    numbers_in,
)


def likelihood(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    limit: Limit = None,
    importance: Annotated[
        str | None,
        typer.Option(help="of a VAE: count what latents cost, with so many draws of them: 1,10,100", metavar="N,N,..."),
    ] = None,
    seed: int = 0,
    output: Output = None,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """How well the decoder predicts a corpus, in bits per pixel (or sample), with its units and with wrong ones.

    "At most": of a decoder that knows a bound only, as one by diffusion.

    Example: `unitdisc likelihood exp/pixelcnn data/test.jsonl`
    """
    from unitdisc import CorpusAccess, likelihood

    access = CorpusAccess(cache, allow_pipes=allow_pipes)
    draws = numbers_in(importance, "--importance", "1,10,100") if importance else ()
    score = likelihood(experiment, corpus, limit=limit, importance=draws, seed=seed, access=access, device=device)
    found = score.found
    bound = "at most " if found.bound else ""
    typer.echo(f"{bound}{found.bits:.4f} bits per {score.per} ({found.values:,} of {found.utterances} utterances)")
    whose = "of another utterance" if found.utterances > 1 else "of another time"
    gap = found.bits_with_wrong_latents - found.bits
    typer.echo(f"{bound}{found.bits_with_wrong_latents:.4f} with the latents {whose}: they are worth {gap:.4f}")
    for number, bits in found.bits_with_latents.items():
        typer.echo(f"{bits:.4f} at most with what the latents cost ({number} draw{'s' if number != '1' else ''})")
    if output is not None:
        score.write(output)
