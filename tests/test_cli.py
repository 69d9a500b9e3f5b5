"""The command line: quick to help, every example valid, every mistake answered in one sentence."""

import json
import pickle
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import safetensors.torch
import soundfile as sf
import torch
import typer
from tiny import listed, make_corpus, settings
from typer.testing import CliRunner

from unitdisc import commands as cli
from unitdisc import console
from unitdisc.commands.choices import LISTS, choices, presets
from unitdisc.corpus import Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.data.features import FEATURES
from unitdisc.evaluation import abx
from unitdisc.evaluation.probes.options import Reader
from unitdisc.experiment import load
from unitdisc.experiment.experiment import weights_checksum
from unitdisc.exports.formats import FORMATS
from unitdisc.model import PROBE_POINTS
from unitdisc.retrieval import search as searching
from unitdisc.segmentation.corpora import options as segment_options
from unitdisc.segmentation.corpora.peaks import METHODS

pytest_plugins = ["tiny_fixtures"]

COMMANDS = typer.main.get_command(cli.app).commands
HEAVY = {"torch", "torchaudio", "numpy", "scipy", "librosa", "sklearn", "soundfile", "matplotlib", "numba", "pandas"}


def test_help_loads_nothing_heavy():
    """Neither the help of the program nor that of any command."""
    program = """
import sys
from unitdisc.commands import main
for line in sys.stdin.read().splitlines():
    sys.argv = ["unitdisc", *line.split()]
    try:
        main()
    except SystemExit as end:
        assert not end.code, line
print(*{name.partition(".")[0] for name in sys.modules}, sep="\\n", file=sys.stderr)
"""
    lines = "\n".join(["--help", *(f"{name} --help" for name in COMMANDS)])
    done = subprocess.run([sys.executable, "-c", program], input=lines, capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stderr.split())
    assert done.stdout.count("Example:") == len(COMMANDS)


def test_comparing_loads_nothing_that_takes_longer_than_many_a_comparison():
    program = "import sys, unitdisc.api.abx; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "sklearn", "scipy.stats", "scipy.signal", "pandas", "matplotlib"} & set(done.stdout.split())


def test_every_file_is_a_command():
    files = {path.stem for path in Path(cli.__file__).parent.glob("*.py")} - {"__init__", "choices", "options"}
    assert {command.__name__ for command in cli.COMMANDS} == files
    assert {cli.typed_name(command) for command in cli.COMMANDS} == COMMANDS.keys()
    assert all(command.__module__ == f"unitdisc.commands.{command.__name__}" for command in cli.COMMANDS)


def test_choices_are_read_from_where_they_are_defined():
    for which, (file, name) in LISTS.items():
        defined = getattr(import_module(f"unitdisc.{file.removesuffix('.py').replace('/', '.')}"), name)
        assert choices(which) == tuple(get_args(defined) or defined), which
    assert {"small", "paper-25hz", "paper-handwriting-12px"} <= {*presets()}
    with pytest.raises(LookupError, match=r"model\.py: defines no NOTHING"):
        LISTS["nothing"] = ("model.py", "NOTHING")
        try:
            choices("nothing")
        finally:
            del LISTS["nothing"]


NAMED = {  # options whose help says more of each choice than its name: all that there is must be among the words
    ("abx", "--distance"): lambda: abx.DISTANCES,
    ("abx", "--slicing"): lambda: abx.SLICINGS,
    ("abx", "--context"): lambda: abx.CONTEXTS,
    ("abx", "--pooling"): lambda: abx.POOLINGS,
    ("encode", "--at"): lambda: PROBE_POINTS,
    ("export", "--format"): lambda: FORMATS,
    ("features", "--kind"): lambda: (*FEATURES, "columns"),
    ("find", "--by"): lambda: searching.BY,
    ("find", "--normalise"): lambda: searching.NORMALISE,
    ("probe", "--reader"): lambda: get_args(Reader),
    ("segment", "--method"): lambda: ("units", segment_options.PHONE_LOOP, segment_options.GIVEN, *METHODS),
    ("segment", "--posteriors"): lambda: segment_options.POSTERIORS,
    ("segment", "--solver"): lambda: segment_options.SOLVERS,
    ("segment", "--durations"): lambda: segment_options.DURATIONS,
    ("segment", "--transitions"): lambda: segment_options.TRANSITIONS,
}


@pytest.mark.parametrize("command,option", NAMED)
def test_help_names_all_choices(command, option):
    (parameter,) = [parameter for parameter in COMMANDS[command].params if option in parameter.opts]
    assert {*NAMED[command, option]()} <= {*re.findall(r"[\w-]+", parameter.help)}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_in_the_help_are_valid(name):
    examples = re.findall(r"`(?:torchrun .* -m )?unitdisc (.+?)`", COMMANDS[name].help)
    assert "Example: `" in COMMANDS[name].help
    for example in examples:
        verb, *arguments = shlex.split(example)
        assert verb == name
        COMMANDS[verb].make_context(verb, arguments)  # raises where an option or an argument does not exist


def test_every_argument_and_option_is_explained(unitdisc):
    for name, command in COMMANDS.items():
        helped = unitdisc(name, "--help").out
        for parameter in command.params:
            if isinstance(parameter, typer.core.TyperOption):
                assert parameter.opts[0] in helped


def test_no_command_shows_the_help(unitdisc):
    assert "Usage" in unitdisc().out


def test_an_unknown_option_is_refused(unitdisc):
    result = unitdisc("inspect", "exp", "--nonsense")
    assert result.code == 2
    assert "No such option" in result.err


@dataclass(frozen=True)
class Places:
    """What a test's commands may work on; `here` is empty, `experiment` and `encodings` may be harmed."""

    here: Path
    corpus: Path
    right_experiment: Path
    right_encodings: Path

    @cached_property
    def experiment(self) -> Path:
        return shutil.copytree(self.right_experiment, self.here.parent / "experiment")

    @cached_property
    def encodings(self) -> Path:
        return shutil.copytree(self.right_encodings, self.here.parent / "encodings")

    def file(self, name: str, content: str | bytes = "") -> Path:
        path = self.here / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def train(self, *more: str, config: str | Path = "small", corpus: Path | None = None, **options) -> list:
        folder = self.here / "new"
        return ["train", config, corpus or self.corpus, folder, "--device=cpu", *settings(**options), *more]

    def resume(self, **options) -> list:
        return ["train", "small", self.corpus, self.experiment, "--device=cpu", *settings(**options)]

    def encode(self, *more: str) -> list:
        return ["encode", self.experiment, self.corpus, self.here / "x", *more]

    def with_damage(self, name: str, content: str | bytes) -> "Places":
        (self.experiment / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def without(self, name: str) -> "Places":
        (self.experiment / name).unlink()
        return self

    def with_spoilt(self, name: str, content: str) -> "Places":
        (self.encodings / "bottleneck" / name).write_text(content)
        return self


@pytest.fixture
def places(tmp_path, tiny_corpus, tiny_experiment, tiny_encodings) -> Places:
    (tmp_path / "here").mkdir()
    return Places(tmp_path / "here", tiny_corpus, tiny_experiment, tiny_encodings)


def other_corpus(places: Places) -> Path:
    utterances = [replace(u, id=f"other-{u.id}") for u in listed(places.corpus)]
    write_manifest(places.here / "other.jsonl", utterances)
    return places.here / "other.jsonl"


def fewer(places: Places) -> Path:
    write_manifest(places.here / "fewer.jsonl", listed(places.corpus)[:9])
    return places.here / "fewer.jsonl"


def unlabelled_corpus(places: Places) -> Path:
    utterances = [replace(u, alignment={}) for u in listed(places.corpus)]
    write_manifest(places.here / "unlabelled.jsonl", utterances)
    return places.here / "unlabelled.jsonl"


def other_weights() -> bytes:
    return safetensors.torch.save({"encoder.layers.0.weight": torch.zeros(2, 2)})


Mistake = tuple[Callable[[Places], list], str]  # the command, and a pattern of what must be said of it

MISTAKES: dict[str, Mistake] = {
    # configs
    "no config": (lambda p: p.train(config=p.here / "no.toml"), r"no\.toml: no such config file; .* presets"),
    "no preset": (lambda p: p.train(config="tiny"), r"tiny: no such config file; .*'paper', .*'small'"),
    "not TOML": (lambda p: p.train(config=p.file("a.toml", "[a")), r"a\.toml: not a TOML file"),
    "not UTF-8": (lambda p: p.train(config=p.file("a.toml", b"\xff")), r"a\.toml: not a TOML file"),
    "no table": (lambda p: p.train(config=p.file("a.toml", "dim = 1")), "dim = 1 stands outside of a table"),
    "unknown table": (lambda p: p.train("--set", "endcoder.dim=1"), r"no such table \['endcoder'\]: the tables are"),
    "unknown key": (
        lambda p: p.train(encoder__dims=1),
        r"\[encoder\] 'conv' has no option \['dims'\]: its options",
    ),
    "unknown kind": (lambda p: p.train(encoder__kind="lstm"), r"\[encoder\] unknown kind 'lstm': choose one of"),
    "kind of a wrong kind": (lambda p: p.train(encoder__kind="[1]"), r"\[encoder\] unknown kind \[1\]"),
    "no value": (lambda p: p.train("--set", "encoder.dim"), r"--set 'encoder.dim': write TABLE\.OPTION=VALUE"),
    "a word for a number": (lambda p: p.train(encoder__dim="big"), r"\[encoder\].* dim must be int, not 'big'"),
    "a word for an optional number": (
        lambda p: p.train(features__bins="x"),
        r"\[features\].* bins must be int",
    ),
    "a number for a list": (lambda p: p.train(training__halve_at=5), r"\[training\].* halve_at must be list, not 5"),
    "a list too short": (lambda p: p.train(decoder__scales="[1.0]"), r"\[decoder\].* scales must be tuple"),
    "negative": (
        lambda p: p.train(training__learning_rate=-1),
        r"\[training\].* learning_rate must be 0 or more",
    ),
    "not a number": (lambda p: p.train(training__clip="nan"), r"\[training\].* clip must be 0 or more, not nan"),
    "no steps": (lambda p: p.train(training__steps=0), r"\[training\]: steps must be at least 1"),
    "no width": (lambda p: p.train(encoder__dim=0), r"\[encoder\] encoder\..* is empty; every size must be 1 or more"),
    "no codes": (lambda p: p.train(bottleneck__num_codes=0), r"\[bottleneck\] bottleneck\..* is empty"),
    "too few bins": (lambda p: p.train(features__bins=5), r"\[features\]: mfcc takes 13 bins or more, not 5"),
    "no such features": (lambda p: p.train(features__kind="plp"), r"\[features\]: unknown features 'plp': choose"),
    "hop of nothing": (lambda p: p.train(features__hop=0), r"\[features\]: hop must be between 1 and the rate"),
    "crop off the grid": (
        lambda p: p.train(training__crop=15),
        r"training\.crop is 15 frames, .* multiple",
    ),
    "nothing to train on": (lambda p: p.train(training__valid_share=1), r"\[training\]: valid_share 1 holds out all"),
    "odd stride": (lambda p: p.train(encoder__stride=3), r"stride must be 2 \(50 Hz\) or 4 \(25 Hz\), not 3"),
    # corpora
    "no corpus": (lambda p: p.train(corpus=p.here / "no.jsonl"), r"no\.jsonl: no such file or folder; give"),
    "corpus of nothing": (lambda p: p.train(corpus=p.file("a.jsonl")), r"a\.jsonl: no utterances in it; prepare"),
    "a folder that is no corpus": (
        lambda p: p.train(corpus=p.here),
        r"here: a folder without wav\.scp or images\.scp; give",
    ),
    "no manifest": (lambda p: p.train(corpus=p.file("a.txt", "x")), r"a\.txt: neither a manifest nor a folder; give"),
    "no JSON": (lambda p: p.train(corpus=p.file("a.jsonl", "{")), r"a\.jsonl:1: not an utterance"),
    "line 100": (
        lambda p: p.train(corpus=p.file("a.jsonl", "\n" * 99 + "{}")),
        r"a\.jsonl:100: not an utterance",
    ),
    "a pipe": (
        lambda p: p.train(corpus=p.file("a.jsonl", '{"id": "a", "path": "cat b |", "ticks": 1}')),
        r"a\.jsonl: .* is a pipe, which runs a command .*\(--allow-pipes\)",
    ),
    # experiments
    "no experiment": (
        lambda p: ["encode", p.here / "no", p.corpus, p.here / "x"],
        r"no/experiment\.json: not there; is .*/no a folder made by `unitdisc train`\?",
    ),
    "a folder that is no experiment": (lambda p: ["inspect", p.here], r"here/experiment\.json: not there; is"),
    "no weights": (lambda p: p.without("model.safetensors").encode(), r"model\.safetensors: no weights yet"),
    "torn weights": (lambda p: p.with_damage("model.safetensors", "x").encode(), r"model\.safetensors: damaged"),
    "pickled weights": (
        lambda p: p.with_damage("model.safetensors", pickle.dumps({"a": 1})).encode(),
        r"model\.safetensors: damaged",
    ),
    "other weights": (
        lambda p: p.with_damage("model.safetensors", other_weights()).encode(),
        r"model\.safetensors: holds the weights of another model: \d+ differ, such as .*; remove it and run the same",
    ),
    "torn options": (lambda p: p.with_damage("experiment.json", "{").encode(), r"experiment\.json: damaged"),
    "no options": (
        lambda p: p.with_damage("experiment.json", "{}").encode(),
        r"experiment\.json: .*lacks options",
    ),
    "options of no kind": (
        lambda p: p.with_damage("experiment.json", "[]").encode(),
        r"experiment\.json: damaged",
    ),
    "flat options": (
        lambda p: p.with_damage("experiment.json", '{"options": {"encoder": 3}, "corpus": {}}').encode(),
        r"experiment\.json: damaged \(options must be tables\)",
    ),
    "torn speakers": (lambda p: p.with_damage("speakers.json", "[").encode(), r"speakers\.json: damaged"),
    "speakers of another kind": (lambda p: p.with_damage("speakers.json", "[1]").encode(), r"speakers\.json: damaged"),
    "no statistics": (lambda p: p.without("statistics.json").encode(), r"statistics\.json: not there"),
    "torn statistics": (lambda p: p.with_damage("statistics.json", "{}").encode(), r"statistics\.json: damaged"),
    "another experiment": (
        lambda p: p.resume(encoder__dim=17, training__seed=3),
        r"differs in encoder\.dim, training\.seed; choose another folder, or remove this one",
    ),
    "another corpus": (
        lambda p: ["train", "small", other_corpus(p), p.experiment, "--device=cpu", *settings()],
        r"differs in the corpus \(.*corpus\.jsonl there\)",
    ),
    "fewer recordings than before": (
        lambda p: ["train", "small", fewer(p), p.experiment, "--device=cpu", *settings()],
        r"differs in the corpus \(.*corpus\.jsonl there, where 12 utterances could be used, here 9\)",
    ),
    "a file for a cache": (
        lambda p: p.train("--cache", p.file("x")),
        r"--cache .*x: is a file, where a folder is needed",
    ),
    "a file in the way of an experiment": (
        lambda p: ["train", "small", p.corpus, p.file("new", "x"), "--device=cpu"],
        r"new: is a file, where a folder is needed; choose another name",
    ),
    # encoding, features, resynthesis
    "unknown point": (lambda p: p.encode("--at", "middle"), r"--at \['middle'\]: the probe points are"),
    "a file in the way": (lambda p: [*p.encode()[:3], p.file("x") / "y"], r"x: is a file, where a folder is needed"),
    "no such device": (lambda p: p.encode("--device", "abacus"), "--device abacus: cannot be used"),
    "no such device to train on": (lambda p: [*p.train(), "--device", "abacus"], "--device abacus: cannot be used"),
    "features of no kind": (
        lambda p: ["features", p.corpus, p.here, "--kind", "plp"],
        "unknown features 'plp': choose",
    ),
    "features at no rate": (
        lambda p: ["features", p.corpus, p.here, "--rate", "0"],
        "hop must be between 1 and the rate",
    ),
    "features of another rate": (
        lambda p: ["features", p.corpus, p.here, "--rate", "8000"],
        r"corpus\.jsonl: nothing in it can be used",
    ),
    "unknown speaker": (
        lambda p: ["resynthesise", p.experiment, p.corpus, p.here, "--speaker", "nobody"],
        r"knows no speaker \['nobody'\]; `unitdisc inspect .* --speakers` lists those it knows",
    ),
    "no limit": (
        lambda p: ["resynthesise", p.experiment, p.corpus, p.here, "--limit", "0"],
        "--limit must be 1",
    ),
    "a seed that is none": (
        lambda p: ["resynthesise", p.experiment, p.corpus, p.here, "--seed", str(2**64)],
        r"--seed must be below 2\^63",
    ),
    "negative temperature": (
        lambda p: ["resynthesise", p.experiment, p.corpus, p.here, "--temperature", "-1"],
        "a temperature must be 0 or more",
    ),
    # evaluation
    "no encodings": (lambda p: ["abx", p.here / "no", p.corpus], r"here/no: no such folder; `unitdisc encode`"),
    "a folder above": (
        lambda p: ["abx", p.encodings, p.corpus],
        r"encodings: nothing says when its frames happen; give --frame-rate",
    ),
    "encodings of another corpus": (
        lambda p: ["abx", p.encodings / "mfcc", other_corpus(p)],
        r"mfcc: holds none of the 12 utterances of .*other\.jsonl; encode that corpus",
    ),
    "units of another corpus": (
        lambda p: ["export", p.encodings / "bottleneck", other_corpus(p), p.here],
        r"bottleneck: holds none of the 12 utterances",
    ),
    "torn units": (
        lambda p: ["score", p.with_spoilt("units.jsonl", "{").encodings / "bottleneck", p.corpus],
        r"units\.jsonl:1: damaged; run the same `unitdisc encode` again",
    ),
    "torn settings": (
        lambda p: ["probe", p.with_spoilt("encodings.json", "{").encodings / "bottleneck", p.corpus],
        r"encodings\.json: damaged",
    ),
    "a torn array": (
        lambda p: ["abx", p.with_spoilt("u03.npy", "x").encodings / "bottleneck", p.corpus],
        r"u03\.npy: damaged .*; remove it and encode the corpus again",
    ),
    "no labels": (lambda p: ["abx", p.encodings / "mfcc", unlabelled_corpus(p)], "u00: has no tier 'phone', only none"),
    "unknown tier": (lambda p: ["abx", p.encodings / "mfcc", p.corpus, "--tier", "tone"], "has no tier 'tone', only"),
    "unknown context": (lambda p: ["abx", p.encodings / "mfcc", p.corpus, "--context", "x"], "--context must be"),
    "unknown average": (lambda p: ["abx", p.encodings / "mfcc", p.corpus, "--average", "x"], "--average must be"),
    "no frame rate": (lambda p: ["abx", p.encodings / "mfcc", p.corpus, "--frame-rate", "0"], "--frame-rate must be"),
    "a wrong frame rate": (
        lambda p: ["abx", p.encodings / "mfcc", p.corpus, "--frame-rate", "200"],
        r"u\d+\.npy: .* is the frame rate right",
    ),
    "no log-mel": (lambda p: ["probe", p.encodings / "mfcc", p.corpus, "--mel", p.here / "no"], "no: no such folder"),
    "no units": (lambda p: ["export", p.encodings / "mfcc", p.corpus, p.here], "u00 has no codes"),
    "unknown format": (
        lambda p: ["export", p.encodings / "bottleneck", p.corpus, p.here, "--format", "mlf"],
        r"unknown format 'mlf': choose from \['jsonl', 'ctm', 'textgrid', 'elan', 'audacity', 'km', .*\]",
    ),
    "nothing to compare with": (
        lambda p: ["report", p.experiment, p.corpus, "--compare", p.here],
        r"here: has no report to compare with; run `unitdisc report` on it first",
    ),
    "nothing to validate": (lambda p: ["validate", p.here / "no.jsonl"], r"no\.jsonl: no such file or folder; give"),
}


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_in_one_sentence(unitdisc, places, mistake):
    command, message = MISTAKES[mistake]
    result = unitdisc(*command(places))
    *before, last = result.err.splitlines()
    assert result.code == 1
    assert re.match(f"unitdisc: .*{message}", last), last
    assert "Traceback" not in result.err
    assert not [line for line in before if line.startswith("unitdisc: ")]
    assert not (places.here / "new").is_dir(), "the training of a wrong configuration has begun"


def test_a_preset_is_found_beside_a_folder_of_its_name(unitdisc, places, monkeypatch):
    (places.here / "small").mkdir()
    monkeypatch.chdir(places.here)
    assert "steps must be at least 1" in unitdisc(*places.train(training__steps=0)).err


def test_a_config_may_begin_with_a_byte_order_mark(unitdisc, places):
    config = places.file("a.toml", "\ufeff[training]\nsteps = 0\n".encode())
    assert "steps must be at least 1" in unitdisc("train", config, places.corpus, places.here / "new").err


def test_a_message_is_one_line_and_shows_names_as_they_are(capsys):
    with pytest.raises(SystemExit) as end:
        console.fail("a.jsonl:100: [bold]x[/bold] :smile:\n  of many\n\twords")
    assert end.value.code == 1
    assert capsys.readouterr().err == "unitdisc: a.jsonl:100: [bold]x[/bold] :smile: of many words\n"


@pytest.mark.parametrize("device", ["cpu", None])
def test_processes_work_together_whatever_their_device(places, monkeypatch, device):
    from unitdisc.api import train as verb

    class JoinedError(Exception):
        pass

    def join(device: str) -> str:
        raise JoinedError

    monkeypatch.setattr(verb, "processes", join)
    with pytest.raises(JoinedError):
        verb.train("small", places.corpus, places.here / "new", device=device)


@pytest.mark.parametrize("typed,found", [("unitdisc exp", "export\nexplore"), ("unitdisc explore --na", "--names")])
def test_shells_complete_commands_and_options(typed, found):
    asked = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1), "_UNITDISC_COMPLETE": "complete_bash"}
    assert CliRunner().invoke(cli.app, env=asked, prog_name="unitdisc").output.strip() == found


def test_a_model_is_handed_on_with_its_card(unitdisc, places, tmp_path):
    told = json.loads((places.experiment / "experiment.json").read_text())
    done = unitdisc("card", places.experiment, tmp_path / "small", "--licence", "cc-by-4.0", "--cite", "Nobody (2026)")
    assert done.code == 0 and done.out.strip() == str(tmp_path / "small" / "README.md")
    card = (tmp_path / "small" / "README.md").read_text()
    front = card.split("---\n")[1].splitlines()
    assert front[:2] == ['license: "cc-by-4.0"', "library_name: unitdisc"] and "# small\n" in card
    corpus = told["corpus"]
    assert f"| speakers or scribes | {corpus['speakers']} |" in card and f"{corpus['hours']:.2f} hours" in card
    assert "Not measured" in card and "Nobody (2026)" in card
    assert str(Path(corpus["path"]).parent.parent) not in card + (tmp_path / "small" / "experiment.json").read_text()
    assert {path.name for path in (tmp_path / "small").iterdir()} == {
        "README.md", "experiment.json", "speakers.json", "statistics.json", "model.safetensors"
    }  # fmt: skip
    assert weights_checksum(tmp_path / "small") == weights_checksum(places.experiment) and load(tmp_path / "small")
    assert unitdisc("card", places.experiment, tmp_path / "small").code == 0  # the same model once more


def test_what_cannot_be_handed_on_is_said(unitdisc, places, tmp_path):
    own, other, copy = tmp_path / "own", tmp_path / "other", tmp_path / "copy"
    for path in (own / "README.md", other / "model.safetensors"):
        path.parent.mkdir()
        path.write_text("mine")
    shutil.copytree(places.experiment, copy)  # where training may go on
    for number, scores in enumerate(("{", "[]", '{"corpus": "x"}')):
        report = tmp_path / f"copy{number}" / "report"
        shutil.copytree(places.experiment, report.parent, ignore=shutil.ignore_patterns("report"))
        report.mkdir()
        (report / "scores.json").write_text(scores)
    for arguments, message in (
        ((places.experiment, tmp_path / "out", "--licence", "mine: all\nof it"), "is no identifier; give one such as"),
        ((places.experiment, places.experiment), "is the experiment itself"),
        ((places.experiment, own), "has README.md in it, which is not of this card"),
        ((places.experiment, copy), "has checkpoints in it"),
        ((places.experiment, other), "has model.safetensors in it"),
        ((tmp_path, tmp_path / "out"), "not there; is"),
        ((tmp_path / "copy0", tmp_path / "out"), "scores.json: damaged"),
        ((tmp_path / "copy1", tmp_path / "out"), "scores.json: damaged"),
        ((tmp_path / "copy2", tmp_path / "out"), "or report/scores.json, is damaged"),
    ):
        done = unitdisc("card", *arguments)
        assert done.code == 1 and message in done.err
    assert not (tmp_path / "out").exists() and (own / "README.md").read_text() == "mine"


def test_inspect_tells_of_an_experiment(unitdisc, places):
    summary = json.loads(unitdisc("inspect", places.experiment).out)
    assert summary["speakers"] == 4
    assert summary["codes"] == 8
    assert summary["latents per second"] == 50
    assert summary["last"]["train"]["step"] == 6
    assert sum(summary["weights"].values()) == 2 * summary["weights"]["total"]
    assert unitdisc("inspect", places.experiment, "--speakers").out.split() == ["s0", "s1", "s2", "s3"]


def test_inspect_reads_a_log_that_a_kill_tore(unitdisc, places):
    with (places.experiment / "log.jsonl").open("a") as log:
        log.write('[]\n{"step": 7, "spl')
    assert json.loads(unitdisc("inspect", places.experiment).out)["last"]["train"]["step"] == 6


def test_one_way_of_abx_is_measured_where_the_other_cannot_be(unitdisc, places):
    """A single speaker: within, but not across."""
    utterances = [replace(u, speaker="s0") for u in listed(places.corpus)]
    write_manifest(places.here / "one.jsonl", utterances)
    mfcc, output = places.encodings / "mfcc", places.here / "abx.json"
    result = unitdisc("abx", mfcc, places.here / "one.jsonl", "--context", "any", "-o", output)
    assert result.code == 0, result.err
    assert re.search(r"within +\d+\.\d\d %", result.out)
    assert re.search("across +not measured: .*also by another", result.out)
    found = json.loads(output.read_text())["abx"]
    assert 0 <= found["within"]["error"] <= 1
    assert found["across"]["error"] is None
    assert "also by another" in found["across"]["why"]


def test_encodings_of_another_tool_are_scored_by_their_frame_rate(unitdisc, places):
    """The same frames without encodings.json give the same ABX."""
    ours, theirs = places.encodings / "mfcc", places.here / "theirs"
    theirs.mkdir()
    for path in ours.glob("*.npy"):
        np.save(theirs / path.name, np.load(path))
    results = [
        unitdisc("abx", folder, places.corpus, "--context", "any", *more).out
        for folder, more in ((ours, ()), (theirs, ("--frame-rate", "100")))
    ]
    assert results[0] == results[1] != ""


def test_units_of_another_tool_are_exported_with_their_frame_rate(unitdisc, tmp_path: Path):
    sf.write(tmp_path / "a.wav", np.zeros(1600), 16_000)
    write_manifest(tmp_path / "m.jsonl", [Utterance("a", str(tmp_path / "a.wav"), None, 1600, 16_000)])
    (tmp_path / "u.jsonl").write_text('{"audio": "a.wav", "units": "7 7 7 8 8"}\n')
    given = [str(tmp_path / name) for name in ("u.jsonl", "m.jsonl", "out")]
    assert "give --frame-rate" in unitdisc("export", *given).err
    assert unitdisc("export", *given, "--frame-rate", "50", "--format", "km", "--format", "jsonl").code == 0
    assert (tmp_path / "out" / "units.km").read_text() == "7 7 7 8 8\n"
    assert (
        '"units": [{"code": 7, "start": 0, "end": 960}, {"code": 8, "start": 960'
        in (tmp_path / "out" / "units.jsonl").read_text()
    )


def test_messages_do_not_build_the_command_line_anew(unitdisc, tmp_path, monkeypatch):
    """Hundreds of warnings would take longer than what they are about."""
    built, original = [], cli.parameters_of
    monkeypatch.setattr(cli, "parameters_of", lambda name: built.append(name) or original(name))
    cli.wording_of.cache_clear()
    corpus = make_corpus(tmp_path, 4)
    for copy in ("u01", "u02", "u03"):
        shutil.copy(tmp_path / "u00.wav", tmp_path / f"{copy}.wav")
    assert unitdisc("validate", corpus).err.count("\n") > 3
    assert built == ["validate"]
