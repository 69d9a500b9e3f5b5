"""tests/matrix.py: rows cover every level, run where they say, and are kept; on a repository of no size."""

import ast
import json
import os
import subprocess
from pathlib import Path

import matrix
import pytest
from matrix import ROWS, Result, Row

SURROUNDED = """
import os, pathlib, tempfile
import pytest

ROOT = pathlib.Path(__file__).parent.parent

def can_write(folder):
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True

def test_found():
    found = {name: os.environ.get(name) for name in NAMES} | {"user": os.getuid()}
    found |= {"home": can_write(pathlib.Path.home()), "checkout": can_write(ROOT), "temporary": tempfile.gettempdir()}
    raise AssertionError(f"found {found}")

def test_passes():
    assert not (ROOT / "ignored").exists()

@pytest.mark.slow
def test_slow():
    pass

@pytest.mark.skip
def test_skipped():
    pass
"""
NAMES = ("ATEN_CPU_CAPABILITY", "OMP_NUM_THREADS", "UNITDISC_TEST_THREADS", "UNITDISC_DATA")


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """A small one, whose tests say where they run."""
    root = tmp_path / "root"
    (root / "tests").mkdir(parents=True)
    (root / "docs").mkdir()
    (root / "ignored").touch()
    (root / ".gitignore").write_text("/ignored\n/build/\n__pycache__/\n")
    (root / "pytest.ini").write_text("[pytest]\naddopts = -m 'not slow'\nmarkers = slow: slow\n")
    (root / "tests" / "test_small.py").write_text(SURROUNDED.replace("NAMES", repr(NAMES)))
    monkeypatch.setattr(matrix, "ROOT", root)
    monkeypatch.setattr(matrix, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(matrix, "can_import", lambda row: True)
    for variable in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(variable, "nobody")
    matrix.git("init", "--quiet")
    committed()
    return root


def committed() -> None:
    matrix.git("add", "--all")
    matrix.git("commit", "--quiet", "--message", "all")


def found_by(log: Path) -> dict:
    said = next(line for line in log.read_text().splitlines() if line.startswith("E ") and "found {" in line)
    return ast.literal_eval(said.partition("found ")[2])


@pytest.mark.parametrize(
    "name,levels",
    [
        ("instructions", {"default", "avx2", "avx512"}),
        ("threads", {1, 2}),
        ("data", {True, False}),
        ("user", {"root", "another", "nameless"}),
        ("home", {True, False}),
        ("checkout", {True, False}),
        ("temporary", {"", "/dev/shm"}),
    ],
)
def test_every_level_is_in_a_row(name, levels):
    assert levels <= {getattr(row, name) for row in ROWS}


def test_a_row_runs_where_it_says(repository, tmp_path):
    row = Row("x", instructions="default", threads=2, data=False, user="nameless", home=False, checkout=False)
    if os.geteuid() != 0:
        assert "not started as root" in matrix.cannot_run(row)
        row = Row("x", instructions="default", threads=2, data=False, home=False, checkout=False)
    result = matrix.run_row(row, False, ["-p", "no:xdist"])
    assert (result.passed, result.failed, result.skipped) == (1, 1, 1)
    assert result.wall > 0 and result.cpu > 0
    found = found_by(matrix.LOGS / "x.log")
    temporary = Path(found.pop("temporary"))
    assert found == {
        "ATEN_CPU_CAPABILITY": "default",
        "OMP_NUM_THREADS": "2",
        "UNITDISC_TEST_THREADS": "2",
        "UNITDISC_DATA": matrix.NOWHERE,
        "user": 54321 if os.geteuid() == 0 else os.getuid(),
        "home": False,
        "checkout": False,
    }
    assert not temporary.exists()


def test_what_is_done_is_kept_in_a_table_and_not_done_again(repository, monkeypatch, capsys):
    def run_row(row: Row, slow: bool, options: list[str]) -> Result:
        return Result(matrix.processor(), matrix.commit(), "2026-01-01", slow, passed=1)

    monkeypatch.setattr(matrix, "run_row", run_row)
    open_row = Row("open", data=False)
    for again, runs in ((False, 1), (False, 0), (True, 1)):
        assert matrix.run_rows([open_row], again, False, []) == []
        assert capsys.readouterr().out.count("open ...") == runs
        matrix.git("add", "--all")
        matrix.git("commit", "--quiet", "--allow-empty", "--message", "the table, which changes nothing")
    (repository / "new.py").touch()
    matrix.run_rows([open_row], False, False, [])
    matrix.run_rows([open_row], False, False, [])  # changes are not committed
    assert capsys.readouterr().out.count("open ...") == 2
    (result,) = json.loads((repository / matrix.RESULTS).read_text())["open"]
    assert result["passed"] == 1 and result["commit"].endswith("+")


def test_a_row_without_a_test_has_failed(repository):
    assert matrix.run_rows([Row("open", data=False)], True, False, ["-p", "no:xdist", "no-such-file.py"]) == ["open"]


def test_what_this_machine_cannot_run_is_said_in_the_table(repository, monkeypatch):
    monkeypatch.setattr(matrix, "flags", lambda: {"avx2"})
    monkeypatch.setattr(matrix, "processor", lambda: "an old one")
    wide = next(row for row in ROWS if row.name == "avx512")
    assert matrix.run_rows([wide], False, False, []) == []
    other = Result("a new one", "abc", "2026-01-01", passed=3)
    matrix.keep(wide, other)
    table = (repository / matrix.TABLE).read_text()
    assert "not run: the processor has no AVX512F" in table
    assert "| 3 | 0 | 0 |" in table
    assert matrix.cannot_run(Row("x", data=False, temporary="/none")) == "no folder /none"
    monkeypatch.setenv("UNITDISC_DATA", "/none")
    assert matrix.cannot_run(Row("x")) == "no real data at /none"


def test_programs_that_cannot_be_disabled_are_not_named():
    """numpy warns of those."""
    environment = dict(os.environ) | matrix.numpy_features("default")
    done = subprocess.run(
        [matrix.PYTHON, "-W", "error", "-c", "import numpy"], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
