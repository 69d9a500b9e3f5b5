"""unitdisc robustness."""

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
    Tier,
    numbers_in,
)


def robustness(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    sizes: Annotated[
        str, typer.Option(help="of changes, in standard deviations of every feature", metavar="X,X,...")
    ] = "0.01,0.03,0.1,0.3",
    steps: Annotated[int, typer.Option(help="of gradient ascent")] = 10,
    tier: Tier = None,
    limit: Limit = 50,
    seed: int = 0,
    output: Output = None,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """How small a change of the signal turns units, or what is read off frames: adversarial, and by lot.

    Example: `unitdisc robustness exp/vq data/test.jsonl --limit 20`
    """
    from unitdisc import AttackOptions, CorpusAccess, robustness

    numbers = numbers_in(sizes, "--sizes", "0.01,0.1", float)
    access = CorpusAccess(cache, allow_pipes=allow_pipes)
    options = AttackOptions(numbers, steps, seed)
    found = robustness(experiment, corpus, options, tier=tier, limit=limit, access=access, device=device)
    for name, title in (("units", "% of units that turn"), ("labels", "% of labels read right")):
        if name in found.figures:
            typer.echo(f"{title:24}{'by lot':>12}{'adversarial':>14}")
            if name == "labels":
                typer.echo(f"{'unchanged':24}{100 * found.figures['accuracy']:>12.1f}")
            for row in found.figures[name]:
                typer.echo(f"{row['size']:<24g}{100 * row['by_lot']:>12.1f}{100 * row['adversarial']:>14.1f}")
    if output is not None:
        found.write(output)
