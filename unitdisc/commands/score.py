"""unitdisc score."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import (
    AllowPipes,
    CorpusPath,
    EncodingsPath,
    FrameRate,
    Output,
    Tier,
)


def score(
    encodings: EncodingsPath,
    corpus: CorpusPath,
    tier: Tier = None,
    tolerance: Annotated[
        float | None,
        typer.Option(help="of boundaries, in ms, or in pixel columns without a rate (default: 20 ms, 1 column)"),
    ] = None,
    spelling: Annotated[str, typer.Option(help="tier of the phones that words are spelled with")] = "phone",
    learn_encodings: Annotated[
        Path | None, typer.Option(help="encodings of other utterances, where codes get their names from labels")
    ] = None,
    learn_corpus: Annotated[Path | None, typer.Option(help="corpus of --learn-encodings")] = None,
    frame_rate: FrameRate = None,
    output: Output = None,
    allow_pipes: AllowPipes = False,
) -> None:
    """Units against labels, boundaries and words: many-to-one, AMI, PNMI, F1, R-value, NED, perplexity, bitrate.

    Example: `unitdisc score exp/vq/encodings/test/bottleneck data/test.jsonl --tolerance 20`
    """
    from unitdisc.api.score import score
    from unitdisc.evaluation.inputs import usual_labels

    learn = (learn_encodings, learn_corpus)
    tier, _ = usual_labels(corpus, tier)
    score(encodings, corpus, tier, tolerance, spelling, learn, frame_rate, output, allow_pipes)
