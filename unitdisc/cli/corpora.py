"""Commands that check, before anything long is begun, a machine and a corpus."""

from typing import Annotated

import typer

from unitdisc.cli.options import AllowPipes, CorpusPath


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
    allow_pipes: AllowPipes = False,
) -> None:
    """List everything that is wrong with a corpus, with file, line and cure.

    Example: `unitdisc validate data/mini_speech/train.jsonl --rate 16000`
    """
    from unitdisc.verbs.validate import validate

    errors, warnings = validate(corpus, rate, allow_pipes)
    typer.echo(f"{corpus}: {errors} errors, {warnings} warnings")
    raise typer.Exit(1 if errors else 0)
