"""Shards on a Ray cluster come to what one run does, also where workers die."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from unittest.mock import Mock

import pytest
from process_tree import descendants
from tiny import listed, make_corpus, tree

from unitdisc.api import abx
from unitdisc.api.encode import encode, features
from unitdisc.data.acoustic_features import AcousticFeatures
from unitdisc.jobs import Shard
from unitdisc.jobs.cluster import Cluster, Work

pytest_plugins = ["tiny_fixtures"]

POINTS = ["projection", "bottleneck"]
needs_ray = pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="Ray is not installed (extra `ray`)")


slow_on_ray = [
    needs_ray,
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to find a worker"),
]


def with_a_lost_worker(arguments: Sequence[object], begun: Callable[[], bool]) -> str:
    """Runs a command in three shards on a local cluster, one of whose workers is killed; gives what it says."""
    line = [sys.executable, "-m", "unitdisc", *map(str, arguments), "--ray", "local", "--shards", "3"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    killed: list[int] = []
    watching = threading.Thread(target=kill_a_worker, args=(process, begun, killed))
    watching.start()
    out, err = process.communicate(timeout=500)
    watching.join()
    assert process.returncode == 0, err
    assert killed
    assert "3/3 shards" in err
    return out


def kill_a_worker(process: subprocess.Popen, begun: Callable[[], bool], killed: list[int]) -> None:
    """kill -9 of a worker of a local cluster, once the work has begun."""
    while process.poll() is None and not killed:
        if begun():
            busy = [pid for pid, line in descendants(process.pid).items() if line.startswith("ray::attempted")]
            for pid in busy[:1]:
                with suppress(ProcessLookupError):  # it was quicker
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
        time.sleep(0.005)


class TestOnRay:
    pytestmark = slow_on_ray

    def test_a_lost_worker_changes_no_encoding(self, tiny_corpus, tiny_experiment, tmp_path):
        encode(tiny_experiment, tiny_corpus, tmp_path / "whole", POINTS, device="cpu")
        points = [part for point in POINTS for part in ("--at", point)]
        folder = tmp_path / "shards"
        with_a_lost_worker(
            ["encode", tiny_experiment, tiny_corpus, folder, *points, "--device", "cpu"],
            lambda: any(folder.glob("*/.*.tmp")) or any(folder.glob("*/*.npy")),
        )
        assert tree(tmp_path / "whole") == tree(folder)

    def test_a_lost_worker_changes_no_feature(self, tiny_corpus, tmp_path):
        features(tiny_corpus, tmp_path / "whole", AcousticFeatures(normalise="none"))
        folder = tmp_path / "shards" / "whole"  # the name is kept in it
        with_a_lost_worker(["features", tiny_corpus, folder], lambda: any(folder.glob("*.npy")))
        assert tree(tmp_path / "whole") == tree(folder)

    def test_a_lost_worker_changes_no_error(self, unitdisc, tiny_corpus, tiny_encodings, tmp_path):
        command = ["abx", tiny_encodings / "condition", tiny_corpus, "--context", "any"]
        whole = unitdisc(*command, "--output", tmp_path / "a.json")
        more = ["--parts", tmp_path / "parts", "--output", tmp_path / "b.json"]
        assert with_a_lost_worker([*command, *more], lambda: True) == whole.out
        assert json.loads((tmp_path / "a.json").read_text()) == json.loads((tmp_path / "b.json").read_text())


def one_after_the_other(cluster: Cluster, work: Work, device: str | None, title: str, per_processor: int = 4):
    """As `done_on`, without a cluster."""
    return [work(shard, device) for shard in reversed(Shard(1, cluster.shards).siblings())]


def test_workers_count_with_one_thread_and_draw_no_speakers(
    unitdisc, tiny_corpus, tiny_encodings, tmp_path, monkeypatch
):
    def done_elsewhere(cluster, work, device, title, per_processor):
        asked.append((work.func, work.args[1], device, per_processor))
        return one_after_the_other(cluster, work, device, title)

    def watched(*arguments, original=abx.SurveyedItems.abx, **options):
        counted.append((options["threads"], options["replicates"]))
        return original(*arguments, **options)

    asked, counted = [], []
    monkeypatch.setattr(abx, "done_on", done_elsewhere)
    monkeypatch.setattr(abx.SurveyedItems, "abx", watched)
    line = ["abx", tiny_encodings / "condition", tiny_corpus, "--context", "any", "--bootstrap", "7"]
    assert unitdisc(*line, "--parts", tmp_path, "--ray", "auto", "--shards", "2").code == 0
    assert asked[0][2:] == ("cpu", 1)
    assert counted == [(1, 0)] * 4 + [(None, 7)] * 2  # two shards, within and across; then the sums


def test_parts_that_the_machines_do_not_share_are_no_score(
    unitdisc, tiny_corpus, tiny_encodings, tmp_path, monkeypatch
):
    monkeypatch.setattr(abx, "done_on", lambda *_, **__: [[], [], []])
    line = ["abx", tiny_encodings / "condition", tiny_corpus, "--context", "any", "--parts", tmp_path, "--ray", "auto"]
    found = unitdisc(*line)
    assert found.code == 1
    assert f"--parts {tmp_path}: must be the same folder on all machines of the cluster, but shard 1/3" in found.err


def test_one_bad_file_of_a_cluster_is_left_out_and_a_bad_corpus_refused(unitdisc, tmp_path, monkeypatch):
    """Though a shard has no other file."""
    done = Mock(side_effect=one_after_the_other)
    monkeypatch.setattr("unitdisc.api.encode.done_on", done)
    utterances = listed(make_corpus(tmp_path / "corpus", 4))
    Path(utterances[2].path).unlink()
    line = ["features", tmp_path / "corpus" / "corpus.jsonl", tmp_path / "mfcc", "--trust", "--ray", "auto"]
    found = unitdisc(*line, "--shards", "12")
    assert found.code == 0 and "1 left out, 3 kept" in found.err
    assert sorted(path.stem for path in (tmp_path / "mfcc").glob("*.npy")) == ["u00", "u01", "u03"]
    for utterance in utterances:
        Path(utterance.path).unlink(missing_ok=True)
    line[2] = tmp_path / "none"
    found = unitdisc(*line, "--shards", "12")
    assert found.code == 1 and "4 of 4 utterances could not be used" in found.err
    assert done.call_count == 2


@pytest.mark.parametrize("shards", [1, 3])
def test_the_error_of_a_cluster_is_that_of_one_run(
    unitdisc, tiny_corpus, tiny_encodings, tmp_path, monkeypatch, shards
):
    monkeypatch.setattr("unitdisc.api.abx.done_on", one_after_the_other)
    command = ["abx", tiny_encodings / "condition", tiny_corpus, "--context", "any"]
    whole = unitdisc(*command)
    counted = unitdisc(*command, "--parts", tmp_path, "--ray", "auto", "--shards", shards)
    assert (counted.code, counted.out) == (0, whole.out)
    assert len(list(tmp_path.glob("*.npz"))) == 2 * shards
    monkeypatch.setattr("unitdisc.evaluation.abx.counting.computed", lambda *_: pytest.fail("counted again"))
    assert unitdisc(*command, "--parts", tmp_path, "--ray", "auto", "--shards", shards).out == whole.out


def test_features_of_a_cluster_are_those_of_one_run(tiny_corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("unitdisc.api.encode.done_on", one_after_the_other)
    features(tiny_corpus, tmp_path / "a" / "mfcc", AcousticFeatures())
    features(tiny_corpus, tmp_path / "b" / "mfcc", AcousticFeatures(), cluster=Cluster("auto", 3))
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_one_is_told_what_to_install(unitdisc, tiny_corpus, tiny_experiment, tmp_path):
    result = unitdisc("encode", tiny_experiment, tiny_corpus, tmp_path, "--ray", "auto")
    assert result.code == 1
    assert "--ray auto: Ray is not installed here; install unitdisc[ray], or use --shard" in result.err


def test_options_that_exclude_each_other_are_refused(unitdisc, tiny_corpus, tiny_experiment, tmp_path):
    line = ["encode", tiny_experiment, tiny_corpus, tmp_path]
    assert "with --ray all shards are done" in unitdisc(*line, "--ray", "local", "--shard", "1/2").err
    assert "is for --ray" in unitdisc(*line, "--shards", "2").err
    with pytest.raises(ValueError, match="`shards` must be 1 or more"):
        Cluster("local", 0)


def test_abx_on_a_cluster_is_told_what_it_lacks(unitdisc, tiny_corpus, tiny_encodings, tmp_path):
    line = ["abx", tiny_encodings / "condition", tiny_corpus, "--ray", "auto"]
    assert "--ray auto: needs a folder that all shards share, for their counts; give --parts" in unitdisc(*line).err
    assert "with --ray every shard has one; choose" in unitdisc(*line, "--parts", tmp_path, "--threads", "2").err
