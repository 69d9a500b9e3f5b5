"""The layers import downwards only, so that each can be read without the ones above it."""

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import unitdisc

ROOT = Path(__file__).parent.parent
FAMILIES = {"encoders", "bottlenecks", "conditioning", "decoders"}
ALL_KNOW = {"training.distributed", "training.precision"}  # leaves: how many processes there are, how many bits
STATES = {f"segmentation.templates.{part}" for part in ("durations", "kernels", "lattice", "states")}  # of no corpus
MAY_IMPORT = {  # a room, or a part of one that may do more or less than the rest
    "__init__": {"files"},
    "__main__": {"commands"},
    # files
    "console": set(),
    "jobs": {"console"},
    "files": {"console", "jobs"},
    # the figure
    "batch": ALL_KNOW,
    "encoders": {"batch"} | ALL_KNOW,
    "bottlenecks": {"batch", "segmentation"} | STATES | ALL_KNOW,
    "conditioning": ALL_KNOW,
    "decoders": ALL_KNOW,
    "objectives": {"batch"} | FAMILIES | ALL_KNOW,
    "model": {"batch", "objectives"} | ALL_KNOW | FAMILIES,
    # learning
    "training.distributed": set(),
    "training.precision": set(),
    "training.schedules": set(),
    "training.compile": {"decoders"},
    "training": {"batch", "bottlenecks", "files", "model", "objectives", "training.compile", "training.schedules"}
    | ALL_KNOW,
    "training.whole_utterances": {"batch", "bottlenecks", "corpus", "data", "model"},
    "training.codes": {"batch", "clustering", "corpus", "data", "files", "model"},
    "training.devices": ALL_KNOW,
    "experiment": {"adaptation", "data", "data.normalisation", "files", "model", "objectives", "training"} | FAMILIES,
    "inference": {"batch", "corpus", "data", "encodings", "experiment", "jobs", "model", "objectives", "training"}
    | {"training.schedules"}
    | FAMILIES
    | ALL_KNOW,
    # corpora
    "corpus": {"files", "jobs"},
    "media": {"corpus", "files"},
    "corpus.kaldi": {"corpus", "files", "media"},
    "corpus.read": {"corpus", "corpus.kaldi"},
    "corpus.validation": {"corpus", "corpus.kaldi", "corpus.read", "files", "jobs", "media"},
    "corpus.validation.usable_corpus": {
        "console",
        "corpus",
        "corpus.kaldi",
        "corpus.read",
        "data",
        "jobs",
        "media",
        "training.distributed",
        "corpus.validation",
    },
    "data.normalisation": set(),
    "data": {"adaptation", "batch", "corpus", "data.normalisation", "encodings", "files", "media"},
    "prep": {"corpus", "corpus.kaldi", "corpus.validation", "files", "media"},
    # units
    "encodings": {"corpus", "files", "jobs"},
    "segmentation": set(),
    "segmentation.corpora": {"clustering", "corpus", "encodings", "evaluation", "segmentation"},
    "segmentation.corpora.codebooks": {
        "bottlenecks",
        "clustering",
        "console",
        "encodings",
        "evaluation",
        "experiment",
        "segmentation.corpora",
    },
    "segmentation.phone_loop": {
        "clustering",
        "encodings",
        "evaluation",
        "files",
        "segmentation",
        "segmentation.corpora",
    },
    **{part: set() for part in STATES},
    "segmentation.templates.lattice": {"segmentation.templates.kernels"},
    "segmentation.templates.states": {"segmentation.templates.durations", "segmentation.templates.lattice"},
    "segmentation.templates": {
        *STATES,
        "clustering",
        "data",
        "encodings",
        "evaluation",
        "files",
        "segmentation",
        "segmentation.corpora",
    },
    "clustering": {"encodings", "evaluation", "files"},  # evaluation reads and checks other systems' frames
    "adaptation": {"clustering", "data.normalisation", "files"},
    "retrieval": {"clustering", "corpus", "encodings", "evaluation", "evaluation.inputs", "files"},
    "term_discovery": {"clustering", "corpus", "encodings", "evaluation", "exports", "files", "retrieval"},
    "alignment": {"batch", "corpus", "data", "encoders", "encodings", "evaluation", "files", "training.schedules"},
    "exports": {"corpus", "encodings", "files", "media"},
    "naming": {"corpus", "encodings", "evaluation", "exports", "files"},
    "language.networks": ALL_KNOW,
    "language": {"corpus.read", "encodings", "evaluation", "files", "language.networks"},
    "language.learning": {"batch", "console", "corpus", "experiment", "language", "language.networks", "objectives"}
    | {"training"}
    | ALL_KNOW,
    "generation": {
        "console",
        "corpus",
        "data",
        "decoders",
        "encodings",
        "experiment",
        "files",
        "language",
        "media",
        "model",
        "objectives",
        "reports",
    },
    "word_segmentation": {
        "clustering",
        "corpus",
        "encodings",
        "evaluation",
        "exports",
        "files",
        "segmentation.corpora",
        "segmentation.templates",
    },
    # what they are worth
    "evaluation": {"corpus", "encodings", "files", "jobs"},
    "evaluation.inputs": {"console", "corpus", "corpus.read", "encodings", "evaluation", "files"},
    "reports": {"corpus", "encodings", "evaluation", "exports", "files", "media"},
    "explorer": {
        "clustering",
        "corpus",
        "corpus.read",
        "encodings",
        "evaluation",
        "files",
        "media",
        "naming",
        "reports",
        "retrieval",
    },
    "commands": {"api", "console", "encodings", "evaluation", "files", "model", "training.devices"},
}
HEAVY = {  # one folder for each heavy library, so that a broken wheel breaks one thing
    "torchaudio": {"alignment", "data", "media", "api"},
    "librosa": {"data", "reports"},
    "transformers": {"data"},
    "sklearn": {"bottlenecks", "evaluation", "explorer"},  # there, for a map of units
    "starlette": {"explorer"},
    "uvicorn": {"explorer"},
}


def room_of(module: str) -> str:
    """The room of a module (`corpus.kaldi.ctm`), or the part of one that has rules of its own."""
    parts = module.split(".")
    names = [".".join(parts[:depth]) for depth in range(len(parts), 0, -1)]
    return next((name for name in names if name in MAY_IMPORT), parts[0])


def part_of(path: Path) -> str:
    return room_of(".".join(path.relative_to(ROOT / "unitdisc").with_suffix("").parts))


OPTION = re.compile(r"(^|[\s(])--[a-z]")


class Source(NamedTuple):
    """What is kept of a file, whose syntax tree is large."""

    imports: list[ast.Import | ast.ImportFrom]
    defined: set[str]
    calls: list[ast.Call]
    options: list[str]  # texts that name an option of a command line


def reads_text(call: ast.Call) -> bool:
    """Whether a call makes text, lines or rows of what is in a file: which ends lines wherever Unicode has an end."""
    named = ast.unparse(call.func)
    owner, _, name = named.rpartition(".")
    given = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    keywords = {keyword.arg for keyword in call.keywords}
    if name == "splitlines":
        return owner not in ("str(error)", "message", "text")  # of messages, and of labels that are written
    if name == "open" and not {"w", "a", "x"} & {str(mode)[:1] for mode in given}:
        in_bytes = any("b" in str(mode) for mode in given)
        return not in_bytes and (not owner or owner.endswith("path") or "encoding" in keywords)
    if name == "decode":
        return any(str(coding).startswith(("utf", "latin")) for coding in given)
    return named in ("csv.reader", "csv.DictReader") or (name == "read_text" and owner not in ("", "text", "texts"))


@cache
def source(path: Path) -> Source:
    tree = ast.parse(path.read_text())
    nodes = list(ast.walk(tree))
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    said = [node.value.value for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    options = [text for text in texts if OPTION.search(text) and text not in said]
    return Source(imports, defined_by(tree), [node for node in nodes if isinstance(node, ast.Call)], options)


def defined_by(tree: ast.Module) -> set[str]:
    """The names that a file gives a meaning at its top level, those that it imports left out."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return found


def long_calls(calls: list[ast.Call], imports: list[ast.Import | ast.ImportFrom], room: str) -> list[ast.Call]:
    """Calls of what lies in other rooms that give more than three arguments by position."""
    borrowed = [node for node in imports if isinstance(node, ast.ImportFrom) and node.module and node.level == 0]
    others = {
        alias.asname or alias.name
        for node in borrowed
        for alias in node.names
        if node.module.startswith("unitdisc") and f"{node.module}.{alias.name}".split(".")[1] != room
    }
    return [
        call
        for call in calls
        if ast.unparse(call.func).split(".")[0] in others
        and sum(not isinstance(argument, ast.Starred) for argument in call.args) > 3
    ]


def imports(path: Path) -> list[str]:
    """Every module a file imports, dotted."""
    found = []
    for node in source(path).imports:
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return found


def parts(path: Path) -> set[str]:
    """The rooms of unitdisc a file imports from."""
    names = [name.removeprefix("unitdisc.") for name in imports(path) if name.startswith("unitdisc.")]
    return {"api" if name in unitdisc.__all__ else room_of(name) for name in names}


PACKAGE = sorted((ROOT / "unitdisc").rglob("*.py"))


def test_layers():
    below = [path for path in PACKAGE if part_of(path) != "api"]
    unknown = {part_of(path) for path in below} - MAY_IMPORT.keys()
    assert not unknown
    beyond = {
        str(path): above
        for path in below
        if (above := parts(path) - {part_of(path), "__version__"} - MAY_IMPORT[part_of(path)])
    }
    assert not beyond


def test_rooms_do_not_import_each_other_in_circles():
    TopologicalSorter(MAY_IMPORT).prepare()  # raises CycleError


def test_heavy_libraries_have_one_home():
    elsewhere = [
        (str(path), module)
        for path in PACKAGE
        for module in imports(path)
        if part_of(path) not in HEAVY.get(module.split(".")[0], {part_of(path)})
    ]
    assert not elsewhere


def test_between_rooms_no_more_than_three_arguments_go_by_position():
    """Two of one type would change places, and nobody would see it."""
    planted = [*ast.walk(ast.parse("from unitdisc.model import f\nf(1, 2, 3, 4)\nf(1, 2, 3, x=4)"))]
    calls, imported = ([node for node in planted if isinstance(node, kind)] for kind in (ast.Call, ast.ImportFrom))
    assert long_calls(calls, imported, "data") == calls[:1] and not long_calls(calls, imported, "model")
    for path in PACKAGE:
        room = path.relative_to(ROOT / "unitdisc").with_suffix("").parts[0]
        for call in long_calls(source(path).calls, source(path).imports, room):
            pytest.fail(f"{path}:{call.lineno}: give {ast.unparse(call.func)} what follows the third by keyword")


ASKED_BY_PROTOCOL = FAMILIES | {"model", "objectives", "training", "experiment", "inference"}


def guesses(call: ast.Call) -> bool:
    """Whether a call asks if something has an attribute that it need not have."""
    named = ast.unparse(call.func)
    return (named == "hasattr" and ast.unparse(call.args[0]) != "signal") or (named == "getattr" and len(call.args) > 2)


def test_what_only_some_parts_can_do_is_a_protocol():
    for planted in ("hasattr(x, 'y')", "getattr(x, 'y', None)"):
        assert guesses(ast.parse(planted, mode="eval").body), planted
    for path in PACKAGE:
        if part_of(path).split(".")[0] in ASKED_BY_PROTOCOL:
            for call in filter(guesses, source(path).calls):
                pytest.fail(f"{path}:{call.lineno}: ask `isinstance` of a Protocol")


SCRIPTS = sorted(path for folder in ("eval", "data_prep", "tests") for path in (ROOT / folder).glob("*.py"))


def borrowed(path: Path) -> set[tuple[str, str]]:
    """What a file imports from a module that does not define it: module, name."""
    found = set()
    for node in source(path).imports:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unitdisc."):
            home = ROOT / f"{node.module.replace('.', '/')}.py"
            if home.exists():
                found |= {(node.module, alias.name) for alias in node.names if alias.name not in source(home).defined}
    return found


def test_names_are_imported_from_where_they_are_defined():
    """Or from a package, whose `__init__` is a table of contents."""
    assert not {str(path): names for path in [*PACKAGE, *SCRIPTS] if (names := borrowed(path))}


def test_nothing_but_the_command_line_imports_the_interface():
    for path in PACKAGE:
        assert "api" not in parts(path) or part_of(path) in ("api", "commands"), path


@pytest.mark.parametrize(
    "folder,allowed",
    [
        (
            "eval",
            {"alignment", "clustering", "corpus", "corpus.read", "data", "encodings", "evaluation", "files", "prep"}
            | {"data.normalisation", "media", "reports", "retrieval"},
        ),
        ("data_prep", {"console", "corpus", "corpus.read", "files", "media", "prep"}),
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


OWN_TEXT = {"encodings", "corpus/table.py"}  # decode what unitdisc wrote itself, many times a second


def test_text_is_read_by_the_module_for_it():
    for planted in (
        "path.read_text()",
        "x.splitlines()",
        "open(p)",
        "path.open()",
        "csv.reader(f)",
        "b.decode('utf-8')",
    ):
        assert reads_text(ast.parse(planted, mode="eval").body), planted
    for path in (*PACKAGE, *SCRIPTS):
        if path.parent.name == "tests" or path == ROOT / "unitdisc/files/text.py":
            continue
        own = any(path.is_relative_to(ROOT / "unitdisc" / place) for place in OWN_TEXT)
        for call in filter(reads_text, source(path).calls):
            assert own and "decode" in ast.unparse(call), f"{path}:{call.lineno}: use unitdisc.files.text"


OF_OTHERS = {  # files whose texts name options that are not fields of functions
    "unitdisc/api/convert.py": "of a command that is quoted",
    "unitdisc/api/doctor.py": "of pip",
    "unitdisc/api/resynthesise.py": "of a command that is quoted; and in names of files",
    "unitdisc/evaluation/probes/splits.py": "in scores.json, which stays as it is",
    "unitdisc/jobs/shard.py": "of Slurm",
    "unitdisc/media/codecs/headers.py": "of sox",
    "unitdisc/training/devices.py": "of devices",
    "unitdisc/training/distributed.py": "of torchrun, and of devices",
}


def test_the_library_names_fields_not_options():
    """`frame_rate`, of which the command line makes --frame-rate; `prep` is the command line of data_prep/."""
    assert OPTION.search("give --frame-rate") and OPTION.search("--by is") and not OPTION.search("a--b `frame_rate`")
    naming = {str(path.relative_to(ROOT)): said for path in PACKAGE if (said := source(path).options)}
    library = {name for name in naming if not name.startswith(("unitdisc/commands/", "unitdisc/prep/"))}
    assert library == OF_OTHERS.keys(), {name: naming[name] for name in library - OF_OTHERS.keys()}


NAMED_TEST = re.compile(r"(test_\w+\.py)::(test_\w+)")


def test_tests_that_the_documentation_names_are_there():
    for page in (*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"):
        for file, name in NAMED_TEST.findall(page.read_text(encoding="utf-8")):
            assert f"\ndef {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), f"{page}: {file}::{name}"
