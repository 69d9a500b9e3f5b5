"""unitdisc find."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unitdisc.commands.choices import one_of
from unitdisc.commands.options import (
    AllowPipes,
    CorpusPath,
    EncodingsPath,
    FrameRate,
    Output,
    Threads,
    file_to_write,
)

if TYPE_CHECKING:
    from unitdisc import FindResult, Place


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
    distance: Annotated[str, typer.Option(help=f"of frames: {one_of('find distances')}")] = "angular",
    normalise: Annotated[str, typer.Option(help="frames to the scale of their speaker or corpus, or none")] = "speaker",
    index: Annotated[
        Path | None,
        typer.Option(help="folder that keeps an index: of what it has nothing like the query of, nothing is compared"),
    ] = None,
    threads: Threads = None,
    page: Annotated[
        Path | None, typer.Option(callback=file_to_write, help="HTML page to write, with the hits to see or to hear")
    ] = None,
    output: Output = None,
    frame_rate: FrameRate = None,
    allow_pipes: AllowPipes = False,
) -> None:
    """Find by example: where else a stretch of a recording, or of a line of handwriting, occurs.

    Example: `unitdisc find exp/vq/encodings/test/condition data/test.jsonl --query line_07 --from 120 --to 180
    --page hits.html`

    By a label that somebody gave once: `unitdisc find exp/vq/encodings/test/condition data/test.jsonl --label qu`
    """
    import os

    from unitdisc import FindOptions, QueryOptions, find
    from unitdisc.encodings.folders import refuse_among

    wanted = QueryOptions(
        query, start, end, label=label, number=number, query_encodings=query_encodings, query_corpus=query_corpus
    )
    options = FindOptions(by, distance, normalise, threads=os.cpu_count() or 1 if threads is None else threads)
    for path in (output, page):
        if path is not None:
            refuse_among(path, encodings)
    found = find(
        encodings,
        corpus,
        wanted,
        options=options,
        top=top,
        tier=tier,
        index=index,
        frame_rate=frame_rate,
        allow_pipes=allow_pipes,
    )
    typer.echo("\n".join(lines(found)))
    if output is not None:
        found.write(output)
    if page is not None:
        found.write_page(page)
        typer.echo(page)


def lines(found: "FindResult") -> Iterator[str]:
    """The table of hits."""
    query, hits, tier = found.query, found.hits, found.tier
    yield f"query: {query.utterance.id}, {' to '.join(shown(query))} {query.unit}" + (
        f", {tier} {query.label}" if query.label else ""
    )
    if not hits:
        yield "no hits: no utterance is long enough to hold it, in half its length or more"
        return
    width = max(len(hit.utterance.id) for hit in hits)
    who = "scribe" if query.utterance.is_image else "speaker"
    speakers = max(len(who), *(len(hit.utterance.speaker or "") for hit in hits))
    head = f"{'rank':>4} {'cost':>7}  {'utterance':{width}}  {who:{speakers}}  {'from':>8} {'to':>8}"
    yield f"{head}  {tier or ''}".rstrip()
    for rank, hit in enumerate(hits, 1):
        first, last = shown(hit)
        named = f"{hit.utterance.id:{width}}  {hit.utterance.speaker or '':{speakers}}"
        yield f"{rank:4d} {hit.cost:7.4f}  {named}  {first:>8} {last:>8}  {hit.label}".rstrip()


def shown(place: "Place") -> list[str]:
    """From where to where, as a person reads it."""
    return [f"{value:.2f}" if place.utterance.rate else str(value) for value in place.span]
