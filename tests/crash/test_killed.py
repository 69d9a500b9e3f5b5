"""A few points of what `make test-crash` tries: commands killed, or refused by the system, where they change files."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "killed.py"


@pytest.mark.slow
def test_commands_are_killed_and_go_on():
    if shutil.which("cc") is None or not sys.platform.startswith("linux"):
        pytest.skip("needs a C compiler called cc, on Linux, for what stands between unitdisc and the disk")
    done = subprocess.run(
        [sys.executable, PROGRAM, "--points", "2", "train", "shards", "kmeans", "name"],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "48 points, 0 faults" in done.stdout
