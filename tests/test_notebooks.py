"""The notebooks run from their first cell to their last, and are kept without what they once gave."""

import json
import subprocess
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def run(source: str, names: dict) -> None:
    """As a notebook runs a cell: lines that begin with ! are commands of the shell."""
    lines = [
        f"subprocess.run({line[1:]!r}, shell=True, check=True)" if line.startswith("!") else line
        for line in source.splitlines()
    ]
    exec(compile("\n".join(lines), "cell", "exec"), names)


def test_there_are_some():
    assert [path.stem for path in NOTEBOOKS] == ["manuscript", "others", "speech"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_output(path):
    for cell in cells(path):
        assert cell["cell_type"] == "markdown" or (cell["outputs"] == [] and cell["execution_count"] is None)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    for folder in ("data_prep", "eval"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    ipython, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.version_info = (9, 0)  # which matplotlib asks for
    display.IFrame = lambda page, width, height: Path(page).resolve(strict=True)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    names = {"subprocess": subprocess}
    for cell in cells(path):
        if cell["cell_type"] == "code":
            run("".join(cell["source"]), names)
