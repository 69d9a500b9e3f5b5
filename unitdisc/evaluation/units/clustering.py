"""Units against labels, frame by frame: does a unit mean a label, and a label a unit?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from unitdisc.corpus import labels_at
from unitdisc.evaluation import UnscorableError, labelled
from unitdisc.evaluation.units.bitrate import entropy_in_bits
from unitdisc.evaluation.units.codes import CodedUtterance
from unitdisc.evaluation.units.expected_information import expected_information, log_factorials

AGREEMENT = {  # what is printed of units against labels, and what it is called
    "many_to_one_learnt": "many-to-one, codes named on other utterances",
    "many_to_one": "many-to-one, codes named by other speakers",
    "many_to_one_other_utterances": "many-to-one, codes named by the other half",
    "many_to_one_same_data": "many-to-one, same data (purity)",
    "one_to_one_same_data": "one-to-one, same data (Hungarian)",
    "cluster_purity": "cluster purity (labels by their best code)",
    "majority": "always the most frequent label",
    "ami": "AMI",
    "ari": "ARI",
    "v_measure": "V-measure (NMI)",
    "homogeneity": "homogeneity (PNMI)",
    "completeness": "completeness",
}


@dataclass(frozen=True)
class Confusion:
    """How many frames of every label have every code; both are sorted."""

    labels: list[str]
    codes: list[int]
    counts: np.ndarray  # [labels, codes]


@dataclass(frozen=True)
class LabelledCodes:
    """Frames of many utterances, one after the other, that have a label; pauses are left out."""

    codes: np.ndarray  # [N]
    labels: np.ndarray  # [N] index of the label in names
    speakers: np.ndarray  # [N] index of the speaker, -1 where not known
    utterances: np.ndarray  # [N] index of the utterance
    names: list[str]  # of the labels, sorted


@dataclass(frozen=True)
class UnitScores:
    """Agreement of codes with labels on the same frames: 0 to 1, chance-corrected scores (AMI, ARI) about 0 by chance.

    Measures that are the same number have the names of both traditions: many_to_one_same_data = purity,
    homogeneity = pnmi, nmi = v_measure.
    """

    many_to_one_same_data: float  # every code is called by its most frequent label, known from the frames scored
    one_to_one_same_data: float  # every code is called by a label of its own, the best assignment (Hungarian method)
    purity: float  # HuBERT's phone purity: many-to-one on the same data by its other name
    cluster_purity: float  # HuBERT's: the converse, the share of frames that have their label's most frequent code
    ami: float  # adjusted mutual information, arithmetic mean (Vinh et al. 2010)
    ari: float  # adjusted Rand index (Hubert and Arabie 1985); DistSup's "Rand score"
    v_measure: float  # harmonic mean of homogeneity and completeness (Rosenberg and Hirschberg 2007)
    homogeneity: float  # mutual information / entropy of the labels
    completeness: float  # mutual information / entropy of the codes
    nmi: float  # normalised mutual information, arithmetic mean
    pnmi: float  # phone-normalised mutual information (HuBERT, Hsu et al. 2021)
    majority: float  # the share of the most frequent label: what many-to-one scores with a single code
    frames: int


def labelled_codes(coded: Iterable[CodedUtterance], tier: str) -> LabelledCodes:
    """Every frame whose centre lies in a labelled interval of the tier. Utterances without the tier are left out.

    Raises UnscorableError if there is no such frame.
    """
    codes, labels, speakers, utterances, names, people = [], [], [], [], {}, {}
    for number, entry in enumerate(coded):
        utterance = entry.utterance
        if tier not in utterance.alignment:
            continue
        numbered = [(start, end, names.setdefault(name, len(names))) for start, end, name in labelled(utterance, tier)]
        found = labels_at(numbered, entry.centres, default=-1).astype(int)
        codes.append(entry.codes[found >= 0])
        labels.append(found[found >= 0])
        speaker = people.setdefault(utterance.speaker, len(people)) if utterance.speaker else -1
        speakers.append(np.full(len(labels[-1]), speaker))
        utterances.append(np.full(len(labels[-1]), number))
    if not sum(map(len, labels)):
        raise UnscorableError(f"no utterance has labels in tier {tier!r}")
    order = sorted(names)
    index = np.empty(len(order), dtype=int)
    index[[names[name] for name in order]] = np.arange(len(order))
    found = (np.concatenate(arrays) for arrays in (codes, labels, speakers, utterances))
    return LabelledCodes(next(found), index[next(found)], *found, order)


def confusion(codes: np.ndarray, labels: np.ndarray) -> Confusion:
    """Counts the frames [N] of every label and code."""
    seen_labels, rows = np.unique(labels, return_inverse=True)
    seen_codes, columns = np.unique(codes, return_inverse=True)
    counts = np.bincount(rows * len(seen_codes) + columns, minlength=len(seen_labels) * len(seen_codes))
    shape = (len(seen_labels), len(seen_codes))
    return Confusion(seen_labels.tolist(), seen_codes.tolist(), counts.reshape(shape))


def named_confusion(found: LabelledCodes) -> Confusion:
    """Counts frames by the names of their labels."""
    counted = confusion(found.codes, found.labels)
    return Confusion([found.names[label] for label in counted.labels], counted.codes, counted.counts)


def unit_scores(counted: Confusion) -> UnitScores:
    """Scores codes against labels of the same frames."""
    counts = counted.counts
    frames, by_label, by_code = int(counts.sum()), counts.sum(1), counts.sum(0)
    label_entropy, code_entropy = entropy_in_bits(by_label), entropy_in_bits(by_code)
    information = label_entropy + code_entropy - entropy_in_bits(counts.ravel())
    homogeneity = information / label_entropy if label_entropy else 1.0
    completeness = information / code_entropy if code_entropy else 1.0
    mean_entropy = (label_entropy + code_entropy) / 2
    v_measure = information / mean_entropy if mean_entropy else 1.0
    purity = float(counts.max(0).sum() / frames)
    return UnitScores(
        many_to_one_same_data=purity,
        one_to_one_same_data=one_to_one(counts),
        purity=purity,
        cluster_purity=float(counts.max(1).sum() / frames),
        ami=adjusted_mutual_information(counts, information, mean_entropy),
        ari=adjusted_rand_index(counts),
        v_measure=v_measure,
        homogeneity=homogeneity,
        completeness=completeness,
        nmi=v_measure,
        pnmi=homogeneity,
        majority=float(by_label.max() / frames),
        frames=frames,
    )


def one_to_one(counts: np.ndarray) -> float:
    """The share of frames [labels, codes] named rightly if codes and labels are paired as well as can be."""
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / counts.sum())


def adjusted_mutual_information(
    counts: np.ndarray, information: float, mean_entropy: float, factorials: np.ndarray | None = None
) -> float:
    """Mutual information, in bits, less what chance gives, as a share of what there is above chance.

    factorials: `log_factorials` of so many frames or more, where they are known already.
    """
    if max(counts.shape) == 1 or min(counts.shape) == 1:
        return float(max(counts.shape) == 1)  # nothing to tell apart, or nothing told
    factorials = log_factorials(int(counts.sum())) if factorials is None else factorials
    expected = expected_information(counts.sum(1), counts.sum(0), factorials) / np.log(2)
    return float((information - expected) / (mean_entropy - expected)) if mean_entropy != expected else 1.0


def adjusted_rand_index(counts: np.ndarray) -> float:
    """Pairs of frames with the same label and the same code, less what chance gives, in the same way."""

    def pairs(numbers: np.ndarray) -> int:
        return sum(number * (number - 1) // 2 for number in numbers[numbers > 1].tolist())  # no overflow

    both, labels, codes = pairs(counts), pairs(counts.sum(1)), pairs(counts.sum(0))
    if labels == codes == both:
        return 1.0
    expected = labels * codes / pairs(counts.sum(keepdims=True))
    return (both - expected) / ((labels + codes) / 2 - expected)


@dataclass(frozen=True)
class CodeUsage:
    """How evenly codes are used, over all frames, pauses too."""

    used: int
    perplexity: float  # 2^entropy: the number of codes that would do if all were used equally
    frames: int


def code_usage(coded: Sequence[CodedUtterance]) -> CodeUsage:
    _, counts = np.unique(np.concatenate([entry.codes for entry in coded]), return_counts=True)
    return CodeUsage(used=len(counts), perplexity=2 ** entropy_in_bits(counts), frames=int(counts.sum()))
