"""Units against phones: scores against their formulas, frames under their labels."""

import json
from collections import Counter
from dataclasses import replace
from itertools import permutations
from math import log2
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from unitdisc.corpus import Interval, Utterance
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.units.clustering import (
    code_usage,
    confusion,
    labelled_codes,
    named_confusion,
    unit_scores,
)
from unitdisc.evaluation.units.codes import coded
from unitdisc.evaluation.units.naming import code_names, many_to_one, named_rightly

RNG = np.random.default_rng(0)
LABELS = RNG.choice(list("abcd"), 500, p=[0.4, 0.3, 0.2, 0.1])
CODES = np.where(RNG.random(500) < 0.6, np.array([ord(label) - 97 for label in LABELS]), RNG.integers(7, size=500))


def scores(codes: np.ndarray, labels: np.ndarray):
    return unit_scores(confusion(codes, labels))


def entropy(symbols) -> float:
    counts = Counter(symbols)
    return -sum(n / counts.total() * log2(n / counts.total()) for n in counts.values())


def test_information_scores_follow_their_formulas():
    found = scores(CODES, LABELS)
    joint = entropy(zip(CODES.tolist(), LABELS.tolist(), strict=True))
    information = entropy(CODES.tolist()) + entropy(LABELS) - joint
    assert found.pnmi == pytest.approx(information / entropy(LABELS))
    assert found.homogeneity == pytest.approx(information / entropy(LABELS))
    assert found.completeness == pytest.approx(information / entropy(CODES.tolist()))
    assert found.v_measure == pytest.approx(2 * information / (entropy(LABELS) + entropy(CODES.tolist())))
    assert found.nmi == pytest.approx(found.v_measure)


def test_the_rand_index_follows_its_definition():
    pairs = [(i, j) for i in range(len(CODES)) for j in range(i)]
    same_code = np.array([CODES[i] == CODES[j] for i, j in pairs])
    same_label = np.array([LABELS[i] == LABELS[j] for i, j in pairs])
    expected = same_code.sum() * same_label.sum() / len(pairs)
    adjusted = ((same_code & same_label).sum() - expected) / ((same_code.sum() + same_label.sum()) / 2 - expected)
    assert scores(CODES, LABELS).ari == pytest.approx(adjusted)


def test_many_to_one_on_the_same_data_is_purity():
    best = sum(Counter(LABELS[code == CODES].tolist()).most_common(1)[0][1] for code in set(CODES.tolist()))
    found = scores(CODES, LABELS)
    assert found.many_to_one_same_data == best / 500
    assert found.majority == max(Counter(LABELS.tolist()).values()) / 500


def test_a_code_for_each_label_is_perfect_and_one_code_for_all_is_worth_nothing():
    perfect = scores(np.searchsorted(list("abcd"), LABELS), LABELS)
    assert min(perfect.many_to_one_same_data, perfect.ami, perfect.v_measure, perfect.ari, perfect.pnmi) > 1 - 1e-12
    useless = scores(np.zeros(500, int), LABELS)
    assert useless.many_to_one_same_data == useless.majority
    assert useless.ami == useless.pnmi == useless.ari == 0


def test_many_codes_impress_purity_but_not_other_speakers():
    codes = np.arange(500)  # a code of its own for every frame
    assert scores(codes, LABELS).many_to_one_same_data == 1
    speakers = np.repeat(["s1", "s2"], 250)
    assert many_to_one(codes, LABELS, speakers) < 0.5
    assert abs(scores(codes, LABELS).ami) < 1e-6


def test_units_are_named_by_other_speakers():
    # speaker two has swapped the codes of b and a, and has no code 9, so that of speaker one has no name
    codes = np.array([0, 0, 0, 1, 1, 9, 1, 1, 1, 0, 0])
    labels = np.array(list("bbbaab") + list("bbbaa"))
    speakers = np.array(["s1"] * 6 + ["s2"] * 5)
    assert many_to_one(codes, labels, speakers) == 0
    codes[5] = 1
    assert many_to_one(codes, labels, speakers) == 1 / 11


def test_naming_by_other_speakers_is_the_same_for_the_same_seed():
    speakers = np.resize([f"s{i}" for i in range(9)], 500)
    assert many_to_one(CODES, LABELS, speakers, 3) == many_to_one(CODES, LABELS, speakers, 3)


def test_one_speaker_cannot_be_named_by_others():
    with pytest.raises(UnscorableError, match="two speakers or more"):
        many_to_one(CODES, LABELS, np.full(500, "s"))


@pytest.mark.parametrize("labels,codes", [(4, 7), (7, 4), (1, 5), (5, 1), (1, 1), (3, 3)])
def test_scores_are_those_of_scikit_learn(labels, codes):
    rng = np.random.default_rng(labels * 10 + codes)
    truth, found = rng.integers(labels, size=300), rng.integers(codes, size=300)
    found = np.where(rng.random(300) < 0.5, truth % codes, found)
    ours = scores(found, truth)
    assert ours.ami == pytest.approx(metrics.adjusted_mutual_info_score(truth, found), abs=1e-12)
    assert ours.ari == pytest.approx(metrics.adjusted_rand_score(truth, found), abs=1e-12)
    assert ours.nmi == pytest.approx(metrics.normalized_mutual_info_score(truth, found), abs=1e-12)
    of_both = (ours.homogeneity, ours.completeness, ours.v_measure)
    assert of_both == pytest.approx(metrics.homogeneity_completeness_v_measure(truth, found), abs=1e-12)


def test_one_to_one_is_the_best_of_all_pairings():
    counts = confusion(CODES, LABELS).counts
    best = max(sum(counts[row, code] for row, code in enumerate(chosen)) for chosen in permutations(range(7), 4))
    assert scores(CODES, LABELS).one_to_one_same_data == best / 500
    shared = confusion(CODES, np.array(["x", "y"])[(LABELS > "b").astype(int)])
    assert unit_scores(shared).one_to_one_same_data < unit_scores(shared).many_to_one_same_data


def test_cluster_purity_is_purity_with_the_roles_changed():
    found, changed = scores(CODES, LABELS), unit_scores(confusion(LABELS, CODES))
    assert found.cluster_purity == changed.purity
    assert found.purity == changed.cluster_purity == found.many_to_one_same_data


def test_names_learnt_elsewhere_are_tried_on_other_frames():
    learnt = code_names(np.array([0, 0, 0, 1, 1, 2]), np.array(list("aabbbb")))
    # 0 is a, 1 and 2 are b; 9 was never seen, so it is wrong; c was never a name
    assert named_rightly(learnt, np.array([0, 0, 1, 2, 9, 9]), np.array(list("abbcba"))).tolist() == [1, 0, 1, 0, 0, 0]
    # 1 was never seen, and lies between two codes that were
    gap = code_names(np.array([0, 2, 5, 5, 5]), np.array(list("aabbb")))
    assert not named_rightly(gap, np.array([1, 1, 6]), np.array(["a", "b", "b"])).any()
    # as often a as b: the first
    assert code_names(np.array([3, 3]), np.array(["b", "a"])).labels.tolist() == ["a"]


def test_confusion_counts_every_frame():
    found = confusion(CODES, LABELS)
    for row, label in enumerate(found.labels):
        for column, code in enumerate(found.codes):
            assert found.counts[row, column] == ((label == LABELS) & (code == CODES)).sum()


def encode(folder: Path, codes: list[int] | None) -> Encodings:
    np.save(folder / "u.npy", np.zeros((6, 2), np.float32))
    (folder / "units.jsonl").write_text(json.dumps({"utterance": "u", "codes": codes}) + "\n")
    (folder / "encodings.json").write_text(json.dumps({"stride": 100, "offset": 50}))
    return Encodings.open(folder)


UTTERANCE = Utterance(
    "u",
    "u.wav",
    "s",
    600,
    100,
    alignment={"phone": [Interval(0, 150, "a"), Interval(150, 400, "SIL"), Interval(400, 551, "b")]},
)


def test_frames_are_labelled_by_their_centres_and_pauses_left_out(tmp_path):
    found = labelled_codes(coded(encode(tmp_path, [5, 6, 7, 7, 8, 9]), [UTTERANCE]), "phone")
    # centres 50 .. 550; 150 begins the pause, 550 is the last tick of b
    assert [found.names[label] for label in found.labels] == ["a", "b", "b"]
    assert found.codes.tolist() == [5, 8, 9]


def test_usage_counts_pauses_too(tmp_path):
    usage = code_usage(coded(encode(tmp_path, [5, 5, 7, 7, 8, 8]), [UTTERANCE]))
    assert (usage.used, usage.frames) == (3, 6)
    assert usage.perplexity == pytest.approx(3)


def test_no_codes_are_said_to_be_missing(tmp_path):
    with pytest.raises(UnscorableError, match="has no codes"):
        coded(encode(tmp_path, None), [UTTERANCE])
    with pytest.raises(UnscorableError, match="no utterance to score"):
        coded(encode(tmp_path, [1] * 6), [])


def test_a_tier_nobody_has_is_named(tmp_path):
    units = coded(encode(tmp_path, [1] * 6), [UTTERANCE])
    with pytest.raises(UnscorableError, match="no utterance has labels in tier 'tone'"):
        labelled_codes(units, "tone")


@pytest.mark.parametrize(
    "codes,message",
    [
        ([5, 6, 7, 7, 8], r"u\.npy: 6 frames, but units\.jsonl has 5 codes of u"),
        ([5, 6, 7, 7, 8, 0.5], r"units\.jsonl:1: codes of u must be whole numbers"),
    ],
)
def test_codes_that_cannot_be_scored_are_refused(tmp_path, codes, message):
    with pytest.raises(EncodingsError, match=message):
        coded(encode(tmp_path, codes), [UTTERANCE])


def test_codes_of_another_corpus_are_refused(tmp_path):
    with pytest.raises(
        EncodingsError, match=r"u\.npy: the last frame is at tick 550, but u has 900 ticks; is the frame"
    ):
        coded(encode(tmp_path, [1] * 6), [replace(UTTERANCE, ticks=900)])


def test_labels_are_numbered_in_order_of_their_names(tmp_path):
    two = [replace(UTTERANCE, alignment={"phone": [Interval(0, 300, "z"), Interval(300, 600, "b")]})]
    found = labelled_codes(coded(encode(tmp_path, [0, 0, 1, 1, 1, 1]), two), "phone")
    counted = named_confusion(found)
    assert (counted.labels, counted.codes, counted.counts.tolist()) == (["b", "z"], [0, 1], [[0, 3], [2, 1]])
