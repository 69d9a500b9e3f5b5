"""The Python interface: light to import, and every example in its docstrings runs as it stands."""

import doctest
import inspect
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import make_corpus, make_lines

import unitdisc
from unitdisc.api.paths import takes_paths

pytest_plugins = ["tiny_fixtures"]

EXAMPLES = ["read_corpus", "validate", "train", "load", "encode", "features", "kmeans", "segment", "export", "align"]
EXAMPLES += ["normalise", "phone_loop", "templates", "discover", "find", "abx", "probe", "score", "show", "report"]
EXAMPLES += ["explore"]
HEAVY = {"torch", "torchaudio", "numpy", "scipy", "librosa", "sklearn", "soundfile", "matplotlib", "numba", "rich"}


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_experiment) -> Path:
    """The folder that examples are run in: data/, lines/, and exp/vq with its encodings."""
    folder = tmp_path_factory.mktemp("home")
    for name in ("data", "lines", "exp/vq"):
        (folder / name).mkdir(parents=True)
    manifest = make_corpus(folder / "data")
    shutil.copy(manifest, folder / "data" / "test.jsonl")
    manifest.rename(folder / "data" / "train.jsonl")
    make_lines(folder / "lines").rename(folder / "lines" / "train.jsonl")
    for path in tiny_experiment.iterdir():
        if path.is_file():
            (folder / "exp" / "vq" / path.name).write_bytes(path.read_bytes())
    encodings = folder / "exp/vq/encodings/test"
    unitdisc.encode(folder / "exp/vq", folder / "data/test.jsonl", encodings, device="cpu")
    unitdisc.features(folder / "data/test.jsonl", encodings / "mfcc", unitdisc.AcousticFeatures(normalise="none"))
    return folder


def test_importing_it_loads_nothing_heavy():
    program = "import sys, unitdisc; dir(unitdisc); print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


def test_every_name_is_there():
    for name in unitdisc.__all__:
        assert getattr(unitdisc, name).__name__ == name
        assert name in dir(unitdisc)
    assert {*EXAMPLES} <= {*unitdisc.__all__}
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = unitdisc.nonsense


def test_no_name_is_that_of_a_folder_or_a_file():
    """Which `unitdisc.NAME` would be, once something has imported it."""
    assert not {*unitdisc.__all__} & {module.name for module in pkgutil.iter_modules(unitdisc.__path__)}


@pytest.mark.parametrize("name", unitdisc.__all__)
def test_every_name_is_explained(name):
    own = vars(getattr(unitdisc, name)).get("__doc__") or getattr(unitdisc, name).__doc__
    assert own and not own.startswith(f"{name}("), "this is what dataclasses say by themselves"


def examples(name: str) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(inspect.getdoc(getattr(unitdisc, name)))


LONG = ("discover", "find", "phone_loop", "report", "train")  # seconds each; they have tests of their own


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in EXAMPLES]
)
def test_the_example_runs(name, home, monkeypatch, capsys):
    """Whatever it gives; and nothing is printed but messages and progress."""
    monkeypatch.chdir(home)
    names, given = {"unitdisc": unitdisc}, None
    for example in examples(name):
        given = None
        try:
            code = compile(example.source, name, "eval")
        except SyntaxError:  # an assignment
            exec(example.source, names)
        else:
            given = eval(code, names)
    assert examples(name) and (given is not None or "=" in example.source)
    assert f"unitdisc.{name}(" in inspect.getdoc(getattr(unitdisc, name))
    assert not capsys.readouterr().out


def test_text_stands_for_paths():
    @takes_paths
    def function(one: Path, several: list[Path] = (), *, pair: tuple[Path, Path] | None = None, name: str = ""):
        return one, several, pair, name

    assert function("a", ["b", "c"], pair=("d", Path("e")), name="f") == (
        Path("a"),
        [Path("b"), Path("c")],
        (Path("d"), Path("e")),
        "f",
    )
    assert function(one="a")[:3] == (Path("a"), (), None)
    with pytest.raises(TypeError, match="nonsense"):
        function("a", nonsense=1)


def test_results_are_written_as_the_command_writes_them(home, unitdisc, monkeypatch, tmp_path):
    import unitdisc as library

    monkeypatch.chdir(home)
    mfcc, corpus = "exp/vq/encodings/test/mfcc", "data/test.jsonl"
    columns, resources = library.ItemColumns(context="any"), library.AbxResources(bootstrap=9)
    scores = library.abx(mfcc, corpus, columns, resources=resources)
    scores.write(tmp_path / "library.json")
    told = unitdisc("abx", mfcc, corpus, "--context", "any", "--bootstrap", "9", "-o", tmp_path / "command.json")
    assert told.code == 0, told.err
    assert (tmp_path / "library.json").read_bytes() == (tmp_path / "command.json").read_bytes()


def test_options_are_called_what_the_person_calls_them(home, unitdisc, monkeypatch):
    """The library names fields, the command line its options."""
    import unitdisc as library

    monkeypatch.chdir(home)
    mfcc, corpus = "exp/vq/encodings/test/mfcc", "data/test.jsonl"
    with pytest.raises(ValueError, match=r"^`tolerance` must be 0 or more"):
        library.score(mfcc, corpus, tolerance=-1)
    assert "unitdisc: --tolerance must be 0 or more" in unitdisc("score", mfcc, corpus, "--tolerance", "-1").err
    with pytest.raises(ValueError, match=r"^`points` \['middle'\]: the probe points are"):
        library.encode("exp/vq", corpus, "new", ["middle"])
    assert "unitdisc: --at ['middle']: the" in unitdisc("encode", "exp/vq", corpus, "new", "--at", "middle").err
    from unitdisc import console

    assert console.wording("`tolerance`") == "`tolerance`"
