"""A lock on a folder that a run fills over time, so that two runs cannot mix what they write there.

    FOLDER/.lock          who is writing there: host, process, when it began and with which command
    FOLDER/.lock.3-of-8   the same of a shard, beside which those of other shards may write

A lock is a file that is made only where there is none, also on network file systems. It goes when its run ends. The
lock of a run that was killed is found out by its process, on the machine it ran on, and taken over; of a process on
another machine nobody can tell from here whether it lives.
"""

import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from unitdisc import console
from unitdisc.files.atomic import writing
from unitdisc.files.processes import boot, is_running, started
from unitdisc.files.text import json_in
from unitdisc.jobs import WHOLE, Shard

NAME = ".lock"
PATIENCE = 2.0  # seconds in which a lock that is just being written is complete


class LockedError(ValueError):
    """Another run is writing into a folder; the message says which, and what to do if it is no more."""


@dataclass(frozen=True)
class Holder:
    """The run that holds a lock."""

    host: str
    boot: str  # of the machine: numbers of processes begin anew
    process: int
    started: str  # when the process was, in clock ticks since then: numbers are used again
    since: str  # when the lock was taken, for people
    command: str
    job: str = ""  # of Slurm, and how often it was requeued: the same job runs once at a time
    requeued: int = 0

    @classmethod
    def this(cls) -> "Holder":
        job = [os.environ.get(name, "") for name in ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_PROCID")]
        return cls(
            host=platform.node(),
            boot=boot(),
            process=os.getpid(),
            started=started(os.getpid()),
            since=time.strftime("%Y-%m-%d %H:%M:%S"),
            command=" ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200],
            job="/".join(job) if job[0] else "",
            requeued=int(os.environ.get("SLURM_RESTART_COUNT") or 0),
        )

    def is_gone(self, here: "Holder") -> bool:
        """Whether the run is known to have ended."""
        if self.job and self.job.split("/")[0] == here.job.split("/")[0] and self.requeued < here.requeued:
            return True  # Slurm begins a job again when nothing of it is left
        if self.host != here.host:
            return False
        return self.boot != here.boot or not is_running(self.process, self.started)


@contextmanager
def locked(folder: Path, shard: Shard = WHOLE) -> Iterator[None]:
    """Keeps other runs out of a folder, which is made if need be; shards of one work may be in it together.

    Raises LockedError naming the run that is in it. A folder that is still empty in the end is removed again.
    """
    own = folder / (NAME if shard.is_whole else f"{NAME}.{shard.name}")
    with kept_if_filled(folder), held(own):
        refuse_others(folder, own)
        yield


@contextmanager
def locked_file(path: Path) -> Iterator[None]:
    """Keeps other runs from a file, and what they would leave beside it on the way. Raises LockedError."""
    with kept_if_filled(path.parent), held(path.with_name(f".{path.name}{NAME}")):
        yield


@contextmanager
def kept_if_filled(folder: Path) -> Iterator[None]:
    """Makes a folder, and removes it again if nothing came into it."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for place in made:
            with suppress(OSError):  # not empty
                place.rmdir()


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Holds a lock. Raises LockedError if another run does."""
    mine = Holder.this()
    take(path, mine)
    try:
        yield
    finally:
        with suppress(OSError):
            if holder_of(path) == mine:
                path.unlink()


def take(path: Path, mine: Holder) -> None:
    """Makes the file of a lock, that of a run that is gone being removed before."""
    text = json.dumps(asdict(mine)) + "\n"
    for _ in range(5):
        try:
            with writing(path), suppress(FileExistsError):
                file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
                try:
                    os.write(file, text.encode("ascii"))
                finally:
                    os.close(file)
                return
        except OSError:
            with suppress(OSError):
                path.unlink()  # empty, on a full disk
            raise
        take_over(path, mine)
    raise LockedError(f"{path.parent}: other runs are beginning there at this moment; run the same command again")


def refuse_others(folder: Path, own: Path) -> None:
    """Raises LockedError for a run of everything beside shards of it, and the other way round."""
    mine = Holder.this()
    for path in sorted(folder.glob(f"{NAME}.*-of-*") if own.name == NAME else [folder / NAME]):
        if path.exists():
            take_over(path, mine)


def take_over(path: Path, mine: Holder) -> None:
    """Removes the lock of a run that is gone, and says so. Raises LockedError if it may be there still."""
    if path.is_dir():
        raise LockedError(f"{path}: is a folder, where the lock of a run would be; remove it")
    holder = settled(path)
    if holder is not None and not holder.is_gone(mine):
        where = "" if holder.host == mine.host else f" on {holder.host}"
        cure = "wait for it, or choose another folder"
        if holder.host != mine.host:
            cure += f"; if it is no more, which cannot be seen from {mine.host}, remove {path}"
        raise LockedError(
            f"{path.parent}: another run is writing there: process {holder.process}{where}, since {holder.since} "
            f"({holder.command}); {cure}"
        )
    aside = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(3).hex()}.gone")
    with suppress(FileNotFoundError):  # it has just ended, or somebody else took over
        path.replace(aside)
        found = holder_of(aside)
        if found != holder:  # and has a lock of its own by now: it gets it back
            with suppress(OSError):
                os.link(aside, path)
            aside.unlink(missing_ok=True)
            return
        aside.unlink(missing_ok=True)
        who = "a run" if holder is None else f"process {holder.process}, of {holder.since},"
        console.say(f"{path.parent}: {who} was killed there, and left its lock; going on in its place")


def settled(path: Path) -> Holder | None:
    """Who holds a lock; None if that is not said, nor will be: its run was killed while it took it."""
    begun = time.monotonic()
    while True:
        holder = holder_of(path)
        if holder is not None or not path.exists() or time.monotonic() - begun > PATIENCE:
            return holder
        time.sleep(0.05)


def holder_of(path: Path) -> Holder | None:
    """Who a lock says that holds it; None if it is none."""
    try:
        holder = Holder(**json_in(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    known = all(isinstance(getattr(holder, each.name), each.type) for each in fields(holder))
    return holder if known else None
