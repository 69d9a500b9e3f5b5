"""unitdisc probe: what probes of encodings tell of labels, speaker, gender and spectrum."""

from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from unitdisc import console
from unitdisc.api.normalised import Normalising, normalised_for
from unitdisc.api.paths import takes_paths
from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.inputs import check_tier, open_both, refuse_units, usual_labels
from unitdisc.evaluation.probes import (
    Corpus,
    FewLabels,
    ProbeOptions,
    few_labels,
    probe_settings,
    probe_tasks,
    tasks_named,
    usual_names,
)
from unitdisc.evaluation.probes.few import Learner
from unitdisc.evaluation.settings import Measured, corpus_settings
from unitdisc.experiment import load, weights_checksum
from unitdisc.inference import fine_tuning
from unitdisc.training.devices import usable_device

LABELS = ("labels", "ctc", "ctc-text")  # tasks of which few labels are asked


@dataclass(frozen=True)
class ProbeTasks:
    """What probes are asked.

    names: of tasks, as "labels", "speaker", "gender", "mel", "speaker-frames", "gender-frames", "ctc" and "ctc-text";
    none for the usual ones of such a corpus. tier: of labels (default: phone; of line images, character).
    mel: encodings, log-mel or columns of pixels, that are to be reconstructed; training_mel: the same of the corpus
    that is learned from, where that is another. sequence_reader: linear, mlp or conv: of CTC probes.
    unseen_speakers: whether those whose labels and sounds are asked for are none that were learned from.
    """

    names: tuple[str, ...] = ()
    tier: str | None = None
    mel: Path | None = None
    training_mel: Path | None = None
    sequence_reader: str = "mlp"
    unseen_speakers: bool = True  # or just utterances


@takes_paths
def probe(
    encodings: Path,
    corpus: Path,
    tasks: ProbeTasks = ProbeTasks(),
    options: ProbeOptions = ProbeOptions(),
    *,
    train: tuple[Path, Path] | None = None,
    frame_rate: float | None = None,
    allow_pipes: bool = False,
    device: str | None = None,
    few: FewLabels | None = None,
    baseline: Path | None = None,
    train_baseline: Path | None = None,
    fine_tune: Path | None = None,
    normalise: str | None = None,
    normalise_like: Path | None = None,
) -> Measured:
    """What probes of frames tell of labels, speaker, gender and sound, beside what chance tells.

    encodings: the folder of one probe point, or another system's frames, whose frame_rate (a second) nothing else
    says. train: encodings and corpus to train on, instead of folds of the same utterances. device: on which probes
    are trained (default: a GPU if there is one), whatever the options say.

    few: numbers of labelled utterances to learn from (of `train`, if given), instead of all there are; baseline: other
    frames of the same utterances to compare with then, such as MFCC; train_baseline: those of the corpus of `train`.
    fine_tune: the experiment that made the encodings; its encoder is trained on with the same labels ("fine-tuned"),
    and so is one like it that begins at random ("from nothing"). Tasks are then labels, ctc and ctc-text (default:
    labels), and what is returned figures["few"]: by the name of the point, "baseline" and the like, and by task, what
    `few_labels` gives.
    normalise: steps by which the encodings' frames are normalised as they are read, fitted to those that are learned
    from; normalise_like: instead, what `normalise` learnt before. `mel` and `baseline` stay as they are. Figures are
    those of the folders that `unitdisc.normalise` would write, of `train` first, and then of the others like these.

    Returns figures["probes"]: for every task "accuracy" or "error_rate", shares from 0 to 1, or "r2"; with
    "majority", "control" and "intervals" of 95 %, and "items"; or "why" it could not be measured.
    Raises EncodingsError and CorpusError for what cannot be read, ValueError for tasks that there are not, and
    UnscorableError if nothing could be probed.

    >>> options = unitdisc.ProbeOptions(controls=False, training_frames=500)
    >>> tasks = unitdisc.ProbeTasks(names=("speaker",))
    >>> probed = unitdisc.probe("exp/vq/encodings/test/condition", "data/test.jsonl", tasks, options)
    >>> probed.figures["probes"]["speaker"]["accuracy"]
    """
    if tasks.training_mel is not None and train is None:
        raise ValueError("`train_mel` needs `train_encodings` and `train_corpus`; give all three")
    check_baselines(few, baseline, train_baseline, train)
    if few is None and fine_tune:
        raise ValueError("`fine_tune` is where labels are few; give `few`, too")
    if few is not None and (wrong := sorted({*tasks.names} - {*LABELS})):
        raise ValueError(f"`few` is for tasks of labels, {list(LABELS)}, not {wrong}")
    how = Normalising.chosen(normalise, normalise_like, seed=options.seed)
    options = replace(options, device=usable_device(device))
    tier, _ = usual_labels(corpus, tasks.tier)
    mel, training_mel = (None if path is None else Encodings.open(path) for path in (tasks.mel, tasks.training_mel))
    scored = opened(encodings, corpus, encodings.name, frame_rate, allow_pipes)
    names = tasks.names or (LABELS[:1] if few else usual_names(scored.utterances))
    asked = tasks_named(
        names,
        tier,
        mel,
        training_original=training_mel,
        sequence_reader=tasks.sequence_reader,
        unseen_speakers=tasks.unseen_speakers,
    )
    if {"labels", "ctc"} & {*names}:
        check_tier(corpus, scored.utterances, tier)
    learned = opened(*train, encodings.name, frame_rate, allow_pipes) if train else None
    scored, learned, done = both_normalised(scored, learned, how)
    how = {"seed": options.seed, "probes": probe_settings(options), "train": [str(path) for path in train or ()]}
    settings = corpus_settings(list(scored.utterances), tier) | how | done
    if few is not None:
        if baseline is not None:
            scored = beside(scored, opened(baseline, corpus, "baseline", frame_rate, allow_pipes))
            learned = learned and beside(learned, opened(train_baseline, train[1], "baseline", frame_rate, allow_pipes))
        learners = learners_of(fine_tune, scored, learned, allow_pipes, options.device) if fine_tune else {}
        settings |= {"fine_tuning": {"model": str(fine_tune), "steps": fine_tuning.STEPS}} if fine_tune else {}
        with console.progress("probing", len(few.numbers) * few.draws, "draws") as advance:
            found = few_labels(
                scored, asked, few, options=options, training=learned, advance=advance, learners=learners
            )
        return Measured({"few": found}, encodings, settings | {"draws": few.draws})
    with console.progress("probing", len(asked), "probes") as advance:
        (found,) = probe_tasks(
            scored, asked, options, training=learned, progress=lambda done, _, job: advance(min(done, 1), job)
        ).values()
        advance(1)
    if all("why" in score for score in found.values()):
        whys = "; ".join(f"{task}: {score['why']}" for task, score in found.items())
        raise UnscorableError(f"{corpus}: nothing could be probed: {whys}")
    return Measured({"probes": found}, encodings, settings)


def both_normalised(
    scored: Corpus, learned: Corpus | None, how: Normalising | None
) -> tuple[Corpus, Corpus | None, dict]:
    """What is scored and what is learned from, normalised by the latter, and what is to be said of it."""
    if how is None:
        return scored, learned, {}
    (point,) = scored.points
    fitted = normalised_for((learned or scored).points[point], (learned or scored).utterances, how)
    done = {"normalised": fitted.settings["normalised"]}
    if learned is None:
        return replace(scored, points={point: fitted}), None, done
    other = normalised_for(scored.points[point], scored.utterances, how, learnt=fitted.adaptation)
    return replace(scored, points={point: other}), replace(learned, points={point: fitted}), done


def check_baselines(few: FewLabels | None, baseline: Path | None, train_baseline: Path | None, train: object) -> None:
    if few is None and (baseline or train_baseline):
        raise ValueError("`baseline` is compared with where labels are few; give `few`, too")
    if (train_baseline is None) == (baseline is not None and train is not None):
        raise ValueError("`baseline`, `train_baseline` and `train_encodings` belong together; give all three")


def beside(corpus: Corpus, other: Corpus) -> Corpus:
    """A corpus at the points of both."""
    return replace(corpus, points={**corpus.points, **other.points})


def opened(folder: Path, corpus: Path, point: str, frame_rate: float | None, allow_pipes: bool) -> Corpus:
    encodings, utterances = open_both(folder, corpus, frame_rate, allow_pipes=allow_pipes)
    refuse_units(encodings, "probes read frames")
    return Corpus({point: encodings}, utterances)


def learners_of(
    folder: Path, scored: Corpus, learned: Corpus | None, allow_pipes: bool, device: str
) -> dict[str, Learner]:
    """The encoder of an experiment, to be trained on, and one like it without its training.

    Raises ValueError if the encodings, those of the first point, are not the experiment's.
    """
    encodings = next(iter(scored.points.values()))
    if encodings.settings.get("model") != weights_checksum(folder):
        raise ValueError(f"`fine_tune` {folder}: {encodings.folder} is not of this model; encode the corpus with it")
    experiment, model = load(folder)
    utterances = [*scored.utterances, *(learned.utterances if learned else ())]
    signals = experiment.signals(folder, allow_pipes=allow_pipes).with_speakers_of(utterances)
    read = signals.features_of
    return {
        "fine-tuned": fine_tuning.FineTuning(partial(deepcopy, model.encoder), read, trained=True, device=device),
        "from nothing": fine_tuning.FineTuning(lambda: experiment.build().encoder, read, trained=False, device=device),
    }
