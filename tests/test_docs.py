"""The documentation: what it tells people to type is valid and runs, links lead somewhere, words are in the code.

Without MkDocs, which `make docs` needs. A block of code is checked, or marked on the line before it:
`<!-- fragment -->`, Python that is no program; `<!-- not checked: why -->`.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
import typer
from shell_blocks import ROOT, assert_valid, commands_in, is_known
from tiny import line_settings, make_corpus, make_lines, settings

from unitdisc.commands import COMMANDS, typed_name
from unitdisc.corpus.manifest import parse_utterance
from unitdisc.experiment import config
from unitdisc.experiment.experiment import TABLES

pytest_plugins = ["tiny_fixtures"]

DOCS = ROOT / "docs"
README = ROOT / "README.md"
WRITTEN = [README, ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
LINKED = [*WRITTEN, ROOT / "CHANGELOG.md", ROOT / "benchmarks/README.md", *sorted(ROOT.glob("recipes/*/RESULTS.md"))]
FENCE = re.compile(r"(?:^<!-- (?P<mark>.+?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
USAGE = typer.BadParameter.__bases__[0]  # what is wrong with a command line
OTHERS = {"cat", "pip"}  # programs that commands of ours stand among


def load_pages():
    spec = importlib.util.spec_from_file_location("pages", DOCS / "pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pages = load_pages()


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


# Blocks of code


class Block(NamedTuple):
    page: Path
    mark: str
    language: str
    text: str


def blocks(*of: Path) -> list[Block]:
    return [
        Block(page, found["mark"] or "", found["language"], found["text"])
        for page in of
        for found in FENCE.finditer(page.read_text(encoding="utf-8"))
    ]


def check_bash(block: Block) -> None:
    for words in commands_in(block.text):
        assert is_known(words) or words[0] in OTHERS, (
            f"{words}: nothing is known of it; mark the block `not checked: why`"
        )
        assert_valid(words)


def check_python(block: Block) -> None:
    compile(block.text.replace("..., ", ""), str(block.page), "exec")  # "and what was there before" is no Python
    assert block.mark == "fragment" or block.text in RUN, "neither run by a test nor marked as a fragment"


def check_toml(block: Block) -> None:
    config.check_tables(tomllib.loads(block.text), TABLES)


def check_json(block: Block) -> None:
    parse_utterance(json.loads(block.text), Path())


CHECKS = {
    "bash": check_bash,
    "python": check_python,
    "toml": check_toml,
    "json": check_json,
    "text": lambda block: None,
}
PROGRAMS = [block for block in blocks(*WRITTEN) if block.language == "python" and block.mark != "fragment"]
RUN = {block.text for block in PROGRAMS if block.page == DOCS / "contributing/parts.md"}  # see below


@pytest.mark.parametrize("page", WRITTEN, ids=short)
def test_blocks_are_valid(page):
    for block in blocks(page):
        assert block.language in CHECKS, f"{block.language!r}: say what the block is"
        if not block.mark.startswith("not checked: "):
            CHECKS[block.language](block)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("bash", "unitdisc encode exp/vq data/test.jsonl out --nonsense"),
        ("bash", "unitdisc encode exp/vq"),
        ("bash", "make nonsense"),
        ("bash", "python data_prep/nonsense.py raw data"),
        ("bash", "torchrun -m unitdisc train small"),
        ("bash", "python data_prep/vctk.py raw data --nonsense"),
        ("bash", "frobnicate --all"),
        ("python", "print(1)\n"),
        ("python", "print(1\n"),
        ("toml", "[endcoder]\ndim = 1\n"),
        ("json", '{"id": "a"}'),
    ],
)
def test_what_is_not_valid_is_noticed(language, text):
    with pytest.raises((AssertionError, SyntaxError, ValueError, USAGE)):
        CHECKS[language](Block(README, "", language, text))


def commands_under(heading: str) -> list[list[str]]:
    """The commands of the README's blocks below a heading."""
    section = README.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [
        words
        for found in FENCE.finditer(section)
        if found["language"] == "bash"
        for words in commands_in(found["text"])
    ]


REPORTS = pytest.mark.parametrize("reports", [False, pytest.param(True, marks=pytest.mark.slow)])  # take ten seconds


def follow(commands: list[list[str]], unitdisc, tiny_options: list[str], reports: bool) -> None:
    """Types commands, in the working directory, with models that train in a second, and with or without the reports."""
    for words in commands:
        if words[1] == "report" and not reports:
            continue
        if words[0] == "python":
            environment = os.environ | {"PYTHONPATH": str(ROOT)}
            subprocess.run(
                [sys.executable, ROOT / words[1], *words[2:]], check=True, env=environment, capture_output=True
            )
            continue
        tiny = [*tiny_options, "--device", "cpu"] if words[1] == "train" else []
        if words[1] == "discover":
            tiny = ["--rounds", "1", "--set", "training.steps=2", "--set", "training.crop=32", "--device", "cpu"]
        finished = unitdisc(*words[1:], *tiny)
        assert finished.code == 0, (words, finished.err)


@REPORTS
def test_your_own_recordings(reports, unitdisc, tmp_path, monkeypatch):
    make_corpus(tmp_path / "made")
    for path in (tmp_path / "made").glob("*.wav"):
        speaker = tmp_path / "recordings" / f"s{int(path.stem[1:]) % 3}"
        speaker.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, speaker)
    monkeypatch.chdir(tmp_path)
    follow(commands_under("Your own recordings"), unitdisc, settings(), reports)
    assert list(Path("exp/mine/units/textgrid").glob("*.TextGrid"))
    assert Path("exp/mine/report/index.html").exists() == reports


@REPORTS
def test_your_own_manuscripts(reports, unitdisc, tmp_path, monkeypatch):
    (tmp_path / "scans/ada").mkdir(parents=True)
    make_lines(tmp_path / "scans/ada")
    monkeypatch.chdir(tmp_path)
    follow(commands_under("Your own manuscripts"), unitdisc, line_settings(), reports)
    assert list(Path("exp/scans/encodings/all/bottleneck").glob("*.npy"))
    assert Path("exp/scans/report/index.html").exists() == reports


def test_the_bottleneck_of_the_guide_is_one():
    (program,) = (block.text for block in PROGRAMS if block.page == DOCS / "contributing/parts.md")
    defined = {}
    exec(compile(program, "parts.md", "exec"), defined)
    bottleneck = config.build("bottleneck", {"mine": defined["Mine"]}, {"dim": 5}, "mine", in_dim=12)
    assert (
        bottleneck(torch.randn(2, 9, 12), torch.ones(2, 9, dtype=bool)).latents.shape
        == (2, 9, 5)
        == (2, 9, bottleneck.dim)
    )


# Links


def without_code(markdown: str) -> str:
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", markdown))


def anchors(page: Path) -> set[str]:
    """Of every heading, where GitHub and MkDocs agree about it."""
    made = (
        pages.filled(page.read_text(encoding="utf-8"))
        if page.is_relative_to(DOCS)
        else page.read_text(encoding="utf-8")
    )
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", made, flags=re.M | re.S), re.M)
    plain = [re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in headings]
    return {re.sub(r"\s", "-", words) for words in plain} & {re.sub(r"[-\s]+", "-", words) for words in plain}


def broken_links(markdown: str, page: Path) -> list[str]:
    """The links between pages of the repository that lead nowhere."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(markdown)):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = Path(os.path.normpath(page.parent / path)) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", LINKED, ids=short)
def test_links_lead_somewhere(page):
    assert not broken_links(page.read_text(encoding="utf-8"), page)


def test_broken_links_are_noticed():
    text = "[a](guides/speech.md) [b](guides/nope.md) [c](glossary.md#tick) [d](glossary.md#tock) `[e](code.md)` [f](https://x.y)"
    assert broken_links(text, DOCS / "index.md") == ["guides/nope.md", "glossary.md#tock"]


NAMED = re.compile(r"`((?:unitdisc|data_prep|eval|tests|recipes|docs|benchmarks)/[^`\s]*)`")


def unknown_paths(markdown: str) -> list[str]:
    """The files and folders that a text names, and that are not there; NAME stands for any."""
    names = [name for name in NAMED.findall(markdown) if not re.search("[A-Z]{2,}|[*]", name)]
    return [name for name in names if not (ROOT / name).exists() and name != f"docs/{pages.MATRIX}"]


@pytest.mark.parametrize("page", WRITTEN, ids=short)
def test_files_that_are_named_are_there(page):
    assert not unknown_paths(page.read_text(encoding="utf-8"))


def test_names_of_no_file_are_noticed():
    assert unknown_paths("`unitdisc/model.py` `unitdisc/modal.py` `eval/` `unitdisc/commands/NAME.py`") == [
        "unitdisc/modal.py"
    ]


def test_every_page_is_in_the_site():
    addresses = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M)
    assert len(addresses) == len({*addresses})
    assert all(pages.file_of(address).is_file() for address in addresses)
    written = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} - {pages.MATRIX}
    assert {address for address in addresses if address not in pages.pages_beside()} == written


def test_links_of_the_repository_become_links_of_the_site():
    at = "[a](../../recipes/mini_speech/RESULTS.md) [b](../glossary.md#tick) [c](../../README.md)"
    there = "[a](../recipes/mini_speech/RESULTS.md) [b](../glossary.md#tick) [c](../index.md)"
    assert pages.relinked(at, "guides/speech.md") == there
    assert (
        pages.relinked("![p](docs/report.png) [c](docs/glossary.md)", "index.md") == "![p](report.png) [c](glossary.md)"
    )
    assert (
        pages.relinked("[a](../piecewise_units/RESULTS.md)", "recipes/mini_speech/RESULTS.md")
        == "[a](../piecewise_units/RESULTS.md)"
    )


# What is made of the code


def test_every_command_is_in_the_reference():
    page = pages.commands()
    assert re.findall(r"^## ([\w-]+)$", page, re.M) == [*map(typed_name, COMMANDS)]
    assert "| `--at` | str, several times |" in page
    assert "| `--shard` | I/N |" in page


def test_every_option_is_in_the_reference():
    page = pages.options()
    assert re.findall(r"^## (\w+)$", page, re.M) == [*TABLES]
    assert "| `bottleneck.num_codes` | int | `512` |" in page
    assert "| `training.clip` | float | `100.0` | largest norm of the gradient |" in page
    assert all(f"\n## {path.stem}\n" in f"\n{pages.presets()}" for path in config.PRESETS.glob("*.toml"))


def test_docstrings_become_markdown():
    """Whether written on lines of their own or below a paragraph."""
    said = "Does it.\n\nrate: of what\nis there.\nfirst, last: places.\nRaises ValueError: never."
    wanted = "Does it.\n\n- `rate`: of what\nis there.\n\n- `first, last`: places.\n\nRaises ValueError: never."
    assert pages.explained(said) == wanted
    example = ">>> one = f(0)[:3]\n>>> one"
    assert pages.explained(f"Does it.\n\n{example}\n") == f"Does it.\n\n```python\n{example}\n```\n"


def test_every_folder_is_in_the_guide_to_contributors():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert text == pages.refreshed(text), "run `python docs/pages.py`"
    assert "|  |" not in pages.tree().partition("---")[2], "a folder's `__init__.py` says nothing of it"


# Words


def entries() -> dict[str, str]:
    """The glossary: word -> what it says."""
    parts = re.split(r"^### (.+)$", (DOCS / "glossary.md").read_text(encoding="utf-8"), flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@cache
def text_of(path: Path) -> str:
    """All Python in a file or below a folder."""
    files = [path] if path.is_file() else path.rglob("*.py")
    return "".join(file.read_text(encoding="utf-8") for file in files)


def missing_in_code(entry: str) -> list[str]:
    """What an entry of the glossary says is in the code, and is not: files, and names in these files."""
    _, _, said = " ".join(entry.split()).partition("In the code:")
    names = re.findall(r"`([^`]+)`", re.sub(r"\[[^]]*\]\([^)]*\)", "", said))
    paths = [name for name in names if "/" in name or name.endswith(".py")]
    there = [ROOT / "unitdisc" / path for path in paths if (ROOT / "unitdisc" / path).exists()]
    text = "".join(map(text_of, there or [ROOT / "unitdisc"]))
    known = {name for name in names if all(re.search(rf"\b{part}\b", text) for part in name.split("."))}
    return [name for name in names if ROOT / "unitdisc" / name not in there and name not in known]


def test_words_of_the_glossary_are_where_it_says():
    assert not {word: missing for word, entry in entries().items() if (missing := missing_in_code(entry))}
    assert missing_in_code("A. In the code: `batch.py`, `Batch`; `nothing/`, `no.py`, `Battch`.") == [
        "nothing/",
        "no.py",
        "Battch",
    ]


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 100
    assert (DOCS / "report.png").stat().st_size < 300_000
