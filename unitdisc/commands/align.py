"""unitdisc align."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unitdisc.commands.options import (
    AllowPipes,
    Cache,
    Strict,
)

if TYPE_CHECKING:
    from unitdisc import TierCheck


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
    from unitdisc import AlignOptions, CorpusAccess, align

    aligned = align(
        corpora,
        output,
        AlignOptions(epochs, batch_size, learning_rate, prior=prior, recurrent=recurrent, seed=seed),
        tier=tier,
        check=check,
        model=model,
        height=height,
        access=CorpusAccess(cache, allow_pipes=allow_pipes, strict=strict),
    )
    if aligned.error_rate is not None:
        typer.echo(f"characters wrong in held-out texts: {100 * aligned.error_rate:.1f} %")
    for name, manifest in aligned.manifests.items():
        if name in aligned.checks:
            typer.echo("\n".join(lines(name, aligned.checks[name], tier, check)))
        typer.echo(manifest)


def lines(name: str, check: "TierCheck", tier: str, reference: str) -> Iterable[str]:
    """A check as a table."""
    counts = f"{check.utterances} utterances, {check.intervals} intervals"
    yield f"{name}: tier {tier} against {reference}, {counts}"
    yield f"  {'labelled alike, where the reference has a label':50}{100 * check.alike:6.1f} %"
    yield f"  {'labelled alike, gaps too':50}{100 * check.alike_everywhere:6.1f} %"
    yield f"  {'boundaries':14}precision  recall      F1 R-value"
    for tolerance, one in check.boundaries.items():
        figures = "".join(f"{value:9.4f}" for value in (one.precision, one.recall, one.f1, one.r_value))
        yield f"  within {tolerance:>2} {check.unit:8}{figures}"
