"""unitdisc probe: what readers of encodings tell of labels, speaker, gender and spectrum."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import typer

from unitdisc import console
from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.inputs import check_tier, keep, open_both, refuse_units
from unitdisc.evaluation.probes import Corpus, ProbeOptions, probe_settings, probe_tasks, tasks_named, usual_names
from unitdisc.files.folders import file_for_results
from unitdisc.training.devices import usable_device


@dataclass(frozen=True)
class Tasks:
    """What is asked: names of tasks (none for the usual ones), the tier of labels, and what is to be reconstructed."""

    names: tuple[str, ...]
    tier: str
    mel: Path | None
    training_mel: Path | None
    sequence_reader: str
    unseen_speakers: bool = True  # or just utterances


def options_of(
    reader: str, context_frames: int, balanced: bool, controls: bool, frames: int, seed: int, device: str | None
) -> ProbeOptions:
    return ProbeOptions(reader, context_frames, balanced, controls, frames, seed, usable_device(device))


def probe(
    encodings: Path,
    corpus: Path,
    tasks: Tasks,
    options: ProbeOptions,
    training: tuple[Path | None, Path | None],
    frame_rate: float | None,
    output: Path | None,
    allow_pipes: bool,
) -> None:
    """Probes one folder of encodings; training: encodings and corpus to learn from, if not folds of the same.

    Raises ValueError if only one of them is given.
    """
    if (training[0] is None) != (training[1] is None):
        raise ValueError("--train-encodings and --train-corpus belong together; give both or none")
    if tasks.training_mel is not None and training[0] is None:
        raise ValueError("--train-mel needs --train-encodings and --train-corpus; give all three")
    file_for_results(output, "--output")
    mel, training_mel = (None if path is None else Encodings.open(path) for path in (tasks.mel, tasks.training_mel))
    scored = opened(encodings, corpus, encodings.name, frame_rate, allow_pipes)
    names = tasks.names or usual_names(scored.utterances)
    asked = tasks_named(names, tasks.tier, mel, training_mel, tasks.sequence_reader, tasks.unseen_speakers)
    if {"labels", "ctc"} & {*names}:
        check_tier(corpus, scored.utterances, tasks.tier)
    learned = opened(*training, encodings.name, frame_rate, allow_pipes) if training[0] and training[1] else None
    with console.progress("probing", len(asked), "probes") as advance:
        (found,) = probe_tasks(
            scored, asked, options, learned, lambda done, _, job: advance(min(done, 1), job)
        ).values()
        advance(1)
    if all("why" in score for score in found.values()):
        whys = "; ".join(f"{task}: {score['why']}" for task, score in found.items())
        raise UnscorableError(f"{corpus}: nothing could be probed: {whys}")
    typer.echo("\n".join(lines(found)))
    how = {"seed": options.seed, "probes": probe_settings(options), "train": [str(path) for path in training if path]}
    keep(output, {"probes": found}, encodings, list(scored.utterances), tasks.tier, how)


def opened(folder: Path, corpus: Path, point: str, frame_rate: float | None, allow_pipes: bool) -> Corpus:
    encodings, utterances = open_both(folder, corpus, frame_rate, allow_pipes)
    refuse_units(encodings, "probes read frames")
    return Corpus({point: encodings}, utterances)


COLUMNS = ("majority", "shuffled", "control", "selectivity", "balanced_accuracy")
TITLES = ("", "", "95 % interval", "majority", "shuffled", "control", "selective", "balanced", "items", "classes")


def lines(found: Mapping[str, Mapping]) -> Iterable[str]:
    """A table of all tasks: accuracies and error rates in percent, R² of sounds."""
    yield row(*TITLES)
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


def row(task: str, figure: str, interval: str, *rest: object) -> str:
    return f"{task:16}{figure:>15}{interval:>17}" + "".join(f"{cell!s:>10}" for cell in rest)
