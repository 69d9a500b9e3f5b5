"""Scores of codes that nothing flatters: chance, names from elsewhere, intervals, every frame and every unit once."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score
from sklearn.metrics.cluster import expected_mutual_information

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.evaluation import UnscorableError, intervals
from unitdisc.evaluation.overlap import refuse_common
from unitdisc.evaluation.units import jackknife
from unitdisc.evaluation.units.agreement import agreement
from unitdisc.evaluation.units.clustering import confusion, labelled_codes, unit_scores
from unitdisc.evaluation.units.codes import CodedUtterance
from unitdisc.evaluation.units.expected_information import expected_information, log_factorials
from unitdisc.evaluation.units.jackknife import jackknife_intervals

LABELS, FRAMES, STEP = "abcd", 40, 10  # frames of an utterance, ticks of a frame
SHARES = (0.4, 0.3, 0.2, 0.1)


def corpus(
    utterances: int, rng: np.random.Generator, codes: int = 4, told: float = 0.6, every: int = 1, prefix: str = "u"
) -> list[CodedUtterance]:
    """Labels two frames long, which some codes tell; how many do differs from one utterance to the next.

    codes: how many; told: the share that is right on average; every: how often each frame is repeated.
    """
    made = []
    for number in range(utterances):
        labels = np.repeat(rng.choice(len(LABELS), FRAMES // 2, p=SHARES), 2)
        right = rng.random(FRAMES) < np.clip(told + 0.3 * rng.standard_normal(), 0, 1) * (told > 0)
        found = np.repeat(np.where(right, labels, rng.integers(codes, size=FRAMES)), every)
        tier = [Interval(STEP * t, STEP * (t + 1), LABELS[label]) for t, label in enumerate(labels)]
        name = f"{prefix}{number}"
        utterance = Utterance(name, f"{name}.wav", f"s{number % 3}", STEP * FRAMES, 100, alignment={"phone": tier})
        made.append(CodedUtterance(utterance, found, (np.arange(len(found)) + 0.5) * STEP / every))
    return made


def by_hand(units: list[CodedUtterance]) -> tuple[list[str], list[int]]:
    """The label and the code of every frame."""
    under = [
        (next(i.label for i in entry.utterance.alignment["phone"] if i.start <= centre < i.end), code)
        for entry in units
        for centre, code in zip(entry.centres, entry.codes.tolist())
    ]
    return [label for label, _ in under], [code for _, code in under]


@pytest.mark.parametrize("labels,codes,frames", [(2, 3, 20), (5, 40, 100), (10, 64, 3000), (40, 200, 2000)])
def test_what_is_expected_by_chance_is_that_of_scikit_learn(labels, codes, frames):
    rng = np.random.default_rng(frames)
    drawn = (rng.choice(n, frames, p=rng.dirichlet(np.full(n, 0.5))) for n in (labels, codes))
    counts = confusion(*drawn).counts
    expected = expected_mutual_information(counts, frames)
    factorials = log_factorials(frames + 7)
    assert expected_information(counts.sum(1), counts.sum(0), factorials) == pytest.approx(expected, rel=1e-9)
    empty = np.pad(counts, 1)
    assert expected_information(empty.sum(1), empty.sum(0), factorials) == pytest.approx(expected, rel=1e-9)


def test_frames_are_counted_once_at_the_rate_of_the_system():
    units = corpus(12, np.random.default_rng(0))
    labels, codes = by_hand(units)
    found = agreement(units, "phone")
    assert found["frames"] == len(labels) == 12 * FRAMES
    assert found["ami"] == pytest.approx(adjusted_mutual_info_score(labels, codes))
    assert found["ari"] == pytest.approx(adjusted_rand_score(labels, codes))
    assert found["codes"] == len(set(codes))


def test_copies_of_frames_make_chance_vanish_and_units_counted_once_do_not():
    """What comparing column by column does to a coarse model; each of its units is still one."""
    few, many = (corpus(12, np.random.default_rng(1), codes=200, told=0, every=every) for every in (1, 12))
    once, copied = agreement(few, "phone"), agreement(many, "phone")
    assert abs(once["ami"]) < 0.02 and copied["ami"] > 0.15
    assert copied["many_to_one_same_data"] == once["many_to_one_same_data"] > 0.6
    assert copied["many_to_one"] == once["many_to_one"] < 0.42
    assert copied["each_unit_once"] == once["each_unit_once"]
    assert abs(copied["each_unit_once"]["ami"]) < 0.02


def test_random_codes_named_elsewhere_are_worth_the_most_frequent_label():
    rng = np.random.default_rng(2)
    tried, learnt = corpus(10, rng, codes=100, told=0), corpus(300, rng, codes=100, told=0, prefix="t")
    found = agreement(tried, "phone", learnt)
    assert found["majority"] == pytest.approx(0.4, abs=0.06)
    assert found["many_to_one_learnt"] == pytest.approx(found["majority"], abs=0.05)
    assert found["many_to_one_same_data"] > found["majority"] + 0.1
    assert abs(found["ami"]) < 0.03


def test_a_code_that_was_never_seen_where_names_are_learnt_is_wrong():
    one, other = corpus(2, np.random.default_rng(3), told=1.0)
    unseen = replace(other, codes=other.codes + 100)
    assert agreement([unseen], "phone", [one])["many_to_one_learnt"] == 0
    half = replace(other, codes=np.where(np.arange(FRAMES) < FRAMES // 2, other.codes, 100))
    found = agreement([half], "phone", [one])
    assert found["many_to_one_learnt"] <= 0.5
    assert found["many_to_one_same_data"] > 0.5


def test_names_come_from_other_speakers_and_from_other_utterances():
    """Codes that are of one utterance alone name nothing elsewhere."""
    units = corpus(9, np.random.default_rng(4), told=1.0)
    own = [replace(entry, codes=entry.codes + 10 * number) for number, entry in enumerate(units)]
    of_speakers = [replace(entry, codes=entry.codes + 10 * (number % 3)) for number, entry in enumerate(units)]
    found = agreement(own, "phone")
    assert (found["many_to_one"], found["many_to_one_other_utterances"]) == (0, 0)
    assert found["many_to_one_same_data"] > 0.8
    found = agreement(of_speakers, "phone")
    assert found["many_to_one"] == 0 < 0.3 < found["many_to_one_other_utterances"]


def test_a_single_speaker_is_named_by_other_utterances_and_a_single_utterance_by_none():
    units = corpus(6, np.random.default_rng(5))
    alone = [replace(entry, utterance=replace(entry.utterance, speaker="s")) for entry in units]
    found = agreement(alone, "phone")
    assert found["many_to_one"] is None and "two speakers or more" in found["why"]
    assert found["many_to_one_other_utterances"] > 0.4
    assert found["ami"] == agreement(units, "phone")["ami"]
    one = agreement(alone[:1], "phone")
    assert one["many_to_one_other_utterances"] is None and one["intervals"] == {}
    with pytest.raises(UnscorableError, match="no utterance has labels in tier 'tone'"):
        agreement(units, "tone")


def test_units_counted_once_have_the_label_of_their_middle():
    units = corpus(5, np.random.default_rng(6), every=3)
    labels, codes = [], []
    for entry in units:
        for (start, end), code in zip(entry.runs.intervals.tolist(), entry.runs.codes.tolist()):
            middle = (start + end) / 2
            labels.append(next(i.label for i in entry.utterance.alignment["phone"] if i.start <= middle < i.end))
            codes.append(code)
    found = agreement(units, "phone")["each_unit_once"]
    assert found["frames"] == len(codes)
    assert found["ami"] == pytest.approx(adjusted_mutual_info_score(labels, codes))


# Intervals


def test_scores_without_a_group_are_those_of_the_other_utterances():
    units = corpus(7, np.random.default_rng(7))
    found = labelled_codes(units, "phone")
    tables = list(jackknife.groups_of(found, found.utterances, 7))
    for left_out, counts in enumerate(tables[1:]):
        rest = labelled_codes([entry for number, entry in enumerate(units) if number != left_out], "phone")
        expected = unit_scores(confusion(rest.codes, rest.labels))
        got = dict(zip(jackknife.SCORES, jackknife.scores_of(counts, log_factorials(len(found.codes)))))
        assert got == pytest.approx({name: getattr(expected, name) for name in jackknife.SCORES})
    whole = unit_scores(confusion(found.codes, found.labels))
    assert jackknife.scores_of(tables[0], log_factorials(1000))[0] == pytest.approx(whole.ami)


def test_many_utterances_are_left_out_in_groups(monkeypatch):
    found = labelled_codes(corpus(60, np.random.default_rng(8)), "phone")
    one_by_one = jackknife_intervals(found)["ami"]
    monkeypatch.setattr(jackknife, "GROUPS", 20)
    grouped = jackknife_intervals(found)["ami"]
    assert grouped != one_by_one
    assert np.mean(grouped) == pytest.approx(np.mean(one_by_one))
    assert np.diff(grouped) == pytest.approx(np.diff(one_by_one), rel=0.5)
    assert grouped == jackknife_intervals(found)["ami"] != jackknife_intervals(found, seed=1)["ami"]


def test_intervals_hold_the_score_of_endless_lines_about_as_often_as_they_say():
    endless = labelled_codes(corpus(1500, np.random.default_rng(9)), "phone")
    truth = asdict(unit_scores(confusion(endless.codes, endless.labels)))
    rounds, covered = 60, {"ami": 0, "ari": 0}
    for number in range(rounds):
        found = jackknife_intervals(labelled_codes(corpus(25, np.random.default_rng(100 + number)), "phone"))
        for name in covered:
            covered[name] += found[name][0] <= truth[name] <= found[name][1]
    assert 0.85 * rounds <= min(covered.values()), covered
    assert min(covered.values()) < rounds  # not so wide that they say nothing


def test_utterances_drawn_twice_would_flatter_what_is_left_out_once_does_not():
    """Why AMI is not bootstrapped."""
    found = labelled_codes(corpus(20, np.random.default_rng(10), codes=100, told=0), "phone")
    low, high = jackknife_intervals(found)["ami"]
    assert low < 0 < high < 0.05
    rng = np.random.default_rng(0)
    frames_of = [np.flatnonzero(found.utterances == utterance) for utterance in range(20)]
    drawn = [np.concatenate([frames_of[number] for number in rng.integers(20, size=20)]) for _ in range(50)]
    amis = [unit_scores(confusion(found.codes[frames], found.labels[frames])).ami for frames in drawn]
    assert np.percentile(amis, 2.5) > 0.01


def test_intervals_of_names_from_elsewhere_are_over_utterances(monkeypatch):
    monkeypatch.setattr(intervals, "RESAMPLES", 200)
    rng = np.random.default_rng(11)
    units, learnt = corpus(20, rng), corpus(20, rng, prefix="t")
    found = agreement(units, "phone", learnt)
    for name in ("many_to_one_learnt", "many_to_one", "many_to_one_other_utterances"):
        low, high = found["intervals"][name]
        assert low < found[name] < high
    alike = [replace(units[0], utterance=replace(units[0].utterance, id=f"v{n}", speaker=f"s{n}")) for n in range(8)]
    low, high = agreement(alike, "phone", learnt)["intervals"]["many_to_one_learnt"]
    assert low == pytest.approx(high)  # utterances that do not differ: nothing is unsure


def test_utterances_that_are_learned_from_are_not_scored():
    utterances = [entry.utterance for entry in corpus(4, np.random.default_rng(12))]
    refuse_common(utterances[:2], utterances[2:])
    with pytest.raises(CorpusError, match="u1: is in the corpus to learn from and in the one to score, like 0 more"):
        refuse_common(utterances[:2], utterances[1:])
    with pytest.raises(CorpusError, match="again: is in the corpus"):
        refuse_common(utterances[:2], [replace(utterances[0], id="again")])
    refuse_common(utterances[:1], [replace(utterances[0], id="again", channel=1)])
