"""Errors against how many utterances are labelled: readers learn from those that were drawn, and from no others."""

import json
from itertools import pairwise

import numpy as np
import pytest
from probe_corpus import CORPUS, saying
from tiny import make_corpus

from unitdisc.api.encode import features as write_features
from unitdisc.api.probe import ProbeTasks
from unitdisc.api.probe import probe as probe_verb
from unitdisc.data.features import features_of_kind
from unitdisc.evaluation import UnscorableError, intervals
from unitdisc.evaluation.probes import (
    Corpus,
    FewLabels,
    LabelTask,
    ProbeOptions,
    SequenceTask,
    few_labels,
    joined,
    probe,
    read_point,
)
from unitdisc.evaluation.probes import models as readers
from unitdisc.evaluation.probes import sequences as transcribing
from unitdisc.evaluation.probes.splits import labelled_alone

pytest_plugins = ["tiny_fixtures"]
PLAIN = ProbeOptions(controls=False)
TEST = [utterance for utterance in CORPUS if utterance.speaker in ("s0", "s1")]
TRAINING = [utterance for utterance in CORPUS if utterance not in TEST]


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Neither the last digit nor the intervals are looked at."""
    monkeypatch.setattr(readers, "ITERATIONS", 8)
    monkeypatch.setattr(intervals, "RESAMPLES", 10)


def test_so_many_utterances_of_every_fold_are_learned_from():
    utterances = np.repeat(np.arange(12), 5)
    folds = [(np.flatnonzero(utterances % 3 != part), np.flatnonzero(utterances % 3 == part)) for part in range(3)]
    assert labelled_alone(folds, utterances, 0, [0, 0]) is not None
    for draw in range(4):
        found = [labelled_alone(folds, utterances, labelled, [7, draw]) for labelled in (1, 3, 8)]
        for labelled, some in zip((1, 3, 8), found):
            for (train, test), (all_of_it, same) in zip(some, folds):
                assert len(np.unique(utterances[train])) == labelled
                assert train.tolist() == [item for item in all_of_it if utterances[item] in utterances[train]]
                assert test.tolist() == same.tolist()
        for fewer, more in pairwise(found):
            assert all({*few[0].tolist()} <= {*many[0].tolist()} for few, many in zip(fewer, more))
    draws = {tuple(labelled_alone(folds, utterances, 3, [7, draw])[0][0].tolist()) for draw in range(8)}
    assert len(draws) > 4
    with pytest.raises(UnscorableError, match="there are only 8 utterances to learn from, not 9"):
        labelled_alone(folds, utterances, 9, [0, 0])


def test_what_is_learned_is_that_of_a_corpus_of_those_alone(tmp_path):
    """A reader of the drawn utterances, given as a corpus of their own."""
    encodings = saying(tmp_path, "phone in a way of the speaker's own")
    corpora = [Corpus({"point": encodings}, some) for some in (TEST, TRAINING)]
    found = few_labels(corpora[0], {"labels": LabelTask()}, FewLabels((4,), 2), PLAIN, corpora[1])
    training, test = (read_point(encodings, some) for some in (TRAINING, TEST))
    for draw, error in enumerate(found["point"]["labels"][0]["errors"]):
        places = np.arange(len(TRAINING))
        ((chosen, _),) = labelled_alone([(places, places)], places, 4, [0, draw])
        alone = read_point(encodings, [training.utterances[place] for place in chosen])
        assert error == 1 - probe(LabelTask(), joined(alone, test), PLAIN).accuracy


def test_more_labels_tell_more_and_all_of_them_what_a_probe_tells(tmp_path):
    encodings = saying(tmp_path / "telling", "phone in a way of the speaker's own")
    points = {"telling": encodings, "baseline": saying(tmp_path / "nothing", "nothing")}
    task = LabelTask(unseen_speakers=False)
    found = few_labels(Corpus(points, CORPUS), {"labels": task}, FewLabels((1, 5, 20), 2), PLAIN)
    telling = found["telling"]["labels"]
    assert [score["labelled"] for score in telling] == [1, 5, 20]
    assert telling[0]["error"] > telling[1]["error"] > telling[2]["error"]
    all_of_it = 1 - probe(task, read_point(encodings, CORPUS), PLAIN).accuracy
    assert telling[2]["errors"] == [all_of_it, all_of_it]
    assert telling[0]["error"] == np.mean(telling[0]["errors"])
    assert telling[0]["deviation"] == np.std(telling[0]["errors"])
    assert found["baseline"]["labels"][2]["error"] > 0.5
    again = few_labels(Corpus(points, CORPUS), {"labels": task}, FewLabels((5,), 2), PLAIN)
    assert again["telling"]["labels"] == telling[1:2]


def test_more_than_there_are_is_said_and_the_others_stand(tmp_path):
    corpus = Corpus({"point": saying(tmp_path, "phone")}, CORPUS)
    some, none = few_labels(corpus, {"labels": LabelTask()}, FewLabels((2, 500), 1), PLAIN)["point"]["labels"]
    assert some["error"] < 0.2
    assert none == {"labelled": 500, "why": "there are only 20 utterances to learn from, not 500"}


def test_sequences_are_learned_from_those_that_were_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(transcribing, "LEAST_STEPS", 60)
    learned = []
    reader = transcribing.CtcReader

    def spied(task, point, train, *rest):
        learned.append(train)
        return reader(task, point, train, *rest)

    monkeypatch.setattr(transcribing, "CtcReader", spied)
    corpus = Corpus({"point": saying(tmp_path, "phone")}, CORPUS)
    task = SequenceTask("phone", "linear", epochs=1)
    (found,) = few_labels(corpus, {"ctc-phone": task}, FewLabels((2,), 1), PLAIN)["point"]["ctc-phone"]
    assert [len(train) for train in learned] == [2, 2, 2]
    assert 0 <= found["error"] == found["errors"][0]


@pytest.mark.parametrize(
    "numbers,draws,match",
    [((), 3, r"`few` \[\]: give numbers"), ((0, 1), 3, "of 1 or more"), ((1,), 0, "`draws` must be 1 or more, not 0")],
)
def test_what_cannot_be_drawn_is_refused(numbers, draws, match):
    with pytest.raises(ValueError, match=match):
        FewLabels(numbers, draws)


def test_the_command(tmp_path, unitdisc):
    corpus = make_corpus(tmp_path / "corpus")
    for kind in ("mfcc", "log-mel"):
        write_features(corpus, tmp_path / kind, features_of_kind(kind))
    arguments = [tmp_path / "mfcc", corpus, "--few", "1,3", "--draws", "2", "--device", "cpu"]
    said = unitdisc("probe", *arguments, "--baseline", tmp_path / "log-mel", "--output", tmp_path / "few.json")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()] == ["labels:", "labelled", "1", "3"]
    told = json.loads((tmp_path / "few.json").read_text())
    assert {*told["few"]} == {"mfcc", "baseline"}
    assert len(told["few"]["mfcc"]["labels"][1]["errors"]) == told["settings"]["draws"] == 2
    train = ["--train-encodings", tmp_path / "mfcc", "--train-corpus", corpus]
    assert "--train-baseline" in unitdisc("probe", *arguments, *train, "--baseline", tmp_path / "log-mel").err
    assert "--few 'x': give whole numbers" in unitdisc("probe", *arguments[:2], "--few", "x").err
    with pytest.raises(ValueError, match=r"`few` is for tasks of labels, .* not \['speaker'\]"):
        probe_verb(tmp_path / "mfcc", corpus, ProbeTasks(("speaker",)), few=FewLabels())
    with pytest.raises(ValueError, match="`baseline` is compared with where labels are few"):
        probe_verb(tmp_path / "mfcc", corpus, baseline=tmp_path / "log-mel")
