"""Who is learned from and who is scored: no speaker (or, to tell speakers apart, no utterance) on both sides."""

import enum
import warnings
from collections.abc import Sequence

import numpy as np

from unitdisc.evaluation import UnscorableError

FRAME_FOLDS = 3
UTTERANCE_FOLDS = 5
TWO_SPEAKERS = "a probe on unseen speakers takes two known speakers or more"
TWO_UTTERANCES = "a probe on other utterances takes two or more"

Folds = Sequence[tuple[np.ndarray, np.ndarray]]  # items to train on, items to score


class Split(enum.Enum):
    """What must not be on both sides."""

    SPEAKERS = "other speakers"
    OTHERS = "other utterances, whoever speaks"
    GENDERS = "other speakers, as many of every gender in each fold as can be"
    UTTERANCES = "other utterances, as many of every speaker in each fold as can be"


def folds_of(
    split: Split,
    targets: np.ndarray,
    utterances: np.ndarray,
    speakers: np.ndarray,
    is_training: np.ndarray | None,
    seed: int,
) -> Folds:
    """Folds of M items by what each is, [M], whose utterance and speaker; one fold where the corpora are given.

    Raises UnscorableError if there are too few to be on two sides.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # a second of whoever folds nothing

    if is_training is not None:
        return [given(split, utterances, speakers, is_training)]
    if split in (Split.SPEAKERS, Split.OTHERS):
        return other_groups(split, utterances, speakers, seed)
    one, items = np.unique(utterances, return_index=True, return_inverse=True)[1:]  # decided by utterance
    labels, groups = targets[one], speakers[one]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # speakers with fewer utterances than folds
        if split is Split.UTTERANCES:
            most = np.unique(labels, return_counts=True)[1].max()
            splitter = StratifiedKFold(min(UTTERANCE_FOLDS, most), shuffle=True, random_state=seed)
            found = splitter.split(labels, labels)
        else:
            least = min(len(np.unique(groups[labels == label])) for label in np.unique(labels))
            splitter = StratifiedGroupKFold(min(UTTERANCE_FOLDS, least), shuffle=True, random_state=seed)
            found = splitter.split(labels, labels, groups)
        return [tuple(np.flatnonzero(np.isin(items, side)) for side in (training, test)) for training, test in found]


def labelled_alone(folds: Folds, utterances: np.ndarray, labelled: int, seed: Sequence[int]) -> Folds:
    """The same folds with so many utterances of each to learn from, drawn by seed: [M]; 0: with all.

    Those drawn are among those of a larger number. Raises UnscorableError if a fold has fewer.
    """
    return [
        (drawn(train, utterances, labelled, [*seed, number]), test) if labelled else (train, test)
        for number, (train, test) in enumerate(folds)
    ]


def drawn(train: np.ndarray, utterances: np.ndarray, labelled: int, seed: Sequence[int]) -> np.ndarray:
    """The items of so many utterances, in order."""
    there = np.unique(utterances[train])
    if len(there) < labelled:
        raise UnscorableError(f"there are only {len(there)} utterances to learn from, not {labelled}")
    chosen = np.random.default_rng(seed).permutation(there)[:labelled]
    return train[np.isin(utterances[train], chosen)]


def other_groups(split: Split, utterances: np.ndarray, speakers: np.ndarray, seed: int) -> Folds:
    """Folds of which no speaker, or no utterance, is on both sides: [M], [M]."""
    groups, few = (speakers, TWO_SPEAKERS) if split is Split.SPEAKERS else (utterances, TWO_UTTERANCES)
    count = len(np.unique(groups))
    if count < 2:
        raise UnscorableError(few)
    from sklearn.model_selection import GroupKFold

    splitter = GroupKFold(min(FRAME_FOLDS, count), shuffle=True, random_state=seed)
    return list(splitter.split(groups, groups=groups))


def given(
    split: Split, utterances: np.ndarray, speakers: np.ndarray, is_training: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Learns from one corpus and scores the other; where it must, without the speakers of the other."""
    training, test = np.flatnonzero(is_training), np.flatnonzero(~is_training)
    if split in (Split.SPEAKERS, Split.GENDERS):
        scored = set(speakers[test]) - {""}
        training = training[[speaker not in scored for speaker in speakers[training]]]
    if not len(training):
        raise UnscorableError(
            "nothing to learn from: the corpus to learn from has no such labels by speakers that are not in the other; "
            "learn from those that are, too (--known-speakers), or from another corpus"
        )
    if not len(test):
        raise UnscorableError("nothing to score: the corpus to score has no such labels")
    return training, test
