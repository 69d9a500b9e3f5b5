"""unitdisc probe."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import (
    AllowPipes,
    CorpusPath,
    Device,
    EncodingsPath,
    FrameRate,
    Output,
    Tier,
)


def probe(
    encodings: EncodingsPath,
    corpus: CorpusPath,
    mel: Annotated[Path | None, typer.Option(help="log-mel, or columns, of the corpus: to be reconstructed")] = None,
    tier: Tier = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            help="labels, speaker, gender, mel (of line images: columns), speaker-frames, gender-frames, ctc, ctc-text"
        ),
    ] = None,
    reader: Annotated[str, typer.Option(help="linear, or mlp: with one hidden layer")] = "linear",
    ctc_reader: Annotated[str, typer.Option(help="linear, mlp or conv: of CTC probes")] = "mlp",
    context_frames: Annotated[int, typer.Option(help="frames seen at once: 1, 3, 5, ...")] = 1,
    balanced: Annotated[bool, typer.Option("--balanced", help="rare classes count as much as frequent ones")] = False,
    controls: Annotated[bool, typer.Option("--controls/--no-controls", help="readers trained on noise beside")] = True,
    unseen_speakers: Annotated[
        bool, typer.Option("--unseen-speakers/--known-speakers", help="of labels and sound; or just other utterances")
    ] = True,
    training_frames: Annotated[int, typer.Option(help="learned from at most in each fold; 0: all")] = 50_000,
    train_encodings: Annotated[Path | None, typer.Option(help="of a corpus to learn from, instead of folds")] = None,
    train_corpus: Annotated[Path | None, typer.Option(help="corpus of --train-encodings")] = None,
    train_mel: Annotated[Path | None, typer.Option(help="the same of --train-corpus")] = None,
    seed: int = 0,
    frame_rate: FrameRate = None,
    output: Output = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """What encodings tell of labels, speaker, gender and signal, beside what chance tells.

    Example: `unitdisc probe exp/vq/encodings/test/condition data/test.jsonl --reader mlp --context-frames 5`

    All points, tables and figures on one page: `python eval/probe_report.py`
    """
    from unitdisc.api import probe as verb
    from unitdisc.evaluation.inputs import usual_labels

    tier, _ = usual_labels(corpus, tier)
    tasks = verb.Tasks(tuple(task or ()), tier, mel, train_mel, ctc_reader, unseen_speakers)
    options = verb.options_of(reader, context_frames, balanced, controls, training_frames, seed, device)
    verb.probe(encodings, corpus, tasks, options, (train_encodings, train_corpus), frame_rate, output, allow_pipes)
