"""What probes found, as dataclasses and ready for JSON."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

MOST_CLASSES = 128  # of a confusion matrix that is kept whole
PAIRS = 20  # most confused

Intervals = dict[str, list[float]]  # "utterances", "speakers" -> [low, high], 95 %


@dataclass(frozen=True)
class ProbeScore:
    """Classes told apart, every item scored once by a reader that has not heard it."""

    accuracy: float
    intervals: Intervals
    balanced_accuracy: float  # the mean over classes of the share told rightly: guessing is 1 / classes
    majority: float  # the share of the most frequent class: the accuracy of knowing nothing
    items: int  # frames or utterances scored, each once
    classes: int
    utterances: int
    speakers: int
    folds: int
    split: str  # what was not learned from: other speakers, other utterances
    training_items: int  # of the largest fold
    unseen: int  # items scored whose class was not in their training part: errors
    confused: list[list]  # [class, read as, items], most frequent first
    confusion: dict[str, list] | None  # "labels", and "counts" of [class][read as]
    shuffled: float | None = None  # accuracy of readers trained on shuffled labels
    control: float | None = None  # accuracy at the control task
    control_task: str | None = None
    selectivity: float | None = None  # accuracy less that at the control task
    warning: str | None = None  # why the accuracy does not mean what it seems to


@dataclass(frozen=True)
class ReconstructionScore:
    """Values drawn, on unseen speakers."""

    r2: float  # share of the variance of log-mel energies explained; knowing nothing is 0
    intervals: Intervals
    mse: float  # mean squared error, of log energies squared
    items: int
    channels: int
    utterances: int
    speakers: int
    folds: int
    split: str
    training_items: int
    shuffled: float | None = None  # R² of readers trained on shuffled frames
    selectivity: float | None = None


@dataclass(frozen=True)
class SequenceScore:
    """Sequences of labels written down without being told when each is said, on unseen speakers."""

    error_rate: float  # insertions, deletions and substitutions by labels in the references
    intervals: Intervals
    substitutions: int
    deletions: int
    insertions: int
    labels: int  # in the references
    items: int  # utterances scored, each once
    classes: int
    speakers: int
    folds: int
    split: str
    too_short: int  # utterances with fewer frames than their labels take: not learned from, but scored
    examples: list[list[str]]  # [utterance, reference, written]
    shuffled: float | None = None  # error rate of readers trained on other utterances' sequences


def ready_for_json(score: ProbeScore | ReconstructionScore | SequenceScore) -> dict[str, Any]:
    """The figures by name; those that were not asked for are absent."""
    values = {field.name: getattr(score, field.name) for field in fields(score)}
    return {name: value for name, value in values.items() if value is not None}


def confusion_of(labels: np.ndarray, read: np.ndarray, names: np.ndarray) -> tuple[list[list], dict | None]:
    """The most confused pairs, and the matrix if it is not too large: [M], [M] classes, [K] names."""
    pairs, counts = np.unique(np.stack([labels, read]), axis=1, return_counts=True)
    wrong = pairs[0] != pairs[1]
    order = np.lexsort((pairs[1][wrong], pairs[0][wrong], -counts[wrong]))[:PAIRS]
    confused = [
        [str(names[true]), str(names[other]), int(count)]
        for true, other, count in zip(pairs[0][wrong][order], pairs[1][wrong][order], counts[wrong][order])
    ]
    if len(names) > MOST_CLASSES:
        return confused, None
    matrix = np.zeros((len(names), len(names)), int)
    matrix[pairs[0], pairs[1]] = counts
    return confused, {"labels": [str(name) for name in names], "counts": matrix.tolist()}


def balanced_accuracy(labels: np.ndarray, right: np.ndarray) -> float:
    """The mean over the classes of the labels of the share that is right: [M], [M] bool."""
    owner = np.unique(labels, return_inverse=True)[1]
    return float((np.bincount(owner, right) / np.bincount(owner)).mean())
