"""Units against phones: scores against their formulas, frames under their labels."""

import json
from collections import Counter
from math import log2
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import Interval, Utterance
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.clustering import code_usage, confusion, many_to_one, unit_frames, unit_scores

RNG = np.random.default_rng(0)
LABELS = RNG.choice(list("abcd"), 500, p=[0.4, 0.3, 0.2, 0.1])
CODES = np.where(RNG.random(500) < 0.6, np.array([ord(label) - 97 for label in LABELS]), RNG.integers(7, size=500))


def entropy(symbols) -> float:
    counts = Counter(symbols)
    return -sum(n / counts.total() * log2(n / counts.total()) for n in counts.values())


def test_information_scores_follow_their_formulas():
    scores = unit_scores(CODES, LABELS)
    joint = entropy(zip(CODES.tolist(), LABELS.tolist(), strict=True))
    information = entropy(CODES.tolist()) + entropy(LABELS) - joint
    assert scores.pnmi == pytest.approx(information / entropy(LABELS))
    assert scores.homogeneity == pytest.approx(information / entropy(LABELS))
    assert scores.completeness == pytest.approx(information / entropy(CODES.tolist()))
    assert scores.v_measure == pytest.approx(2 * information / (entropy(LABELS) + entropy(CODES.tolist())))
    assert scores.nmi == pytest.approx(scores.v_measure)


def test_the_rand_index_follows_its_definition():
    pairs = [(i, j) for i in range(len(CODES)) for j in range(i)]
    same_code = np.array([CODES[i] == CODES[j] for i, j in pairs])
    same_label = np.array([LABELS[i] == LABELS[j] for i, j in pairs])
    expected = same_code.sum() * same_label.sum() / len(pairs)
    adjusted = ((same_code & same_label).sum() - expected) / ((same_code.sum() + same_label.sum()) / 2 - expected)
    assert unit_scores(CODES, LABELS).ari == pytest.approx(adjusted)


def test_many_to_one_on_the_same_data_is_purity():
    best = sum(Counter(LABELS[code == CODES].tolist()).most_common(1)[0][1] for code in set(CODES.tolist()))
    scores = unit_scores(CODES, LABELS)
    assert scores.many_to_one_same_data == best / 500
    assert scores.majority == max(Counter(LABELS.tolist()).values()) / 500


def test_a_code_for_each_label_is_perfect_and_one_code_for_all_is_worth_nothing():
    perfect = unit_scores(np.searchsorted(list("abcd"), LABELS), LABELS)
    assert min(perfect.many_to_one_same_data, perfect.ami, perfect.v_measure, perfect.ari, perfect.pnmi) > 1 - 1e-12
    useless = unit_scores(np.zeros(500, int), LABELS)
    assert useless.many_to_one_same_data == useless.majority
    assert useless.ami == useless.pnmi == useless.ari == 0


def test_many_codes_impress_purity_but_not_other_speakers():
    codes = np.arange(500)  # a code of its own for every frame
    assert unit_scores(codes, LABELS).many_to_one_same_data == 1
    speakers = np.repeat(["s1", "s2"], 250)
    assert many_to_one(codes, LABELS, speakers) < 0.5
    assert abs(unit_scores(codes, LABELS).ami) < 1e-6


def test_units_are_named_by_other_speakers():
    # speaker two has swapped the codes of b and a, and code 9 of speaker one is called b, the most frequent label
    codes = np.array([0, 0, 0, 1, 1, 9, 1, 1, 1, 0, 0])
    labels = np.array(list("bbbaab") + list("bbbaa"))
    speakers = np.array(["s1"] * 6 + ["s2"] * 5)
    assert many_to_one(codes, labels, speakers) == 1 / 11


def test_naming_by_other_speakers_is_the_same_for_the_same_seed():
    speakers = np.resize([f"s{i}" for i in range(9)], 500)
    assert many_to_one(CODES, LABELS, speakers, 3) == many_to_one(CODES, LABELS, speakers, 3)


def test_one_speaker_cannot_be_named_by_others():
    with pytest.raises(UnscorableError, match="two speakers or more"):
        many_to_one(CODES, LABELS, np.full(500, "s"))


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
    found = unit_frames(encode(tmp_path, [5, 6, 7, 7, 8, 9]), [UTTERANCE], "phone")
    # centres 50 .. 550; 150 begins the pause, 550 is the last tick of b
    assert found.labels.tolist() == ["a", "b", "b"]
    assert found.codes.tolist() == [5, 8, 9]


def test_usage_counts_pauses_too(tmp_path):
    usage = code_usage(encode(tmp_path, [5, 5, 7, 7, 8, 8]), [UTTERANCE])
    assert (usage.used, usage.frames) == (3, 6)
    assert usage.perplexity == pytest.approx(3)


def test_no_codes_are_said_to_be_missing(tmp_path):
    encodings = encode(tmp_path, None)
    for count in (lambda: unit_frames(encodings, [UTTERANCE], "phone"), lambda: code_usage(encodings, [UTTERANCE])):
        with pytest.raises(UnscorableError, match="has no codes"):
            count()


def test_codes_that_do_not_fit_their_frames_are_refused(tmp_path):
    with pytest.raises(EncodingsError, match=r"u.npy: 6 frames, but units.jsonl has 5 codes of u"):
        unit_frames(encode(tmp_path, [5, 6, 7, 7, 8]), [UTTERANCE], "phone")
