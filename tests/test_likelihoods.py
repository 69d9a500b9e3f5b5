"""eval/likelihoods.py: bits per pixel of several decoders beside each other."""

import json
import runpy
from pathlib import Path

import pytest

SCRIPT = str(Path(__file__).parent.parent / "eval" / "likelihoods.py")


@pytest.fixture
def main(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(SCRIPT).parent))
    return runpy.run_path(SCRIPT)["main"]


def result(folder: Path, name: str, right: float, wrong: float, **more: bool) -> str:
    path = folder / f"{name}.json"
    path.write_text(
        json.dumps({"bits": right, "bits_with_wrong_latents": wrong, "per": "pixel", "utterances": 3, **more})
    )
    return str(path)


def test_a_row_for_every_decoder_and_a_column_for_its_latents(main, tmp_path, capsys):
    paths = [result(tmp_path, *row) for row in (("my-cnn-units", 0.25, 0.5), ("my-cnn-none", 0.375, 0.375))]
    paths.append(result(tmp_path, "deconv-units", 0.5, 0.75, bound=True))
    main(paths)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Bits per pixel")
    assert lines[2:] == [
        "| decoder | latents: units | latents: none |",
        "|---|---:|---:|",
        "| my-cnn | 0.250 (0.500) | 0.375 |",
        "| deconv | ≤ 0.500 (0.750) | – |",
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"bits": 1}'])
def test_what_is_no_result_is_named(main, tmp_path, text):
    path = tmp_path / "cnn-units.json"
    path.write_text(text)
    with pytest.raises(SystemExit, match=r"cnn-units\.json: no result of `unitdisc likelihood --output`"):
        main([str(path)])
    with pytest.raises(SystemExit, match=r"nowhere-units\.json"):
        main([str(tmp_path / "nowhere-units.json")])
