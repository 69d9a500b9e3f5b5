"""The chain from nothing to a report, and the recipes that tell people to run it."""

import json
import re
import runpy
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from shell_blocks import assert_valid, commands_in
from tiny import listed, settings
from typer.testing import CliRunner

from unitdisc import commands as cli
from unitdisc.api.train import geometry
from unitdisc.data.crops import CropPlan
from unitdisc.evaluation import intervals
from unitdisc.evaluation.probes import cross_validation as reading
from unitdisc.evaluation.probes import models as readers
from unitdisc.experiment import Experiment, config
from unitdisc.reports import figures
from unitdisc.training.trainer import TrainingOptions

pytest_plugins = ["tiny_fixtures"]

ROOT = Path(__file__).parent.parent
RECIPES = sorted(path for path in (ROOT / "recipes").iterdir() if path.is_dir() and path.name != "slurm")
SCRIPTS = sorted((ROOT / "recipes").glob("*/*.sh"))
SHARED = sorted((ROOT / "recipes").glob("*.sh"))  # sourced by others
CONFIGS = sorted((ROOT / "recipes").glob("*/conf/*.toml"))
POINTS = ("mfcc", "features", "encoder", "projection", "bottleneck", "condition")  # features are normalised


def short(path: Path) -> str:
    return str(path.relative_to(ROOT / "recipes"))


# The chain, on a little of the built-in corpus


@pytest.fixture(scope="module")
def chain(tmp_path_factory) -> Path:
    pytest.importorskip("espeakng_loader", reason="eSpeak NG is not installed: pip install 'unitdisc[demo]'")
    folder = tmp_path_factory.mktemp("chain")
    script = runpy.run_path(str(ROOT / "data_prep" / "mini_speech.py"))
    script["main"]([str(folder / "data"), "--train-minutes", "0.3", "--test-minutes", "0.5"])
    return folder


@pytest.fixture(scope="module")
def run(chain):
    """Runs a command of unitdisc that must succeed; what it prints."""

    def invoke(*arguments: str | Path) -> str:
        result = CliRunner().invoke(cli.app, list(map(str, arguments)), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return invoke


@pytest.fixture(scope="module")
def trained(chain, run) -> Path:
    run("train", "small", chain / "data/train.jsonl", chain / "one", "--device=cpu", *settings())
    return chain / "one"


@pytest.fixture(scope="module")
def encoded(chain, trained, run) -> Path:
    run("encode", trained, chain / "data/test.jsonl", trained / "encodings/test")
    for kind in ("mfcc", "log-mel"):
        run("features", chain / "data/test.jsonl", trained / "encodings/test" / kind, "--kind", kind)
    return trained / "encodings/test"


@pytest.fixture(scope="module")
def hasty() -> Iterator[None]:
    """Probes search for a moment only."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(readers, "ITERATIONS", 2)
        patched.setattr(reading, "SHUFFLES", 1)
        patched.setattr(intervals, "RESAMPLES", 20)
        yield


@pytest.fixture(scope="module")
def first(chain, trained, encoded, run, hasty) -> dict:
    """scores.json of a report, whose page nobody looks at."""
    run("resynthesise", trained, chain / "data/test.jsonl", trained / "resyntheses", "--limit", "1", "--speaker", "f1")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(figures, "svg", lambda figure, description: "")
        run("report", trained, chain / "data/test.jsonl", "--context", "any")
    return json.loads((trained / "report/scores.json").read_text())


@pytest.fixture(scope="module")
def reported(chain, trained, encoded, first, run) -> dict:
    """scores.json of a second report, that compares the experiment with what it was after the first."""
    shutil.copytree(trained, chain / "two")
    before = {path: path.stat().st_mtime_ns for path in encoded.rglob("*.npy")}
    page = run("report", trained, chain / "data/test.jsonl", "--compare", chain / "two", "--context", "any").strip()
    assert Path(page) == trained / "report/index.html"
    assert {path: path.stat().st_mtime_ns for path in encoded.rglob("*.npy")} == before
    return json.loads((trained / "report/scores.json").read_text())


def test_resyntheses_are_as_long_as_the_recordings(chain, trained, reported):
    (path,) = (trained / "resyntheses").glob("*.wav")
    utterance = next(u for u in listed(chain / "data/test.jsonl") if u.id == path.name.partition("--")[0])
    info = soundfile.info(path)
    assert info.samplerate == 16_000
    assert abs(info.frames - utterance.ticks) <= 80


def test_units_are_exported_in_every_format(chain, trained, encoded, run):
    run("export", encoded / "bottleneck", chain / "data/test.jsonl", trained / "units")
    names = {path.name for path in (trained / "units").iterdir()}
    assert names == {"units.jsonl", "units.ctm", "units.km", "units.tsv", "textgrid", "elan", "audacity"}
    utterances = listed(chain / "data/test.jsonl")
    assert len((trained / "units/units.km").read_text().splitlines()) == len(utterances)
    assert len(list((trained / "units/textgrid").iterdir())) == len(utterances)


def test_the_report_has_every_figure_it_promises(reported):
    assert list(reported["abx"]) == list(POINTS)
    for point in POINTS:
        for speaker in ("within", "across"):
            assert 0 <= reported["abx"][point][speaker] <= 1
            assert reported["abx_counts"][point][speaker]["triplets"] > 0
        assert reported["probes"][point].keys() == {"labels", "speaker", "gender", "mel"}
        for task in ("labels", "speaker", "gender"):
            assert 0 <= reported["probes"][point][task]["accuracy"] <= 1
            assert 0 < reported["probes"][point][task]["majority"] < 1
        assert reported["probes"][point]["mel"]["r2"] <= 1
    assert {"ami", "v_measure", "pnmi", "many_to_one", "usage", "bitrate", "confusion"} <= reported["units"].keys()
    assert reported["units"]["bitrate"]["bits_per_second"] > 0
    assert reported["settings"]["tier"] == "phone"
    assert {"unitdisc", "numpy"} <= reported["versions"].keys()
    assert {"unitdisc", "torch"} <= reported["experiment"]["versions"].keys()
    assert reported["experiment"]["options"]["encoder"]["dim"] == 16


def test_the_report_keeps_what_it_compares_with(first, reported):
    assert reported["compare"] == {"two": {name: found for name, found in first.items() if name != "compare"}}


def test_the_report_is_one_page_that_needs_no_network(trained, reported):
    page = (trained / "report/index.html").read_text()
    assert page.lower().startswith("<!doctype html>")
    assert page.count("<audio") >= 2
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_single_commands_find_what_the_report_says(chain, encoded, reported, run):
    output, test = chain / "out.json", chain / "data/test.jsonl"
    run("abx", encoded / "condition", test, "-o", output, "--context", "any")
    found = json.loads(output.read_text())["abx"]
    assert {speaker: found[speaker]["error"] for speaker in found} == reported["abx"]["condition"]
    run("probe", encoded / "projection", test, "--mel", encoded / "log-mel", "-o", output)
    assert json.loads(output.read_text())["probes"] == reported["probes"]["projection"]
    run("score", encoded / "bottleneck", test, "-o", output)
    assert json.loads(output.read_text())["units"] == reported["units"]


def test_a_second_report_changes_nothing(first, reported):
    assert reported | {"compare": {}} == first


def test_compared_experiments_of_one_name_are_kept_apart(tmp_path):
    from unitdisc.api.report import read_reports

    for place in ("a/vq", "b/vq"):
        (tmp_path / place / "report").mkdir(parents=True)
        (tmp_path / place / "report/scores.json").write_text("{}")
    others = [tmp_path / "a/vq", tmp_path / "b/vq"]
    assert list(read_reports(tmp_path / "mine", others)) == list(map(str, others))
    assert list(read_reports(tmp_path / "mine", others[:1])) == ["vq"]
    assert list(read_reports(tmp_path / "c/vq", others[:1])) == [str(others[0])]


# Recipes


@pytest.mark.parametrize("recipe", RECIPES, ids=short)
def test_a_recipe_is_a_script_and_its_configs(recipe):
    files = {path.relative_to(recipe) for path in recipe.rglob("*") if path.is_file()}
    assert Path("run.sh") in files
    presets = "|".join(path.stem for path in config.PRESETS.glob("*.toml"))
    text = (recipe / "run.sh").read_text()
    trains = re.search(r"unitdisc (train|discover) ", text)
    assert not trains or re.search(rf"/conf/|train ({presets}) |={presets}\b", text)
    others = {path for path in files if not path.match("conf/*.toml")} - {Path("RESULTS.md")}
    assert {path for path in others if path.suffix != ".sh" or len(path.parts) > 1} == set()


@pytest.mark.parametrize("recipe", RECIPES, ids=short)
def test_a_recipe_says_what_came_of_it(recipe):
    assert (recipe / "RESULTS.md").is_file()


@pytest.mark.parametrize("script", [*SCRIPTS, *SHARED], ids=short)
def test_scripts_are_valid(script):
    subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.parametrize("script", SCRIPTS, ids=short)
def test_scripts_can_be_entered_and_left_anywhere(script):
    assert 'source "$(dirname "$0")/../shared.sh"' in script.read_text()
    assert script.stat().st_mode & 0o111
    nothing = subprocess.run([script, "--stage", "98"], capture_output=True, text=True, check=False)
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "", "")


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--stage"], ["--stop-stage"], ["1"]], ids=" ".join)
def test_scripts_refuse_what_they_do_not_know(arguments):
    done = subprocess.run([SCRIPTS[0], *arguments], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "--stage" in done.stderr or "--stop-stage" in done.stderr
    assert done.stdout == ""


def test_stages_are_run_in_order_from_the_first_to_the_last_wanted(tmp_path):
    (tmp_path / "recipes/toy").mkdir(parents=True)
    (tmp_path / "recipes/shared.sh").write_bytes((ROOT / "recipes/shared.sh").read_bytes())
    script = tmp_path / "recipes/toy/run.sh"
    lines = ['source "$(dirname "$0")/../shared.sh"']
    lines += ["number=2000 first=5 last=0"]  # which are nobody's but the recipe's
    lines += [f'if stage "{name}"; then echo "did {name} in $PWD"; fi' for name in ("one", "two", "three")]
    script.write_text("\n".join(lines))

    def did(*arguments: str) -> list[str]:
        done = subprocess.run(["bash", script, *arguments], capture_output=True, text=True, check=True)
        return re.findall(rf"did (\w+) in {re.escape(str(tmp_path))}$", done.stdout, re.M)

    assert did() == ["one", "two", "three"]
    assert did("--stage", "2") == ["two", "three"]
    assert did("--stop-stage", "2") == ["one", "two"]
    assert did("--stage", "2", "--stop-stage", "2") == ["two"]
    wrong = subprocess.run(["bash", script, "--stage", "two"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "--stage needs a number, not two" in wrong.stderr


def test_a_stage_that_fails_ends_the_script(tmp_path):
    (tmp_path / "recipes/toy").mkdir(parents=True)
    (tmp_path / "recipes/shared.sh").write_bytes((ROOT / "recipes/shared.sh").read_bytes())
    script = tmp_path / "recipes/toy/run.sh"
    script.write_text('source "$(dirname "$0")/../shared.sh"\nif stage one; then false; fi\necho went on\n')
    done = subprocess.run(["bash", script], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "went on" not in done.stdout


@pytest.mark.parametrize("path", [*CONFIGS, *sorted(config.PRESETS.glob("*.toml"))], ids=lambda path: path.stem)
def test_configs_build_a_model(path):
    options = config.read(path)
    if options["encoder"].get("kind") == "experiment":  # see test_discovered_units.py
        pytest.skip("begins with a network that was trained before")
    training = config.construct("[training]", TrainingOptions, options.get("training", {}))
    stride, _, _ = geometry(Experiment(options, ["a", "b"], {}).build())
    CropPlan([100], training.batch_size, training.crop or None, stride, training.seed)


# What scripts and results tell people to type


def bash_blocks(path: Path) -> str:
    return "\n".join(re.findall(r"^```(?:bash|sh|console)\n(.*?)^```", path.read_text(), re.M | re.S))


@pytest.mark.parametrize("path", [recipe / "RESULTS.md" for recipe in RECIPES], ids=str)
def test_what_texts_tell_people_to_type_is_valid(path):
    if not path.exists():
        pytest.skip("not written yet")
    for words in commands_in(bash_blocks(path)):
        assert_valid(words)


@pytest.mark.parametrize("script", [*SCRIPTS, *SHARED], ids=short)
def test_what_scripts_type_is_valid(script):
    text = script.read_text()
    for name, value in re.findall(r"^(\w+)=(\S+)$", text, re.M):
        text = re.sub(rf"\${name}\b|\${{{name}}}", lambda _, value=value: value, text)
    for words in commands_in(text):
        if words[0] in ("unitdisc", "python") and not any("$@" in word for word in words):
            words = [word for word in words if not re.match(r"\$\{(\w+\[)?@", word)]  # options that the shell makes up
            assert_valid(words)
