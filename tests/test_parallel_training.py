"""Several processes, and several parts of a batch, are in step with one process and the whole batch."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import parallel_training
import pytest
import safetensors.torch
import torch
import torch.multiprocessing
from parallel_training import KINDS, join, join_as_second, train

APART = {  # what cannot be the same in parts, for it is of the frames that are seen at once
    "vq with batch norm",
    "piecewise-vq",
    "piecewise-vq pooled",
    "pca",
    "soft",
    "gmm",
    "gumbel",
    "swap",
    "wav2vec2 with diversity",
    "line images",
}
STOPPED = "vq by gradient"
FIRST = {"vq", STOPPED, "piecewise-vq", "line images"}  # all others are slow tests


def marked(kinds: Iterable[str]) -> list:
    return [kind if kind in FIRST else pytest.param(kind, marks=pytest.mark.slow) for kind in kinds]


IN_PARTS = sorted(KINDS.keys() - APART)
OF_A_PART = {
    "perplexity",
    "hidden_units_used",
    "codes_used",
    "target_use",
    "critic_right",
    "sample_variance",
    "teacher_deviation",
}  # metrics, averaged over parts


@pytest.fixture(scope="module")
def one(tmp_path_factory) -> Callable[[str], Path]:
    """A kind of model, trained by one process on whole batches."""
    folder = tmp_path_factory.mktemp("one")

    @cache
    def trained(kind: str) -> Path:
        train(kind, folder / kind)
        return folder / kind

    return trained


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Callable[[str, str], Path]:
    """The same by two processes: whole ("1"), in two parts each ("2"), or stopped in between ("term", "usr1")."""
    folder = tmp_path_factory.mktemp("two")

    @cache
    def train_all(first: bool) -> None:
        kinds = [kind for kind in KINDS if (kind in FIRST) == first]
        cases = [f"{kind}:1" for kind in kinds] + [f"{kind}:2" for kind in kinds if kind in IN_PARTS]
        cases += [f"{STOPPED}:1:term", f"{STOPPED}:1:usr1"] if first else []
        elsewhere = torch.multiprocessing.start_processes(
            join_as_second, (folder, cases), nprocs=1, join=False, start_method="fork"
        )
        join(0, folder, cases)
        assert elsewhere.join(timeout=60)
        (folder / "meeting").unlink(missing_ok=True)

    def trained(kind: str, how: str) -> Path:
        train_all(kind in FIRST)
        return folder / f"{kind}.{how}"

    return trained


def launched(folder: Path, cases: list[str]) -> subprocess.CompletedProcess:
    """Trainings by two processes of torchrun."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    line = [*launcher, parallel_training.__file__, str(folder), *cases]
    return subprocess.run(line, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)


def assert_in_step(a: Path, b: Path, unlike: set[str] = frozenset()) -> None:
    """Weights, codebooks, switch costs, statistics, averages and what was logged agree, to roundings of 64 bits."""
    first, second = (safetensors.torch.load_file(folder / "state.safetensors") for folder in (a, b))
    torch.testing.assert_close(first, second, rtol=1e-9, atol=1e-10)
    logs = [[json.loads(line) for line in (path / "log.jsonl").read_text().splitlines()] for path in (a, b)]
    for one, other in zip(*logs, strict=True):
        assert (one["step"], one["split"]) == (other["step"], other["split"])
        assert one["losses"] == pytest.approx(other["losses"], rel=1e-6, abs=1e-7)  # logged in 32 bits
        metrics = [
            {k: v for k, v in entry["metrics"].items() if one["split"] == "valid" or not k.startswith(tuple(unlike))}
            for entry in (one, other)
        ]
        assert metrics[0] == pytest.approx(metrics[1], rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("kind", marked(KINDS))
def test_two_processes_are_in_step_with_one(one, two, kind):
    assert_in_step(one(kind), two(kind, "1"))


@pytest.mark.parametrize("kind", marked(IN_PARTS))
def test_parts_of_a_batch_make_the_whole(one, tmp_path, kind):
    train(kind, tmp_path, parts=2)
    assert_in_step(one(kind), tmp_path, OF_A_PART)


@pytest.mark.parametrize("kind", marked(IN_PARTS))
def test_parts_of_two_processes_make_the_whole(one, two, kind):
    assert_in_step(one(kind), two(kind, "2"), OF_A_PART)


@pytest.mark.parametrize("sent", ["term", "usr1"])
def test_processes_agree_where_to_stop_and_go_on_to_the_same_weights(two, sent):
    """Though only one of them was asked, and in the midst of a step."""
    whole, stopped = (safetensors.torch.load_file(two(STOPPED, how) / "state.safetensors") for how in ("1", sent))
    assert whole.keys() == stopped.keys()
    assert [name for name in whole if not torch.equal(whole[name], stopped[name])] == []


@pytest.mark.slow
def test_what_a_launcher_is_sent_reaches_its_processes(one, tmp_path):
    """SIGTERM to torchrun, as of a scheduler; one process alone goes on from there."""
    done = launched(tmp_path, [f"{STOPPED}:1:term launcher"])
    assert done.returncode != 0
    assert "Stopped at step 5; the same command goes on from there." in done.stderr
    (tmp_path / f"{STOPPED}.term launcher").rename(tmp_path / "here")
    train(STOPPED, tmp_path / "here")
    assert_in_step(one(STOPPED), tmp_path / "here")


@pytest.mark.slow
def test_where_a_process_is_killed_the_other_says_so_in_a_line_and_stops(tmp_path):
    done = launched(tmp_path, ["vq:1:kill"])
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("unitdisc: ")]
    assert len(said) <= 1  # the launcher may end the other before it finds out
    assert all("another went away" in line and "goes on from the last checkpoint" in line for line in said)
    assert "unitdisc/training/trainer.py" not in done.stderr  # torchrun's own traceback follows, not that of a process
