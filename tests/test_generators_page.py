"""eval/generators_page.py: what is there is on the page, what is not is an empty cell, and what is said is text."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

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
    write_image(here / "sheets/gan/sheet.png", np.eye(8, dtype=np.float32))
    write_audio(here / "made/gan/item.wav", np.zeros(80, np.float32), 8000)
    script([str(tmp_path)])
    said, page = capsys.readouterr().out, (tmp_path / "index.html").read_text()
    assert "| vae | 61 |  |  |  |  |  | 1.500 | 1.625 |  |  |  |" in said  # the tightest bound
    assert "| infogan |  |  |  |  |  |  |  |  | 0.375 | 0.875 | 0.125 |" in said
    assert "| gan |  | 0.250 | 0.500 | 12.3 |" in said and "| vae | 50 | 6.2 | -0.010 |" in said
    assert "mixture" not in said
    assert page.count("data:image/png") == page.count("data:audio/wav") == 1
    assert "<b>words" not in page and "&lt;b&gt;words" in page


def test_what_is_not_there_or_damaged_is_said(script, tmp_path):
    with pytest.raises(SystemExit, match=r"no folder in it has a made\.json; run recipes/generators/page\.sh"):
        script([str(tmp_path)])
    (tmp_path / "words").mkdir()
    (tmp_path / "words/made.json").write_text("{")
    with pytest.raises(SystemExit, match=r"words/made\.json: damaged"):
        script([str(tmp_path)])
