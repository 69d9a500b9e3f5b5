"""The jobs for SLURM, on a machine without it: what they start, and what they do with the signals of a scheduler."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

JOBS = Path(__file__).parent.parent / "recipes" / "slurm"

SRUN = """
# As srun of SLURM: TERM ends it and kills (-9) the step, while USR1 is passed on to every process of the step.
import os, signal, subprocess, sys
from process_tree import descendants

step = subprocess.Popen([each for each in sys.argv[1:] if not each.startswith("--kill")])

def tell(number, *_):
    for pid in sorted([step.pid, *descendants(step.pid)]):
        os.kill(pid, signal.SIGKILL if number == signal.SIGTERM else number)

signal.signal(signal.SIGUSR1, tell)
signal.signal(signal.SIGTERM, tell)
sys.exit(1 if step.wait() else 0)
"""

TORCHRUN = """
# As torchrun: it lets USR1 kill it, and waits for a process in a session of its own.
import pathlib, subprocess, sys

pathlib.Path("arguments").write_text(chr(10).join(sys.argv[1:]))
child = subprocess.Popen([sys.executable, "-c", open("training.py").read()], start_new_session=True)
sys.exit(1 if child.wait() else 0)
"""

TRAINING = """
# As a training of two minutes that leaves a checkpoint at the step after USR1.
import pathlib, signal, sys, time

asked = []
signal.signal(signal.SIGUSR1, lambda *_: asked.append(1))
pathlib.Path("begun").touch()
for _ in range({steps}):
    time.sleep(0.1)
    if asked:
        pathlib.Path("saved").touch()
        sys.exit(130)
"""


@pytest.fixture
def cluster(tmp_path):
    """Runs a job in a folder where srun, torchrun, scontrol and unitdisc are stand-ins; gives the process."""
    (tmp_path / "bin").mkdir()
    path = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    for name, code in {"srun": path + SRUN, "torchrun": TORCHRUN}.items():
        (tmp_path / "bin" / name).write_text(f"#!{sys.executable}\n{code}")
    (tmp_path / "bin" / "scontrol").write_text('#!/bin/sh\n[ "$1" = show ] && echo node7 || echo "$@" > requeued\n')
    (tmp_path / "bin" / "unitdisc").write_text('#!/bin/sh\necho "$@"\n')
    for file in (tmp_path / "bin").iterdir():
        file.chmod(0o755)

    def start(job: str, *arguments: str, steps: int = 1200, **variables: object) -> subprocess.Popen:
        (tmp_path / "training.py").write_text(TRAINING.format(steps=steps))
        known = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SHARDS"))}
        environment = (
            known
            | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
            | {name: str(value) for name, value in variables.items()}
        )
        line = ["bash", str(JOBS / job), *arguments]
        return subprocess.Popen(
            line, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    return start


def wait_for(path: Path) -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until, f"{path} does not appear"
        time.sleep(0.02)


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to find processes")


@needs_proc
@pytest.mark.parametrize("sent,again", [(signal.SIGUSR1, True), (signal.SIGTERM, False)])
def test_a_training_that_is_stopped_saves_and_queues_again_unless_it_was_cancelled(cluster, tmp_path, sent, again):
    """A person's scancel sends TERM: a job that would queue again could not be got rid of."""
    job = cluster("train.sbatch", "small", "a.jsonl", "exp/a", SLURM_JOB_ID=7, SLURM_GPUS_ON_NODE=2)
    wait_for(tmp_path / "begun")
    job.send_signal(sent)
    said, _ = job.communicate(timeout=60)
    assert (tmp_path / "saved").exists(), said
    assert (tmp_path / "requeued").exists() == again
    assert (job.returncode == 0) == again
    if again:
        assert (tmp_path / "requeued").read_text() == "requeue 7\n"


@needs_proc
def test_a_training_that_ends_by_itself_does_not_queue_again(cluster, tmp_path):
    variables = {"SLURM_JOB_ID": 12, "SLURM_GPUS_ON_NODE": 4, "SLURM_JOB_NUM_NODES": 2, "SLURM_CPUS_PER_TASK": 16}
    job = cluster("train.sbatch", "small", "my corpus.jsonl", "exp/a", steps=1, **variables)
    said, _ = job.communicate(timeout=60)
    assert job.returncode == 0, said
    assert not (tmp_path / "requeued").exists()
    arguments = (tmp_path / "arguments").read_text().split("\n")
    assert arguments[-5:] == ["unitdisc", "train", "small", "my corpus.jsonl", "exp/a"]
    assert {"--nnodes": "2", "--nproc-per-node": "4", "--rdzv-endpoint": "node7:20012"}.items() <= dict(
        zip(arguments[::2], arguments[1::2])
    ).items()


@pytest.mark.parametrize(
    "array,shard",
    [
        ({}, "1/1"),
        ({"ID": 3, "MIN": 1, "MAX": 16, "COUNT": 16}, "3/16"),
        ({"ID": 7, "MIN": 3, "MAX": 7, "COUNT": 2}, None),
        ({"ID": 0, "MIN": 0, "MAX": 15, "COUNT": 16}, None),
    ],
)
def test_a_job_of_an_array_encodes_its_shard(cluster, array, shard):
    job = cluster(
        "encode.sbatch", "exp/a", "a.jsonl", "out", **{f"SLURM_ARRAY_TASK_{name}": n for name, n in array.items()}
    )
    said, _ = job.communicate(timeout=60)
    if shard is None:
        assert job.returncode != 0
        assert "set SHARDS to the number of shards" in said
    else:
        assert said == f"encode exp/a a.jsonl out --shard {shard}\n"


def test_jobs_of_an_array_can_be_repeated_alone(cluster):
    variables = {"SLURM_ARRAY_TASK_ID": 7, "SLURM_ARRAY_TASK_MIN": 3, "SLURM_ARRAY_TASK_MAX": 7}
    job = cluster("encode.sbatch", "exp/a", "a.jsonl", "out", SHARDS=16, SLURM_ARRAY_TASK_COUNT=2, **variables)
    assert job.communicate(timeout=60)[0] == "encode exp/a a.jsonl out --shard 7/16\n"


def test_jobs_of_an_array_validate_too(cluster):
    variables = {f"SLURM_ARRAY_TASK_{name}": n for name, n in {"ID": 3, "MIN": 1, "MAX": 16, "COUNT": 16}.items()}
    job = cluster("encode.sbatch", "a.jsonl", "--cache", "c", VERB="validate", **variables)
    assert job.communicate(timeout=60)[0] == "validate a.jsonl --cache c --shard 3/16\n"
