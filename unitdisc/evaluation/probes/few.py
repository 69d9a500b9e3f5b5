"""How many utterances must be labelled: errors against their number, over several draws of which they are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unitdisc.evaluation.probes.cross_validation import Task
from unitdisc.evaluation.probes.options import ProbeOptions
from unitdisc.evaluation.probes.sequences import SequenceTask
from unitdisc.evaluation.probes.suite import Corpus, probe_tasks


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


def few_labels(
    corpus: Corpus,
    tasks: Mapping[str, Task | SequenceTask],
    few: FewLabels,
    options: ProbeOptions,
    training: Corpus | None = None,
    advance: Callable[[int], None] = lambda done: None,
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Errors of probes that learned from few labelled utterances, the frames as they are.

    training: the corpus that they are drawn from; without it, the other folds of the one that is scored.
    Returns {point: {task: [...]}}: for each number "labelled", "errors" of all draws, shares from 0 to 1, their mean,
    "error", and their standard "deviation"; or "why" there is none. Draws are the same at every point, and the
    utterances of a small number are among those of a larger one.
    """
    found = {point: {task: [] for task in tasks} for point in corpus.points}
    for labelled in few.numbers:
        errors = {point: {task: [] for task in tasks} for point in corpus.points}
        for draw in range(few.draws):
            chosen = replace(options, labelled=labelled, draw=draw, controls=False)
            for point, scores in probe_tasks(corpus, tasks, chosen, training).items():
                for task, score in scores.items():
                    errors[point][task].append(score)
            advance(1)
        for point, by_task in errors.items():
            for task, scores in by_task.items():
                found[point][task].append({"labelled": labelled, **summary(scores)})
    return found


def summary(scores: list[dict[str, Any]]) -> dict[str, Any]:
    if whys := [score["why"] for score in scores if "why" in score]:
        return {"why": whys[0]}
    errors = [score["error_rate"] if "error_rate" in score else 1 - score["accuracy"] for score in scores]
    return {"error": float(np.mean(errors)), "deviation": float(np.std(errors)), "errors": errors}
