"""unitdisc validate."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import CORPUS, AllowPipes, Cache, ShardOption


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
    from unitdisc import CorpusAccess, Shard, console, validate

    access = CorpusAccess(cache, allow_pipes=allow_pipes, shard=Shard.parse(shard))
    problems = validate(corpora, rate=rate, access=access)
    for problem in problems:
        console.say(f"{problem.severity}: {problem}")
    errors = sum(problem.severity == "error" for problem in problems)
    typer.echo(f"{', '.join(map(str, corpora))}: {errors} errors, {len(problems) - errors} warnings")
    raise typer.Exit(1 if errors else 0)
