"""CTC probes write what is said, and their error rates are edit distances summed over a corpus."""

from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from probe_corpus import CORPUS, FRAMES, PHONE, encode, noisy

from unitdisc.corpus import Interval
from unitdisc.encodings import Encodings
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.probes import ProbeOptions, joined, read_point, sequences
from unitdisc.evaluation.probes.sequences import edit_counts, least_frames, sequence_probe

PLAIN = ProbeOptions(controls=False)
SequenceTask = partial(sequences.SequenceTask, epochs=1)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """What little there is to learn here takes few steps, if they are large."""
    monkeypatch.setattr(sequences, "LEAST_STEPS", 100)
    monkeypatch.setattr(sequences, "LEARNING_RATE", 0.03)


@pytest.fixture
def half_learned(monkeypatch):
    """Readers that stop where whatever differs still shows."""
    monkeypatch.setattr(sequences, "LEAST_STEPS", 20)


def plain(folder: Path) -> Encodings:
    """Encodings that tell the phone, with nothing around it that could be learned by heart."""
    return noisy(folder, {u.id: np.eye(4)[PHONE[u.id]] for u in CORPUS}, noise=0.02)


@pytest.fixture(scope="module")
def point(tmp_path_factory):
    return read_point(plain(tmp_path_factory.mktemp("encodings")), CORPUS)


@pytest.mark.parametrize("reader", ["linear", "mlp", "conv"])
def test_phones_that_are_there_are_written(reader, point):
    score = sequence_probe(SequenceTask("phone", reader), point, PLAIN)
    assert score.error_rate < 0.1
    assert score.error_rate == (score.substitutions + score.deletions + score.insertions) / score.labels
    low, high = score.intervals["utterances"]
    assert low <= score.error_rate <= high
    assert (score.items, score.classes, score.speakers, score.folds, score.too_short) == (30, 3, 6, 3, 0)


def test_characters_of_the_text_are_written(tmp_path):
    spoken = [replace(u, text="ab ab  ba" if place % 2 else " ba ab") for place, u in enumerate(CORPUS)]
    index = {u.id: ["ab ".index(letter) for letter in " ".join(u.text.split())] for u in spoken}
    frames = {
        name: np.eye(4)[[3, *(each for code in codes for each in (code, code, 3))]] for name, codes in index.items()
    }
    score = sequence_probe(SequenceTask(None, "conv"), read_point(encode(tmp_path, frames), spoken), PLAIN)
    assert score.error_rate < 0.02
    assert score.classes == 3
    assert score.examples[0][1] == "ba ab"


def test_sequences_of_others_teach_nothing(point):
    score = sequence_probe(SequenceTask("phone", "mlp"), point, ProbeOptions())
    assert score.error_rate < 0.1 < 0.5 < score.shuffled


def test_a_seed_gives_the_same_scores_again_whatever_the_order(point, tmp_path, half_learned):
    again = read_point(plain(tmp_path), CORPUS[::-1])
    first, second = (sequence_probe(SequenceTask(reader="linear"), each, PLAIN) for each in (point, again))
    assert first == second


def test_pauses_are_left_out_and_labels_that_last_count_once():
    intervals = [Interval(10 * i, 10 * i + 10, label) for i, label in enumerate(["SIL", "a", "a", "SIL", "a", "b"])]
    assert SequenceTask("phone").sequence(replace(CORPUS[0], alignment={"phone": intervals})) == ["a", "a", "b"]
    assert SequenceTask(None).sequence(replace(CORPUS[0], text=" no  way\n")) == list("no way")


def brute_force(reference: tuple, written: tuple) -> int:
    """The edit distance by its recursive definition."""
    table = np.zeros((len(reference) + 1, len(written) + 1), int)
    table[:, 0], table[0] = np.arange(len(reference) + 1), np.arange(len(written) + 1)
    for i, one in enumerate(reference, start=1):
        for j, other in enumerate(written, start=1):
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (one != other))
    return int(table[-1, -1])


def test_edits_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    for _ in range(300):
        reference, written = (tuple(rng.choice(["a", "bb", "c d"], rng.integers(0, 8))) for _ in range(2))
        substitutions, deletions, insertions = edit_counts(reference, written)
        assert substitutions + deletions + insertions == brute_force(reference, written)
        assert len(written) - len(reference) == insertions - deletions


def test_error_rates_are_those_of_jiwer():
    jiwer = pytest.importorskip("jiwer")
    rng = np.random.default_rng(1)
    pairs = [tuple(rng.choice(list("abc"), rng.integers(1, 9)) for _ in range(2)) for _ in range(50)]
    edits = sum(sum(edit_counts(list(reference), list(written))) for reference, written in pairs)
    theirs = jiwer.wer(*([" ".join(side) for side in sides] for sides in zip(*pairs)))
    assert edits / sum(len(reference) for reference, _ in pairs) == pytest.approx(theirs)


def test_least_frames_are_what_ctc_takes():
    import torch

    rng = np.random.default_rng(2)
    for _ in range(50):
        sequence = rng.choice(["a", "b"], rng.integers(2, 6)).tolist()
        codes = torch.tensor([1 + "ab".index(label) for label in sequence])
        costs = [
            torch.nn.functional.ctc_loss(
                torch.zeros(frames, 1, 3).log_softmax(-1),
                codes[None],
                torch.tensor([frames]),
                torch.tensor([len(codes)]),
            ).isfinite()
            for frames in (least_frames(sequence) - 1, least_frames(sequence))
        ]
        assert costs == [False, True]


def test_too_few_frames_for_the_labels_are_counted_but_scored(tmp_path, half_learned):
    frames = {u.id: np.eye(4)[PHONE[u.id]] for u in CORPUS}
    short = encode(tmp_path / "some", frames | {"u03": frames["u03"][:2], "u04": frames["u04"][:0]})
    score = sequence_probe(SequenceTask("phone", "linear"), read_point(short, CORPUS), PLAIN)
    assert (score.too_short, score.items) == (2, 30)
    assert score.deletions >= least_runs("u03") - 2
    none = encode(tmp_path / "none", {u.id: np.ones((1, 3)) for u in CORPUS})
    with pytest.raises(
        UnscorableError, match=r"u\d\d.npy: 1 frames cannot spell its \d+ labels.*more frames per second"
    ):
        sequence_probe(SequenceTask(), read_point(none, CORPUS), PLAIN)


def least_runs(utterance: str) -> int:
    labels = PHONE[utterance].tolist()
    return 1 + sum(one != other for one, other in pairwise(labels)) - FRAMES // 3


def test_padding_is_never_read(point, half_learned):
    """An utterance alone is written as beside a longer one."""
    import torch

    task, targets = SequenceTask(reader="conv"), np.array([("a",)] * 30, object)
    reader = sequences.CtcReader(task, point, np.arange(8), targets, PLAIN)
    short = replace(point, bounds=np.array([0, 20, *point.bounds[2:]]))
    reader.point = short
    alone, beside = reader.read(np.array([0])), reader.read(np.array([0, 5]))
    torch.testing.assert_close(alone[0], beside[0, :20])


@pytest.mark.parametrize(
    "task,change,why",
    [
        (SequenceTask("tone"), {}, "no utterance has labels in tier 'tone'"),
        (SequenceTask(None), {"text": None}, "no utterance has a text"),
        (SequenceTask(None), {"text": " \n"}, "no utterance has a text"),
        (SequenceTask("phone"), {"speaker": None}, "two known speakers"),
        (SequenceTask("phone"), {"speaker": "s"}, "two known speakers"),
    ],
)
def test_what_a_corpus_cannot_tell_is_said(task, change, why, point):
    changed = replace(point, utterances=tuple(replace(u, **change) for u in point.utterances))
    with pytest.raises(UnscorableError, match=why):
        sequence_probe(task, changed, PLAIN)


def test_readers_that_there_are_none_of_are_named():
    with pytest.raises(ValueError, match="its readers are"):
        SequenceTask("phone", "deep")


def test_one_corpus_is_learned_from_and_another_scored(tmp_path):
    encodings = plain(tmp_path)
    first, second = ([u for u in CORPUS if (u.speaker < "s3") == side] for side in (True, False))
    score = sequence_probe(SequenceTask(), joined(*(read_point(encodings, half) for half in (first, second))), PLAIN)
    assert score.error_rate < 0.1
    assert (score.items, score.folds) == (len(second), 1)
