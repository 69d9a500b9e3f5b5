"""unitdisc convert."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import AllowPipes, Cache, CorpusPath, Device, ExperimentPath, Strict


def convert(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder for the converted lines and their list", metavar="OUT")],
    speaker: Annotated[list[str] | None, typer.Option(help="a scribe of the training corpus; one or more")] = None,
    strict: Strict = False,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """Write lines in the hand of another scribe, by a network that was shown no pairs.

    Example: `unitdisc convert exp/converter data/test.jsonl data/as-gus --speaker gus`

    The preset convert-handwriting trains one. By way of units: `unitdisc resynthesise`.
    """
    from unitdisc import CorpusAccess, convert

    access = CorpusAccess(cache, allow_pipes=allow_pipes, strict=strict)
    typer.echo(convert(experiment, corpus, folder, speakers=speaker or [], access=access, device=device).manifest)
