"""What codes are called: each by its most frequent label, learnt on frames that are not the ones to be named.

Names learnt from the very frames that they are tried on (`many_to_one_same_data`) reward many codes: with a code of its
own for every frame all are right. A code that was never seen where names are learnt has none, and is wrong.
"""

from dataclasses import dataclass

import numpy as np

from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.units.clustering import LabelledCodes


@dataclass(frozen=True)
class CodeNames:
    """What codes are called."""

    codes: np.ndarray  # [K] sorted
    labels: np.ndarray  # [K]


def code_names(codes: np.ndarray, labels: np.ndarray) -> CodeNames:
    """Learns names from frames [N], [N]; of labels that are equally frequent, the first in order."""
    seen_codes, columns = np.unique(codes, return_inverse=True)
    seen_labels, rows = np.unique(labels, return_inverse=True)
    counts = np.bincount(rows * len(seen_codes) + columns, minlength=len(seen_labels) * len(seen_codes))
    return CodeNames(seen_codes, seen_labels[counts.reshape(len(seen_labels), len(seen_codes)).argmax(0)])


def named_rightly(names: CodeNames, codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which frames have a code that is called by their label: [N], [N] -> bool [N]."""
    position = np.searchsorted(names.codes, codes).clip(max=len(names.codes) - 1)
    return (names.codes[position] == codes) & (names.labels[position] == labels)


def named_by(learnt: LabelledCodes, found: LabelledCodes) -> np.ndarray:
    """Which frames of `found` are called by their labels, if names are learnt on other utterances: bool [N]."""
    spelt, own = np.array(learnt.names), np.array(found.names)
    return named_rightly(code_names(learnt.codes, spelt[learnt.labels]), found.codes, own[found.labels])


def named_by_others(codes: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int = 0) -> np.ndarray:
    """Which frames are called by their labels, if names are learnt in other groups: [N] each -> bool [N].

    The groups (speakers, or utterances) are halved at random; each half is named by the other, so that every frame is
    scored once. Raises UnscorableError if there are fewer than two groups.
    """
    people = np.unique(groups)
    if len(people) < 2:
        raise UnscorableError(
            "naming units by other speakers takes two speakers or more; by other utterances, two of them"
        )
    half = np.isin(groups, np.random.default_rng(seed).permutation(people)[: len(people) // 2])
    right = np.empty(len(codes), dtype=bool)
    for scored in (half, ~half):
        right[scored] = named_rightly(code_names(codes[~scored], labels[~scored]), codes[scored], labels[scored])
    return right


def many_to_one(codes: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int = 0) -> float:
    """The share of frames called rightly by other groups, such as speakers: see `named_by_others`."""
    return float(named_by_others(codes, labels, groups, seed).mean())
