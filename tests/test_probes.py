"""Probes read what is there, do not read what is not, and say what a corpus cannot tell."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import Interval, Utterance
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.evaluation import UnscorableError, probes
from unitdisc.evaluation.probes import (
    gender_probe,
    mel_probe,
    nearest,
    phone_probe,
    probe_points,
    speaker_probe,
    time_averages,
)

PHONES = ("a", "b", "c", "SIL")
SPEAKERS = 6
EACH = 5  # utterances of each speaker


def corpus() -> list[Utterance]:
    """Thirty utterances of twenty intervals of three frames each, stride 100."""
    rng = np.random.default_rng(0)
    utterances = []
    for number in range(SPEAKERS * EACH):
        labels = rng.choice(PHONES, 20)
        intervals = [Interval(300 * i, 300 * (i + 1), str(label)) for i, label in enumerate(labels)]
        speaker = number % SPEAKERS
        utterances.append(
            Utterance(
                f"u{number:02}",
                "x.wav",
                f"s{speaker}",
                6000,
                16000,
                gender="fm"[speaker % 2],
                alignment={"phone": intervals},
            )
        )
    return utterances


CORPUS = corpus()
FRAMES = 60
PHONE = {u.id: np.repeat([PHONES.index(i.label) for i in u.alignment["phone"]], 3) for u in CORPUS}
SPEAKER = {u.id: int(u.speaker[1:]) for u in CORPUS}


def encode(folder: Path, frames: dict[str, np.ndarray], stride: int = 100) -> Encodings:
    folder.mkdir(parents=True, exist_ok=True)
    for utterance, values in frames.items():
        np.save(folder / f"{utterance}.npy", values.astype(np.float32))
    (folder / "encodings.json").write_text(json.dumps({"stride": stride, "offset": stride / 2}))
    return Encodings.open(folder)


def noisy(folder: Path, signal: dict[str, np.ndarray]) -> Encodings:
    rng = np.random.default_rng(1)
    return encode(folder, {name: values + 0.1 * rng.standard_normal(values.shape) for name, values in signal.items()})


def saying(folder: Path, what: str) -> Encodings:
    """Encodings that tell one thing alone, as directions in space."""
    directions = np.random.default_rng(2).standard_normal((1000, 16))
    index = {
        "phone": lambda u: PHONE[u],
        "speaker": lambda u: np.full(FRAMES, SPEAKER[u]),
        "gender": lambda u: np.full(FRAMES, SPEAKER[u] % 2),
        "utterance": lambda u: np.full(FRAMES, 100 + int(u[1:])),
        "phone in a way of the speaker's own": lambda u: 200 + 10 * SPEAKER[u] + PHONE[u],
        "nothing": lambda u: np.zeros(FRAMES, int),
    }[what]
    return noisy(folder, {u.id: directions[index(u.id)] for u in CORPUS})


def test_phones_are_read_where_they_are_and_pauses_are_not_counted(tmp_path):
    score = phone_probe(saying(tmp_path, "phone"), CORPUS, "phone")
    labels = np.concatenate(list(PHONE.values()))
    spoken = labels[labels < 3]
    assert score.accuracy > 0.99
    assert score.items == len(spoken)
    assert score.majority == np.bincount(spoken).max() / len(spoken)
    assert (score.classes, score.speakers, score.folds) == (3, SPEAKERS, 3)


@pytest.mark.parametrize("what", ["nothing", "speaker", "phone in a way of the speaker's own"])
def test_phones_are_not_read_where_other_speakers_do_not_share_them(what, tmp_path):
    score = phone_probe(saying(tmp_path, what), CORPUS, "phone")
    assert score.accuracy < score.majority + 0.1


def test_speakers_are_read_where_they_are(tmp_path):
    score = speaker_probe(saying(tmp_path, "speaker"), CORPUS)
    assert (score.accuracy, score.majority) == (1.0, 1 / SPEAKERS)
    assert (score.items, score.classes, score.speakers, score.folds) == (30, 6, 6, 5)


@pytest.mark.parametrize("what", ["nothing", "utterance"])
def test_speakers_are_not_read_where_utterances_do_not_share_them(what, tmp_path):
    assert speaker_probe(saying(tmp_path, what), CORPUS).accuracy < 0.4


def test_genders_are_read_where_they_are(tmp_path):
    score = gender_probe(saying(tmp_path, "gender"), CORPUS)
    assert (score.accuracy, score.majority, score.items, score.classes, score.folds) == (1.0, 0.5, 30, 2, 3)


def test_genders_are_not_read_off_who_speaks(tmp_path):
    assert gender_probe(saying(tmp_path, "speaker"), CORPUS).accuracy < 0.8


def sounds() -> dict[str, np.ndarray]:
    """Frames at twice the rate of the encodings, hence two for each; frames 2t and 2t + 1 are as near."""
    rng = np.random.default_rng(3)
    return {u.id: rng.standard_normal((2 * FRAMES, 5)) for u in CORPUS}


def test_sound_is_read_where_it_is_and_not_elsewhere(tmp_path):
    mel = encode(tmp_path / "mel", sounds(), stride=50)
    mixing = np.random.default_rng(4).standard_normal((5, 8))
    nearest_sounds = {name: frames[::2] @ mixing for name, frames in sounds().items()}
    late_sounds = {name: frames[1::2] @ mixing for name, frames in sounds().items()}
    heard = mel_probe(noisy(tmp_path / "heard", nearest_sounds), CORPUS, mel)
    late = mel_probe(noisy(tmp_path / "late", late_sounds), CORPUS, mel)
    assert heard.r2 > 0.95
    assert abs(late.r2) < 0.05
    assert (heard.items, heard.speakers, heard.folds) == (FRAMES * len(CORPUS), SPEAKERS, 3)


def test_the_nearest_centre_is_the_nearest():
    rng = np.random.default_rng(0)
    centres = np.sort(rng.choice(200, 20, replace=False)) / 2
    ticks = rng.integers(-20, 220, 100) / 2
    assert nearest(centres, ticks).tolist() == [int(np.abs(centres - tick).argmin()) for tick in ticks]


def test_scale_and_offset_of_a_dimension_change_nothing(tmp_path):
    plain = saying(tmp_path / "plain", "phone")
    scale = 2.0 ** -np.arange(8, 24)  # small enough for a penalty on weights to silence it
    scaled = encode(tmp_path / "scaled", {entry.utterance: (entry.frames + 4) * scale for entry in plain})
    assert phone_probe(scaled, CORPUS, "phone").accuracy == phone_probe(plain, CORPUS, "phone").accuracy


def test_a_seed_gives_the_same_scores_again(tmp_path, monkeypatch):
    monkeypatch.setattr(probes, "TRAINING_FRAMES", 100)
    encodings = noisy(tmp_path, {u.id: np.eye(4)[PHONE[u.id]] * 0.1 for u in CORPUS})
    scores = [phone_probe(encodings, CORPUS, "phone", seed).accuracy for seed in (0, 0, 1)]
    assert scores[0] == scores[1] != scores[2]


def test_every_point_has_every_probe(tmp_path):
    points = {"encoder": saying(tmp_path / "encoder", "speaker"), "bottleneck": saying(tmp_path / "bn", "phone")}
    told = []
    scores = probe_points(points, CORPUS, None, progress=lambda *step: told.append(step))
    assert scores["encoder"]["speaker"]["accuracy"] > 0.9 > scores["bottleneck"]["speaker"]["accuracy"]
    assert scores["bottleneck"]["phone"]["accuracy"] > 0.9 > scores["encoder"]["phone"]["accuracy"]
    assert scores["encoder"]["mel"] == {"r2": None, "why": "no log-mel frames to reconstruct were given"}
    assert [done for done, _, _ in told] == list(range(8))
    assert {jobs for _, jobs, _ in told} == {8}
    assert json.loads(json.dumps(scores)) == scores


@pytest.mark.parametrize(
    "change,probe,why",
    [
        ({"speaker": None}, "phone", "two known speakers"),
        ({"speaker": "s"}, "phone", "two known speakers"),
        ({"alignment": {}}, "phone", "no utterance has labels in tier 'phone'"),
        ({"alignment": {"phone": [Interval(0, 6000, "a")]}}, "phone", "only 'a'"),
        ({"speaker": None}, "speaker", "two speakers"),
        ({"gender": None}, "gender", "two speakers of each gender"),
        ({"gender": "f"}, "gender", "two speakers of each gender"),
        ({"speaker": None}, "mel", "two known speakers"),
    ],
)
def test_what_a_corpus_cannot_tell_is_said(change, probe, why, tmp_path):
    encodings = saying(tmp_path, "phone")
    changed = [replace(utterance, **change) for utterance in CORPUS]
    score = probe_points({"bottleneck": encodings}, changed, encodings)["bottleneck"][probe]
    assert score["r2" if probe == "mel" else "accuracy"] is None
    assert why in score["why"]


def test_speakers_heard_once_are_left_out(tmp_path):
    once = replace(CORPUS[0], speaker="once")
    assert speaker_probe(saying(tmp_path, "speaker"), [once, *CORPUS[1:]]).items == len(CORPUS) - 1


def test_unknown_genders_are_left_out(tmp_path):
    unknown = replace(CORPUS[0], gender=None)
    assert gender_probe(saying(tmp_path, "gender"), [unknown, *CORPUS[1:]]).items == len(CORPUS) - 1


def test_utterances_are_read_off_the_mean_of_their_frames(tmp_path):
    encodings = saying(tmp_path, "phone")
    means = [np.load(tmp_path / f"{utterance.id}.npy").mean(0) for utterance in CORPUS]
    np.testing.assert_allclose(time_averages(encodings, CORPUS), means, rtol=1e-5)


def test_loud_channels_of_the_sound_count_more(tmp_path):
    frames = sounds()
    scale = np.array([1, 1, 1, 1, 1e-3])  # the faint channel is not to be read
    mel = encode(tmp_path / "mel", {name: values * scale for name, values in frames.items()}, stride=50)
    heard = noisy(tmp_path / "heard", {name: values[::2, :4] for name, values in frames.items()})
    assert mel_probe(heard, CORPUS, mel).r2 > 0.95


def test_hidden_speakers_are_left_out(tmp_path):
    hidden = replace(CORPUS[0], speaker=None)
    encodings = saying(tmp_path, "phone")
    scores = phone_probe(encodings, [hidden, *CORPUS[1:]], "phone"), phone_probe(encodings, CORPUS[1:], "phone")
    assert scores[0] == scores[1]


def test_missing_and_broken_encodings_are_named(tmp_path):
    encodings = saying(tmp_path, "phone")
    with pytest.raises(EncodingsError, match=r"elsewhere.npy: no such encoding"):
        phone_probe(encodings, [*CORPUS, replace(CORPUS[0], id="elsewhere")], "phone")
    np.save(tmp_path / "u03.npy", np.full((FRAMES, 16), np.inf))
    with pytest.raises(EncodingsError, match=r"u03.npy: has values that are not numbers"):
        speaker_probe(encodings, CORPUS)
    np.save(tmp_path / "u03.npy", np.ones((FRAMES, 5)))
    with pytest.raises(EncodingsError, match=r"frames have \[5, 16\] dimensions"):
        gender_probe(encodings, CORPUS)


def test_nothing_at_all_is_unscorable(tmp_path):
    with pytest.raises(UnscorableError):
        speaker_probe(saying(tmp_path, "phone"), [])
