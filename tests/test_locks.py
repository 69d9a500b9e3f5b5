"""Two runs in one folder: the second ends at once, unless the first is gone."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from unitdisc.files.locks import Holder, LockedError, locked, locked_file
from unitdisc.jobs import Shard


def leave(path: Path, **changes) -> Path:
    """The lock of a run that differs from this one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(replace(Holder.this(), **changes))))
    return path


def ended() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_second_run_is_refused_and_the_folder_is_free_afterwards(tmp_path):
    with locked(tmp_path / "a/b"):
        with pytest.raises(LockedError, match=rf"a/b: another run is writing there: process {os.getpid()}, since 20"):
            locked(tmp_path / "a/b").__enter__()
        assert (tmp_path / "a/b/.lock").exists()
        (tmp_path / "a/b/kept").touch()
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["kept"]
    with pytest.raises(KeyError), locked(tmp_path / "c/d"):
        raise KeyError
    assert not (tmp_path / "c").exists()  # nothing came into it


GONE = {
    "ended": lambda: {"process": ended()},
    "another process of this number": lambda: {"started": "1"},
    "before the machine was started again": lambda: {"boot": "another", "process": 1},
}


@pytest.mark.parametrize("why", GONE)
def test_the_lock_of_a_run_that_is_gone_is_taken_over_and_that_is_said(tmp_path, why, capsys):
    leave(tmp_path / ".lock", since="yesterday", **GONE[why]())
    with locked(tmp_path):
        assert json.loads((tmp_path / ".lock").read_text())["process"] == os.getpid()
    said = " ".join(capsys.readouterr().err.split())
    assert "of yesterday, was killed there, and left its lock; going on in its place" in said
    assert not list(tmp_path.iterdir())


WRONG = json.dumps(asdict(Holder.this()) | {"process": "1"})


@pytest.mark.parametrize("content", ["", '{"host"', "[]", "[" * 100_000, WRONG], ids=range(5))
def test_half_a_lock_is_that_of_a_run_killed_while_it_took_it(tmp_path, content, monkeypatch):
    monkeypatch.setattr("unitdisc.files.locks.PATIENCE", 0.1)
    (tmp_path / ".lock").write_text(content)
    with locked(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_run_on_another_machine_is_left_alone_and_the_cure_named(tmp_path):
    path = leave(tmp_path / ".lock", host="elsewhere", process=7, since="noon", command="unitdisc train")
    with pytest.raises(LockedError) as refused, locked(tmp_path):
        pass
    for part in ("process 7 on elsewhere, since noon (unitdisc train)", f"remove {path}"):
        assert part in str(refused.value)
    assert path.exists()


def test_a_job_that_slurm_began_again_takes_over_from_itself_on_any_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    leave(tmp_path / ".lock", host="elsewhere")
    with pytest.raises(LockedError), locked(tmp_path):
        pass
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    with locked(tmp_path):
        pass


def test_shards_share_a_folder_but_not_with_a_run_of_everything(tmp_path):
    with locked(tmp_path, Shard(1, 2)), locked(tmp_path, Shard(2, 2)):
        for shard in (Shard(1, 2), Shard()):
            with pytest.raises(LockedError), locked(tmp_path, shard):
                pass
    with locked(tmp_path), pytest.raises(LockedError), locked(tmp_path, Shard(1, 2)):
        pass
    leave(tmp_path / ".lock.2-of-2", process=ended())
    with locked(tmp_path):
        assert not (tmp_path / ".lock.2-of-2").exists()
    assert not list(tmp_path.iterdir())


def test_files_in_one_folder_have_locks_of_their_own(tmp_path):
    a, b = (tmp_path / name for name in ("a.npy", "b.npy"))
    with locked_file(a), locked_file(b), pytest.raises(LockedError), locked_file(a):
        pass
    assert not list(tmp_path.iterdir())


def test_of_many_that_find_a_lock_of_the_dead_one_gets_it(tmp_path):
    leave(tmp_path / ".lock", process=ended())
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom unitdisc.files.locks import LockedError, locked\n"
        "try:\n    with locked(Path(sys.argv[1])):\n        print('in', flush=True); sys.stdin.read()\n"
        "except LockedError:\n    print('out', flush=True)\n"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", script, tmp_path], stdin=-1, stdout=-1, stderr=-1, text=True)
        for _ in range(4)
    ]
    said = sorted(run.stdout.readline().strip() for run in runs)
    for run in runs:
        run.communicate()
    assert said == ["in", "out", "out", "out"]


def test_a_run_that_is_killed_leaves_a_lock_that_the_next_one_takes(tmp_path):
    script = "import sys\nfrom pathlib import Path\nfrom unitdisc.files.locks import locked\n"
    script += "with locked(Path(sys.argv[1])):\n    print('in', flush=True); sys.stdin.read()\n"
    run = subprocess.Popen([sys.executable, "-c", script, tmp_path], stdin=-1, stdout=-1, text=True)
    assert run.stdout.readline() == "in\n"
    with pytest.raises(LockedError, match=f"process {run.pid}, since"), locked(tmp_path):
        pass
    run.kill()
    run.communicate()
    assert (tmp_path / ".lock").exists()
    with locked(tmp_path):
        pass
    assert not (tmp_path / ".lock").exists()


def test_a_folder_in_place_of_a_lock_is_named_and_left_there(tmp_path):
    (tmp_path / ".lock").mkdir()
    with (
        pytest.raises(LockedError, match=r"\.lock: is a folder, where the lock of a run would be; remove it"),
        locked(tmp_path),
    ):
        pass
    assert (tmp_path / ".lock").is_dir()
