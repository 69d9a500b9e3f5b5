"""A few inputs of what `make fuzz` tries: files of others, spoilt, are read or refused in a sentence."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from mutations import mutated

PROGRAM = Path(__file__).parent / "garbage.py"


def test_the_same_seed_spoils_alike():
    right = b"u0 0.1 0.2 a\nu1 0.3 0.4 b\n" * 20
    spoilt = [[mutated(right, random.Random(f"{seed} {number}")) for number in range(40)] for seed in (0, 0, 1)]
    assert spoilt[0] == spoilt[1] != spoilt[2]
    assert len({content for content, _ in spoilt[0]} - {right}) > 30


@pytest.mark.slow
def test_garbage_is_refused_in_a_sentence():
    arguments = ["--inputs", "40", "--seconds", "600", "--seed", "7"]
    done = subprocess.run(
        [sys.executable, PROGRAM, *arguments], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_faults_planted_in_corpora_are_named():
    program = PROGRAM.with_name("corpora.py")
    done = subprocess.run(
        [sys.executable, program, "--corpora", "60", "--seed", "7"],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
