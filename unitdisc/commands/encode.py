"""unitdisc encode."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.choices import choices
from unitdisc.commands.options import (
    AllowPipes,
    Cache,
    CorpusPath,
    Device,
    ExperimentPath,
    Normalise,
    NormaliseLike,
    Ray,
    ShardOption,
    Shards,
    Strict,
    Trust,
)


def encode(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder to create; each probe point gets a folder in it")],
    at: Annotated[
        list[str] | None,
        typer.Option(
            help=f"probe point: {', '.join(choices('probe points'))} (default: all); or prediction, of masked models"
        ),
    ] = None,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
    trust: Trust = False,
    device: Device = None,
    shard: ShardOption = None,
    ray: Ray = None,
    shards: Shards = None,
    normalise: Normalise = None,
    normalise_like: NormaliseLike = None,
) -> None:
    """Write what a model makes of every utterance; an interrupted run is completed.

    Example: `unitdisc encode exp/vq data/test.jsonl exp/vq/encodings/test --at bottleneck`

    Shared by four processes, on one machine or several: the same with `--shard 1/4` to `--shard 4/4`;
    on a Ray cluster: with `--ray auto`
    """
    from unitdisc import Cluster, CorpusAccess, Shard, encode
    from unitdisc.model import PROBE_POINTS

    points = at or list(PROBE_POINTS)
    cluster = Cluster.chosen(ray, shards, shard)
    access = CorpusAccess(cache, allow_pipes=allow_pipes, strict=strict, trust=trust, shard=Shard.parse(shard))
    encode(
        experiment,
        corpus,
        folder,
        points=points,
        access=access,
        device=device,
        cluster=cluster,
        normalise=normalise,
        normalise_like=normalise_like,
    )
