"""unitdisc phone-loop."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import (
    AnyEncodingsPath,
    Threads,
    Times,
)


def phone_loop(
    encodings: AnyEncodingsPath,
    file: Annotated[
        Path,
        typer.Argument(help="NAME.safetensors to write, for `segment --phone-loop`", metavar="PHONE-LOOP"),
    ],
    units: Annotated[int, typer.Option(help="at most; those not needed get no frames")] = 100,
    states: Annotated[int, typer.Option(help="of every unit, which lasts so many frames at least")] = 3,
    components: Annotated[int, typer.Option(help="Gaussians of every state")] = 2,
    acoustic_scale: Annotated[float, typer.Option(help="power of the likelihoods of frames")] = 0.3,
    seed: int = 0,
    passes: Annotated[int, typer.Option(help="over all frames, at most")] = 20,
    tolerance: Annotated[float, typer.Option(help="stop when a pass gains less, in nats of evidence per frame")] = 1e-3,
    memory: Annotated[float, typer.Option(help="GiB for the sample and for frames that are not read again")] = 2.0,
    threads: Threads = None,
    times: Times = None,
) -> None:
    """Learn units and how they go on together, HMMs in a loop, from any system's frames; an interrupted run goes on.

    Example: `unitdisc phone-loop exp/mfcc/train exp/loop.safetensors --units 100`
    """
    from unitdisc import PhoneLoopOptions, phone_loop

    options = PhoneLoopOptions(
        units,
        states=states,
        components=components,
        acoustic_scale=acoustic_scale,
        seed=seed,
        passes=passes,
        tolerance=tolerance,
    )
    card = phone_loop(encodings, file, options, memory=memory, threads=threads, times=times)
    end = "settled" if card["converged"] else "stopped"
    typer.echo(f"{file}: {card['used']} of {units} units in use, {end} after {card['passes']} passes")
    typer.echo(
        f"{card['frames']} frames of {card['utterances']} utterances, {card['duration']:.4g} frames per unit, evidence "
        f"at least {card['bounds'][-1]:.6g} nats per frame"
    )
