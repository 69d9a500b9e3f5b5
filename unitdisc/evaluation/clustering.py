"""Units against phones, frame by frame: does a unit mean a phone, and a phone a unit?"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from sklearn import metrics
from sklearn.metrics.cluster import contingency_matrix

from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.bitrate import entropy_in_bits
from unitdisc.evaluation.frames import LabelledFrames, labelled_frames, usable


@dataclass(frozen=True)
class Confusion:
    """How many frames of every label have every code."""

    labels: list[str]
    codes: list[int]
    counts: np.ndarray  # [labels, codes]


@dataclass(frozen=True)
class UnitScores:
    """Agreement of codes with labels; all but the perplexity are between 0 and 1 (chance-corrected ones: about 0)."""

    many_to_one_same_data: float  # purity: every code is its most frequent label, known from the frames scored
    ami: float  # adjusted mutual information
    v_measure: float
    homogeneity: float
    completeness: float
    ari: float  # adjusted Rand index
    nmi: float  # normalised mutual information, arithmetic mean
    pnmi: float  # mutual information / entropy of the labels (HuBERT's "phone purity"; homogeneity by another name)
    majority: float  # the share of the most frequent label: what many-to-one scores with a single code
    frames: int


def unit_scores(codes: np.ndarray, labels: np.ndarray) -> UnitScores:
    """Scores codes [N] against labels [N] of the same frames."""
    counts = contingency_matrix(labels, codes)
    homogeneity, completeness, v_measure = metrics.homogeneity_completeness_v_measure(labels, codes)
    information = metrics.mutual_info_score(None, None, contingency=counts) / np.log(2)
    entropy = entropy_in_bits(counts.sum(1))
    return UnitScores(
        many_to_one_same_data=float(counts.max(0).sum() / counts.sum()),
        ami=float(metrics.adjusted_mutual_info_score(labels, codes)),
        v_measure=float(v_measure),
        homogeneity=float(homogeneity),
        completeness=float(completeness),
        ari=float(metrics.adjusted_rand_score(labels, codes)),
        nmi=float(metrics.normalized_mutual_info_score(labels, codes)),
        pnmi=float(information / entropy) if entropy else 1.0,
        majority=float(counts.sum(1).max() / counts.sum()),
        frames=int(counts.sum()),
    )


def many_to_one(codes: np.ndarray, labels: np.ndarray, speakers: np.ndarray, seed: int = 0) -> float:
    """Accuracy of calling every code by its most frequent label among other speakers: [N] each.

    The speakers are halved at random; each half is named by the other, so that every frame is scored once. Codes
    that the other half never uses are called by its most frequent label of all.
    Raises UnscorableError if there are fewer than two speakers.
    """
    names = np.unique(speakers)
    if len(names) < 2:
        raise UnscorableError("naming units by other speakers takes two speakers or more")
    half = np.isin(speakers, np.random.default_rng(seed).permutation(names)[: len(names) // 2])
    right = 0
    for learn in (half, ~half):
        seen = confusion(codes[learn], labels[learn])
        meaning = dict(zip(seen.codes, seen.counts.argmax(0), strict=True))
        fallback = seen.counts.sum(1).argmax()
        called = [seen.labels[meaning.get(code, fallback)] for code in codes[~learn].tolist()]
        right += int((np.array(called) == labels[~learn]).sum())
    return right / len(codes)


def confusion(codes: np.ndarray, labels: np.ndarray) -> Confusion:
    """Counts the frames [N] of every label and code, both sorted."""
    return Confusion(
        labels=np.unique(labels).tolist(), codes=np.unique(codes).tolist(), counts=contingency_matrix(labels, codes)
    )


def unit_frames(encodings: Encodings, utterances: Iterable[Utterance], tier: str) -> LabelledFrames:
    """Frames with a code and a label. Raises UnscorableError if there is none."""
    found = labelled_frames(encodings, utterances, tier)
    if found.codes is None:
        raise UnscorableError(f"{encodings.folder}: has no codes to compare with labels")
    return found


@dataclass(frozen=True)
class CodeUsage:
    """How evenly codes are used, over all frames, pauses too."""

    used: int
    perplexity: float  # 2^entropy: the number of codes that would do if all were used equally
    frames: int


def code_usage(encodings: Encodings, utterances: Iterable[Utterance]) -> CodeUsage:
    """Raises UnscorableError if there are no codes."""
    codes = [usable(encodings, utterance.id).codes for utterance in utterances]
    if not codes or any(array is None for array in codes):
        raise UnscorableError(f"{encodings.folder}: has no codes")
    _, counts = np.unique(np.concatenate(codes), return_counts=True)
    return CodeUsage(used=len(counts), perplexity=2 ** entropy_in_bits(counts), frames=int(counts.sum()))
