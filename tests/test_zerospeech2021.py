"""The run of ZeroSpeech 2021: its figures are those of the challenge's tools, its submissions go round."""

import csv
import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import CorpusError
from unitdisc.encodings import Encoding, EncodingsWriter
from unitdisc.evaluation.zerospeech.plain_yaml import as_yaml, read_yaml

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT.parent / "shared" / "golden" / "abx"
WHO = ("--author", "Ann Author", "--affiliation", "Home", "--description", "noise", "--train-set", "none")


@pytest.fixture(scope="module")
def script() -> dict:
    return runpy.run_path(str(ROOT / "eval" / "zerospeech2021.py"))


@pytest.fixture
def run(script, capsys):
    """Runs the script; what it returns and what it printed."""

    def invoke(*arguments: str | Path) -> tuple:
        found = script["main"]([str(argument) for argument in arguments])
        return found, *capsys.readouterr()

    return invoke


def golden(name: str) -> Path:
    if not (GOLDEN / name).is_dir():
        pytest.skip(f"no golden references at {GOLDEN}")
    return GOLDEN / name


def reference(name: str, speaker: str, distance: str) -> float:
    """What the float64 reference makes of it in the mode of Libri-Light."""
    mode = f"{name}|{speaker}-speaker|within-context|{distance}|slicing=ll|avg=libri-light|pool=none"
    return json.loads((GOLDEN / "expected.json").read_text())[mode]["ref-float64"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set: two of its parts, three recordings each, and their items."""
    rng = np.random.default_rng(0)
    for part in ("dev-clean", "test-other"):
        lines = ["#file onset offset #phone prev-phone next-phone speaker\n"]
        lines += [
            f"r{r} {i / 10:.2f} {(i + 1) / 10:.2f} {rng.choice(['a', 'b'])} x y s{r % 2}\n"
            for r in range(4)
            for i in range(8)
        ]
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / f"{part}.item").write_text("".join(lines))
    return tmp_path / "data"


@pytest.fixture
def encodings(tmp_path: Path) -> Path:
    """Encodings of both parts at 50 Hz."""
    rng = np.random.default_rng(0)
    for part in ("dev-clean", "test-other"):
        grid = {"point": "bottleneck", "stride": 320, "offset": 160.0, "rate": 16_000}
        writer = EncodingsWriter(tmp_path / "encodings" / part / "bottleneck", grid)
        for recording in range(4):
            writer.write(Encoding(f"r{recording}", np.arange(40), rng.standard_normal((40, 5))))
        writer.finish()
    return tmp_path / "encodings"


@pytest.mark.parametrize(
    "name,metric,distance",
    [
        ("g1200_d13", "cosine", "cosine"),
        ("g1200_d13_half", "cosine", "cosine"),
        ("g1200_d13", "euclidean", "euclidean_llnorm"),
        ("g1200_d13_post", "kl_symmetric", "kl_symmetric_llnorm"),
    ],
)
def test_figures_are_those_of_libri_light(run, tmp_path: Path, name: str, metric: str, distance: str):
    source = golden(name)
    (tmp_path / "items").mkdir()
    (tmp_path / "items" / "dev-other.item").symlink_to(source / "data.item")
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "dev-other").symlink_to(source / "npy")
    options = ("--frame-shift", 0.01, "--metric", metric, "--output", tmp_path / "out", "--threads", 1)
    found, out, err = run("score", tmp_path / "items", tmp_path / "features", *options)
    for speaker in ("within", "across"):
        error = found["abx"][0][speaker]["error"]
        assert error == pytest.approx(reference(name, speaker, distance), abs=1e-6)
        assert f"{100 * error:.2f}" in out
        with (tmp_path / "out" / "score_phonetic.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert {"dataset": "dev", "sub-dataset": "other", "type": speaker, "score": f"{error:.4f}"} in rows
    assert "no dev-clean, left out" in err
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["settings"]["slicing"] == "librilight"


@pytest.mark.parametrize("context,speaker", [("within", "within"), ("any", "within"), ("any", "across")])
def test_figures_of_abxls_are_those_of_its_tool(run, tmp_path: Path, context: str, speaker: str):
    """libriabx2, which zrc calls: within the context, and in any."""
    source = golden("g1200_d13")
    (tmp_path / "phoneme-test-clean.item").symlink_to(source / "data.item")
    (tmp_path / "test-clean").symlink_to(source / "npy")
    found, *_ = run("score", tmp_path, tmp_path, "--frame-shift", 0.01, "--threads", 1)
    part = next(part for part in found["abx"] if part["context"] == context)
    key = f"g1200_d13|{speaker}-speaker|{context}-context|cosine|slicing=ll|avg=libri-light|pool=none"
    figure = json.loads((GOLDEN / "expected.json").read_text())[key]["libriabx2-0.9.8"]
    assert part["granularity"] == "phoneme"
    assert part[speaker]["error"] == pytest.approx(figure, abs=1e-6)


def test_exact_slicing_is_another_figure(run, data: Path, encodings: Path):
    figures = [
        run("score", data, encodings, "--point", "bottleneck", "--slicing", slicing)[0]["abx"][0]["within"]["error"]
        for slicing in ("librilight", "exact")
    ]
    assert figures[0] != figures[1]


def test_a_submission_scores_as_the_encodings_it_was_made_of(run, data: Path, encodings: Path, tmp_path: Path):
    _, out, err = run("write", encodings, tmp_path / "submission", *WHO)
    assert "dev-clean 4 files, test-other 4 files" in out
    assert "the submission lacks dev-other" in err and "only the phonetic task; eval/zerospeech2021_language.py" in err
    direct, *_ = run("score", data, encodings, "--point", "bottleneck")
    written, *_ = run("score", data, tmp_path / "submission")  # frame shift and metric from meta.yaml
    assert [part["within"] for part in direct["abx"]] == [part["within"] for part in written["abx"]]
    assert [part["across"] for part in direct["abx"]] == [part["across"] for part in written["abx"]]


def test_the_metric_of_meta_yaml_counts(run, data: Path, encodings: Path, tmp_path: Path):
    run("write", encodings, tmp_path / "submission", *WHO)
    meta = read_yaml(tmp_path / "submission" / "meta.yaml")
    meta["parameters"]["phonetic"]["metric"] = "euclidean"
    (tmp_path / "submission" / "meta.yaml").write_text(as_yaml(meta))
    assert run("score", data, tmp_path / "submission")[0]["settings"]["distance"] == "euclidean"
    meta["parameters"]["phonetic"]["frame_shift"] = "quick"
    (tmp_path / "submission" / "meta.yaml").write_text(as_yaml(meta))
    with pytest.raises(CorpusError, match="says metric 'euclidean' and frame shift 'quick'"):
        run("score", data, tmp_path / "submission")


def test_check_says_everything_and_fails(run, data: Path, encodings: Path, tmp_path: Path, capsys):
    run("write", encodings, tmp_path / "submission", *WHO)
    (tmp_path / "submission" / "phonetic" / "dev-clean" / "r0.txt").unlink()
    with pytest.raises(CorpusError, match="submission: 3 things are missing or wrong"):
        run("check", tmp_path / "submission", "--items", data)
    said = capsys.readouterr().err
    assert "error: " in said and "1 recordings have no file (r0)" in said
    assert "dev-other: missing" in said and "test-clean: missing" in said
    assert "warning: " in said and "lexical/dev.txt: missing" in said


def test_a_complete_submission_passes(run, data: Path, encodings: Path, tmp_path: Path):
    for part, source in (("dev-other", "dev-clean"), ("test-clean", "test-other")):
        (encodings / part).symlink_to(encodings / source)
        (data / f"{part}.item").symlink_to(data / f"{source}.item")
    run("write", encodings, tmp_path / "submission", *WHO)
    assert "the phonetic task is complete" in run("check", tmp_path / "submission", "--items", data)[1]


def test_recordings_count_before_items(script, data: Path):
    assert script["recordings"](data, "dev-clean") == ["r0", "r1", "r2", "r3"]
    (data / "dev-clean" / "deep").mkdir(parents=True)
    (data / "dev-clean" / "deep" / "r9.wav").touch()
    assert script["recordings"](data, "dev-clean") == ["r9"]
    assert script["recordings"](data, "dev-other") == []


def test_abxls_is_written_and_scored_in_its_layout(run, data: Path, encodings: Path, tmp_path: Path):
    for part in ("dev-clean", "test-other"):
        (data / f"triphone-{part}.item").symlink_to(data / f"{part}.item")
        (data / f"{part}.item").rename(data / f"phoneme-{part}.item")
        (data / f"triphone-{part}.item").unlink()
        (data / f"triphone-{part}.item").symlink_to(data / f"phoneme-{part}.item")
    run("write", encodings, tmp_path / "submission", "--layout", "abxLS", *WHO)
    run("score", data, tmp_path / "submission", "--output", tmp_path / "out")
    with (tmp_path / "out" / "score_all_phonetic.csv").open() as file:
        rows = list(csv.DictReader(file))
    modes = {
        (row["granularity"], row["context_mode"], row["speaker_mode"]) for row in rows if row["subset"] == "dev-clean"
    }
    assert modes == {
        (granularity, context, speaker)
        for granularity, context in (("triphone", "within"), ("phoneme", "within"), ("phoneme", "any"))
        for speaker in ("within", "across")
    }
    assert all(len(row["score"]) == 6 for row in rows)


@pytest.mark.parametrize("verb", ["write", "score", "check"])
def test_nothing_there_is_an_error(run, tmp_path: Path, verb: str):
    arguments = {
        "write": (tmp_path, tmp_path / "s", *WHO),
        "score": (tmp_path, tmp_path),
        "check": (tmp_path / "none",),
    }[verb]
    with pytest.raises(CorpusError, match=r"none of dev-clean|nothing to score|no such folder"):
        run(verb, *arguments)


def test_the_frame_shift_must_be_known(run, data: Path, tmp_path: Path):
    (tmp_path / "features" / "dev-clean").mkdir(parents=True)
    np.save(tmp_path / "features" / "dev-clean" / "r0.npy", np.ones((9, 2)))
    with pytest.raises(ValueError, match="nothing says when its frames happen"):
        run("score", data, tmp_path / "features")
