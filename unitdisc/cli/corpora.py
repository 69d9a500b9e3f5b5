"""Commands that check, before anything long is begun, a machine and a corpus."""

from typing import Annotated

import typer

from unitdisc.cli.options import AllowPipes, Cache, CorpusPath


def doctor() -> None:
    """Check that this machine has what unitdisc needs.

    Example: `unitdisc doctor`
    """
    from unitdisc.verbs.doctor import doctor

    findings, healthy = doctor()
    for part, finding in findings:
        typer.echo(f"{part:16} {finding}")
    raise typer.Exit(0 if healthy else 1)


def validate(
    corpus: CorpusPath,
    rate: Annotated[int | None, typer.Option(help="samples per second every recording must have")] = None,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
) -> None:
    """List everything that is wrong with a corpus, with file, line and cure.

    With --cache, recordings found good are kept in mind there: neither this command nor training with the same
    --cache listens to them again, unless a file changes.

    Example: `unitdisc validate data/mini_speech/train.jsonl --rate 16000`
    """
    from unitdisc.verbs.validate import validate

    errors, warnings = validate(corpus, rate, allow_pipes, cache)
    typer.echo(f"{corpus}: {errors} errors, {warnings} warnings")
    raise typer.Exit(1 if errors else 0)
