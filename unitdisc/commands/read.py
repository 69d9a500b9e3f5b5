"""unitdisc read."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.choices import choices
from unitdisc.commands.options import AllowPipes, CorpusPath, EncodingsPath, FrameRate


def read(
    encodings: EncodingsPath,
    corpus: CorpusPath,
    names: Annotated[Path, typer.Argument(help="table that `unitdisc name` made; - for none", metavar="NAMES")],
    folder: Annotated[Path, typer.Argument(help="folder to create", metavar="OUT")],
    format: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(choices('reading formats'))} (default: all that the corpus can have)"),
    ] = None,
    frames: Annotated[
        Path | None, typer.Option(help="encodings that say which units are alike (default: ENCODINGS)")
    ] = None,
    learn: Annotated[
        Path | None, typer.Option(help="corpus of labelled utterances, which teach instead of names, or beside them")
    ] = None,
    learn_encodings: Annotated[Path | None, typer.Option(help="encodings of --learn (default: ENCODINGS)")] = None,
    tier: Annotated[
        str | None, typer.Option(help="tier of the labels of --learn (default: phone; of images: character)")
    ] = None,
    places: Annotated[
        Path | None,
        typer.Option(
            help="places.jsonl of data_prep/pages.py, by which lines go back to their pages (default: beside CORPUS)"
        ),
    ] = None,
    iterations: Annotated[int, typer.Option(help="of learning, on the units alone, which name follows which")] = 8,
    least: Annotated[
        float, typer.Option(metavar="CONFIDENCE", help="names of less are left out, such as 0.4; 0 leaves all in")
    ] = 0.0,
    frame_rate: FrameRate = None,
    allow_pipes: AllowPipes = False,
) -> None:
    """Read utterances by the names of units, with a confidence for each; for ELAN, Praat, eScriptorium, Transkribus.

    Example: `unitdisc read exp/found/units data/all.jsonl names.tsv exp/read --format page`
    """
    from unitdisc import ReaderOptions, read

    found = read(
        encodings,
        corpus,
        None if str(names) == "-" else names,
        folder=folder,
        formats=format or [],
        options=ReaderOptions(iterations=iterations, least=least),
        frames=frames,
        learn=learn,
        learn_encodings=learn_encodings,
        tier=tier,
        places=places,
        frame_rate=frame_rate,
        allow_pipes=allow_pipes,
    )
    for path in found.files:
        typer.echo(path)
    out = f"; {found.left_out} names of less than {least:g} left out" if least else ""
    sure = f"mean confidence {100 * found.confidence:.0f} %" if any(found.texts.values()) else "nothing is read"
    typer.echo(f"{len(found.texts)} utterances, {sure}{out}")
