"""unitdisc train."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.choices import presets
from unitdisc.commands.options import (
    AllowPipes,
    Cache,
    CorpusPath,
    Device,
    Strict,
    Trust,
)


def train(
    config: Annotated[
        str,
        typer.Argument(help=f"TOML file (see recipes/*/conf), or a preset: {', '.join(presets())}"),
    ],
    corpus: CorpusPath,
    experiment: Annotated[Path, typer.Argument(help="folder to create, or to go on with")],
    set: Annotated[
        list[str] | None, typer.Option("--set", metavar="TABLE.KEY=VALUE", help="override the config")
    ] = None,
    units: Annotated[
        Path | None,
        typer.Option(
            help="a folder that discover filled, or an experiment, whose network is the encoder (presets units-...)"
        ),
    ] = None,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
    trust: Trust = False,
    device: Device = None,
) -> None:
    """Train a model, or resume where an interrupted run stopped.

    Example: `unitdisc train small data/train.jsonl exp/vq --set bottleneck.num_codes=128`

    Behind units that were discovered: `unitdisc train units-handwriting data/train.jsonl exp/ae --units exp/found`

    On several processes: `torchrun --nproc-per-node 4 -m unitdisc train small data/train.jsonl exp/vq`
    """
    from unitdisc import CorpusAccess, train

    access = CorpusAccess(cache, allow_pipes=allow_pipes, strict=strict, trust=trust)
    train(config, corpus, experiment, overrides=set or [], units=units, access=access, device=device)
