"""unitdisc doctor."""

from typing import Annotated

import typer


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
    from unitdisc.api.doctor import doctor, same_as_cpu

    findings, healthy = doctor()
    for part, finding in findings:
        typer.echo(f"{part:16} {finding}")
    if device is not None:
        for line, agrees in same_as_cpu(device):
            typer.echo(line)
            healthy = healthy and agrees
    raise typer.Exit(0 if healthy else 1)
