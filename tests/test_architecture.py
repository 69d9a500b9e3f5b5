"""The layers import downwards only, so that each can be read without the ones above it."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FAMILIES = {"encoders", "bottlenecks", "conditioning", "decoders"}
MAY_IMPORT = {
    "__init__": set(),
    "__main__": {"cli"},
    "files": set(),
    "distributed": set(),
    "config": set(),
    "console": set(),
    "alarms": set(),
    "bidi": set(),
    "locks": {"console", "files", "sharding"},
    "corpus": set(),
    "manifests": {"corpus", "files"},
    "sharding": set(),
    "encodings": {"files", "sharding"},
    "batch": {"distributed"},
    "kaldi": {"corpus", "data", "files", "manifests"},  # data.audio alone: how long a recording is
    "units": {"corpus", "encodings", "files"},
    "data": {"batch", "bidi", "corpus", "files", "kaldi", "manifests", "sharding"},
    "encoders": {"batch", "distributed"},
    "bottlenecks": {"batch", "distributed"},
    "conditioning": {"distributed"},
    "decoders": {"distributed"},
    "model": {"batch"} | FAMILIES,
    "experiment": {"config", "data", "files", "model", "weights"} | FAMILIES,
    "checkpoints": {"files", "weights"},
    "compiling": {"decoders"},
    "weights": set(),
    "memory": set(),
    "optimiser": set(),
    "log": {"distributed", "files"},
    "stopping": {"distributed"},
    "held_out": {"batch", "bottlenecks", "model"},
    "training": {
        "alarms",
        "batch",
        "checkpoints",
        "compiling",
        "distributed",
        "held_out",
        "log",
        "model",
        "optimiser",
        "stopping",
        "weights",
    },
    "calibration": {"batch", "corpus", "data", "encoding", "model"},
    "likelihood": {"batch", "corpus", "data", "held_out", "model"},
    "encoding": {"corpus", "data", "encodings", "model", "sharding"},
    "kmeans": {"encodings", "evaluation", "files"},  # evaluation reads and checks other systems' frames
    "segmenting": {"bottlenecks", "corpus", "encodings", "evaluation", "kmeans", "units"},
    "finding": {"bidi", "corpus", "encodings", "evaluation", "kmeans"},
    "evaluation": {"bidi", "corpus", "encodings", "files", "sharding"},
    "aligning": {"batch", "corpus", "data", "encoders", "encodings", "evaluation", "files"},
    "report": {"corpus", "data", "encodings", "evaluation", "files", "units"},
    "cli": {"console", "model", "sharding", "verbs"},
}
HEAVY = {  # one folder for each heavy library, so that a broken wheel breaks one thing
    "torchaudio": {"aligning", "data", "verbs"},
    "librosa": {"data", "report"},
    "sklearn": {"evaluation", "bottlenecks", "kmeans"},
}


def part_of(path: Path) -> str:
    return path.relative_to(ROOT / "unitdisc").parts[0].removesuffix(".py")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(path: Path) -> list[str]:
    """Every module a file imports, dotted."""
    found = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [f"unitdisc.{a.name}" for a in node.names] if node.module == "unitdisc" else [node.module]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return found


def parts(path: Path) -> set[str]:
    """The parts of unitdisc a file imports."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("unitdisc.")}


PACKAGE = sorted((ROOT / "unitdisc").rglob("*.py"))


@pytest.mark.parametrize("path", [path for path in PACKAGE if part_of(path) != "verbs"], ids=str)
def test_layers(path: Path):
    assert parts(path) - {part_of(path), "__version__"} <= MAY_IMPORT[part_of(path)]


@pytest.mark.parametrize("path", PACKAGE, ids=str)
def test_heavy_libraries_have_one_home(path: Path):
    for module in imports(path):
        assert part_of(path) in HEAVY.get(module.split(".")[0], {part_of(path)}), module


@cache
def defined(path: Path) -> set[str]:
    """The names that a file gives a meaning at its top level, those that it imports left out."""
    found = set()
    for node in parsed(path).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return found


SCRIPTS = sorted(path for folder in ("eval", "data_prep", "tests") for path in (ROOT / folder).glob("*.py"))


@pytest.mark.parametrize("path", [*PACKAGE, *SCRIPTS], ids=str)
def test_names_are_imported_from_where_they_are_defined(path: Path):
    """Or from a package, whose `__init__` is a table of contents."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unitdisc."):
            home = ROOT / f"{node.module.replace('.', '/')}.py"
            if home.exists():
                assert {alias.name for alias in node.names} <= defined(home), node.module


def test_nothing_but_the_command_line_imports_verbs():
    for path in PACKAGE:
        assert "verbs" not in parts(path) or part_of(path) in ("verbs", "cli"), path


@pytest.mark.parametrize(
    "folder,allowed",
    [
        ("eval", {"corpus", "encodings", "evaluation", "files", "finding", "kaldi", "report"}),
        ("data_prep", {"corpus", "data", "files", "manifests"}),
    ],
)
def test_scripts(folder: str, allowed: set[str]):
    for path in (ROOT / folder).glob("*.py"):
        assert parts(path) <= allowed, path


def test_scripts_are_no_packages():
    for folder in ("eval", "data_prep", "recipes"):
        assert not list((ROOT / folder).rglob("__init__.py"))


def test_no_helper_of_tests_hides_a_script():
    """Tests import both by their names."""
    scripts = {path.name for folder in ("benchmarks", "eval", "data_prep") for path in (ROOT / folder).rglob("*.py")}
    assert not scripts & {path.name for path in (ROOT / "tests").glob("*.py")}
