"""unitdisc export."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.choices import choices
from unitdisc.commands.options import (
    AllowPipes,
    CorpusPath,
    EncodingsPath,
    FrameRate,
)


def export(
    encodings: EncodingsPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder to create")],
    format: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(choices('formats'))} (default: all but the last two; of images: jsonl, ctm)"),
    ] = None,
    frame_rate: FrameRate = None,
    allow_pipes: AllowPipes = False,
) -> None:
    """Write units for other tools: JSON lines, CTM, Praat, ELAN, Audacity, fairseq .km, lhotse, Hugging Face datasets.

    Example: `unitdisc export exp/vq/encodings/test/bottleneck data/test.jsonl exp/vq/units --format textgrid`
    """
    from unitdisc import export

    for path in export(encodings, corpus, folder, formats=format or [], frame_rate=frame_rate, allow_pipes=allow_pipes):
        typer.echo(path)
