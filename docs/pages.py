"""The pages of the site that are not written by hand: made of the code, or lying beside it. A hook of MkDocs.

Where a page says `<!-- made: NAME -->`, the text of MADE[NAME] is put in. README.md is the first page; the files of
BESIDE have the places in the site that they have in the repository. Links are written as they work in the repository.

python docs/pages.py    writes anew what is made of the code and kept in CONTRIBUTING.md
"""

import inspect
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache
from importlib import import_module
from pathlib import Path, PurePosixPath
from types import UnionType
from typing import Any, get_type_hints

import typer

import unitdisc
from unitdisc.commands import COMMANDS, app, typed_name

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
MATRIX = "test-matrix.md"  # made by tests/matrix.py: not there before it ran
BESIDE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md", "benchmarks/results/*.md")
BESIDE += ("recipes/*/RESULTS.md",)
LOG = logging.getLogger("mkdocs.hooks.pages")  # a warning ends `mkdocs build --strict`
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)")


# Pages that lie beside the code


@cache
def pages_beside() -> dict[str, Path]:
    """Address in the site -> file in the repository."""
    files = sorted(path for pattern in BESIDE for path in ROOT.glob(pattern))
    pages = {path.relative_to(ROOT).as_posix(): path for path in files}
    pages["index.md"] = pages.pop("README.md")
    return pages


def address_of(file: Path) -> str | None:
    """Where a file of the repository is in the site; None if it is not."""
    if file.is_relative_to(DOCS) and file.exists():
        return file.relative_to(DOCS).as_posix()
    return next((address for address, path in pages_beside().items() if path == file), None)


def file_of(address: str) -> Path:
    """The file of the repository that is at an address of the site."""
    return pages_beside().get(address, DOCS / address)


def relinked(markdown: str, address: str) -> str:
    """A page whose links between files are links between addresses. Says so where one leads nowhere."""

    def relink(link: re.Match) -> str:
        file = Path(os.path.normpath(file_of(address).parent / link[1]))
        target = address_of(file)
        if target is None:
            LOG.warning("%s: nothing in the site is at %s", address, link[1])
            return link[1]
        return os.path.relpath(target, PurePosixPath(address).parent)

    return LINK.sub(relink, markdown)


# Pages that are made of the code


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)


def cell(text: str) -> str:
    """A text as it stands in a table: a bar would begin the next column, except in code."""
    parts = text.replace("\n", " ").split("`")
    return "`".join(part if number % 2 else part.replace("|", "\\|") for number, part in enumerate(parts))


def commands() -> str:
    """Every command with its arguments and options: what `unitdisc COMMAND --help` says."""
    known = typer.main.get_command(app).commands
    return "\n\n".join(section for name, command in known.items() for section in command_sections(name, command))


def command_sections(name: str, command: typer.core.TyperCommand) -> Iterator[str]:
    yield f"## {name}"
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    shown = " ".join(metavar(each) if each.required else f"[{metavar(each)}]" for each in arguments)
    yield f"```text\n{' '.join(filter(None, ('unitdisc', name, shown, '[OPTIONS]')))}\n```"
    yield inspect.cleandoc(command.help or "")
    if arguments:
        yield table(("argument", "meaning"), ((f"`{metavar(each)}`", each.help or "") for each in arguments))
    options = [each for each in command.params if each.param_type_name == "option"]
    if options:
        types = get_type_hints({typed_name(each): each for each in COMMANDS}[name])
        yield table(("option", "takes", "default", "meaning"), (option_row(each, types[each.name]) for each in options))


def metavar(parameter: typer.core.TyperArgument | typer.core.TyperOption) -> str:
    name = parameter.metavar or (parameter.name or "").upper()
    return f"{name}..." if parameter.nargs == -1 and not name.endswith("...") else name


def option_row(option: typer.core.TyperOption, kind: type | UnionType) -> tuple[str, ...]:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    takes = option.metavar or type_said(kind).removesuffix(" | None").replace("list[str]", "str, several times")
    default = "" if option.is_flag or option.default in (None, "") else f"`{option.default}`"
    return names, "" if option.is_flag else takes, default, option.help or ""


REGISTRIES = {  # table of a configuration -> the dictionary of its kinds
    "target": "unitdisc.data.targets.TARGETS",
    "encoder": "unitdisc.encoders.ENCODERS",
    "bottleneck": "unitdisc.bottlenecks.BOTTLENECKS",
    "objective": "unitdisc.objectives.OBJECTIVES",
    "decoder": "unitdisc.decoders.DECODERS",
}
CLASSES = {  # table -> the class of those that have no kinds
    "adversary": "unitdisc.objectives.adversary.SpeakerAdversary",
    "codes": "unitdisc.data.codes.CodesOptions",
    "jitter": "unitdisc.conditioning.TimeJitter",
    "conditioner": "unitdisc.conditioning.Conditioner",
    "training": "unitdisc.training.trainer.TrainingOptions",
}


def factories() -> dict[str, Mapping[str, type]]:
    """Table of a configuration -> kind -> the class whose arguments are the options.

    Raises KeyError for a table of which neither REGISTRIES nor CLASSES says what builds it.
    """
    from unitdisc.data.augmentation import LineAugmentation, RecordingAugmentation
    from unitdisc.experiment.experiment import TABLES

    def kinds(table: str) -> Mapping[str, type]:
        if table == "features":
            return feature_kinds()
        if table == "augmentation":
            return {"of recordings": RecordingAugmentation, "of line images": LineAugmentation}
        return named(REGISTRIES[table]) if table in REGISTRIES else {"": named(CLASSES[table])}

    return {table: kinds(table) for table in TABLES}


def named(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def feature_kinds() -> dict[str, type]:
    """Kinds of features -> class; several kinds may be of one class."""
    from unitdisc.data.features import FEATURES

    kinds: dict[type, list[str]] = {}
    for kind, factory in FEATURES.items():
        kinds.setdefault(factory, []).append(kind)
    return {", ".join(names): factory for factory, names in kinds.items()}


def options() -> str:
    """Every option of every table of a configuration, with what it is if nothing is said."""
    return "\n\n".join(
        section
        for table_name, kinds in factories().items()
        for section in (
            f"## {table_name}",
            *(part for kind in kinds.items() for part in kind_sections(table_name, *kind)),
        )
    )


def kind_sections(table_name: str, kind: str, factory: type) -> Iterator[str]:
    from unitdisc.experiment import DERIVED, config

    if kind:
        yield f"### {table_name}: {kind}"
    yield explained(inspect.getdoc(factory) or "")
    derived = DERIVED.get(table_name, ())
    types, comments = config.option_types(factory, derived), comments_in(factory)
    rows = [
        (f"`{table_name}.{name}`", type_said(types.get(name)), f"`{default!r}`", comments.get(name, ""))
        for name, default in config.defaults(factory, derived).items()
        if name != "kind"
    ]
    yield table(("option", "takes", "default", "meaning"), rows) if rows else "No options."


def type_said(annotation: object) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("pathlib.", "")


def comments_in(factory: type) -> dict[str, str]:
    """What stands beside the fields of a dataclass, and of those that a constructor takes."""
    parts = [parameter.annotation for parameter in inspect.signature(factory).parameters.values()]
    found = re.compile(r"^    (\w+): [^#\n]*?  # (.+)$", re.M)
    return {
        name: comment
        for part in (factory, *parts)
        if isinstance(part, type) and is_dataclass(part)
        for name, comment in found.findall(inspect.getsource(part))
    }


def explained(docstring: str) -> str:
    """A docstring as Markdown: arguments (`name: ...`) are a list, what is raised a paragraph, examples are code."""
    fenced = re.sub(r"(?:^(?:>>>|\.\.\.) .*\n?)+", r"```python\n\g<0>\n```\n", docstring, flags=re.M)
    parted = re.sub(r"\n+^(Raises|Returns) ", r"\n\n\1 ", fenced.replace("\n\n```\n", "\n```\n"), flags=re.M)
    return re.sub(r"\n+^(\w+(?:, \w+)*): ", r"\n\n- `\1`: ", parted, flags=re.M)


def interface() -> str:
    """What `unitdisc` offers to Python, by name; MkDocs fills in the docstrings."""
    return "\n\n".join(f"::: {module}.{name}" for name, module in unitdisc.INTERFACE.items())


def presets() -> str:
    """The configurations that have a name."""
    from unitdisc.experiment.config import PRESETS

    return "\n\n".join(
        f"## {path.stem}\n\n```toml\n{path.read_text(encoding='utf-8').strip()}\n```"
        for path in sorted(PRESETS.glob("*.toml"))
    )


def corpora() -> str:
    """The scripts of data_prep/: what each is for, in its own words."""
    return "\n\n".join(
        f"## {path.name}\n\n```text\n{docstring_of(path)}\n```" for path in sorted((ROOT / "data_prep").glob("*.py"))
    )


def tree() -> str:
    """What is in the package: every folder and module at its top, in the first line of its docstring."""
    package = ROOT / "unitdisc"
    rooms = [*sorted(package.glob("*/__init__.py")), *sorted(package.glob("[a-z]*.py"))]
    return table(
        ("in `unitdisc/`", ""),
        ((f"`{name_of(path)}`", docstring_of(path).partition("\n")[0]) for path in rooms),
    )


def name_of(path: Path) -> str:
    return f"{path.parent.name}/" if path.name == "__init__.py" else path.name


def docstring_of(path: Path) -> str:
    import ast

    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


MADE: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "options": options,
    "interface": interface,
    "presets": presets,
    "corpora": corpora,
    "tree": tree,
}


MARK = re.compile(r"<!-- made: (\w+) -->(?:.*?<!-- end -->)?", re.S)


def filled(markdown: str) -> str:
    """A page with what is made of the code in it. Raises KeyError for what nothing makes."""
    return MARK.sub(lambda mark: MADE[mark[1]](), markdown)


def refreshed(markdown: str) -> str:
    """A page of the repository in which what stands between `made` and `end` is as the code has it now."""
    return re.sub(
        r"<!-- made: (\w+) -->\n.*?<!-- end -->",
        lambda mark: f"<!-- made: {mark[1]} -->\n{MADE[mark[1]]()}\n<!-- end -->",
        markdown,
        flags=re.S,
    )


# What MkDocs calls


def on_config(config):
    if (DOCS / MATRIX).exists():
        config.nav[-1]["Contributing"].append({"Tests in every surrounding": MATRIX})
    return config


def on_files(files, config):
    from mkdocs.structure.files import File

    for address, path in pages_beside().items():
        files.append(File.generated(config, address, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, config, files):
    return filled(relinked(markdown, page.file.src_uri))


if __name__ == "__main__":
    kept = ROOT / "CONTRIBUTING.md"
    kept.write_text(refreshed(kept.read_text(encoding="utf-8")), encoding="utf-8")
