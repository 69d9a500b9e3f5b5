"""unitdisc card."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import ExperimentPath


def card(
    experiment: ExperimentPath,
    folder: Annotated[Path, typer.Argument(help="folder to create")],
    licence: Annotated[str | None, typer.Option(help="an identifier: cc-by-4.0, apache-2.0, other")] = None,
    cite: Annotated[str | None, typer.Option(help="how to cite the model: a sentence, or BibTeX")] = None,
) -> None:
    """Copy a model into a folder to hand on, with a card: what it was trained on, its scores, its licence.

    Example: `unitdisc card exp/vq handed-on/vq --licence cc-by-4.0`
    """
    from unitdisc import card

    typer.echo(card(experiment, folder, licence=licence, cite=cite))
