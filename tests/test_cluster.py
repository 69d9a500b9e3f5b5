"""Shards on a Ray cluster come to what one run does, also where workers die."""

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from processes import descendants
from tiny import tree

from unitdisc.verbs.cluster import Cluster
from unitdisc.verbs.encode import encode

pytest_plugins = ["tiny_fixtures"]

POINTS = ["projection", "bottleneck"]
needs_ray = pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="Ray is not installed (extra `ray`)")


def command(*arguments) -> list[str]:
    points = [part for point in POINTS for part in ("--at", point)]
    return [sys.executable, "-m", "unitdisc", "encode", *map(str, arguments), *points, "--device", "cpu"]


def kill_a_worker(process: subprocess.Popen, folder: Path, killed: list[int]) -> None:
    """kill -9 of a worker of a local cluster that has begun to write."""
    while process.poll() is None and not killed:
        if list(folder.glob("*/.*.tmp")) or list(folder.glob("*/*.npy")):
            busy = [pid for pid, line in descendants(process.pid).items() if line.startswith("ray::attempted")]
            for pid in busy[:1]:
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
        time.sleep(0.005)


@needs_ray
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to find a worker")
def test_a_lost_worker_changes_nothing(tiny_corpus, tiny_experiment, tmp_path):
    encode(tiny_experiment, tiny_corpus, tmp_path / "whole", POINTS, device="cpu")
    line = command(tiny_experiment, tiny_corpus, tmp_path / "shards", "--ray", "local", "--shards", "3")
    process = subprocess.Popen(line, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True)
    killed: list[int] = []
    watching = threading.Thread(target=kill_a_worker, args=(process, tmp_path / "shards", killed))
    watching.start()
    said = process.communicate(timeout=500)[1]
    watching.join()
    assert process.returncode == 0, said
    assert killed
    assert "encoding: 3/3 shards" in said
    assert tree(tmp_path / "whole") == tree(tmp_path / "shards")


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_one_is_told_what_to_install(unitdisc, tiny_corpus, tiny_experiment, tmp_path):
    result = unitdisc("encode", tiny_experiment, tiny_corpus, tmp_path, "--ray", "auto")
    assert result.code == 1
    assert "--ray auto: Ray is not installed here; install unitdisc[ray], or use --shard" in result.err


def test_options_that_exclude_each_other_are_refused(unitdisc, tiny_corpus, tiny_experiment, tmp_path):
    line = ["encode", tiny_experiment, tiny_corpus, tmp_path]
    assert "with --ray all shards are done" in unitdisc(*line, "--ray", "local", "--shard", "1/2").err
    assert "is for --ray" in unitdisc(*line, "--shards", "2").err
    with pytest.raises(ValueError, match="--shards must be 1 or more"):
        Cluster("local", 0)
