"""unitdisc find."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import (
    AllowPipes,
    CorpusPath,
    EncodingsPath,
    FrameRate,
    Output,
    Threads,
)


def find(
    encodings: EncodingsPath,
    corpus: CorpusPath,
    query: Annotated[str | None, typer.Option(help="utterance that holds what is looked for")] = None,
    start: Annotated[
        float | None, typer.Option("--from", help="where in it: seconds, or pixel columns of an image")
    ] = None,
    end: Annotated[float | None, typer.Option("--to", help="the same (default: the whole utterance)")] = None,
    label: Annotated[str | None, typer.Option(help="look for what has this label, or several in a row")] = None,
    number: Annotated[int, typer.Option(help="which of the stretches with this label")] = 1,
    tier: Annotated[
        str | None, typer.Option(help="of --label, and of what is said of hits (default: character, word or phone)")
    ] = None,
    query_encodings: Annotated[Path | None, typer.Option(help="where the query lies, if in another corpus")] = None,
    query_corpus: Annotated[Path | None, typer.Option(help="corpus of --query-encodings")] = None,
    top: Annotated[int, typer.Option(help="hits")] = 20,
    by: Annotated[str, typer.Option(help="frames, or codes: every frame as the mean of its code")] = "frames",
    distance: Annotated[str, typer.Option(help="of frames: angular or euclidean")] = "angular",
    normalise: Annotated[str, typer.Option(help="frames to the scale of their speaker or corpus, or none")] = "speaker",
    threads: Threads = None,
    page: Annotated[Path | None, typer.Option(help="HTML page to write, with the hits to see or to hear")] = None,
    output: Output = None,
    frame_rate: FrameRate = None,
    allow_pipes: AllowPipes = False,
) -> None:
    """Find by example: where else a stretch of a recording, or of a line of handwriting, occurs.

    Example: `unitdisc find exp/vq/encodings/test/condition data/test.jsonl --query line_07 --from 120 --to 180
    --page hits.html`

    By a label that somebody gave once: `unitdisc find exp/vq/encodings/test/condition data/test.jsonl --label qu`
    """
    from unitdisc.api import find as verb

    asked = verb.Asked(query, start, end, label, number, query_encodings, query_corpus)
    options = verb.FindOptions(by, distance, normalise, verb.usual_threads(threads))
    verb.find(encodings, corpus, asked, verb.Wanted(top, output, page), options, tier, frame_rate, allow_pipes)
