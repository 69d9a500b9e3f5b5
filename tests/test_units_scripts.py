"""Scripts about units: repeats collapse to their middles, and tables show what scores and logs say."""

import json
import runpy
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from tiny import tree

from unitdisc.encodings import Encoding, Encodings, EncodingsError, EncodingsWriter

EVAL = Path(__file__).parent.parent / "eval"


def run(script: str, *arguments: object) -> None:
    sys.path.insert(0, str(EVAL))  # as Python itself does, for scripts that share code
    try:
        runpy.run_path(str(EVAL / script))["main"]([str(argument) for argument in arguments])
    finally:
        sys.path.remove(str(EVAL))


def write(folder: Path, codes: dict[str, list[int] | None]) -> Path:
    """Frames [i, i * i] for frame i, 160 ticks apart."""
    writer = EncodingsWriter(folder, {"point": "p", "stride": 160, "offset": 80, "rate": 16_000})
    for name, values in codes.items():
        i = np.arange(6 if values is None else len(values))
        frames = np.stack([i, i * i], axis=1).astype(np.float32)
        writer.write(Encoding(name, 80 + 160 * i, frames, None if values is None else np.array(values)))
    writer.finish()
    return folder


def test_a_run_of_a_code_becomes_one_frame_in_its_middle(tmp_path):
    run("collapse.py", write(tmp_path / "units", {"a": [4, 4, 4, 1, 4, 4], "b": [7]}), tmp_path / "collapsed")
    found = Encodings.open(tmp_path / "collapsed")
    assert {name: list(codes) for name, codes in found.codes.items()} == {"a": [4, 1, 4], "b": [7]}
    assert found["a"].frames.tolist() == [[1, pytest.approx(5 / 3)], [3, 9], [4.5, 20.5]]
    assert found["a"].centres.tolist() == [80 + 160, 80 + 480, 80 + 720]
    assert (found["b"].frames.tolist(), found["b"].centres.tolist()) == ([[0, 0]], [80])


def test_what_cannot_be_collapsed_is_refused_before_anything_is_written(tmp_path):
    folder = write(tmp_path / "units", {"a": [1, 1, 2], "b": None})
    with pytest.raises(EncodingsError, match=r"units: b has no codes; give units of a codebook"):
        run("collapse.py", folder, tmp_path / "new")
    lines = (folder / "units.jsonl").read_text().replace("null", "[1, 2]")
    (folder / "units.jsonl").write_text(lines)
    with pytest.raises(EncodingsError, match=r"6 frames, but units\.jsonl has 2 codes of b"):
        run("collapse.py", folder, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    before = tree(folder)
    with pytest.raises(EncodingsError, match="choose another folder"):
        run("collapse.py", folder, folder)
    assert tree(folder) == before


# Tables

UNITS = {
    "boundaries": {"strict": {"precision": 0.5, "recall": 0.75, "f1": 0.6, "r_value": 0.55}},
    "many_to_one": 0.25,
    "ami": 0.2,
    "bitrate": {"bits_per_second": 310.0, "symbols": 1000, "seconds": 20.0},
    "bitrate_collapsed": {"bits_per_second": 70.0, "symbols": 240, "seconds": 20.0},
    "bitrate_run_length": {"bits_per_second": 100.0},
    "usage": {"perplexity": 33.0, "used": 48},
}


def test_every_way_to_find_units_is_a_row(tmp_path, capsys):
    (tmp_path / "b-late.score.json").write_text(json.dumps({"units": UNITS}))
    (tmp_path / "b-late.abx.json").write_text(json.dumps({"abx": {"across": {"error": 0.125}}}))
    (tmp_path / "a-only.abx.json").write_text(json.dumps({"abx": {"within": {"error": 0.0625}}}))
    run("compare_units.py", tmp_path)
    head, _, first, second = capsys.readouterr().out.splitlines()
    titles = [title.strip() for title in head.strip("|").split("|")]
    rows = [dict(zip(titles, (cell.strip() for cell in line.strip("|").split("|")))) for line in (first, second)]
    assert [row["units"] for row in rows] == ["a-only", "b-late"]
    assert {rows[0][title] for title in titles[1:]} == {"–", "6.2"} and rows[0]["ABX within"] == "6.2"
    boundaries, bits = ["50.0", "75.0", "60.0", "55.0"], ["310.0", "70.0", "100.0", "33.0"]
    assert [*rows[1].values()][1:] == (
        ["50.0", "48", "12.0", *boundaries, "25.0", "20.0", "–", "12.5", *bits]
    )  # frames and units per second are symbols over seconds


def test_scores_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(SystemExit, match=r"no \*.score.json in it"):
        run("compare_units.py", tmp_path)
    (tmp_path / "a.score.json").write_text('{"units": {"many')
    with pytest.raises(SystemExit, match=r"a.score.json: damaged, or without units; .*unitdisc score --output"):
        run("compare_units.py", tmp_path)
    (tmp_path / "a.score.json").write_text('{"abx": {}}')
    with pytest.raises(SystemExit, match=r"a.score.json: damaged, or without units"):
        run("compare_units.py", tmp_path)


def write_system(folder: Path, name: str, across: float, triphone: float) -> None:
    """As abx, probe and score write it."""
    errors = {"across": {"error": across}, "within": {"error": across / 2}}
    (folder / f"{name}.any.json").write_text(json.dumps({"abx": errors}))
    (folder / f"{name}.triphone.json").write_text(json.dumps({"abx": {"across": {"error": triphone}}}))


def test_systems_are_rows_and_the_best_comes_last(tmp_path, capsys):
    for seed, across in enumerate((0.125, 0.25)):
        write_system(tmp_path, f"vq-seed{seed}", across, 0.375)
    write_system(tmp_path, "mfcc", 0.5, 0.625)
    (tmp_path / "mfcc.probe.json").write_text(json.dumps({"probes": {"labels": {"accuracy": 0.25}, "mel": {}}}))
    for rate, score in (("12", 0.75), ("8", 0.5)):
        units = UNITS | {"many_to_one": score / 4, "many_to_one_learnt": score, "pnmi": score / 2}
        (tmp_path / f"vq-seed0.units-{rate}.json").write_text(json.dumps({"units": units}))
    (tmp_path / "mfcc.cut-8.json").write_text(json.dumps({"units": {"many_to_one": 0.3, "pnmi": 0.2}}))
    (tmp_path / "vq-seed1.seconds").write_text("60\n90\n")
    run("compare_frames.py", tmp_path)
    units = " | ".join(f"codes, {n}/s | many-to-one, {n}/s | PNMI, {n}/s | R-value, {n}/s" for n in (8, 12))
    units = f"many-to-one, 8/s, cut | PNMI, 8/s, cut | {units}"
    assert capsys.readouterr().out.splitlines() == [
        "| system | any, across | any, within | triphone, across | labels probe | " + units + " | CPU minutes |",
        "|---|" + "---:|" * 15,
        "| mfcc | 50.0 | 25.0 | 62.5 | 25.0 | 30.0 | 20.0 | – | – | – | – | – | – | – | – | – |",
        "| vq | 18.8 ± 6.2 | 9.4 ± 3.1 | 37.5 ± 0.0 | – | – | – "
        "| 48.0 | 50.0 | 25.0 | 55.0 | 48.0 | 75.0 | 37.5 | 55.0 | 2.5 |",
    ]


def test_results_of_frames_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(SystemExit, match=r"no \*.any.json in it; `unitdisc abx --context any --output` writes one"):
        run("compare_frames.py", tmp_path)
    write_system(tmp_path, "mfcc", 0.5, 0.625)
    (tmp_path / "mfcc.probe.json").write_text('{"probes": {"lab')
    with pytest.raises(SystemExit, match=r"mfcc.probe.json: damaged, or without probes; .*unitdisc probe --output"):
        run("compare_frames.py", tmp_path)
    (tmp_path / "mfcc.probe.json").unlink()
    (tmp_path / "mfcc.units-8.json").write_text('{"abx": {}}')
    with pytest.raises(SystemExit, match=r"mfcc.units-8.json: damaged, or without units; .*unitdisc score --output"):
        run("compare_frames.py", tmp_path)


def test_curves_are_tables_and_figures(tmp_path, capsys):
    for place, name, across, seconds in (
        ("hours/0.5", "mfcc", 0.5, 6),
        ("hours/0.5", "classical", 0.25, 60),
        ("hours/2", "classical", 0.125, 240),
        ("steps/200", "vq-seed0", 0.25, 120),
        ("steps/100", "vq-seed0", 0.375, 60),
        ("steps/100", "vq-seed1", 0.5, 60),
    ):
        (folder := tmp_path / place / "scores").mkdir(parents=True, exist_ok=True)
        write_system(folder, name, across, across)
        (folder / f"{name}.seconds").write_text(f"{seconds}\n")
    run("curves.py", tmp_path, tmp_path / "figures")
    assert [line for line in capsys.readouterr().out.splitlines() if "0" in line] == [
        "| classical | 0.5 | 25.0 | 12.5 | 1.0 |",
        "| classical | 2 | 12.5 | 6.2 | 4.0 |",
        "| mfcc | 0.5 | 50.0 | 25.0 | 0.1 |",
        "| vq | 100 | 43.8 | 21.9 | 1.0 |",
        "| vq | 200 | 25.0 | 12.5 | 2.0 |",
    ]
    hours, minutes = ((tmp_path / "figures" / f"speechocean762-{name}.svg") for name in ("hours", "minutes"))
    drawn = [ElementTree.parse(path).getroot() for path in (hours, minutes)]
    assert [len(list(figure.iter("{http://www.w3.org/2000/svg}circle"))) for figure in drawn] == [6, 6]
    assert "classical" in minutes.read_text() and "mfcc" not in minutes.read_text()


def test_curves_without_scores_or_numbers_are_named(tmp_path):
    with pytest.raises(SystemExit, match=r"no scores in it; `recipes/speechocean762/curves.sh` writes them"):
        run("curves.py", tmp_path, tmp_path)
    (tmp_path / "hours/few/scores").mkdir(parents=True)
    with pytest.raises(SystemExit, match="few: is not called after a number; take it out"):
        run("curves.py", tmp_path, tmp_path)


def log(folder: Path, *used: float) -> Path:
    """A training with one validation for every number of codes in use, and a line that a kill tore."""
    folder.mkdir()
    entries = [
        {"step": 10 * i, "split": split, "losses": {"reconstruction": 1.5}, "metrics": {"codes_used": value}}
        for i, value in enumerate(used, start=1)
        for split, value in (("train", 512.0), ("valid", value))
    ]
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    (folder / "log.jsonl").write_text(text + '{"step": 99, "split": "val')
    return folder


def test_codes_in_use_are_those_of_the_last_validation_over_seeds(tmp_path, capsys):
    folders = [log(tmp_path / "vq-seed0", 300, 100), log(tmp_path / "vq-seed1", 90, 120), log(tmp_path / "fsq", 64)]
    run("codebook_use.py", *folders)
    *_, first, second = capsys.readouterr().out.splitlines()
    assert first == "| fsq | 1 | 10 | 64.00 | 1.50 |"
    assert second == "| vq | 2 | 20 | 110.00 ± 14.14 | 1.50 ± 0.00 |"


def test_experiments_without_a_validation_are_named(tmp_path):
    with pytest.raises(SystemExit, match=r"none/log.jsonl: no such file; is .*none a folder made by"):
        run("codebook_use.py", tmp_path / "none")
    with pytest.raises(SystemExit, match=r"log.jsonl: no validation yet"):
        run("codebook_use.py", log(tmp_path / "new"))
