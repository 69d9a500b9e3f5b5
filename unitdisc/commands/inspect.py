"""unitdisc inspect."""

import json
from typing import Annotated

import typer

from unitdisc.commands.options import (
    ExperimentPath,
)


def inspect(
    experiment: ExperimentPath,
    speakers: Annotated[bool, typer.Option("--speakers", help="list the voices the decoder knows")] = False,
) -> None:
    """Show what an experiment is: options, sizes, last losses.

    Example: `unitdisc inspect exp/vq`
    """
    from unitdisc.api.inspect import inspect, known_speakers

    if speakers:
        typer.echo("\n".join(known_speakers(experiment)))
    else:
        typer.echo(json.dumps(inspect(experiment), indent=2, ensure_ascii=False))
