"""unitdisc restore."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import AllowPipes, Cache, CorpusPath, Device, ExperimentPath, Strict


def restore(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder for the restored lines and their list", metavar="OUT")],
    strict: Strict = False,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """Make damaged lines whole: blots, fading, ink from the back of the leaf, holes, noise, or low resolution.

    Example: `unitdisc restore exp/restorer data/test.jsonl data/restored`

    The preset restore-handwriting trains one, of clean lines, which it damages itself.
    """
    from unitdisc import CorpusAccess, restore

    access = CorpusAccess(cache, allow_pipes=allow_pipes, strict=strict)
    typer.echo(restore(experiment, corpus, folder, access=access, device=device).manifest)
