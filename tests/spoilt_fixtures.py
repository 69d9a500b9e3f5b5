"""A folder in which all is right, to be spoilt, and commands run there in this process.

Test files that use them say `pytest_plugins = ["tiny_fixtures", "spoilt_fixtures"]`.
"""

import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from spoilt import write_everything
from tiny_fixtures import Finished

EVAL = Path(__file__).parent.parent / "eval"


@pytest.fixture(scope="session")
def everything(tmp_path_factory) -> Path:
    """Not to be changed."""
    home = tmp_path_factory.mktemp("right")
    write_everything(home)
    return home


@pytest.fixture
def here(everything, tmp_path, monkeypatch) -> Callable[[str], Path]:
    """Copies what a command names to where it will run."""

    def copy(command: str) -> Path:
        home = tmp_path / "here"
        home.mkdir()
        for name in {word.partition("/")[0] for word in command.split()}:
            if (everything / name).exists():
                (shutil.copytree if (everything / name).is_dir() else shutil.copy)(everything / name, home / name)
        monkeypatch.chdir(home)
        return home

    return copy


@pytest.fixture
def run(unitdisc, monkeypatch, capsys) -> Callable:
    """Runs `unitdisc VERB ...`, or a script of eval/, `name.py ...`, in this process."""

    def script(name: str, *arguments: str) -> Finished:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        try:
            runpy.run_path(str(EVAL / name), run_name="__main__")
            code, message = 0, ""
        except SystemExit as end:  # as Python itself ends
            code, message = (1, f"{end.code}\n") if isinstance(end.code, str) else (end.code or 0, "")
        out, err = capsys.readouterr()
        return Finished(code, out, err + message)

    def invoke(command: str) -> Finished:
        first, *rest = command.split()
        return script(first, *rest) if first.endswith(".py") else unitdisc(first, *rest)

    return invoke
