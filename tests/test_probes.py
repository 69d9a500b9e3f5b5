"""Probes read what is there, do not read what is not, and say what a corpus cannot tell."""

import json
from dataclasses import replace

import numpy as np
import pytest
from probe_corpus import (
    CORPUS,
    FRAMES,
    PHONE,
    SPEAKERS,
    encode,
    noisy,
    saying,
    sounds,
)
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, r2_score

from unitdisc.corpus import Interval, Utterance
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.evaluation import UnscorableError, intervals
from unitdisc.evaluation.probes import (
    Corpus,
    GenderTask,
    LabelTask,
    ProbeOptions,
    ProbeScore,
    ReconstructionScore,
    ReconstructionTask,
    SpeakerTask,
    joined,
    probe,
    probe_points,
    probe_tasks,
    read_point,
    usual_tasks,
)
from unitdisc.evaluation.probes import cross_validation as reading
from unitdisc.evaluation.probes import models as readers
from unitdisc.evaluation.probes.cross_validation import Task, predictions
from unitdisc.evaluation.probes.points import PointFrames
from unitdisc.evaluation.probes.splits import folds_of
from unitdisc.evaluation.probes.tasks import nearest, time_averages

CLASSES: dict[str, Task] = {
    "phone": LabelTask(),
    "speaker": SpeakerTask(),
    "gender": GenderTask(),
    "speaker per frame": SpeakerTask(per_frame=True),
    "gender per frame": GenderTask(per_frame=True),
}
READERS = ("linear", "mlp")
PLAIN = ProbeOptions(controls=False)


def read(
    encodings: Encodings, task: Task, utterances: list[Utterance] = CORPUS, options: ProbeOptions = PLAIN
) -> ProbeScore | ReconstructionScore:
    return probe(task, read_point(encodings, utterances), options)


def folds(task: Task, point: PointFrames, seed: int = 0):
    items = task.items(point)
    return items, folds_of(items.split, items.targets, items.utterances, items.speakers, items.is_training, seed)


def told(task: str) -> str:
    """What encodings must say for a task."""
    return task.split()[0]


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """What little there is to learn here takes few steps; how sure the figures are is asked elsewhere."""
    monkeypatch.setattr(readers, "LEAST_STEPS", 50)
    monkeypatch.setattr(readers, "ITERATIONS", 10)
    monkeypatch.setattr(reading, "SHUFFLES", 1)
    monkeypatch.setattr(intervals, "RESAMPLES", 20)


@pytest.fixture
def half_learned(monkeypatch):
    """Readers that stop where whatever differs still shows, in batches of which the order matters."""
    monkeypatch.setattr(readers, "LEAST_STEPS", 4)
    monkeypatch.setattr(readers, "EPOCHS", 1)
    monkeypatch.setattr(readers, "BATCH", 32)
    monkeypatch.setattr(readers, "ITERATIONS", 2)


@pytest.fixture(scope="module")
def encodings(tmp_path_factory):
    """Encodings that say one thing, made once."""
    made = {}

    def get(what: str) -> Encodings:
        if what not in made:
            made[what] = saying(tmp_path_factory.mktemp("encodings"), what)
        return made[what]

    return get


# Every reader at every task


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("task", CLASSES)
def test_what_is_there_is_read(reader, task, encodings):
    score = read(encodings(told(task)), CLASSES[task], options=ProbeOptions(reader=reader))
    assert score.accuracy > 0.99
    assert score.balanced_accuracy > 0.99
    assert score.shuffled < score.majority + 0.25
    assert score.selectivity == score.accuracy - score.control
    assert score.selectivity > 0.3


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("task", CLASSES)
def test_what_is_not_there_is_guessed(reader, task, encodings):
    score = read(encodings("nothing"), CLASSES[task], options=replace(PLAIN, reader=reader))
    slack = 0.07 if score.items > 100 else 0.25
    assert score.accuracy < score.majority + slack
    assert score.balanced_accuracy < 1 / score.classes + slack


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("task", CLASSES)
def test_the_order_of_utterances_changes_nothing(reader, task, encodings, half_learned):
    options = replace(PLAIN, reader=reader)
    shuffled = [CORPUS[place] for place in np.random.default_rng(5).permutation(len(CORPUS))]
    scores = [read(encodings("phone"), CLASSES[task], utterances, options) for utterances in (CORPUS, shuffled)]
    assert scores[0] == scores[1]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("task", [*CLASSES, "mel"])
def test_a_seed_gives_the_same_scores_again(reader, task, encodings, tmp_path, half_learned):
    found = CLASSES.get(task) or ReconstructionTask(encode(tmp_path, sounds(), stride=50))
    options = ProbeOptions(reader=reader, training_frames=100, seed=3)
    assert read(encodings("phone"), found, options=options) == read(encodings("phone"), found, options=options)


def test_another_seed_learns_from_other_frames(tmp_path):
    weak = noisy(tmp_path, {u.id: np.eye(4)[PHONE[u.id]] * 0.1 for u in CORPUS})
    scores = [read(weak, LabelTask(), options=replace(PLAIN, training_frames=100, seed=s)).accuracy for s in (0, 1)]
    assert scores[0] != scores[1]


@pytest.mark.parametrize("task", CLASSES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_nothing_is_learned_from_that_is_scored(task, seed, encodings):
    items, found = folds(CLASSES[task], read_point(encodings("phone"), CORPUS), seed)
    assert sorted(np.concatenate([test for _, test in found])) == list(range(len(items.targets)))
    kept_apart = items.utterances if told(task) == "speaker" else items.speakers
    for train, test in found:
        assert len(train) and len(test)
        assert not set(kept_apart[train]) & set(kept_apart[test])


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("task", ["phone", "gender per frame"])
def test_a_constant_encoding_gives_the_majority_class(reader, task, tmp_path):
    most = {"phone": [Interval(0, 4000, "a"), Interval(4000, 6000, "b")]}
    corpus = [replace(u, alignment=most, gender="f" if u.speaker != "s5" else u.gender) for u in CORPUS]
    corpus = [replace(u, gender="m") if u.speaker == "s3" else u for u in corpus]
    constant = encode(tmp_path, {u.id: np.full((FRAMES, 4), 7.1) for u in CORPUS})
    score = read(constant, CLASSES[task], corpus, replace(PLAIN, reader=reader))
    assert score.accuracy == score.majority == pytest.approx(2 / 3, abs=1e-3)


# Figures against other tools


def test_figures_are_those_of_scikit_learn(tmp_path):
    point = read_point(noisy(tmp_path, {u.id: np.eye(4)[PHONE[u.id]] for u in CORPUS}, 0.7), CORPUS)
    items, found = folds(LabelTask(), point)
    names, labels = np.unique(items.targets, return_inverse=True)
    said = predictions(items, labels, len(names), found, PLAIN).read
    score = probe(LabelTask(), point, PLAIN)
    assert 0.5 < score.accuracy < 0.95
    assert score.accuracy == (said == labels).mean()
    assert score.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, said))
    assert score.confusion == {"labels": ["a", "b", "c"], "counts": confusion_matrix(labels, said).tolist()}
    counts = [pair[2] for pair in score.confused]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == (said != labels).sum()


def test_r2_and_mse_are_those_of_scikit_learn(tmp_path, encodings):
    mel = encode(tmp_path / "mel", sounds(), stride=50)
    heard = noisy(tmp_path / "heard", {name: frames[::2, :3] for name, frames in sounds().items()})
    point = read_point(heard, CORPUS)
    items, found = folds(ReconstructionTask(mel), point)
    said = predictions(items, items.targets, 5, found, PLAIN).read
    score = probe(ReconstructionTask(mel), point, PLAIN)
    assert score.r2 == pytest.approx(r2_score(items.targets, said, multioutput="variance_weighted"))
    assert score.mse == pytest.approx(np.square(items.targets - said).mean())
    assert 0.5 < score.r2 < 0.65  # three channels of five


# Labels


def test_phones_are_read_where_they_are_and_pauses_are_not_counted(encodings):
    score = read(encodings("phone"), LabelTask("phone"))
    labels = np.concatenate(list(PHONE.values()))
    spoken = labels[labels < 3]
    assert score.items == len(spoken)
    assert score.majority == np.bincount(spoken).max() / len(spoken)
    assert (score.classes, score.speakers, score.folds, score.utterances) == (3, SPEAKERS, 3, 30)


@pytest.mark.parametrize("what", ["speaker", "phone in a way of the speaker's own"])
def test_phones_are_not_read_where_other_speakers_do_not_share_them(what, encodings):
    score = read(encodings(what), LabelTask("phone"))
    assert score.accuracy < score.majority + 0.1


def test_any_tier_can_be_read(encodings):
    renamed = [replace(u, alignment={"tone": u.alignment["phone"]}) for u in CORPUS]
    assert read(encodings("phone"), LabelTask("tone"), renamed).accuracy > 0.99


def test_labels_nobody_was_trained_on_are_errors_and_counted(encodings):
    own = Interval(0, 6000, "only s0")
    corpus = [replace(u, alignment={"phone": [own]}) if u.speaker == "s0" else u for u in CORPUS]
    score = read(encodings("phone"), LabelTask(), corpus)
    assert score.unseen == 5 * FRAMES
    assert score.accuracy < 1 - score.unseen / score.items + 0.001


def test_the_control_task_asks_for_a_random_label_of_every_triphone(tmp_path, encodings):
    items = LabelTask().items(read_point(encodings("phone"), CORPUS))
    assert len(set(items.types)) > 27  # neighbours may be pauses, or nothing
    assert all(kind.split("\t")[1] == label for kind, label in zip(items.types, items.targets))
    by_heart = {kind: place for place, kind in enumerate(sorted(set(items.types)))}
    directions = np.random.default_rng(0).standard_normal((len(by_heart) + 1, 40))
    frames, place = {}, 0
    for u in CORPUS:
        spoken = PHONE[u.id] < 3
        index = np.full(FRAMES, len(by_heart))
        index[spoken] = [by_heart[kind] for kind in items.types[place : place + spoken.sum()]]
        frames[u.id], place = directions[index], place + spoken.sum()
    telling = read(encode(tmp_path, frames), LabelTask(), options=ProbeOptions(reader="mlp"))
    plain = read(encodings("phone"), LabelTask(), options=ProbeOptions(reader="mlp"))
    assert telling.accuracy > 0.95 < plain.accuracy
    assert telling.control > 0.9  # all types are told apart, hence any labels of them learned by heart
    assert plain.control < 0.6
    assert telling.selectivity < 0.1 < plain.selectivity


def test_training_on_shuffled_labels_tells_nothing(encodings):
    score = read(encodings("phone"), LabelTask(), options=ProbeOptions())
    assert score.accuracy > 0.99
    assert score.shuffled < score.majority + 0.1


# Context


def test_a_context_shows_the_neighbours_of_the_same_utterance(tmp_path):
    late = {u.id: np.eye(4)[np.roll(PHONE[u.id], 3)] for u in CORPUS}  # what is said three frames later, round the end
    late = noisy(tmp_path, late)
    accuracies = [read(late, LabelTask(), options=replace(PLAIN, context_frames=n)).accuracy for n in (1, 5, 7)]
    assert accuracies[0] < 0.6
    assert 0.6 < accuracies[1] < 0.85  # two frames on, two of the three frames of a label have begun
    shown = 1 - 3 / FRAMES  # but those whose label wraps around
    assert shown - 0.05 < accuracies[2] < shown + 0.04


@pytest.mark.parametrize("width", [1, 3, 5, 131])
def test_windows_repeat_the_edges_of_the_utterance(width, encodings):
    import torch

    from unitdisc.evaluation.probes.cross_validation import windows_of

    point = read_point(encodings("utterance"), CORPUS)
    items, found = folds(LabelTask(), point)
    windows = windows_of(items, torch.from_numpy(items.frames), found[0][0], width)
    chosen = np.arange(0, len(items.centre), 37)
    seen = windows.read(torch.from_numpy(chosen)).numpy().reshape(len(chosen), width, -1)
    trained = items.frames[items.centre[found[0][0]]].astype(np.float64)
    for item, window in zip(chosen, seen):
        own = point.frames[point.span(items.utterances[item])]
        inside = items.centre[item] - point.bounds[items.utterances[item]]
        padded = np.pad(own, [(width // 2, width // 2), (0, 0)], mode="edge")[inside : inside + width]
        np.testing.assert_allclose(window, (padded - trained.mean(0)) / trained.std(0), atol=1e-5)


def test_averages_have_no_context(encodings):
    scores = [read(encodings("gender"), GenderTask(), options=replace(PLAIN, context_frames=n)) for n in (1, 5)]
    assert scores[0].accuracy == scores[1].accuracy == 1


# Speakers and genders


def test_speakers_are_scored_by_utterance(encodings):
    score = read(encodings("speaker"), SpeakerTask())
    assert (score.accuracy, score.majority) == (1.0, 1 / SPEAKERS)
    assert (score.items, score.classes, score.speakers, score.folds) == (30, 6, 6, 5)
    framewise = read(encodings("speaker"), SpeakerTask(per_frame=True))
    assert (framewise.items, framewise.utterances) == (30 * FRAMES, 30)


@pytest.mark.parametrize("task", ["speaker", "speaker per frame"])
def test_speakers_are_not_read_where_utterances_do_not_share_them(task, encodings):
    assert read(encodings("utterance"), CLASSES[task]).accuracy < 0.4


def test_genders_are_scored_by_utterance(encodings):
    score = read(encodings("gender"), GenderTask())
    assert (score.accuracy, score.majority, score.items, score.classes, score.folds) == (1.0, 0.5, 30, 2, 3)


def test_genders_are_not_read_off_who_speaks(encodings):
    assert read(encodings("speaker"), GenderTask()).accuracy < 0.8


def test_speakers_heard_once_are_left_out(encodings):
    once = replace(CORPUS[0], speaker="once")
    assert read(encodings("speaker"), SpeakerTask(), [once, *CORPUS[1:]]).items == len(CORPUS) - 1


def test_unknown_genders_are_left_out(encodings):
    unknown = replace(CORPUS[0], gender=None)
    assert read(encodings("gender"), GenderTask(), [unknown, *CORPUS[1:]]).items == len(CORPUS) - 1


def test_utterances_are_read_off_the_mean_of_their_frames(tmp_path):
    encodings = saying(tmp_path, "phone")
    means = [np.load(tmp_path / f"{utterance.id}.npy").mean(0) for utterance in CORPUS]
    np.testing.assert_allclose(time_averages(read_point(encodings, CORPUS)), means, rtol=1e-5)


@pytest.mark.parametrize("task", ["phone", "gender", "gender per frame"])
def test_hidden_speakers_are_left_out(task, encodings):
    hidden = replace(CORPUS[0], speaker=None)
    scores = [read(encodings("phone"), CLASSES[task], utterances) for utterances in ([hidden, *CORPUS[1:]], CORPUS[1:])]
    assert scores[0].items == scores[1].items
    assert scores[0].accuracy == pytest.approx(scores[1].accuracy, abs=0.01)


# Sound


@pytest.mark.parametrize("reader", READERS)
def test_sound_is_read_where_it_is_and_not_elsewhere(reader, tmp_path):
    mel = encode(tmp_path / "mel", {name: 3 * frames - 8 for name, frames in sounds().items()}, stride=50)
    mixing = np.random.default_rng(4).standard_normal((5, 8))
    nearest_sounds = {name: frames[::2] @ mixing for name, frames in sounds().items()}
    late_sounds = {name: frames[1::2] @ mixing for name, frames in sounds().items()}
    options = ProbeOptions(reader=reader)
    heard = read(noisy(tmp_path / "heard", nearest_sounds), ReconstructionTask(mel), options=options)
    late = read(noisy(tmp_path / "late", late_sounds), ReconstructionTask(mel), options=options)
    assert heard.r2 > 0.9
    assert -0.25 < late.r2 < 0.05
    assert heard.shuffled < 0.05
    assert (heard.items, heard.speakers, heard.folds, heard.channels) == (FRAMES * len(CORPUS), SPEAKERS, 3, 5)


def test_loud_channels_of_the_sound_count_more(tmp_path):
    frames = sounds()
    scale = np.array([1, 1, 1, 1, 1e-3])  # the faint channel is not to be read
    mel = encode(tmp_path / "mel", {name: values * scale for name, values in frames.items()}, stride=50)
    heard = noisy(tmp_path / "heard", {name: values[::2, :4] for name, values in frames.items()})
    assert read(heard, ReconstructionTask(mel)).r2 > 0.95


def test_the_nearest_centre_is_the_nearest():
    rng = np.random.default_rng(0)
    centres = np.sort(rng.choice(200, 20, replace=False)) / 2
    ticks = rng.integers(-20, 220, 100) / 2
    assert nearest(centres, ticks).tolist() == [int(np.abs(centres - tick).argmin()) for tick in ticks]


# Balance


def test_balanced_training_serves_rare_classes(tmp_path):
    rare = {"phone": [Interval(0, 5700, "often"), Interval(5700, 6000, "rarely")]}
    corpus = [replace(u, alignment=rare) for u in CORPUS]
    signal = {u.id: np.where(np.arange(FRAMES) < 57, 0.0, 1.0)[:, None] for u in CORPUS}
    hard = noisy(tmp_path, signal, noise=1.0)
    plain, balanced = (read(hard, LabelTask(), corpus, replace(PLAIN, balanced=on)) for on in (False, True))
    assert plain.accuracy > 0.94 > balanced.accuracy
    assert plain.balanced_accuracy < 0.52
    assert balanced.balanced_accuracy == pytest.approx(0.69, abs=0.06)  # two normals one apart, halfway: Phi(1/2)


# Inputs


@pytest.mark.parametrize("reader", READERS)
def test_scale_and_offset_of_a_dimension_change_nothing(reader, tmp_path, encodings):
    plain = encodings("phone")
    scale = 2.0 ** -np.arange(8, 24)  # small enough for a penalty on weights to silence it
    scaled = encode(tmp_path, {entry.utterance: (entry.frames + 4) * scale for entry in plain})
    options = replace(PLAIN, reader=reader)
    assert read(scaled, LabelTask(), options=options).accuracy == read(plain, LabelTask(), options=options).accuracy


def test_mixing_dimensions_changes_hardly_anything(tmp_path):
    weak = {u.id: np.hstack([np.eye(4)[PHONE[u.id]], np.zeros((FRAMES, 4))]) for u in CORPUS}
    plain = noisy(tmp_path / "plain", weak, noise=0.7)
    mixing = np.random.default_rng(0).standard_normal((8, 8))
    mixed = encode(tmp_path / "mixed", {entry.utterance: entry.frames @ mixing for entry in plain})
    assert read(mixed, LabelTask()).accuracy == pytest.approx(read(plain, LabelTask()).accuracy, abs=0.01)


def test_more_frames_than_wanted_are_not_learned_from(encodings):
    assert read(encodings("phone"), LabelTask(), options=replace(PLAIN, training_frames=100)).training_items == 100
    everything = read(encodings("phone"), LabelTask(), options=replace(PLAIN, training_frames=0))
    assert everything.training_items > 0.6 * everything.items


# Two corpora


def halves() -> tuple[list[Utterance], list[Utterance]]:
    """Two corpora of three speakers each."""
    return [u for u in CORPUS if u.speaker < "s3"], [u for u in CORPUS if u.speaker >= "s3"]


@pytest.mark.parametrize("task", ["phone", "gender", "gender per frame"])
def test_one_corpus_is_learned_from_and_another_scored(task, encodings):
    first, second = (read_point(encodings(told(task)), half) for half in halves())
    score = probe(CLASSES[task], joined(first, second), ProbeOptions())
    assert score.accuracy > 0.99
    assert (score.folds, score.utterances) == (1, len(second))


def test_speakers_of_the_corpus_that_is_scored_are_not_learned_from(encodings):
    first, second = halves()
    point = joined(read_point(encodings("phone"), first + second), read_point(encodings("phone"), second))
    _, ((train, test),) = folds(LabelTask(), point)
    items = LabelTask().items(point)
    assert set(items.speakers[train]) == {u.speaker for u in first}
    assert set(items.speakers[test]) == {u.speaker for u in second}
    same = joined(read_point(encodings("phone"), second), read_point(encodings("phone"), second))
    with pytest.raises(UnscorableError, match="by speakers that are not in the other"):
        probe(LabelTask(), same, PLAIN)


def test_speakers_are_told_on_another_corpus_of_theirs(encodings):
    first, second = CORPUS[:12], CORPUS[12:]
    point = joined(*(read_point(encodings("speaker"), half) for half in (first, second)))
    assert probe(SpeakerTask(), point, PLAIN).accuracy == 1
    with pytest.raises(UnscorableError, match="in both corpora"):
        probe(SpeakerTask(), joined(*(read_point(encodings("speaker"), half) for half in halves())), PLAIN)


def test_sound_of_another_corpus_is_reconstructed(tmp_path):
    mel = encode(tmp_path / "mel", sounds(), stride=50)
    heard = noisy(tmp_path / "heard", {name: frames[::2] for name, frames in sounds().items()})
    first, second = halves()
    scores = probe_tasks(
        Corpus({"mfcc": heard}, second), {"mel": ReconstructionTask(mel, mel)}, PLAIN, Corpus({"mfcc": heard}, first)
    )
    assert scores["mfcc"]["mel"]["r2"] > 0.95
    assert scores["mfcc"]["mel"]["folds"] == 1


def test_what_is_scored_is_not_learned_from(encodings):
    """Even where the corpus to learn from holds all of it, and its speakers may be learned from."""
    first, second = halves()
    points, task = {"bottleneck": encodings("phone")}, {"labels": LabelTask(unseen_speakers=False)}
    scores = [
        probe_tasks(Corpus(points, second), task, PLAIN, Corpus(points, learned)) for learned in (first, first + second)
    ]
    assert scores[0] == scores[1] and scores[0]["bottleneck"]["labels"]["items"] > 0
    alone = probe_tasks(Corpus(points, second), task, PLAIN, Corpus(points, second))
    assert "all of the corpus to learn from is in the one to score" in alone["bottleneck"]["labels"]["why"]


def test_hidden_speakers_of_another_corpus_are_scored(encodings):
    first, second = halves()
    hidden = [replace(u, speaker=None) for u in second]
    point = joined(read_point(encodings("phone"), first), read_point(encodings("phone"), hidden))
    score = probe(LabelTask(), point, PLAIN)
    assert score.accuracy > 0.99
    assert score.speakers == 0
    assert list(score.intervals) == ["utterances"]


def test_two_corpora_of_other_dimensions_do_not_fit(tmp_path, encodings):
    small = encode(tmp_path, {u.id: np.ones((FRAMES, 3)) for u in CORPUS})
    with pytest.raises(EncodingsError, match=r"have 3 dimensions, but those to learn from.*have 16; encode both"):
        joined(read_point(encodings("phone"), CORPUS), read_point(small, CORPUS))


# What goes wrong


def test_every_point_has_every_probe(encodings):
    points = {"encoder": encodings("speaker"), "bottleneck": encodings("phone")}
    told = []
    scores = probe_points(points, CORPUS, None, progress=lambda *step: told.append(step))
    assert scores["encoder"]["speaker"]["accuracy"] > 0.9 > scores["bottleneck"]["speaker"]["accuracy"]
    assert scores["bottleneck"]["labels"]["accuracy"] > 0.9 > scores["encoder"]["labels"]["accuracy"]
    assert scores["encoder"]["mel"] == {"r2": None, "why": "no log-mel frames to reconstruct were given"}
    assert [done for done, _, _ in told] == list(range(8))
    assert {jobs for _, jobs, _ in told} == {8}
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


@pytest.mark.parametrize(
    "change,probe,why",
    [
        ({"speaker": None}, "labels", "two known speakers"),
        ({"speaker": "s"}, "labels", "two known speakers"),
        ({"alignment": {}}, "labels", "no utterance has labels in tier 'phone'"),
        ({"alignment": {"phone": [Interval(0, 6000, "SIL")]}}, "labels", "no utterance has labels in tier 'phone'"),
        ({"alignment": {"phone": [Interval(0, 6000, "a")]}}, "labels", "only 'a'"),
        ({"speaker": None}, "speaker", "two speakers"),
        ({"speaker": "s"}, "speaker", "two speakers"),
        ({"gender": None}, "gender", "two speakers of each gender"),
        ({"gender": "f"}, "gender", "two speakers of each gender"),
        ({"speaker": None}, "mel", "two known speakers"),
    ],
)
def test_what_a_corpus_cannot_tell_is_said(change, probe, why, encodings):
    point = encodings("phone")
    changed = [replace(utterance, **change) for utterance in CORPUS]
    task = {probe: usual_tasks(changed, "phone", point)[probe]}
    score = probe_tasks(Corpus({"bottleneck": point}, changed), task, PLAIN)["bottleneck"][probe]
    assert score["r2" if probe == "mel" else "accuracy"] is None
    assert why in score["why"]


def test_missing_and_broken_encodings_are_named(tmp_path):
    encodings = saying(tmp_path, "phone")
    with pytest.raises(EncodingsError, match=r"elsewhere.npy: no such encoding"):
        read_point(encodings, [*CORPUS, replace(CORPUS[0], id="elsewhere")])
    np.save(tmp_path / "u03.npy", np.full((FRAMES, 16), np.nan))
    with pytest.raises(EncodingsError, match=r"u03.npy: has values that are not numbers"):
        read_point(encodings, CORPUS)
    np.save(tmp_path / "u03.npy", np.ones((FRAMES, 5)))
    with pytest.raises(EncodingsError, match=r"frames have \[5, 16\] dimensions"):
        read_point(encodings, CORPUS)


def test_sound_of_another_corpus_is_named(tmp_path, encodings):
    some = encode(tmp_path, {name: frames for name, frames in sounds().items() if name != "u07"}, stride=50)
    with pytest.raises(EncodingsError, match=r"u07.npy: no such encoding"):
        read(encodings("phone"), ReconstructionTask(some))


def test_sound_that_never_changes_cannot_be_reconstructed(tmp_path, encodings):
    flat = encode(tmp_path, {u.id: np.ones((2 * FRAMES, 5)) for u in CORPUS}, stride=50)
    with pytest.raises(UnscorableError, match="all the same"):
        read(encodings("phone"), ReconstructionTask(flat))


def test_nothing_at_all_is_unscorable(encodings):
    with pytest.raises(UnscorableError, match="not a single frame of 0 utterances"):
        read_point(encodings("phone"), [])


def test_utterances_without_frames_are_no_obstacle(tmp_path):
    frames = {entry.utterance: entry.frames for entry in saying(tmp_path, "phone")}
    empty = encode(tmp_path, frames | {"u04": np.zeros((0, 16))})
    scores = [read(empty, CLASSES[task]) for task in CLASSES]
    assert scores[0].accuracy > 0.99
    assert scores[0].utterances == len(CORPUS) - 1


@pytest.mark.parametrize(
    "wrong,message",
    [
        ({"reader": "deep"}, "the readers are"),
        ({"context_frames": 4}, "give an odd number"),
        ({"context_frames": -1}, "give an odd number"),
        ({"training_frames": -1}, "give 0 for all"),
        ({"seed": -1}, "give 0 or more"),
    ],
)
def test_options_that_cannot_be_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        ProbeOptions(**wrong)


# What does not mean what it seems to


@pytest.mark.parametrize("task", ["speaker", "speaker per frame"])
def test_a_speaker_whose_mean_was_removed_is_read_below_chance_and_that_is_said(tmp_path, task):
    rng = np.random.default_rng(4)
    voices = {name: rng.standard_normal(8) for name in {u.speaker for u in CORPUS}}
    frames = {u.id: voices[u.speaker] + rng.standard_normal((FRAMES, 8)) + rng.standard_normal(8) for u in CORPUS}
    means = {name: np.concatenate([frames[u.id] for u in CORPUS if u.speaker == name]).mean(0) for name in voices}
    removed = {u.id: frames[u.id] - means[u.speaker] for u in CORPUS}
    told, misled = (
        read(encode(tmp_path / name, each), CLASSES[task]) for name, each in (("there", frames), ("removed", removed))
    )
    assert told.accuracy > 0.4
    assert told.warning is None
    assert misled.accuracy < 1 / SPEAKERS / 2
    assert misled.warning.startswith("all speakers have the same mean frame")
    almost = {u.id: removed[u.id] + 0.05 * voices[u.speaker] for u in CORPUS}
    found = read(encode(tmp_path / "almost", almost), CLASSES[task])
    assert found.warning.startswith("speakers are told less well than by chance")


def test_nothing_is_warned_of_where_nothing_was_removed(encodings):
    for what in ("speaker", "phone", "nothing", "utterance"):
        assert read(encodings(what), SpeakerTask()).warning is None
    assert read(encodings("phone"), LabelTask()).warning is None


def test_the_warning_stands_below_the_table(tmp_path):
    from unitdisc.commands.probe import lines

    score = {"accuracy": 0.0, "intervals": {}, "items": 30, "warning": "no evidence"}
    assert [*lines({"speaker": score, "gender": {"why": "unknown"}})][-1] == "speaker: no evidence"
