"""unitdisc align."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import (
    AllowPipes,
    Cache,
    Strict,
)


def align(
    corpora: Annotated[
        list[Path],
        typer.Argument(
            help="manifests (.jsonl) or Kaldi data directories with texts; the first is learned from",
            metavar="CORPUS...",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="folder to create: manifests, CTM and JSON lines, the aligner")
    ],
    tier: Annotated[str, typer.Option(help="what the new tier is called")] = "character",
    check: Annotated[str | None, typer.Option(help="a tier that is there already, to compare with")] = None,
    model: Annotated[Path | None, typer.Option(help="an `aligner` folder made before: nothing is learned")] = None,
    epochs: Annotated[int, typer.Option(help="of training")] = 20,
    batch_size: Annotated[int, typer.Option(help="utterances")] = 8,
    learning_rate: float = 2e-3,
    prior: Annotated[float, typer.Option(help="weight of label priors in training; 0: plain CTC")] = 0.3,
    recurrent: Annotated[int, typer.Option(help="units of the LSTM in either direction; 0: none")] = 96,
    height: Annotated[int, typer.Option(help="rows of pixels that lines are brought to")] = 32,
    seed: int = 0,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
) -> None:
    """Find where the characters of texts are, on lines or in recordings that nobody aligned.

    Example: `unitdisc align data/train.jsonl data/test.jsonl --output data/aligned`

    How good that is, where boxes exist: `unitdisc align data/train.jsonl data/test.jsonl --output data/aligned --tier
    found --check character`
    """
    from unitdisc.api import align as verb

    options = verb.AlignOptions(epochs, batch_size, learning_rate, prior, recurrent, seed=seed)
    wanted = verb.Wanted(output, tier, check, model)
    verb.align(corpora, wanted, options, height, cache, allow_pipes, strict)
