"""unitdisc normalise."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import (
    AllowPipes,
    AnyEncodingsPath,
    CorpusPath,
    FrameRate,
    Strict,
    Threads,
    Times,
)


def normalise(
    encodings: AnyEncodingsPath,
    corpus: CorpusPath,
    folder: Annotated[Path, typer.Argument(help="folder to create: encodings, and what was learnt")],
    steps: Annotated[
        str | None, typer.Option(help="what is done, as standardise:speaker,whiten:half; or classical: see the guide")
    ] = None,
    like: Annotated[
        Path | None, typer.Option(help="apply what was learnt when this folder was filled, of other utterances")
    ] = None,
    beside: Annotated[
        list[Path] | None, typer.Option(help="encodings of another system, whose frames are put beside these first")
    ] = None,
    seed: Annotated[int, typer.Option(help="of mixtures")] = 0,
    memory: Annotated[float, typer.Option(help="GiB for frames that are not computed again, for each step")] = 2.0,
    threads: Threads = None,
    frame_rate: FrameRate = None,
    times: Times = None,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
) -> None:
    """Make the speakers of any system's frames alike, without labels, and write the frames as encodings.

    Example: `unitdisc normalise exp/vq/encodings/train/mfcc data/train.jsonl exp/alike/train --steps classical`

    Then the test speakers: `unitdisc normalise exp/vq/encodings/test/mfcc data/test.jsonl exp/alike/test
    --like exp/alike/train`

    Two systems side by side: `unitdisc normalise exp/alike/train data/train.jsonl exp/both/train
    --beside exp/masked/encodings/train/prediction --steps smooth:3`
    """
    from unitdisc import normalise

    done = normalise(
        encodings,
        corpus,
        folder,
        steps=steps,
        like=like,
        beside=beside or (),
        seed=seed,
        memory=memory,
        threads=threads,
        frame_rate=frame_rate,
        times=times,
        allow_pipes=allow_pipes,
        strict=strict,
    )
    typer.echo(f"{folder}: {done.steps}; {done.dim} dimensions")
