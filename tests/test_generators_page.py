"""eval/generators_page.py: what is there is on the page, what is not is an empty cell, and what is said is text."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.media.audio import write_audio
from unitdisc.media.image import write_image

EVAL = Path(__file__).parent.parent / "eval"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(EVAL)
    return runpy.run_path(str(EVAL / "generators_page.py"))["main"]


def test_figures_pictures_and_sounds_are_on_the_page(script, tmp_path, capsys):
    here = tmp_path / "<b>words"
    made = {
        f"exp/{name}": {"precision": 0.25, "recall": 0.5, "frechet": 12.34} for name in ("made/gan", "learned from")
    }
    bits = {"bits": 1.5, "bits_with_latents": {"1": 1.75, "8": 1.625}}
    clusters = {"infogan, codes": {"ami": 0.125}, "infogan": {"ami": 0.375, "purity": 0.875}}
    between = {"monotone": 0.5, "backwards": 0.0625, "hump": -0.01}
    files = {"made": made, "bits/vae": bits, "clusters": clusters, "between/vae/morph": between}
    for name, found in files.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / f"{name}.json").write_text(json.dumps(found))
    (here / "seconds").mkdir()
    (here / "seconds/vae").write_text("61.4\n")
    write_image(here / "made/gan/sheet.png", np.eye(8, dtype=np.float32))
    write_audio(here / "made/gan/item.wav", np.zeros(80, np.float32), 8000)
    script([str(tmp_path)])
    said, page = capsys.readouterr().out, (tmp_path / "index.html").read_text()
    assert "| vae | 61 |  |  |  |  |  |  | 1.500 | 1.625 |  |  |  |" in said  # the tightest bound
    assert "| infogan |  |  |  |  |  |  |  |  |  | 0.375 | 0.875 | 0.125 |" in said
    assert "| gan |  | 0.250 | 0.500 | 12.3 |" in said and "| vae | 50 | 6.2 | -0.010 |" in said
    assert "mixture" not in said
    assert page.count("data:image/png") == page.count("data:audio/wav") == 1
    assert "<b>words" not in page and "&lt;b&gt;words" in page


def probe(accuracy: float) -> dict:
    return {"probes": {"labels": {"accuracy": accuracy}}}


JOBS = {  # files of results, as recipes write them
    "restoration/stains": {"damaged": {"PSNR": 15.251, "SSIM": 0.77, "CER": 0.374}},
    "conversion/made/learned/test/convert/images-hands": {
        "asked_for": 0.753,
        "of_original": 0.003,
        "originals_told": 1,
    },
    "conversion/made/learned/test/convert/images-read": {"a": {"CER": 0.403, "real": 0.166, "utterances": 9}},
    "voices/digits/shifted": {"asked_for": 0.996, "of_original": 0.0},
    "voices/digits/probes/shifted-speaker-frames": probe(0.92),
    "voices/digits/probes/shifted-labels": probe(0.484),
    "voices/digits/probes/held-labels": probe(0.657),
    "vocoder/digits/made": {"x/made/2/<i>wave": {"dB": 10.44, "periodicity": 0.469}},
    "vocoder/digits/frames/real": probe(0.75),
    "vocoder/digits/frames/<i>wave-2": probe(0.125),
    "vocoder/digits/speed/<i>wave-2": {"<i>wave": {"x real time": 3.6}},
    "decoders/handwriting/again": {"x/columns": {"CER": 0.3, "ink": 0.58}},
    "decoders/handwriting/bits/columns-units": {"bits": 0.308, "bound": True},
    "decoders/handwriting/steps": {"x/diffusion-columns-ddim-05": {"CER": 0.25, "ink": 0.6, "utterances": 20}},
    "outliers/lines/table": {
        "largest": {"blot": 75.9, "noise": 99.9},
        "largest of these": {"blot": 68.8, "noise": 100},
    },
    "changes/on none": {"units": [{"size": 0.1, "by_lot": 0.01, "adversarial": 0.5}]},
}


def test_jobs_are_on_the_page_beside_the_simplest_way(script, tmp_path, capsys):
    (tmp_path / "words").mkdir()
    (tmp_path / "words/made.json").write_text("{}")
    jobs = tmp_path / "jobs"
    for name, found in JOBS.items():
        (jobs / name).parent.mkdir(parents=True, exist_ok=True)
        (jobs / f"{name}.json").write_text(json.dumps(found))
    (jobs / "seconds").mkdir()
    (jobs / "seconds/vocoder").write_text("61.4\n")
    (jobs / "outliers/lines/outliers").mkdir()
    line = Utterance("a", str(tmp_path / "a.png"), None, 8, height=8)
    write_image(tmp_path / "a.png", np.eye(8, dtype=np.float32))
    write_manifest(jobs / "outliers/lines/corpus.jsonl", [line])
    (jobs / "outliers/lines/outliers/outliers.jsonl").write_text('{"id": "a"}\n')
    (jobs / "outliers/lines/faults.tsv").write_text("id\tfault\na\tblot\n")
    write_audio(jobs / "vocoder/digits/made/2/<i>wave/a--b.wav", np.zeros(80, np.float32), 8000)
    script([str(tmp_path)])
    said, page = capsys.readouterr().out, (tmp_path / "index.html").read_text()
    for row in (
        "| damaged | 15.25 | 0.770 | 37.4 |",
        "| real lines |  | 100.0 | 16.6 |",
        "| converted | 75.3 | 0.3 | 40.3 |",
        "| real recordings |  |  |  | 65.7 |",
        "| mean and variance of the voice | 99.6 | 92.0 | 0.0 | 48.4 |",
        "| <i>wave, trained |  | 10.44 | 0.469 | 87.5 | 3.6 |",
        "| columns | ≤ 0.308 | 30.0 | 0.58 |",
        "| diffusion-columns, ddim of 5 steps, 20 lines |  | 25.0 | 0.60 |",
        "| unitdisc outliers | 75.9 | 99.9 | 87.9 |",
        "| units that turn, adversarial changes; trained on none | 50.0 |",
        "Vocoders (digits), 61 CPU s",
    ):
        assert row in said, row
    assert page.count("<svg") == page.count("data:image/png") == page.count("data:audio/wav") == 1
    assert "<i>wave" not in page and "&lt;i&gt;wave" in page


def test_what_is_not_there_or_damaged_is_said(script, tmp_path):
    with pytest.raises(SystemExit, match=r"no folder in it has a made\.json; run recipes/generators/page\.sh"):
        script([str(tmp_path)])
    (tmp_path / "words").mkdir()
    (tmp_path / "words/made.json").write_text("{")
    with pytest.raises(SystemExit, match=r"words/made\.json: damaged"):
        script([str(tmp_path)])
