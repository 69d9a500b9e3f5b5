"""unitdisc probe."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.choices import one_of
from unitdisc.commands.options import (
    AllowPipes,
    CorpusPath,
    Device,
    EncodingsPath,
    FrameRate,
    Normalise,
    NormaliseLike,
    Output,
    Tier,
    numbers_in,
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
    ctc_reader: Annotated[str, typer.Option(help=f"{one_of('sequence readers')}: of CTC probes")] = "mlp",
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
    few: Annotated[
        str | None, typer.Option(help="learn from so many labelled utterances only: 1,5,10,50", metavar="N,N,...")
    ] = None,
    draws: Annotated[int, typer.Option(help="of those few utterances, by seed")] = 3,
    baseline: Annotated[Path | None, typer.Option(help="other frames to compare with under --few, as MFCC")] = None,
    train_baseline: Annotated[Path | None, typer.Option(help="the same of --train-corpus")] = None,
    fine_tune: Annotated[
        Path | None,
        typer.Option(help="experiment of the encodings: under --few its encoder learns, too, trained before and not"),
    ] = None,
    seed: int = 0,
    frame_rate: FrameRate = None,
    output: Output = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
    normalise: Normalise = None,
    normalise_like: NormaliseLike = None,
) -> None:
    """What encodings tell of labels, speaker, gender and signal, beside what chance tells.

    Example: `unitdisc probe exp/vq/encodings/test/condition data/test.jsonl --reader mlp --context-frames 5`

    How many labels it takes: `unitdisc probe exp/hubert data/test.jsonl --few 1,5,10,50 --baseline exp/mfcc`

    All points, tables and figures on one page: `python eval/probe_report.py`
    """
    from unitdisc import FewLabels, ProbeOptions, ProbeTasks, probe

    if (train_encodings is None) != (train_corpus is None):
        raise ValueError("--train-encodings and --train-corpus belong together; give both or none")
    tasks = ProbeTasks(
        tuple(task or ()),
        tier,
        mel,
        training_mel=train_mel,
        sequence_reader=ctc_reader,
        unseen_speakers=unseen_speakers,
    )
    options = ProbeOptions(
        reader, context_frames, balanced=balanced, controls=controls, training_frames=training_frames, seed=seed
    )
    probed = probe(
        encodings,
        corpus,
        tasks,
        options=options,
        train=train_encodings and (train_encodings, train_corpus),
        frame_rate=frame_rate,
        allow_pipes=allow_pipes,
        device=device,
        few=None if few is None else FewLabels(numbers_in(few, "--few", "1,5,10,50"), draws),
        baseline=baseline,
        train_baseline=train_baseline,
        fine_tune=fine_tune,
        normalise=normalise,
        normalise_like=normalise_like,
    )
    table = lines(probed.figures["probes"]) if few is None else few_lines(probed.figures["few"])
    typer.echo("\n".join(table))
    if output is not None:
        probed.write(output)


COLUMNS = ("majority", "shuffled", "control", "selectivity", "balanced_accuracy")
TITLES = ("", "", "95 % interval", "majority", "shuffled", "control", "selective", "balanced", "items", "classes")


def lines(found: Mapping[str, Mapping]) -> Iterable[str]:
    """A table of all tasks: accuracies and error rates in percent, R² of sounds."""
    yield row(*TITLES)
    warnings = {task: score["warning"] for task, score in found.items() if "warning" in score}
    for task, score in found.items():
        if "why" in score:
            yield f"{task:16}not measured: {score['why']}"
            continue
        name = next(name for name in ("accuracy", "r2", "error_rate") if name in score)
        form = "{:.3f}".format if name == "r2" else lambda value: f"{100 * value:.1f}"
        unit = {"accuracy": "% right", "r2": "R²", "error_rate": "% errors"}[name]
        interval = " to ".join(map(form, score["intervals"].get("utterances", [])))
        figures = [form(score[column]) if column in score else "" for column in COLUMNS]
        yield row(task, f"{form(score[name])} {unit}", interval, *figures, score["items"], score.get("classes", ""))
    yield from (f"{task}: {warning}" for task, warning in warnings.items())


def row(task: str, figure: str, interval: str, *rest: object) -> str:
    return f"{task:16}{figure:>15}{interval:>17}" + "".join(f"{cell!s:>10}" for cell in rest)


def few_lines(found: Mapping[str, Mapping[str, list[Mapping]]]) -> Iterable[str]:
    """A table for every task: a line for each number of labelled utterances, errors in percent at every point."""
    points = list(found)
    for task in found[points[0]]:
        yield f"{task}: % errors, mean and deviation of draws"
        yield f"{'labelled':>10}" + "".join(f"{point:>24}" for point in points)
        for scores in zip(*(found[point][task] for point in points)):
            yield f"{scores[0]['labelled']:>10}" + "".join(f"{few_cell(score):>24}" for score in scores)
        for why in dict.fromkeys(score["why"] for point in points for score in found[point][task] if "why" in score):
            yield f"not measured: {why}"


def few_cell(score: Mapping) -> str:
    return "-" if "why" in score else f"{100 * score['error']:.1f} ± {100 * score['deviation']:.1f}"
