"""What does not belong in a corpus: bits of every utterance, and who notices planted faults."""

import json
import math
import runpy
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import unitdisc as library
from unitdisc.api.outliers import rank
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.evaluation.outlying import FARTHEST, modified_z
from unitdisc.experiment import load
from unitdisc.inference.likelihood import likelihood
from unitdisc.inference.outliers import Unlikeliness, moving_means, of_another_time, of_utterance, unlikeliness

pytest_plugins = ["tiny_fixtures"]
ROOT = Path(__file__).parent.parent


def measured(experiment_folder, utterances, voices=False, stretch=0.1):
    experiment, model = load(experiment_folder)
    signals = experiment.signals(experiment_folder)
    options = {"speakers": experiment.speakers, "stretch": stretch, "voices": voices, "advance": lambda count: None}
    return unlikeliness(model, signals, utterances, **options)


def test_modified_z_scores_are_those_of_the_handbook():
    # median 5, absolute deviations 3 1 0 1 95 with median 1
    found = modified_z([2, 4, 5, 6, 100])
    np.testing.assert_allclose(found, np.array([-3, -1, 0, 1, 95]) * 0.6745)
    np.testing.assert_allclose(modified_z([7], among=[2, 4, 5, 6, 100]), [2 * 0.6745])


def test_where_most_are_the_same_others_still_stand_out():
    mostly = modified_z([1, 1, 1, 1, 2])
    assert mostly[4] == pytest.approx(0.7979 / 0.2) and not mostly[:4].any()
    assert modified_z([1, 3], among=[1, 1]).tolist() == [0, FARTHEST]


def test_means_of_all_stretches():
    values = np.random.default_rng(0).normal(size=13)
    expected = [values[first : first + 4].mean() for first in range(10)]
    np.testing.assert_allclose(moving_means(values, 4), expected)
    np.testing.assert_allclose(moving_means(values, 13), [values.mean()])


def test_latents_of_another_time_stay_within_their_utterance():
    latents = torch.arange(12).view(2, 6, 1)
    moved = of_another_time(latents, torch.tensor([6, 3]))[..., 0].tolist()
    assert moved == [[3, 4, 5, 0, 1, 2], [8, 6, 7, 9, 10, 11]]


def test_bits_are_those_of_the_likelihood(tiny_experiment, tiny_corpus):
    experiment, model = load(tiny_experiment)
    signals, utterances = experiment.signals(tiny_experiment), read_corpus(tiny_corpus)[:3]
    found, problems = measured(tiny_experiment, utterances, voices=True)
    assert (not problems and [*found] == [utterance.id for utterance in utterances]) or len(found) == 3
    for utterance in utterances:
        alone, _ = likelihood(model, signals, [utterance], experiment.speakers, lambda count: None)
        one = found[utterance.id]
        assert one.bits == pytest.approx(alone.bits, rel=1e-4)
        assert one.bits + one.worth == pytest.approx(alone.bits_with_wrong_latents, rel=1e-4)
        assert 0 <= one.start < one.end <= utterance.ticks
        assert one.end - one.start == pytest.approx(0.1 * utterance.rate, abs=utterance.rate / 80)
        assert one.stretch >= one.bits - 1e-9
        assert one.voice >= 0 and one.likeliest in experiment.speakers


def test_voices_are_asked_one_after_the_other(tiny_line_experiment, tiny_lines):
    experiment, model = load(tiny_line_experiment)
    signals, utterance = experiment.signals(tiny_line_experiment), read_corpus(tiny_lines)[0]
    bits = {}
    for speaker in experiment.speakers:
        other = replace(utterance, speaker=speaker)
        bits[speaker] = likelihood(model, signals, [other], experiment.speakers, lambda count: None)[0].bits
    one = measured(tiny_line_experiment, [utterance], voices=True)[0][utterance.id]
    assert one.likeliest == min(bits, key=bits.get)
    assert one.voice == pytest.approx(bits[utterance.speaker] - min(bits.values()), abs=1e-5)


def test_a_voice_that_the_model_does_not_know_is_no_suspicion(tiny_lines):
    utterance = read_corpus(tiny_lines)[0]
    own, other, by_voice = np.ones(8), np.ones(8), np.array([3.0, 2.0])
    found = of_utterance(utterance, own, other, stretch=1, voices=(by_voice, -1, ["a", "b"]))
    assert (found.voice, found.likeliest) == (None, "b")


def test_the_unlikeliest_stretch_is_where_the_bits_are(tiny_lines):
    utterance = replace(read_corpus(tiny_lines)[0], ticks=100, height=10, alignment={})
    own = np.zeros(50)
    own[20:25] = 2  # columns 40 to 50
    found = of_utterance(utterance, own, own + 1, stretch=1, voices=None)
    assert (found.start, found.end, found.stretch, found.worth) == (40, 50, 2, 1)
    assert found.bits == pytest.approx(0.2)
    whole = of_utterance(utterance, own, own, stretch=100, voices=None)
    assert (whole.start, whole.end) == (0, 100)


@pytest.mark.parametrize("kind", ["tiny_experiment", "tiny_line_experiment"])
def test_the_command_lists_and_shows_them(request, kind, tmp_path):
    folder = request.getfixturevalue(kind)
    corpus = request.getfixturevalue("tiny_corpus" if kind == "tiny_experiment" else "tiny_lines")
    found = library.outliers(folder, corpus, tmp_path / "out", voices=kind == "tiny_experiment")
    rows = [json.loads(line) for line in (tmp_path / "out" / "outliers.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == [one.id for one in found.outliers]
    assert sorted(row["id"] for row in rows) == sorted(utterance.id for utterance in read_corpus(corpus))
    assert [row["largest"] for row in rows] == sorted((row["largest"] for row in rows), reverse=True)
    assert all(row["largest"] == max(row["z"].values()) == row["z"][row["because"]] for row in rows)
    assert json.loads((tmp_path / "out" / "outliers.json").read_text())["standing_out"] == found.standing_out
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count("<figure") == min(len(rows), 40) and rows[0]["id"] in page
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("outliers.*")}
    library.outliers(folder, corpus, tmp_path / "out", voices=kind == "tiny_experiment")
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "out").glob("outliers.*")}


def test_against_a_corpus_that_is_in_order(tiny_experiment, tiny_corpus, tmp_path):
    utterances = read_corpus(tiny_corpus)
    write_manifest(tmp_path / "some.jsonl", utterances[:2])
    alone = library.outliers(tiny_experiment, tmp_path / "some.jsonl", tmp_path / "alone")
    against = library.outliers(tiny_experiment, tmp_path / "some.jsonl", tmp_path / "against", against=tiny_corpus)
    whole = library.outliers(tiny_experiment, tiny_corpus, tmp_path / "whole")
    of_whole = {one.id: one.z for one in whole.outliers}
    for one in against.outliers:
        assert one.z == pytest.approx(of_whole[one.id], rel=1e-3, abs=1e-3)
    assert {one.id: one.z for one in alone.outliers} != {one.id: one.z for one in against.outliers}


@pytest.mark.parametrize(
    "changed,because",
    [
        ({"bits": 9.0}, "signal"),
        ({"bits": -7.0}, "predictable"),
        ({"stretch": 9.0}, "stretch"),
        ({"worth": -8.0}, "units"),
    ],
)
def test_what_is_suspicious_is_on_the_right_side(tiny_corpus, changed, because):
    utterances = [replace(read_corpus(tiny_corpus)[0], id=f"u{place}") for place in range(7)]
    usual = {u.id: Unlikeliness(1 + 0.01 * n, 1 + 0.02 * n, 1 + 0.03 * n, 0, 1) for n, u in enumerate(utterances)}
    ranked = rank(utterances, usual | {"u3": replace(usual["u3"], **changed)}, usual)
    assert (ranked[0].id, ranked[0].because) == ("u3", because) and ranked[0].largest > 50
    opposite = {name: 2 - value for name, value in changed.items()}
    ranked = rank(utterances, usual | {"u3": replace(usual["u3"], **opposite)}, usual)
    assert next(one for one in ranked if one.id == "u3").z[because] < -50


def test_what_cannot_be_is_refused(tiny_experiment, tiny_corpus, tmp_path):
    for stretch in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match="`stretch` must be more than 0"):
            library.outliers(tiny_experiment, tiny_corpus, tmp_path / "out", stretch=stretch)


@pytest.mark.parametrize("kind", ["recordings", "lines"])
def test_planted_faults_are_found_in_the_list(request, kind, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "eval"))
    names = {"recordings": ("tiny_experiment", "tiny_corpus"), "lines": ("tiny_line_experiment", "tiny_lines")}
    experiment, corpus = map(request.getfixturevalue, names[kind])
    plant = runpy.run_path(str(ROOT / "eval" / "plant_faults.py"))["main"]
    plant([str(corpus), str(tmp_path), "--others", str(corpus), "--share", "0.8"])
    faults = dict(line.split("\t") for line in (tmp_path / "faults.tsv").read_text().splitlines()[1:])
    planted = {utterance.id: utterance for utterance in read_corpus(tmp_path / "corpus.jsonl")}
    before = {utterance.id: utterance for utterance in read_corpus(corpus)}
    assert planted.keys() == before.keys() == faults.keys()
    for id, fault in faults.items():
        assert (planted[id] == before[id]) == (fault == "none"), fault
    assert not [problem for problem in library.validate(tmp_path / "corpus.jsonl") if problem.severity == "error"]
    library.outliers(experiment, tmp_path / "corpus.jsonl", tmp_path / "outliers", strict=True)
    result = runpy.run_path(str(ROOT / "eval" / "outliers.py"))["main"]([str(tmp_path)])
    assert result["largest"].keys() == {*faults.values()} - {"none"}
    assert all(0 <= area <= 100 for areas in result.values() for area in areas.values())


def test_the_command_says_what_stands_out(tiny_line_experiment, tiny_lines, tmp_path, unitdisc):
    done = unitdisc("outliers", tiny_line_experiment, tiny_lines, tmp_path / "out", "--voices", "--device", "cpu")
    assert done.code == 0
    lines = done.out.splitlines()
    found = json.loads((tmp_path / "out" / "outliers.json").read_text())
    assert lines[0] == f"{found['standing_out']} of {found['utterances']} utterances stand out"
    assert lines[-1].endswith("index.html")


def test_one_voice_cannot_be_told_from_others(tiny_line_experiment, tiny_lines, tmp_path, unitdisc):
    shutil.copytree(tiny_line_experiment, tmp_path / "one")
    (tmp_path / "one" / "speakers.json").write_text(json.dumps(["ada"]))
    done = unitdisc("outliers", tmp_path / "one", tiny_lines, tmp_path / "out", "--voices", "--device", "cpu")
    assert done.code == 1 and not (tmp_path / "out" / "outliers.jsonl").exists()
