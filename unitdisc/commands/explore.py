"""unitdisc explore."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import AllowPipes, CorpusPath, folder_of_cache


def explore(
    folder: Annotated[
        Path,
        typer.Argument(help="experiment with encodings, or a folder of encodings", metavar="EXPERIMENT_OR_ENCODINGS"),
    ],
    corpus: CorpusPath,
    beside: Annotated[
        list[Path] | None,
        typer.Option(help="more folders of units or words, a row each; several times", metavar="ENCODINGS"),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(help="NAME.tsv to make, or to go on with: a page asks what units are called", metavar="NAMES"),
    ] = None,
    frames: Annotated[
        Path | None, typer.Option(help="of --names: encodings that say which units are alike, and their halves")
    ] = None,
    static: Annotated[
        Path | None, typer.Option(help="write the pages into this folder, to hand on, and serve nothing")
    ] = None,
    limit: Annotated[int, typer.Option(help="utterances of --static, of different speakers")] = 50,
    port: Annotated[int, typer.Option(help="of the server (0: any that is free)")] = 0,
    cache: Annotated[
        Path | None,
        typer.Option(callback=folder_of_cache, help="folder that keeps the index (default: in the user's cache)"),
    ] = None,
    browser: Annotated[bool, typer.Option("--browser", help="open the pages in a browser")] = False,
    allow_pipes: AllowPipes = False,
) -> None:
    """Look at, listen to and search a corpus and its units, in a browser on this machine.

    Example: `unitdisc explore exp/vq data/test.jsonl`

    The same, and a page on which units get names: `unitdisc explore exp/vq data/test.jsonl --names names.tsv`

    A folder of pages to hand on: `unitdisc explore exp/vq data/test.jsonl --static pages --limit 30`
    """
    from unitdisc import explore

    page = explore(
        folder,
        corpus,
        beside=beside or (),
        names=names,
        frames=frames,
        static=static,
        limit=limit,
        port=port,
        cache=cache,
        browser=browser,
        allow_pipes=allow_pipes,
    )
    if page is not None:
        typer.echo(page)
