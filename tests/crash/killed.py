"""Commands of unitdisc that are killed, or refused by the disk, at any of their calls that change a file.

    python tests/crash/killed.py --points 10 --seed 0 [COMMAND ...]    tables what was tried; ends with 1 if one failed

A command is run undisturbed, twice, and then for each point in a folder of its own: the k-th call that changes a file
there (shim.c) kills the process before or half-way through it, or fails as on a full disk (and all later ones) or a
broken one, or all later ones fail as in a folder that became read-only, or, of those that open files for writing, as
where too many are open. Or the clock goes back an hour there; or, of what is read, no more files can be opened. Of a
command of several processes it is the first to which this happens, or it kills the second ("other killed"). What must
hold then:

    no file is there half      what is visible the undisturbed run put there too, or it begins a journal
    refused, it says so        one sentence, no traceback, exit status 1; and neither temporary files nor locks are left
    run again, it is the same  byte for byte what the undisturbed run left, and nothing else
    the others end, too        and say why, or, after `GRACE`, at the SIGTERM of what launched them

    python tests/crash/killed.py --at-once ...    two processes of a command in one folder

One is stopped at the k-th call, and goes on when the other has ended, which must be refused in a sentence that says
that another run is there, or, if the first had no lock yet, do all the work; after both there is what one undisturbed
run left. A command with a folder of its own must refuse at one of the points.
"""

import argparse
import ctypes
import io
import json
import math
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBRARY = "UNITDISC_CRASH_SHIM"  # set in the process that has it preloaded
WAYS = {"killed before": 1, "killed within": 2, "disk full": 3, "disk broken": 4, "many files": 5, "read-only": 6}
HELD, CLOCK, READING, OTHER = 7, 8, 9, 10
OTHER_WAYS = {"clock back": CLOCK, "many read": READING, "other killed": OTHER}  # "many read" counts other calls
KILLED = ("killed before", "killed within")
BACKWARDS = re.compile(r"-[\d.:]+(/s|/min| left| s\b)")  # what progress says
LONGEST = 400  # seconds of one run: beyond, it hangs
GRACE, TERM = 20, 30  # seconds to notice that another process is gone; and to end when told so, as of torchrun


@dataclass(frozen=True)
class Case:
    """A command.

    arguments: of it, for the folder that it writes in.
    begin: what is in that folder before.
    journals: names of files that grow line by line; half a line at their end is not there yet.
    answers: what is typed, by what is in the folder.
    alone: whether it keeps others out, and does not just write one file whole.
    processes: that do it together, as torchrun starts them.
    """

    arguments: Callable[[Path], list]
    begin: Callable[[Path], None] = lambda folder: None
    journals: tuple[str, ...] = ("*.part", "*log.jsonl")
    answers: Callable[[Path], str] = lambda folder: ""
    alone: bool = True
    processes: int = 1


@dataclass
class Tally:
    """What was tried of a command, and what failed."""

    calls: int = 0
    refused: int = 0  # second processes
    tried: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit status, minus the signal if it was killed."""

    code: int
    said: str
    calls: int


def with_shim(arguments: list[str]) -> int:
    """Runs this program again with the shim before the C library; gives its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        shim = Path(folder) / "shim.so"
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", shim, HERE / "shim.c", "-ldl"], check=True)
        surroundings = os.environ | {
            "LD_PRELOAD": str(shim),
            LIBRARY: str(shim),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "NUMBA_NUM_THREADS": "1",
            "NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / "unitdisc-crash")),
        }
        return subprocess.run([sys.executable, __file__, *arguments], env=surroundings, check=False).returncode


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder and every folder without any: relative path -> content, None of a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[str(path.relative_to(folder))] = path.read_bytes()
        elif not any(path.iterdir()):
            found[str(path.relative_to(folder))] = None
    return found


def meaning(name: str, content: bytes | None) -> object:
    """What of a file must be the same: of logs and names all but times, of a checkpoint its numbers.

    pickle writes a string that is met twice in two ways, according to whether it is the same object.
    """
    if content is None:
        return None
    if name.endswith("log.jsonl"):
        return [{**json.loads(line), "seconds": 0} for line in content.splitlines()]
    if name.endswith("names.tsv"):
        return [line.rpartition(b"\t")[0] for line in content.splitlines()]  # without when
    if name.endswith(".pt"):
        import torch

        return plain(torch.load(io.BytesIO(content), weights_only=True))
    return content


def plain(value: object) -> object:
    """The same with tensors as bytes."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return (str(value.dtype), tuple(value.shape), value.numpy().tobytes()) if hasattr(value, "numpy") else value


def begun(case: Case, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    case.begin(folder)


@dataclass(frozen=True)
class Started:
    """A process that runs a command, and where what it says and counts goes."""

    process: int
    said: Path
    counted: Path


def run(
    case: Case, folder: Path, *, way: int = 0, call: int = 0, copies: Path | None = None, reads: Path | None = None
) -> Ended:
    """Runs the command in a copy of this process, which has imported everything already."""
    return end_of(started(case, folder, way=way, call=call, copies=copies, reads=reads))


def started(
    case: Case,
    folder: Path,
    *,
    way: int = 0,
    call: int = 0,
    copies: Path | None = None,
    reads: Path | None = None,
    name: str = "",
) -> Started:
    """Begins to run it. reads: the folder of whose files those that are opened for reading are counted.

    name: tells what it says from what others say at the same time.
    """
    answers, said = folder.parent / f"answers{name}", folder.parent / f"said{name}"
    answers.write_text(case.answers(folder))
    counted = folder.parent / f"counted{name}"
    counted.write_text("0")
    arguments = [str(part) for part in case.arguments(folder)]
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            for target, path, flags in ((0, answers, os.O_RDONLY), (1, said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)):
                os.dup2(os.open(path, flags, 0o600), target)
            os.dup2(1, 2)
            others = joined(case.processes) if case.processes > 1 else []
            folders = (str(reads or folder), str(copies or ""))
            code = attempted(arguments, folders, way, call, other=(*others, 0)[0])
        finally:
            calls = ctypes.CDLL(os.environ[LIBRARY]).disarm()
            if os.environ.get("RANK", "0") == "0":
                counted.write_text(str(calls))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return Started(child, said, counted)


def end_of(running: Started) -> Ended:
    """Waits for its end, or until it is stopped: then the exit status is 0 and nothing is known."""
    begun_at = time.monotonic()
    while True:
        process, status = os.waitpid(running.process, os.WNOHANG | os.WUNTRACED)
        if process:
            break
        if time.monotonic() - begun_at > LONGEST:
            os.kill(running.process, 15)
            os.waitpid(running.process, 0)
            return Ended(99, f"hung for {LONGEST} s", 0)
        time.sleep(0.005)
    if os.WIFSTOPPED(status):
        return Ended(0, "", -1)
    said, counted = running.said.read_text(errors="replace"), running.counted.read_text()
    return Ended(os.waitstatus_to_exitcode(status), said, int(counted or 0))


def joined(number: int) -> list[int]:
    """Splits this process into so many of one run, each of which returns; the first knows the numbers of the others.

    The one there was waits for all, as a launcher does, and ends as the first did. Those that do not notice within
    `GRACE` that another is gone are told to end, as torchrun does at once, and hang if they do not.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    os.environ |= address | {"WORLD_SIZE": str(number), "LOCAL_WORLD_SIZE": str(number)}
    running: list[int] = []
    for rank in reversed(range(number)):
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        child = os.fork()
        if child == 0:
            return [] if rank else running
        running.append(child)
    first, ends, due, ways = running[-1], {}, math.inf, [signal.SIGTERM, signal.SIGKILL]
    while len(ends) < number:
        process, status = os.waitpid(-1, os.WNOHANG)
        if process:
            ends[process] = os.waitstatus_to_exitcode(status)
            due = min(due, time.monotonic() + GRACE) if ends[process] else due
        elif time.monotonic() > due:
            due, way = time.monotonic() + TERM, ways.pop(0)
            for left in set(running) - ends.keys():
                what = "hangs" if way == signal.SIGKILL else "was told to end"
                print(f"process {left} {what} where another is gone", file=sys.stderr, flush=True)
                os.kill(left, way)
        else:
            time.sleep(0.01)
    if ends[first] < 0:
        os.kill(os.getpid(), -ends[first])
    os._exit(ends[first])


def attempted(arguments: list[str], folders: tuple[str, str], way: int, call: int, *, other: int = 0) -> int:
    from unitdisc.commands import main

    sys.argv = ["unitdisc", *arguments]
    library = ctypes.CDLL(os.environ[LIBRARY])
    if os.environ.get("RANK", "0") != "0":
        way = call = 0
    library.aim(other)
    library.arm(*(os.fsencode(folder) for folder in folders), ctypes.c_int(way), ctypes.c_long(call))
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        return 71
    return 0


def left_over(name: str) -> bool:
    """Whether a file is a temporary one, or a lock."""
    last = Path(name).name
    return last.endswith((".tmp", ".gone")) or ".lock" in last or ".tmp" in last


def is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in Path(name).parts)


class Undisturbed:
    """What a command leaves when nothing happens to it, and every content that a file had on the way."""

    def __init__(self, case: Case, folder: Path, reads: Path):
        self.case, self.folder, self.reads = case, folder, reads
        self.before = self.ran()[1]
        copies = folder.parent / "copies"
        shutil.rmtree(copies, ignore_errors=True)
        copies.mkdir()
        ended, self.final = self.ran(copies)
        self.calls = ended.calls
        begun(case, folder)
        self.openings = run(case, folder, way=READING, reads=reads).calls
        self.contents: dict[str, set[bytes | None]] = {name: {content} for name, content in self.final.items()}
        begun(case, folder)
        for name, content in tree(folder).items():
            self.contents.setdefault(name, set()).add(content)
        for path in copies.glob("*.of"):
            place = Path(path.read_text())
            if place.is_relative_to(folder):
                content = path.with_suffix("").read_bytes()
                self.contents.setdefault(str(place.relative_to(folder)), set()).add(content)
        shutil.rmtree(copies)

    def ran(self, copies: Path | None = None) -> tuple[Ended, dict[str, bytes | None]]:
        begun(self.case, self.folder)
        ended = run(self.case, self.folder, copies=copies)
        if ended.code:
            raise SystemExit(f"{self.case.arguments(self.folder)}: {ended.code}\n{ended.said}")
        return ended, tree(self.folder)

    def varying(self) -> list[str]:
        """What two runs leave different."""
        names = self.before.keys() | self.final.keys()
        return sorted(
            name
            for name in names
            if meaning(name, self.before.get(name, b"")) != meaning(name, self.final.get(name, b""))
        )

    def halves(self) -> Iterator[str]:
        """Names of visible files that are none that the undisturbed run had."""
        for name, content in tree(self.folder).items():
            if is_hidden(name) or content is None:
                continue
            if any(fnmatch(name, pattern) for pattern in self.case.journals):
                continue
            known = self.contents.get(name, ())
            if content not in known and not (name.endswith((".pt", "names.tsv")) and self.is_known(name, content)):
                yield f"{name} ({len(content)} bytes)"

    def is_known(self, name: str, content: bytes) -> bool:
        try:
            now = meaning(name, content)
        except Exception:  # whatever a damaged file makes torch raise
            return False
        return any(meaning(name, known) == now for known in self.contents.get(name, ()))

    def differences(self) -> Iterator[str]:
        now = tree(self.folder)
        for name in sorted(now.keys() | self.final.keys()):
            if name not in now:
                yield f"{name} is missing"
            elif name not in self.final:
                yield f"{name} is left over"
            elif meaning(name, now[name]) != meaning(name, self.final[name]):
                yield f"{name} is another"


def tried(case: Case, undisturbed: Undisturbed, way: str, call: int) -> Iterator[str]:
    """What is wrong after one fault."""
    folder = undisturbed.folder
    begun(case, folder)
    number = (WAYS | OTHER_WAYS)[way]
    ended = run(case, folder, way=number, call=call, reads=undisturbed.reads if number == READING else None)
    for half in undisturbed.halves():
        yield f"half a file is there: {half}"
    if way in KILLED:
        if ended.code != -9:
            yield f"ended with {ended.code} instead of being killed: {ended.said[-300:]}"
        if "Traceback" in ended.said or " hangs where " in ended.said:
            yield f"another process ended badly: {ended.said[-1500:]}"
    elif ended.code == 0:  # it got over it
        if BACKWARDS.search(ended.said):
            yield f"a time below zero: {ended.said[-600:]}"
        for difference in undisturbed.differences():
            if way != "read-only" or not difference.endswith("is left over"):  # nothing can be taken away there
                yield f"ended well, but {difference}"
    elif ended.code != -signal.SIGTERM or " hangs where " in ended.said:  # of what launched it
        if ended.code != 1 or "Traceback" in ended.said:
            yield f"ended with {ended.code}: {ended.said[-1500:]}"
        elif number == READING:
            if "Too many open files" not in " ".join(ended.said.split()):
                yield f"does not say that too many files are open: {ended.said[-600:]}"
        elif way == "other killed":
            if "another went away" not in " ".join(ended.said.split()):
                yield f"does not say that another process is gone: {ended.said[-600:]}"
        elif "unitdisc" in ended.said[-300:] and "cannot be written" not in " ".join(ended.said.split()):
            yield f"does not say that something cannot be written: {ended.said[-600:]}"
        for name in tree(folder):
            if left_over(name) and way != "read-only":
                yield f"{name} is left after a refusal"
    again = run(case, folder)
    if again.code:
        yield f"cannot be run again: {again.code}: {again.said[-1500:]}"
        return
    for difference in undisturbed.differences():
        yield f"run again, {difference}"


def at_once(case: Case, undisturbed: Undisturbed, call: int, tally: Tally) -> Iterator[str]:
    """What is wrong after a second process came while a first one was stopped; counts whether it was refused."""
    folder = undisturbed.folder
    begun(case, folder)
    first = started(case, folder, way=HELD, call=call)
    if end_of(first).calls != -1:
        yield "the first was not stopped"
        return
    has_lock = any(".lock" in name for name in tree(folder))
    second = run_beside(case, folder)
    tally.refused += second.code == 1
    if has_lock and second.code == 0:
        yield "the second worked beside one that has a lock"
    if second.code not in (0, 1) or "Traceback" in second.said:
        yield f"the second ended with {second.code}: {second.said[-1500:]}"
    elif second.code == 1 and not any(why in " ".join(second.said.split()) for why in BESIDE):
        yield f"the second does not say that another is there: {second.said[-600:]}"
    os.kill(first.process, signal.SIGCONT)
    after = end_of(first)
    if after.code not in ((0, 1) if second.code == 0 else (0,)) or "Traceback" in after.said:
        yield f"the first ended with {after.code}: {after.said[-1500:]}"
    for difference in undisturbed.differences():
        yield f"after both ({second.code}, {after.code}), {difference}"
    again = run(case, folder)
    if again.code:
        yield f"cannot be run again: {again.code}: {again.said[-1500:]}"
    for difference in undisturbed.differences():
        yield f"run again, {difference}"


BESIDE = ("another run is writing there", "other runs are beginning there", "another run may have tidied up")


def run_beside(case: Case, folder: Path) -> Ended:
    return end_of(started(case, folder, name="-beside"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commands", nargs="*", help="all by default")
    parser.add_argument("--points", type=int, default=10, help="of each command and way, at most")
    parser.add_argument("--seed", type=int, default=0)
    choices = [*WAYS, *OTHER_WAYS]
    parser.add_argument("--way", choices=choices, action="append", help=f"several times; default: {', '.join(WAYS)}")
    parser.add_argument("--at-once", action="store_true", help="a second process comes at those points")
    parser.add_argument("--keep", type=Path, help="work here, and leave it there")
    parser.add_argument("--elsewhere", type=Path, help="a folder on another file system, to write in")
    chosen = parser.parse_args()
    if LIBRARY not in os.environ:
        return with_shim(sys.argv[1:])
    sys.path[:0] = [str(HERE.parent), str(HERE)]
    from crash_cases import cases, warm

    warm()
    with ExitStack() as stack:
        base = chosen.keep or stack.enter_context(temporary_in(None))
        known = cases(base / "inputs")
        if unknown := [name for name in chosen.commands if name not in known]:
            raise SystemExit(f"{unknown}: no such commands; choose of {list(known)}")
        failed, total = 0, 0
        chosen.way = ["at once"] if chosen.at_once else chosen.way or list(WAYS)
        chosen.inputs = base / "inputs"
        there = base if chosen.elsewhere is None else stack.enter_context(temporary_in(chosen.elsewhere))
        print(f"{'command':<16} {'calls':>6}  {'  '.join(f'{way:>13}' for way in chosen.way)}  faults  seconds")
        together = ("other killed" in chosen.way, chosen.at_once)
        for name in chosen.commands or [name for name, case in known.items() if fits(case, *together)]:
            begun_at = time.monotonic()
            tally = tally_of(known[name], there / name.replace(" ", "-") / "out", chosen)
            points = "  ".join(f"{tally.tried.get(way, 0):>13}" for way in chosen.way)
            seconds = time.monotonic() - begun_at
            refused = f"  {tally.refused} refused" if chosen.at_once else ""
            print(f"{name:<16} {tally.calls:>6}  {points}  {len(tally.faults):>6}  {seconds:7.0f}{refused}", flush=True)
            for fault in tally.faults:
                print(f"    {fault}", flush=True)
            failed += len(tally.faults)
            total += sum(tally.tried.values())
        print(f"{total} points, {failed} faults")
    return int(failed > 0)


def fits(case: Case, other_killed: bool, at_once: bool) -> bool:
    """Whether what is wanted can be tried of a command: another process killed of several, one run stopped of one."""
    return case.processes > 1 if other_killed else case.processes == 1 or not at_once


@contextmanager
def temporary_in(folder: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        yield Path(temporary)


def tally_of(case: Case, folder: Path, chosen: argparse.Namespace) -> Tally:
    folder.parent.mkdir(parents=True, exist_ok=True)
    undisturbed = Undisturbed(case, folder, chosen.inputs)
    tally = Tally(undisturbed.calls)
    tally.faults += [f"two undisturbed runs differ in {name}" for name in undisturbed.varying()]
    for way in chosen.way:
        draw = random.Random(f"{chosen.seed} {way} {folder.parent.name}")
        last = undisturbed.openings if way == "many read" else tally.calls
        for call in sorted(draw.sample(range(1, last + 1), min(chosen.points, last))):
            tally.tried[way] = tally.tried.get(way, 0) + 1
            found = at_once(case, undisturbed, call, tally) if chosen.at_once else tried(case, undisturbed, way, call)
            tally.faults += [f"{way} call {call}: {fault}" for fault in found]
    if chosen.at_once and case.alone and not tally.refused:
        tally.faults.append("the second was refused nowhere")
    return tally


if __name__ == "__main__":
    sys.exit(main())
