"""unitdisc show."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import AllowPipes, CorpusPath, EncodingsPath, Tier


def show(
    units: EncodingsPath,
    corpus: CorpusPath,
    page: Annotated[Path, typer.Argument(help="NAME.html to write", metavar="PAGE")],
    most: Annotated[
        int, typer.Option(help="units that are shown, the most used; of words and terms, half are the most certain")
    ] = 60,
    tier: Tier = None,
    allow_pipes: AllowPipes = False,
) -> None:
    """Show units, words or terms on a page: examples by several speakers or scribes; utterances cut into them.

    Example: `unitdisc show exp/found/units data/train.jsonl exp/units.html`
    """
    from unitdisc import show

    typer.echo(show(units, corpus, page, most=most, tier=tier, allow_pipes=allow_pipes))
