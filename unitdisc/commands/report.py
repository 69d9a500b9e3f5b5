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
    seed: Annotated[int, typer.Option(help="of the probes, and of what --utterances draws")] = 0,
    utterances: Annotated[int | None, typer.Option(help="so many, drawn by chance (default: all)")] = None,
    max_size_group: Annotated[
        int | None,
        typer.Option(help="items that ABX draws of one label and speaker (default: all; of a large corpus 10)"),
    ] = None,
    max_x_across: Annotated[
        int | None, typer.Option(help="speakers that it draws for X (default: all; of a large corpus 5)")
    ] = None,
    sampling_seed: Annotated[int | None, typer.Option(help="of what ABX draws (default: 3459)")] = None,
    all_items: Annotated[
        bool, typer.Option("--all-items", help="ABX draws no sample, however large the corpus")
    ] = False,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """Encode and score a corpus at every probe point; write report/scores.json and report/index.html.

    Example: `unitdisc report exp/vq data/test.jsonl --compare exp/vae`

    Of a large corpus: the same with `--utterances 5000`
    """
    from unitdisc import CorpusAccess, Sampling, report

    sizes = {"max_size_group": max_size_group, "max_x_across": max_x_across}
    sizes = sizes if any(size is not None for size in sizes.values()) else {}
    seeded = {} if sampling_seed is None else {"seed": sampling_seed}
    sampling = Sampling(**sizes, **seeded) if sizes or seeded else None
    page = report(
        experiment,
        corpus,
        resyntheses=resyntheses,
        compare=compare or [],
        tier=tier,
        context=context,
        seed=seed,
        utterances=utterances,
        sampling=sampling,
        all_items=all_items,
        access=CorpusAccess(cache, allow_pipes=allow_pipes),
        device=device,
    )
    typer.echo(page)
