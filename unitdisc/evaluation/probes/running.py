"""Every probe at every point."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.probes import readers
from unitdisc.evaluation.probes.intervals import LEVEL, RESAMPLES
from unitdisc.evaluation.probes.options import ProbeOptions, SequenceReader
from unitdisc.evaluation.probes.points import PointFrames, joined, read_point
from unitdisc.evaluation.probes.reading import Task, probe
from unitdisc.evaluation.probes.results import ready_for_json
from unitdisc.evaluation.probes.sequences import SequenceTask, sequence_probe
from unitdisc.evaluation.probes.splits import FRAME_FOLDS, UTTERANCE_FOLDS
from unitdisc.evaluation.probes.tasks import GenderTask, LabelTask, ReconstructionTask, SpeakerTask

TASKS = ("labels", "speaker", "gender", "mel", "speaker-frames", "gender-frames", "ctc", "ctc-text")
PLAIN_TASKS = TASKS[:4]

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
    """What a corpus is asked: of recordings the four tasks, of line images the labels, the scribe and the columns.

    "labels" are those of `tier`, whatever they are; the scribe is the "speaker"; "gender" is asked where any is known.
    Where there are no two scribes, labels and columns are asked of other lines of the same.
    """
    if not any(utterance.is_image for utterance in utterances):
        return four_tasks(tier, original)
    several = len({utterance.speaker for utterance in utterances} - {None}) > 1
    tasks: dict[str, Task] = {"labels": LabelTask(tier, several), "speaker": SpeakerTask()}
    if any(utterance.gender for utterance in utterances):
        tasks["gender"] = GenderTask()
    return tasks | {"columns": ReconstructionTask(original, kind="columns", unseen_speakers=several)}


def four_tasks(tier: str, mel: Encodings | None, training_mel: Encodings | None = None) -> dict[str, Task]:
    """The probes of Chorowski et al. (2019)."""
    return {
        "labels": LabelTask(tier),
        "speaker": SpeakerTask(),
        "gender": GenderTask(),
        "mel": ReconstructionTask(mel, training_mel),
    }


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
    mel: Encodings | None = None,
    training_mel: Encodings | None = None,
    sequence_reader: SequenceReader = "mlp",
    unseen_speakers: bool = True,
) -> dict[str, Task | SequenceTask]:
    """Tasks by the names of TASKS; sequences of labels are called after their tier, too.

    unseen_speakers: labels and sound are asked of speakers that were not learned from, not just of other utterances.
    Raises ValueError for a name that there is none of.
    """
    known: dict[str, tuple[str, Task | SequenceTask]] = {
        "labels": ("labels", LabelTask(tier, unseen_speakers)),
        "speaker": ("speaker", SpeakerTask()),
        "gender": ("gender", GenderTask()),
        "mel": ("mel", ReconstructionTask(mel, training_mel, unseen_speakers=unseen_speakers)),
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

    training: a corpus to learn from, encoded at the same points; without it, folds of the corpus that is scored. The
    scores are those of ProbeScore, ReconstructionScore or SequenceScore; where a task cannot be scored, its figure
    (accuracy, r2 or error_rate) is None and "why" says what is missing.
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
    return joined(read_point(training.points[point], training.utterances), frames)


def unscored(task: Task | SequenceTask, error: UnscorableError) -> dict[str, Any]:
    figure = {ReconstructionTask: "r2", SequenceTask: "error_rate"}.get(type(task), "accuracy")
    return {figure: None, "why": str(error)}
