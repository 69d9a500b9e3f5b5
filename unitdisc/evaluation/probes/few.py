"""How many utterances must be labelled: errors against their number, over several draws of which they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np

from unitdisc.corpus import Utterance
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.probes.cross_validation import Task, items_and_folds
from unitdisc.evaluation.probes.options import ProbeOptions
from unitdisc.evaluation.probes.points import PointFrames
from unitdisc.evaluation.probes.sequences import SequenceTask, sequence_probe
from unitdisc.evaluation.probes.suite import Corpus, frames_at, probe_tasks

NO_LABEL = -1


@dataclass(frozen=True)
class FewLabels:
    """Numbers of labelled utterances, and how often as many are drawn. Raises ValueError for what cannot be."""

    numbers: tuple[int, ...] = (1, 5, 10, 50)
    draws: int = 3

    def __post_init__(self):
        if not self.numbers or min(self.numbers) < 1:
            raise ValueError(f"`few` {list(self.numbers)}: give numbers of labelled utterances, of 1 or more")
        if self.draws < 1:
            raise ValueError(f"`draws` must be 1 or more, not {self.draws}")


class Learner(Protocol):
    """What learns from utterances themselves, not from their frames, as a network that is fine-tuned."""

    def learn_frames(
        self, labelled: Sequence[tuple[Utterance, np.ndarray]], classes: int, seed: int
    ) -> Callable[[Utterance], np.ndarray]:
        """labelled: utterances with a label for every frame, NO_LABEL for none; gives those of any utterance, [T]."""

    def learn_sequences(
        self, labelled: Sequence[tuple[Utterance, Sequence[str]]], seed: int
    ) -> Callable[[Utterance], Sequence[str]]:
        """labelled: utterances and what is said in them; gives what is said in any utterance."""


def few_labels(
    corpus: Corpus,
    tasks: Mapping[str, Task | SequenceTask],
    few: FewLabels,
    options: ProbeOptions,
    training: Corpus | None = None,
    advance: Callable[[int], None] = lambda done: None,
    learners: Mapping[str, Learner] | None = None,
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Errors of probes that learned from few labelled utterances, the frames as they are.

    training: the corpus that they are drawn from; without it, the other folds of the one that is scored. learners: what
    learns from the same utterances beside, by name; they must make frames where those of the first point are.
    Returns {point or learner: {task: [...]}}: for each number "labelled", "errors" of all draws, shares from 0 to 1,
    their mean, "error", and their standard "deviation"; or "why" there is none. Draws are the same for all, and the
    utterances of a small number are among those of a larger one.
    """
    learners = learners or {}
    names = [*corpus.points, *learners]
    found = {name: {task: [] for task in tasks} for name in names}
    for labelled in few.numbers:
        errors = {name: {task: [] for task in tasks} for name in names}
        for draw in range(few.draws):
            chosen = replace(options, labelled=labelled, draw=draw, controls=False)
            drawn = probe_tasks(corpus, tasks, chosen, training)
            for name, learner in learners.items():
                drawn[name] = learner_scores(learner, corpus, tasks, chosen, training)
            for name, scores in drawn.items():
                for task, score in scores.items():
                    errors[name][task].append(score)
            advance(1)
        for point, by_task in errors.items():
            for task, scores in by_task.items():
                found[point][task].append({"labelled": labelled, **summary(scores)})
    return found


def learner_scores(
    learner: Learner,
    corpus: Corpus,
    tasks: Mapping[str, Task | SequenceTask],
    options: ProbeOptions,
    training: Corpus | None,
) -> dict[str, dict[str, Any]]:
    """The error rates of a learner, or "why" there is none, by task."""
    found = {}
    for name, task in tasks.items():
        error_rate = sequence_error if isinstance(task, SequenceTask) else frame_error
        try:
            point = frames_at(next(iter(corpus.points)), corpus, training)
            found[name] = {"error_rate": error_rate(learner, task, point, options)}
        except UnscorableError as error:
            found[name] = {"why": str(error)}
    return found


def frame_error(learner: Learner, task: Task, point: PointFrames, options: ProbeOptions) -> float:
    """The share of frames, of those with a label, that get another."""
    items, folds = items_and_folds(task, point, options)
    names, labels = np.unique(items.targets, return_inverse=True)
    wrong = total = 0
    for train, test in folds:
        known = np.full(len(point.frames), NO_LABEL)
        known[items.centre[train]] = labels[train]
        labelled = [(point.utterances[u], known[point.span(u)]) for u in np.unique(items.utterances[train])]
        tell, told = learner.learn_frames(labelled, len(names), options.seed), np.full_like(known, NO_LABEL)
        for u in np.unique(items.utterances[test]):
            told[point.span(u)] = tell(point.utterances[u])
        wrong += int((told[items.centre[test]] != labels[test]).sum())
        total += len(test)
    return wrong / total


def sequence_error(learner: Learner, task: SequenceTask, point: PointFrames, options: ProbeOptions) -> float:
    return sequence_probe(task, point, options, partial(LearntWriter, learner)).error_rate


class LearntWriter:
    """A learner, shown utterances by their numbers."""

    def __init__(
        self,
        learner: Learner,
        task: SequenceTask,
        point: PointFrames,
        train: np.ndarray,
        targets: np.ndarray,
        options: ProbeOptions,
    ):
        self.point = point
        self.learnt = learner.learn_sequences([(point.utterances[u], targets[u]) for u in train], options.seed)

    def write(self, utterance: int) -> list[str]:
        return list(self.learnt(self.point.utterances[utterance]))


def summary(scores: list[dict[str, Any]]) -> dict[str, Any]:
    if whys := [score["why"] for score in scores if "why" in score]:
        return {"why": whys[0]}
    errors = [score["error_rate"] if "error_rate" in score else 1 - score["accuracy"] for score in scores]
    return {"error": float(np.mean(errors)), "deviation": float(np.std(errors)), "errors": errors}
