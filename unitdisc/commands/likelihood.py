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

    Example: `unitdisc likelihood exp/pixelcnn data/test.jsonl`
    """
    from unitdisc.api.likelihood import likelihood
    from unitdisc.corpus.access import CorpusAccess

    access = CorpusAccess(cache, allow_pipes=allow_pipes)
    for line in likelihood(experiment, corpus, limit=limit, output=output, access=access, device=device):
        typer.echo(line)
