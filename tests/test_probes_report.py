"""The report on probes has every figure it promises, needs no network, and runs nothing of what it shows."""

import json
import re
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from probe_corpus import CORPUS, FRAMES, encode, saying, sounds

from unitdisc.corpus.manifest import write_manifest
from unitdisc.encodings import EncodingsError
from unitdisc.evaluation import intervals
from unitdisc.evaluation.probes import models as readers

SCRIPT = Path(__file__).parent.parent / "eval" / "probe_report.py"


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """What is read here is read soon."""
    monkeypatch.setattr(readers, "ITERATIONS", 5)
    monkeypatch.setattr(intervals, "RESAMPLES", 20)


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("report")
    named = [replace(u, speaker=u.speaker.replace("s0", "<script>alert(0)</script>")) for u in CORPUS]
    write_manifest(home / "test.jsonl", named)
    for point in ("speaker", "phone"):
        saying(home / point, point)
    encode(home / "log-mel", sounds(), stride=50)
    return home


def run(*arguments: object) -> dict:
    return runpy.run_path(str(SCRIPT))["main"]([str(argument) for argument in arguments])


def test_the_page_and_its_json_have_every_figure(here):
    points = [here / "speaker", here / "phone"]
    found = run(here / "test.jsonl", here / "out", *points, "--mel", here / "log-mel")
    kept = json.loads((here / "out" / "probes.json").read_text())
    assert kept["probes"] == json.loads(json.dumps(found["probes"]))
    assert kept["probes"]["linear"].keys() == {"speaker", "phone"}
    assert kept["settings"]["points"]["phone"]["stride"] == 100
    assert {"torch", "numpy", "unitdisc"} <= kept["versions"].keys()
    assert len(kept["settings"]["corpus_checksum"]) == 64
    page = (here / "out" / "index.html").read_text()
    phone = kept["probes"]["linear"]["phone"]["labels"]
    for figure in (phone["accuracy"], phone["majority"], phone["shuffled"], phone["control"], phone["selectivity"]):
        assert f"{100 * figure:.1f}" in page
    assert page.count("<svg") == 1 + 4  # the places, and phones and speakers confused at two points
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_an_accuracy_below_chance_is_said_to_be_no_evidence(here, tmp_path):
    """Where every speaker's mean was removed: in the result and on the page, of that point alone."""
    rng = np.random.default_rng(3)
    names = sorted({u.speaker for u in CORPUS})
    voices = dict(zip(names, rng.standard_normal((len(names), 8))))
    frames = {u.id: voices[u.speaker] + rng.standard_normal((FRAMES, 8)) + rng.standard_normal(8) for u in CORPUS}
    means = {name: np.concatenate([frames[u.id] for u in CORPUS if u.speaker == name]).mean(0) for name in names}
    encode(tmp_path / "removed", {u.id: frames[u.id] - means[u.speaker] for u in CORPUS})
    found = run(here / "test.jsonl", tmp_path / "out", tmp_path / "removed", here / "speaker")
    probes = found["probes"]["linear"]
    warning = probes["removed"]["speaker"]["warning"]
    assert "no evidence that frames are alike" in warning and "warning" not in probes["speaker"]["speaker"]
    page = (tmp_path / "out" / "index.html").read_text()
    figure = f"{100 * probes['removed']['speaker']['accuracy']:.1f}"
    assert f"<li>removed, {figure}: {warning}" in page and "<li>speaker, " not in page


def test_corpora_that_do_not_fit_are_named(here, tmp_path):
    encode(tmp_path / "other", {"elsewhere": np.ones((5, 3))})
    with pytest.raises(EncodingsError, match="no utterance of it is in all of"):
        run(here / "test.jsonl", tmp_path / "out", tmp_path / "other")


def test_one_corpus_can_be_learned_from(here, tmp_path):
    from unitdisc.corpus.manifest import read_manifest

    halves = ([], [])
    for utterance in read_manifest(here / "test.jsonl"):
        halves[utterance.speaker < "s3"].append(utterance)
    for name, half in zip(("train", "test"), halves):
        write_manifest(tmp_path / f"{name}.jsonl", half)
    training = ["--train-corpus", tmp_path / "train.jsonl", "--train-encodings", here]
    task = ["--task", "labels", "--no-controls"]
    found = run(tmp_path / "test.jsonl", tmp_path / "out", here / "phone", *training, *task)
    score = found["probes"]["linear"]["phone"]["labels"]
    assert score["accuracy"] > 0.99
    assert score["folds"] == 1
    assert "control" not in score
