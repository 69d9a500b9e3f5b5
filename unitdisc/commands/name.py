"""unitdisc name."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.choices import one_of
from unitdisc.commands.options import AllowPipes, CorpusPath, EncodingsPath, FrameRate, Output


def name(
    encodings: EncodingsPath,
    corpus: CorpusPath,
    names: Annotated[Path, typer.Argument(help="NAME.tsv to make, or to go on with", metavar="NAMES")],
    frames: Annotated[
        Path | None,
        typer.Option(help="encodings that say which units are alike, and their halves (default: ENCODINGS)"),
    ] = None,
    learn: Annotated[
        Path | None, typer.Option(help="corpus of labelled utterances, which are known beside names")
    ] = None,
    learn_encodings: Annotated[Path | None, typer.Option(help="encodings of --learn (default: ENCODINGS)")] = None,
    tier: Annotated[
        str | None, typer.Option(help="tier of the labels of --learn (default: phone; of images: character)")
    ] = None,
    simulate: Annotated[
        str | None, typer.Option(metavar="TIER", help="ask nobody: labels of this tier answer, and errors are counted")
    ] = None,
    questions: Annotated[int, typer.Option(help="of --simulate, at most")] = 50,
    every: Annotated[int, typer.Option(help="of --simulate: questions between two figures")] = 10,
    strategy: Annotated[
        list[str] | None, typer.Option(help=f"of --simulate: {one_of('naming strategies')} (default: all)")
    ] = None,
    seeds: Annotated[int, typer.Option(help="of --simulate: from 0, so many")] = 3,
    least: Annotated[
        float | None, typer.Option(metavar="CONFIDENCE", help="of --simulate: names of less are left out, as of `read`")
    ] = None,
    test_encodings: Annotated[
        Path | None, typer.Option(help="of --simulate: what is read (default: a fifth of the utterances)")
    ] = None,
    test_corpus: Annotated[Path | None, typer.Option(help="of --simulate: the corpus of --test-encodings")] = None,
    test_frames: Annotated[Path | None, typer.Option(help="of --simulate: --frames of the test corpus")] = None,
    output: Output = None,
    frame_rate: FrameRate = None,
    allow_pipes: AllowPipes = False,
) -> None:
    """Say what units are called, one after the other: the one comes first whose name makes readings better most.

    Type a name; or mixed, and its halves are asked; silence; skip; undo; quit. Every answer is on the disk at once, in
    a table that may be changed by hand. A name may be several labels with blanks between; `= quit` is a name.

    Example: `unitdisc name exp/found/units data/all.jsonl names.tsv`
    """
    if simulate is None:
        if least is not None:
            raise ValueError("--least is of --simulate, and of `unitdisc read`; leave it out")
        from unitdisc import name

        found = name(
            encodings,
            corpus,
            names,
            frames=frames,
            learn=learn,
            learn_encodings=learn_encodings,
            tier=tier,
            say=typer.echo,
            frame_rate=frame_rate,
            allow_pipes=allow_pipes,
        )
        typer.echo(f"{names}: {len(found.answers)} answers, {found.new} of them new; {found.open} units have none")
        typer.echo(f"`unitdisc read {encodings} {corpus} {names} OUT` reads by them")
        return
    from unitdisc import SimulationOptions, simulate_naming
    from unitdisc.api.name import said

    if learn is not None:
        raise ValueError("--learn and --simulate do not go together: labels answer already; leave one out")
    chosen = {"strategies": tuple(strategy)} if strategy else {}
    options = SimulationOptions(questions, every, seeds, least=least or 0.0, **chosen)
    figures = simulate_naming(
        encodings,
        corpus,
        names,
        options=options,
        tier=simulate,
        frames=frames,
        test_encodings=test_encodings,
        test_corpus=test_corpus,
        test_frames=test_frames,
        output=output,
        frame_rate=frame_rate,
        allow_pipes=allow_pipes,
    )
    typer.echo(said(figures))
