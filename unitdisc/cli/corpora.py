"""Commands that check, before anything long is begun, a machine and a corpus."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.cli.options import CORPUS, AllowPipes, Cache, CorpusPath, ShardOption, Strict


def doctor(
    device: Annotated[
        str | None,
        typer.Option("--device", help="also compare every kind of model there with the CPU: cuda, cuda:1, or cpu"),
    ] = None,
) -> None:
    """Check that this machine has what unitdisc needs; with --device, that a GPU computes what the CPU does.

    Example: `unitdisc doctor`

    On a machine with a GPU: `unitdisc doctor --device cuda`
    """
    from unitdisc.verbs.doctor import doctor, same_as_cpu

    findings, healthy = doctor()
    for part, finding in findings:
        typer.echo(f"{part:16} {finding}")
    if device is not None:
        for line, agrees in same_as_cpu(device):
            typer.echo(line)
            healthy = healthy and agrees
    raise typer.Exit(0 if healthy else 1)


def validate(
    corpora: Annotated[list[Path], typer.Argument(metavar="CORPUS", help=CORPUS)],
    rate: Annotated[int | None, typer.Option(help="samples per second every recording must have")] = None,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    shard: ShardOption = None,
) -> None:
    """List everything that is wrong with a corpus, with file, line and cure.

    Of several, also what one of them has in common with another: in a test set it would have been learned.

    With --cache, recordings found good are kept in mind there: training with the same --cache does not listen to them
    again, unless a file changes, nor does this command, if the corpus is a manifest.

    Example: `unitdisc validate data/mini_speech/train.jsonl data/mini_speech/test.jsonl --rate 16000`

    Shared by four processes, on one machine or several: the same with `--cache FOLDER --shard 1/4` to `--shard 4/4`.
    Each reads every fourth file and says what is wrong with it; what is wrong with the list itself, the first one says.
    """
    from unitdisc.jobs import Shard
    from unitdisc.verbs.validate import validate

    errors, warnings = validate(corpora, rate, allow_pipes, cache, Shard.parse(shard))
    typer.echo(f"{', '.join(map(str, corpora))}: {errors} errors, {warnings} warnings")
    raise typer.Exit(1 if errors else 0)


def shards(
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder to create: shards/000000.tar ..., and the manifest")],
    max_mb: Annotated[float, typer.Option("--max-mb", help="megabytes of a shard, at most")] = 1000,
    format: Annotated[str, typer.Option(help="of recordings: flac or wav")] = "flac",
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
    from unitdisc.jobs import Shard
    from unitdisc.verbs import shards as verb

    options = verb.PackingOptions(max_mb, format, whole, in_order, seed)
    manifest = verb.shards(corpus, folder, options, allow_pipes, strict, workers, Shard.parse(shard))
    typer.echo(manifest or f"{folder}: not all shards are there yet; the last of the parts writes the manifest")
