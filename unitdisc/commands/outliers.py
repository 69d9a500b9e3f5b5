"""unitdisc outliers."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import AllowPipes, Cache, CorpusPath, Device, ExperimentPath, Strict

SAID = 5  # of those that stand out


def outliers(
    experiment: ExperimentPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder for the list and its page", metavar="OUT")],
    against: Annotated[
        Path | None,
        typer.Option(help="a corpus that is in order, to compare with (default: CORPUS itself)", metavar="CORPUS"),
    ] = None,
    voices: Annotated[
        bool, typer.Option("--voices", help="also look for wrong speakers: every voice is asked, so it takes long")
    ] = False,
    stretch: Annotated[
        float | None, typer.Option(help="seconds, or heights of a line, that are looked at (default: .5, of lines 2)")
    ] = None,
    strict: Strict = False,
    cache: Cache = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """Utterances, lines and stretches that a model finds unlikely: noise, cuts, other languages, wrong speakers.

    Example: `unitdisc outliers exp/vq data/test.jsonl exp/outliers --against data/train.jsonl`
    """
    from unitdisc import CorpusAccess, outliers

    access = CorpusAccess(cache, allow_pipes=allow_pipes)
    found = outliers(
        experiment,
        corpus,
        folder,
        against=against,
        voices=voices,
        stretch=stretch,
        strict=strict,
        access=access,
        device=device,
    )
    typer.echo(f"{found.standing_out} of {len(found.outliers)} utterances stand out")
    for one in found.outliers[: min(found.standing_out, SAID)]:
        typer.echo(f"{one.id}: {one.because} (z {one.largest:.1f})")
    typer.echo(f"{found.folder / 'index.html'}")
