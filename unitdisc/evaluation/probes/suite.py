"""Every probe at every point."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.intervals import LEVEL, RESAMPLES
from unitdisc.evaluation.probes import models as readers
from unitdisc.evaluation.probes.cross_validation import Task, probe
from unitdisc.evaluation.probes.options import ProbeOptions, SequenceReader
from unitdisc.evaluation.probes.points import PointFrames, joined, read_point
from unitdisc.evaluation.probes.results import ready_for_json
from unitdisc.evaluation.probes.sequences import SequenceTask, sequence_probe
from unitdisc.evaluation.probes.splits import FRAME_FOLDS, UTTERANCE_FOLDS
from unitdisc.evaluation.probes.tasks import GenderTask, LabelTask, ReconstructionTask, SpeakerTask

PLAIN_TASKS = ("labels", "speaker", "gender", "mel")  # of recordings: those of Chorowski et al. (2019)
TASKS = (*PLAIN_TASKS, "columns", "speaker-frames", "gender-frames", "ctc", "ctc-text")

Progress = Callable[[int, int, str], None]  # jobs done, jobs in all, the job that begins


@dataclass(frozen=True)
class Corpus:
    """Utterances and their encodings at several points."""

    points: Mapping[str, Encodings]
    utterances: Sequence[Utterance]


def probe_points(
    points: Mapping[str, Encodings],
    utterances: Iterable[Utterance],
    original: Encodings | None,
    tier: str = "phone",
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Runs the usual probes at every point: {point: {task: scores}}, ready for JSON.

    The tasks are those of `usual_tasks`; original: log-mel frames of the same recordings, or the pixel columns of the
    same line images. The scores are as `probe_tasks` gives them.
    """
    utterances = list(utterances)
    tasks = usual_tasks(utterances, tier, original)
    return probe_tasks(Corpus(points, utterances), tasks, ProbeOptions(seed=seed), None, progress)


def usual_tasks(utterances: Sequence[Utterance], tier: str, original: Encodings | None) -> dict[str, Task]:
    """What a corpus is asked.

    Where there are no two scribes of lines, labels and columns are asked of other lines of the same.
    """
    lines = any(utterance.is_image for utterance in utterances)
    several = not lines or len({utterance.speaker for utterance in utterances} - {None}) > 1
    return tasks_named(usual_names(utterances), tier, original, unseen_speakers=several)


def usual_names(utterances: Sequence[Utterance]) -> tuple[str, ...]:
    """Of recordings PLAIN_TASKS; of line images the labels, the scribe (the "speaker") and the columns of pixels.

    Line images are asked for gender where that of any scribe is known.
    """
    if not any(utterance.is_image for utterance in utterances):
        return PLAIN_TASKS
    gender = ("gender",) if any(utterance.gender for utterance in utterances) else ()
    return ("labels", "speaker", *gender, "columns")


def probe_settings(options: ProbeOptions) -> dict[str, Any]:
    """All that one must know, beside corpus and encodings, to compare the figures with others."""
    return {
        **asdict(options),
        "frame_folds": FRAME_FOLDS,
        "utterance_folds": UTTERANCE_FOLDS,
        "interval": {"level": LEVEL, "resamples": RESAMPLES, "method": "percentile bootstrap"},
        "linear": {"inputs": "standardised, whitened", "penalty": readers.PENALTY, "floor": readers.FLOOR},
        "mlp": {
            "hidden": readers.HIDDEN,
            "epochs": readers.EPOCHS,
            "least_steps": readers.LEAST_STEPS,
            "batch": readers.BATCH,
            "learning_rate": readers.LEARNING_RATE,
            "weight_decay": readers.DECAY,
        },
    }


def tasks_named(
    names: Iterable[str],
    tier: str = "phone",
    original: Encodings | None = None,
    training_original: Encodings | None = None,
    sequence_reader: SequenceReader = "mlp",
    unseen_speakers: bool = True,
) -> dict[str, Task | SequenceTask]:
    """Tasks by the names of TASKS; sequences of labels are called after their tier, too.

    original: log-mel frames of recordings, or columns of line images, to reconstruct; unseen_speakers: labels and
    originals are asked of speakers that were not learned from, not just of other utterances.
    Raises ValueError for a name that there is none of.
    """
    originals = {
        name: ReconstructionTask(original, training_original, kind, unseen_speakers)
        for name, kind in {"mel": "log-mel", "columns": "pixel"}.items()
    }
    known: dict[str, tuple[str, Task | SequenceTask]] = {
        "labels": ("labels", LabelTask(tier, unseen_speakers)),
        "speaker": ("speaker", SpeakerTask()),
        "gender": ("gender", GenderTask()),
        "mel": ("mel", originals["mel"]),
        "columns": ("columns", originals["columns"]),
        "speaker-frames": ("speaker-frames", SpeakerTask(per_frame=True)),
        "gender-frames": ("gender-frames", GenderTask(per_frame=True)),
        "ctc": (f"ctc-{tier}", SequenceTask(tier, sequence_reader, unseen_speakers)),
        "ctc-text": ("ctc-text", SequenceTask(None, sequence_reader, unseen_speakers)),
    }
    names = list(names)
    if unknown := sorted({*names} - known.keys()):
        raise ValueError(f"there are no probes of {unknown}: there are those of {list(known)}")
    return dict(known[name] for name in names)


def probe_tasks(
    corpus: Corpus,
    tasks: Mapping[str, Task | SequenceTask],
    options: ProbeOptions | None = None,
    training: Corpus | None = None,
    progress: Progress | None = None,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Runs tasks at every point: {point: {task: scores}}, ready for JSON.

    training: a corpus to learn from, encoded at the same points, but for utterances that are in both; without it, folds
    of the corpus that is scored. The scores are those of ProbeScore, ReconstructionScore or SequenceScore; where a task
    cannot be scored, its figure (accuracy, r2 or error_rate) is None and "why" says what is missing.
    Raises EncodingsError naming the file if encodings are missing or unusable.
    """
    options = options or ProbeOptions()
    scores: dict[str, dict[str, dict[str, Any]]] = {point: {} for point in corpus.points}
    for place, point in enumerate(corpus.points):
        try:
            frames = frames_at(point, corpus, training)
        except UnscorableError as error:
            scores[point] = {name: unscored(task, error) for name, task in tasks.items()}
            continue
        for number, (name, task) in enumerate(tasks.items()):
            if progress:
                progress(place * len(tasks) + number, len(corpus.points) * len(tasks), f"{name} probe, {point}")
            try:
                run = sequence_probe if isinstance(task, SequenceTask) else probe
                scores[point][name] = ready_for_json(run(task, frames, options))
            except UnscorableError as error:
                scores[point][name] = unscored(task, error)
    return scores


def frames_at(point: str, corpus: Corpus, training: Corpus | None) -> PointFrames:
    frames = read_point(corpus.points[point], corpus.utterances)
    if training is None:
        return frames
    scored = {identity(utterance) for utterance in corpus.utterances}
    others = [utterance for utterance in training.utterances if identity(utterance) not in scored]
    if not others:
        raise UnscorableError(
            "nothing to learn from: all of the corpus to learn from is in the one to score, too; learn from another"
        )
    return joined(read_point(training.points[point], others), frames)


def identity(utterance: Utterance) -> tuple[str, Path, int]:
    """What an utterance has in every corpus it is listed in."""
    return utterance.id, Path(utterance.path).resolve(), utterance.start


def unscored(task: Task | SequenceTask, error: UnscorableError) -> dict[str, Any]:
    figure = {ReconstructionTask: "r2", SequenceTask: "error_rate"}.get(type(task), "accuracy")
    return {figure: None, "why": str(error)}
