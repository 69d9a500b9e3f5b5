"""Fine-tuning: an encoder learns from the utterances that are labelled, begins where it should, and tells of others."""

import json

import numpy as np
import pytest
import torch
from probe_corpus import CORPUS, FRAMES, PHONE, saying
from tiny import make_corpus
from tiny import settings as tiny_settings
from torch import nn

from unitdisc.encoders.conv import ConvEncoder
from unitdisc.encoders.identity import Identity
from unitdisc.evaluation import intervals
from unitdisc.evaluation.probes import Corpus, FewLabels, LabelTask, ProbeOptions, SequenceTask, few_labels
from unitdisc.evaluation.probes import models as readers
from unitdisc.evaluation.probes.few import learner_scores
from unitdisc.inference import fine_tuning
from unitdisc.inference.fine_tuning import FineTuning

pytest_plugins = ["tiny_fixtures"]
PLAIN = ProbeOptions(controls=False)
SEQUENCES = {u.id: SequenceTask("phone").sequence(u) for u in CORPUS}


def features_of(utterance) -> np.ndarray:
    """Two frames for each of the encodings, which tell the phone."""
    rng = np.random.default_rng(int(utterance.id[1:]))
    signal = np.eye(4)[PHONE[utterance.id]].repeat(2, axis=0)
    return (signal + 0.1 * rng.standard_normal(signal.shape)).astype(np.float32)


def tuning(trained: bool = False, encoder: nn.Module | None = None) -> FineTuning:
    return FineTuning(lambda: encoder or ConvEncoder(4, dim=16), features_of, trained)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Of readers, whose figures are not looked at."""
    monkeypatch.setattr(readers, "ITERATIONS", 2)
    monkeypatch.setattr(intervals, "RESAMPLES", 10)


class Recording:
    """A learner that knows all and forgets every fifth frame, and the first phone; it keeps what it is shown."""

    def __init__(self):
        self.frames, self.sequences = [], []

    def learn_frames(self, labelled, classes, seed):
        assert classes == 3
        self.frames.append(labelled)
        return lambda utterance: np.where(np.arange(FRAMES) % 5, PHONE[utterance.id], -1)

    def learn_sequences(self, labelled, seed):
        self.sequences.append(labelled)
        return lambda utterance: SEQUENCES[utterance.id][1:]


def test_a_learner_is_shown_what_was_drawn_and_asked_of_the_others(tmp_path):
    learner, corpus = Recording(), Corpus({"point": saying(tmp_path, "phone")}, CORPUS)
    few = FewLabels((2, 500), 2)
    found = few_labels(corpus, {"labels": LabelTask()}, few, PLAIN, learners={"knowing": learner})["knowing"]
    assert [len(labelled) for labelled in learner.frames] == [2] * 3 * 2
    for labelled in learner.frames:
        for utterance, labels in labelled:
            assert labels.tolist() == [phone if phone < 3 else -1 for phone in PHONE[utterance.id]]
    wrong = sum((PHONE[u.id][::5] < 3).sum() for u in CORPUS) / sum((PHONE[u.id] < 3).sum() for u in CORPUS)
    assert found["labels"][0]["errors"] == pytest.approx([wrong, wrong])
    assert "only 20 utterances to learn from, not 500" in found["labels"][1]["why"]


def test_a_learner_of_sequences_is_shown_what_is_said(tmp_path):
    learner, point = Recording(), {"point": saying(tmp_path, "phone")}
    task = {"ctc-phone": SequenceTask("phone", unseen_speakers=False)}
    options = ProbeOptions(controls=False, labelled=3)
    scored, training = Corpus(point, CORPUS[6:]), Corpus(point, CORPUS[:6])
    score = learner_scores(learner, scored, task, options, training)["ctc-phone"]
    assert score == {"error_rate": 24 / sum(len(SEQUENCES[u.id]) for u in CORPUS[6:])}
    (labelled,) = learner.sequences
    assert len(labelled) == 3
    for utterance, said in labelled:
        assert utterance in CORPUS[:6]
        assert list(said) == SEQUENCES[utterance.id]


def test_labels_that_features_tell_are_learnt(monkeypatch):
    monkeypatch.setattr(fine_tuning, "STEPS", 80)
    monkeypatch.setattr(fine_tuning, "LEARNING_RATE", 1e-2)
    labelled = [(u, PHONE[u.id]) for u in CORPUS[:6]]
    tell = tuning().learn_frames(labelled, 4, seed=1)
    wrong = [np.mean(tell(u) != PHONE[u.id]) for u in CORPUS[6:10]]
    assert max(wrong) < 0.05


def test_sequences_that_features_tell_are_learnt(monkeypatch):
    monkeypatch.setattr(fine_tuning, "STEPS", 150)
    monkeypatch.setattr(fine_tuning, "LEARNING_RATE", 0.1)
    write = tuning(encoder=Identity(4)).learn_sequences([(u, SEQUENCES[u.id]) for u in CORPUS[:8]], seed=1)
    written = [write(u) for u in CORPUS[8:12]]
    assert written == [SEQUENCES[u.id] for u in CORPUS[8:12]]


def test_a_seed_covers_it_and_the_numbers_of_others_stay(monkeypatch):
    monkeypatch.setattr(fine_tuning, "STEPS", 4)
    labelled = [(u, np.where(PHONE[u.id] < 3, PHONE[u.id], -1)) for u in CORPUS[:9]]
    state, told = torch.get_rng_state(), []
    for seed in (1, 1, 2):
        learner = tuning()
        network = learner.learned([u for u, _ in labelled], 3, lambda logits, *_: logits.square().mean(), seed)
        told.append(network[1].weight.detach())
        torch.rand(seed)
    assert torch.equal(told[0], told[1]) and not torch.equal(told[0], told[2])
    torch.set_rng_state(state)
    learner.learn_frames(labelled, 3, 1)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("alone,moved", [(0.0, True), (1.0, False)])
def test_a_trained_encoder_waits_for_the_layer_behind_it(alone, moved, monkeypatch):
    monkeypatch.setattr(fine_tuning, "STEPS", 3)
    monkeypatch.setattr(fine_tuning, "LAYER_ALONE", alone)
    monkeypatch.setattr(fine_tuning, "DECAY", 0.0)
    encoder = ConvEncoder(4, dim=16)
    before = {name: weight.clone() for name, weight in encoder.state_dict().items()}
    for trained in (True, False):
        tuning(trained, encoder).learn_frames([(u, PHONE[u.id]) for u in CORPUS[:2]], 4, seed=1)
        after = encoder.state_dict()
        assert any(not torch.equal(before[name], after[name]) for name in before) == (moved or not trained)


def test_encodings_of_another_rate_are_refused(monkeypatch):
    monkeypatch.setattr(fine_tuning, "STEPS", 1)
    with pytest.raises(ValueError, match="u00 has 30 frames in the encodings, and the encoder makes 60; encode the"):
        tuning().learn_frames([(CORPUS[0], PHONE["u00"][:30])], 4, seed=0)


def test_the_command(tmp_path, unitdisc, monkeypatch):
    monkeypatch.setattr(fine_tuning, "STEPS", 4)
    corpus = make_corpus(tmp_path / "corpus")
    tiny = tiny_settings(training__steps=3)
    assert unitdisc("train", "small", corpus, tmp_path / "exp", *tiny, "--device", "cpu").code == 0
    assert unitdisc("encode", tmp_path / "exp", corpus, tmp_path / "enc", "--at", "encoder").code == 0
    few = [tmp_path / "enc/encoder", corpus, "--few", "1,3", "--draws", "1", "--device", "cpu"]
    said = unitdisc("probe", *few, "--fine-tune", tmp_path / "exp", "--output", tmp_path / "few.json")
    assert said.code == 0, said.err
    assert said.out.splitlines()[1].split() == ["labelled", "encoder", "fine-tuned", "from", "nothing"]
    told = json.loads((tmp_path / "few.json").read_text())
    assert [score["labelled"] for score in told["few"]["fine-tuned"]["labels"]] == [1, 3]
    assert told["settings"]["fine_tuning"]["steps"] == 4
    written = json.loads((tmp_path / "enc/encoder/encodings.json").read_text())
    (tmp_path / "enc/encoder/encodings.json").write_text(json.dumps(written | {"model": "another"}))
    refused = unitdisc("probe", *few, "--fine-tune", tmp_path / "exp")
    assert "encoder is not of this model; encode the corpus with it" in refused.err
    assert "--fine-tune" in unitdisc("probe", *few[:2], "--fine-tune", tmp_path / "exp").err
