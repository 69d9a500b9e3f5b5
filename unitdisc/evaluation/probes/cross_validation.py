"""Probes of items: readers trained fold by fold, scored on what they have not seen, beside readers that learned noise.

Controls. `shuffled`: the labels of the training part are permuted before training. `control`: the control task of
Hewitt and Liang (2019), in which every type has a random label, the same wherever it occurs, so that only a reader able
to learn types by heart does well at it. The types of labels are labels between their neighbours (triphones, for
phones); random labels are drawn from those of the corpus. Selectivity is the accuracy at the task less that at the
control task. Of speakers and genders there are no types that recur; for them the shuffled labels are the control task.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.intervals import intervals
from unitdisc.evaluation.probes.models import (
    Windows,
    linear,
    logistic_regression,
    mlp,
    mlp_of_values,
    outputs_of,
    ridge_regression,
    standardised,
    whitening_of,
)
from unitdisc.evaluation.probes.options import ProbeOptions
from unitdisc.evaluation.probes.points import PointFrames
from unitdisc.evaluation.probes.results import ProbeScore, ReconstructionScore, balanced_accuracy, confusion_of
from unitdisc.evaluation.probes.splits import Folds, Split, folds_of, labelled_alone
from unitdisc.evaluation.probes.tasks import Items, speaker_names

FEW = 1_000  # carriers of labels, of which the mean over SHUFFLES tells more than one shuffle
SHUFFLES = 5
ROUNDING = 1e-6  # of the variance of all frames
BY_TYPE = "a random label for every label between its neighbours, the same wherever it occurs"
BY_CARRIER = {Split.GENDERS: "genders shuffled among speakers", Split.UTTERANCES: "speakers shuffled among utterances"}


class Task(Protocol):
    def items(self, point: PointFrames) -> Items: ...


@dataclass(frozen=True)
class Predictions:
    read: np.ndarray  # [M] classes or [M, C] values; of no meaning where not scored
    scored: np.ndarray  # [M] bool
    seen: np.ndarray  # [M] bool: the class was in the training part
    training_items: int  # of the largest fold


def probe(task: Task, point: PointFrames, options: ProbeOptions) -> ProbeScore | ReconstructionScore:
    """Scores a task at a probe point; raises UnscorableError saying what is missing."""
    items, folds = items_and_folds(task, point, options)
    score = (classified if items.targets.ndim == 1 else drawn)(items, folds, options)
    return replace(score, warning=warning_of(score, point)) if items.split is Split.UTTERANCES else score


def items_and_folds(task: Task, point: PointFrames, options: ProbeOptions) -> tuple[Items, Folds]:
    """What is asked of a point, and which of it is learned from and scored."""
    items = task.items(point)
    folds = folds_of(items.split, items.targets, items.utterances, items.speakers, items.is_training, options.seed)
    return items, labelled_alone(folds, items.utterances, options.labelled, [options.seed, options.draw])


def warning_of(score: ProbeScore, point: PointFrames) -> str | None:
    """Why an accuracy at telling speakers is no evidence of what the frames hold of them; None if nothing speaks so.

    Where every speaker's mean was removed, the frames that are learned from and those that are scored have opposite
    means, for together they have none: a reader that goes by them is wrong more often than one that guesses.
    """
    if means_coincide(point):
        found = "all speakers have the same mean frame, as if it was removed"
    elif score.intervals.get("utterances", [0.0, 1.0])[1] < 1 / score.classes:
        found = "speakers are told less well than by chance, as where their means were removed"
    else:
        return None
    return f"{found}; that is no evidence that frames are alike across speakers (ABX across speakers would be)"


def means_coincide(point: PointFrames) -> bool:
    """Whether the means of the known speakers, two or more, differ by rounding alone."""
    names, owner = np.unique(speaker_names(point), return_inverse=True)
    frames = point.frames.astype(np.float64) - point.frames.mean(0, dtype=np.float64)
    lengths, sums = point.lengths(), np.zeros((len(names), frames.shape[1]))
    there = lengths > 0  # an empty one would be given a frame of the next
    np.add.at(sums, owner[there], np.add.reduceat(frames, point.bounds[:-1][there]))
    counts = np.bincount(owner, lengths, len(names))
    known = (counts > 0) & (names != "")
    means = sums[known] / counts[known, None]
    spread = frames.var(0).sum()
    return len(means) > 1 and bool(spread) and bool(np.var(means, axis=0).sum() < ROUNDING * spread)


def classified(items: Items, folds: Folds, options: ProbeOptions) -> ProbeScore:
    names, labels = np.unique(items.targets, return_inverse=True)
    if len(names) < 2:
        raise UnscorableError(f"a probe needs two classes to tell apart; there is only {str(names[0])!r}")
    found = predictions(items, labels, len(names), folds, options)
    scored = found.scored
    right = (found.read == labels) & found.seen
    counts = np.unique(labels[scored], return_counts=True)[1]
    confused, confusion = confusion_of(labels[scored], found.read[scored], names)
    accuracy = float(right[scored].mean())
    controls = controls_of(items, labels, len(names), folds, options) if options.controls else {}
    if controls:
        controls["selectivity"] = accuracy - controls["control"]
    return ProbeScore(
        accuracy=accuracy,
        intervals=intervals(
            right[scored], np.ones(scored.sum()), items.utterances[scored], items.speakers[scored], options.seed
        ),
        balanced_accuracy=balanced_accuracy(labels[scored], right[scored]),
        majority=float(counts.max() / counts.sum()),
        classes=len(counts),
        unseen=int((scored & ~found.seen).sum()),
        confused=confused,
        confusion=confusion,
        **counted(items, found, folds),
        **controls,
    )


def drawn(items: Items, folds: Folds, options: ProbeOptions) -> ReconstructionScore:
    found = predictions(items, items.targets, items.targets.shape[1], folds, options)
    scored = found.scored
    targets = items.targets[scored].astype(np.float64)
    spread = np.square(targets - targets.mean(0)).sum(1)
    if not spread.sum():
        raise UnscorableError("the log-mel frames are all the same: there is nothing to reconstruct")
    wrong = np.square(targets - found.read[scored]).sum(1)
    r2 = float(1 - wrong.sum() / spread.sum())
    controls = {}
    if options.controls:
        noise = predictions(items, items.targets, items.targets.shape[1], folds, options, shuffle=0)
        shuffled = float(1 - np.square(targets - noise.read[scored]).sum() / spread.sum())
        controls = {"shuffled": shuffled, "selectivity": r2 - shuffled}
    return ReconstructionScore(
        r2=r2,
        intervals=intervals(spread - wrong, spread, items.utterances[scored], items.speakers[scored], options.seed),
        mse=float(wrong.mean() / targets.shape[1]),
        channels=targets.shape[1],
        **counted(items, found, folds),
        **controls,
    )


def counted(items: Items, found: Predictions, folds: Folds) -> dict[str, int | str]:
    return {
        "items": int(found.scored.sum()),
        "utterances": len(np.unique(items.utterances[found.scored])),
        "speakers": len(set(items.speakers[found.scored]) - {""}),
        "folds": len(folds),
        "split": items.split.value,
        "training_items": found.training_items,
    }


def controls_of(items: Items, labels: np.ndarray, classes: int, folds: Folds, options: ProbeOptions) -> dict:
    """What readers that learned noise say: "shuffled", "control" and "control_task"."""
    accuracies = []
    for number in range(SHUFFLES if len(np.unique(items.carriers)) < FEW else 1):
        found = predictions(items, labels, classes, folds, options, shuffle=number)
        accuracies.append(((found.read == labels) & found.seen)[found.scored].mean())
    shuffled = float(np.mean(accuracies))
    if items.types is None:
        return {"shuffled": shuffled, "control": shuffled, "control_task": BY_CARRIER[items.split]}
    types = np.unique(items.types, return_inverse=True)[1]
    random = np.random.default_rng([options.seed, 1]).choice(labels, types.max() + 1)[types]
    found = predictions(items, random, classes, folds, options)
    right = ((found.read == random) & found.seen)[found.scored]
    return {"shuffled": shuffled, "control": float(right.mean()), "control_task": BY_TYPE}


def predictions(
    items: Items, targets: np.ndarray, outputs: int, folds: Folds, options: ProbeOptions, shuffle: int | None = None
) -> Predictions:
    """What readers say of every item, each trained on the other folds.

    targets: [M] classes below `outputs`, or [M, outputs] values. shuffle: the number of the permutation of the
    training part's targets among what carries them; None leaves them where they are.
    """
    device = torch.device(options.device)
    frames = torch.from_numpy(items.frames).to(device)
    read = np.zeros(targets.shape, targets.dtype if targets.ndim == 1 else np.float64)
    scored, seen = np.zeros(len(read), bool), np.zeros(len(read), bool)
    largest = 0
    for number, (train, test) in enumerate(folds):
        known = targets
        if shuffle is not None:
            known = shuffled(targets, items.carriers, train, [options.seed, number, shuffle])
        train = some(train, options, number)
        windows = windows_of(items, frames, train, options.context_frames)
        said = fitted(windows, known, train, outputs, options)(tensor(test, device))
        read[test] = said.argmax(1) if targets.ndim == 1 else said
        seen[test] = np.isin(targets[test], known[train]) if targets.ndim == 1 else True
        scored[test] = True
        largest = max(largest, len(train))
    return Predictions(read, scored, seen, largest)


def shuffled(targets: np.ndarray, carriers: np.ndarray, train: np.ndarray, seed: list[int]) -> np.ndarray:
    """The targets with those of the training part permuted among their carriers, each of which has one target."""
    one, owner = np.unique(carriers[train], return_index=True, return_inverse=True)[1:]
    order = np.random.default_rng(seed).permutation(len(one))
    changed = targets.copy()
    changed[train] = targets[train][one[order]][owner]
    return changed


def some(train: np.ndarray, options: ProbeOptions, fold: int) -> np.ndarray:
    """As many items of the training part as are to be learned from, chosen at random, in order."""
    if not options.training_frames or len(train) <= options.training_frames:
        return train
    rng = np.random.default_rng([options.seed, fold])
    return np.sort(rng.choice(train, options.training_frames, replace=False))


def windows_of(items: Items, frames: Tensor, train: np.ndarray, width: int) -> Windows:
    """All items, standardised by the frames in the centre of those to train on."""
    place = (tensor(index, frames.device) for index in (items.centre, items.first, items.last))
    return Windows(frames, *place, width, *standardised(items.frames[items.centre[train]], frames.device))


def fitted(
    windows: Windows, targets: np.ndarray, train: np.ndarray, outputs: int, options: ProbeOptions
) -> Callable[[Tensor], np.ndarray]:
    """A reader trained on some items; gives what it says of others: [I] -> [I, outputs]."""
    device = windows.frames.device
    learned = torch.from_numpy(np.ascontiguousarray(targets[train])).to(device)
    inputs = windows.read(tensor(train, device))
    if learned.is_floating_point() and options.reader == "linear":
        reader = ridge_regression(inputs, learned)
        return lambda items: outputs_of(reader, windows, items)
    whitening = whitening_of(inputs)
    inputs = inputs @ whitening
    weights = class_weights(learned, outputs) if options.balanced and targets.ndim == 1 else None
    if learned.is_floating_point():
        reader = mlp_of_values(inputs, learned.float(), options.seed)
    elif options.reader == "linear":
        reader = logistic_regression(inputs, learned, outputs, weights)
    else:
        reader = mlp(inputs, learned, outputs, weights, options.seed)
    reader = nn.Sequential(linear(whitening.T, torch.zeros(len(whitening), device=device)), reader)
    return lambda items: outputs_of(reader, windows, items)


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """Weights with which every class that occurs counts as much as any other: [K]."""
    counts = torch.bincount(labels, minlength=classes).float()
    return torch.where(counts > 0, len(labels) / counts.clamp(min=1) / (counts > 0).sum(), 0.0)


def tensor(index: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(index).to(device)
