"""unitdisc features."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.choices import one_of
from unitdisc.commands.options import (
    AllowPipes,
    Cache,
    CorpusPath,
    Ray,
    ShardOption,
    Shards,
    Strict,
    Trust,
)


def features(
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder to create")],
    kind: Annotated[str, typer.Option(help="mfcc, log-mel or waveform; columns: of line images")] = "mfcc",
    rate: Annotated[int, typer.Option(help="samples per second")] = 16_000,
    hop: Annotated[int, typer.Option(help="samples from one frame to the next")] = 160,
    height: Annotated[int, typer.Option(help="rows of pixels that line images are brought to")] = 32,
    normalise: Annotated[str, typer.Option(help=one_of("normalisations"))] = "none",
    vtln: Annotated[int, typer.Option(help="warps of the frequency axis tried for each speaker, as 7; 0: none")] = 0,
    like: Annotated[Path | None, typer.Option(help="of --vtln: a folder whose warps were found before")] = None,
    resample: Annotated[bool, typer.Option("--resample", help="convert recordings of another rate")] = False,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
    trust: Trust = False,
    shard: ShardOption = None,
    ray: Ray = None,
    shards: Shards = None,
) -> None:
    """Write plain features as encodings: the baseline of every comparison.

    Example: `unitdisc features data/test.jsonl exp/vq/encodings/test/mfcc`

    Shared by four processes: the same with `--shard 1/4` to `--shard 4/4`; on a Ray cluster: with `--ray auto`
    """
    from unitdisc import Cluster, CorpusAccess, Shard, features, features_of_kind

    options = features_of_kind(
        kind, rate=rate, hop=hop, height=height, normalise=normalise, resample=resample, vtln=vtln
    )
    cluster = Cluster.chosen(ray, shards, shard)
    access = CorpusAccess(cache, allow_pipes=allow_pipes, strict=strict, trust=trust, shard=Shard.parse(shard))
    features(corpus, folder, options, like=like, access=access, cluster=cluster)
