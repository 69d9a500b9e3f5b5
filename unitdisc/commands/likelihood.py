"""unitdisc likelihood."""

import typer

from unitdisc.commands.options import (
    AllowPipes,
    Cache,
    CorpusPath,
    Device,
    ExperimentPath,
    Limit,
    Output,
)


def likelihood(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    limit: Limit = None,
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
    score = likelihood(experiment, corpus, limit=limit, access=access, device=device)
    found = score.found
    bound = "at most " if found.bound else ""
    typer.echo(f"{bound}{found.bits:.4f} bits per {score.per} ({found.values:,} of {found.utterances} utterances)")
    whose = "of another utterance" if found.utterances > 1 else "of another time"
    gap = found.bits_with_wrong_latents - found.bits
    typer.echo(f"{bound}{found.bits_with_wrong_latents:.4f} with the latents {whose}: they are worth {gap:.4f}")
    if output is not None:
        score.write(output)
