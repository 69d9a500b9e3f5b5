"""unitdisc shards."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.choices import one_of
from unitdisc.commands.options import AllowPipes, CorpusPath, ShardOption, Strict


def shards(
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder to create: shards/000000.tar ..., and the manifest")],
    max_mb: Annotated[float, typer.Option("--max-mb", help="megabytes of a shard, at most")] = 1000,
    format: Annotated[str, typer.Option(help=f"of recordings: {one_of('recording formats')}")] = "flac",
    whole: Annotated[bool, typer.Option("--whole", help="keep files whole, do not cut them to utterances")] = False,
    in_order: Annotated[bool, typer.Option("--in-order", help="of ids; else every shard is a random part")] = False,
    seed: Annotated[int, typer.Option(help="of the random order")] = 0,
    workers: Annotated[int, typer.Option(help="shards to write at once")] = 1,
    shard: ShardOption = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
) -> None:
    """Pack a corpus into tars that are read from beginning to end; an interrupted run is completed.

    Example: `unitdisc shards data/train.jsonl data/packed` writes data/packed/train.jsonl, for all other commands
    """
    from unitdisc import CorpusAccess, PackingOptions, Shard, shards

    options = PackingOptions(max_mb, format, whole=whole, in_order=in_order, seed=seed)
    access = CorpusAccess(allow_pipes=allow_pipes, strict=strict, shard=Shard.parse(shard))
    manifest = shards(corpus, folder, options, access=access, workers=workers)
    typer.echo(manifest or f"{folder}: not all shards are there yet; the last of the parts writes the manifest")
