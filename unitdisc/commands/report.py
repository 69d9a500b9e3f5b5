"""unitdisc report."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import (
    AllowPipes,
    Cache,
    CorpusPath,
    Device,
    ExperimentPath,
    Tier,
)


def report(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    resyntheses: Annotated[
        Path | None, typer.Option(help="folder made by `unitdisc resynthesise` (default: EXPERIMENT/resyntheses)")
    ] = None,
    compare: Annotated[list[Path] | None, typer.Option(help="another experiment that has a report")] = None,
    tier: Tier = None,
    context: Annotated[
        str | None, typer.Option(help="triphone: between same neighbours; any: as for words (default: by the tier)")
    ] = None,
    seed: Annotated[int, typer.Option(help="of the probes")] = 0,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """Encode and score a corpus at every probe point; write report/scores.json and report/index.html.

    Example: `unitdisc report exp/vq data/test.jsonl --compare exp/vae`
    """
    from unitdisc import CorpusAccess, report

    page = report(
        experiment,
        corpus,
        resyntheses=resyntheses,
        compare=compare or [],
        tier=tier,
        context=context,
        seed=seed,
        access=CorpusAccess(cache, allow_pipes=allow_pipes),
        device=device,
    )
    typer.echo(page)
