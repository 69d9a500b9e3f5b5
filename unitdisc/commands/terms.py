"""unitdisc terms."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.choices import one_of
from unitdisc.commands.options import AllowPipes, CorpusPath, EncodingsPath, FrameRate, Strict, Threads


def terms(
    encodings: EncodingsPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder to create: pairs, and groups of them, also for other tools")],
    by: Annotated[
        str, typer.Option(help="frames; codes: every frame as the mean of its code; or units: codes the same or not")
    ] = "frames",
    distance: Annotated[str, typer.Option(help=f"of frames: {one_of('find distances')}")] = "angular",
    normalise: Annotated[str, typer.Option(help="frames to the scale of their speaker or corpus, or none")] = "speaker",
    alike: Annotated[float, typer.Option(help="share of pairs of frames, drawn by lot, that count as alike")] = 0.03,
    min_duration: Annotated[
        float | None, typer.Option(help="of a term, in ms (default: 300) or columns (default: 45)")
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option(help="of a pair: what two the same, as long, would score; in ms (100) or columns (15)"),
    ] = None,
    speech_tier: Annotated[str | None, typer.Option(help="search only what lies between silences of this tier")] = None,
    search: Annotated[str, typer.Option(help=f"{one_of('term searches')}: all pairs of utterances")] = "index",
    index: Annotated[
        Path | None,
        typer.Option(help="folder that keeps the index, for the next time and for `find` (default: in OUT)"),
    ] = None,
    window: Annotated[float | None, typer.Option(help="that is indexed, in ms (200) or columns (30)")] = None,
    tables: Annotated[
        int | None, typer.Option(help="of windows, each sorted by other bits (default: 16, and more of a large corpus)")
    ] = None,
    reach: Annotated[int, typer.Option(help="neighbours looked at in each table, on either side")] = 8,
    bits: Annotated[int, typer.Option(help="in which windows that are alike differ on average, at most, in 128")] = 38,
    support: Annotated[int, typer.Option(help="windows in a row that must be alike, for stretches to be compared")] = 3,
    overlap: Annotated[
        float, typer.Option(help="share of what either covers, by which stretches of two pairs are one place")
    ] = 0.75,
    linked: Annotated[
        float, typer.Option(help="share of the pairs between two groups that makes them one; 0: any pair")
    ] = 0.5,
    seed: Annotated[int, typer.Option(help="of the index, and of frames drawn by lot")] = 0,
    memory: Annotated[float, typer.Option(help="GiB for frames that are kept between readings")] = 2.0,
    threads: Threads = None,
    frame_rate: FrameRate = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
) -> None:
    """Find terms: stretches that recur in a corpus, wherever they are, without cutting everything.

    Example: `unitdisc terms features/mfcc data/test.jsonl exp/terms --alike 0.02`
    """
    from unitdisc import TermOptions, terms

    options = TermOptions(
        by,
        distance,
        normalise,
        alike=alike,
        min_duration=min_duration,
        min_score=min_score,
        search=search,
        window=window,
        tables=tables,
        reach=reach,
        bits=bits,
        support=support,
        overlap=overlap,
        linked=linked,
        seed=seed,
    )
    found = terms(
        encodings,
        corpus,
        folder,
        options=options,
        speech_tier=speech_tier,
        index=index,
        memory=memory,
        threads=threads,
        frame_rate=frame_rate,
        allow_pipes=allow_pipes,
        strict=strict,
    )
    typer.echo(
        f"{folder}: {found.pairs} pairs in {found.groups} groups of {found.places} places, in {found.utterances} "
        f"utterances, of which they cover {100 * found.covered:.3g} %"
    )
    for path in found.files:
        typer.echo(path)
