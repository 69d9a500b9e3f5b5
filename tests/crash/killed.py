"""Commands of unitdisc that are killed, or refused by the disk, at any of their calls that change a file.

    python tests/crash/killed.py --points 10 --seed 0 [COMMAND ...]    tables what was tried; ends with 1 if one failed

A command is run undisturbed, twice, and then for each point in a folder of its own: the k-th call that changes a file
there (shim.c) kills the process before or half-way through it, or fails as on a full disk (and all later ones) or a
broken one, or all later ones fail as in a folder that became read-only, or, of those that open files for writing, as
where too many are open. What must hold then:

    no file is there half      what is visible the undisturbed run put there too, or it begins a journal
    refused, it says so        one sentence, no traceback, exit status 1; and neither temporary files nor locks are left
    run again, it is the same  byte for byte what the undisturbed run left, and nothing else
"""

import argparse
import ctypes
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBRARY = "UNITDISC_CRASH_SHIM"  # set in the process that has it preloaded
WAYS = {"killed before": 1, "killed within": 2, "disk full": 3, "disk broken": 4, "many files": 5, "read-only": 6}
KILLED = ("killed before", "killed within")
LONGEST = 400  # seconds of one run: beyond, it hangs


@dataclass(frozen=True)
class Case:
    """A command.

    arguments: of it, for the folder that it writes in.
    begin: what is in that folder before.
    journals: names of files that grow line by line; half a line at their end is not there yet.
    answers: what is typed, by what is in the folder.
    """

    arguments: Callable[[Path], list]
    begin: Callable[[Path], None] = lambda folder: None
    journals: tuple[str, ...] = ("*.part", "*log.jsonl")
    answers: Callable[[Path], str] = lambda folder: ""


@dataclass
class Tally:
    """What was tried of a command, and what failed."""

    calls: int = 0
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


def run(case: Case, folder: Path, *, way: int = 0, call: int = 0, copies: Path | None = None) -> Ended:
    """Runs the command in a copy of this process, which has imported everything already."""
    answers, said = folder.parent / "answers", folder.parent / "said"
    answers.write_text(case.answers(folder))
    counted = folder.parent / "counted"
    counted.write_text("0")
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            for target, path, flags in ((0, answers, os.O_RDONLY), (1, said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)):
                os.dup2(os.open(path, flags, 0o600), target)
            os.dup2(1, 2)
            code = attempted(
                [str(part) for part in case.arguments(folder)], (str(folder), str(copies or "")), way, call
            )
        finally:
            counted.write_text(str(ctypes.CDLL(os.environ[LIBRARY]).disarm()))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    begun_at = time.monotonic()
    while True:
        process, status = os.waitpid(child, os.WNOHANG)
        if process:
            break
        if time.monotonic() - begun_at > LONGEST:
            os.kill(child, 15)
            os.waitpid(child, 0)
            return Ended(99, f"hung for {LONGEST} s", 0)
        time.sleep(0.005)
    return Ended(os.waitstatus_to_exitcode(status), said.read_text(errors="replace"), int(counted.read_text() or 0))


def attempted(arguments: list[str], folders: tuple[str, str], way: int, call: int) -> int:
    from unitdisc.commands import main

    sys.argv = ["unitdisc", *arguments]
    library = ctypes.CDLL(os.environ[LIBRARY])
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

    def __init__(self, case: Case, folder: Path):
        self.case, self.folder = case, folder
        self.before = self.ran()[1]
        copies = folder.parent / "copies"
        shutil.rmtree(copies, ignore_errors=True)
        copies.mkdir()
        ended, self.final = self.ran(copies)
        self.calls = ended.calls
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
    ended = run(case, folder, way=WAYS[way], call=call)
    for half in undisturbed.halves():
        yield f"half a file is there: {half}"
    if way in KILLED:
        if ended.code != -9:
            yield f"ended with {ended.code} instead of being killed: {ended.said[-300:]}"
    elif ended.code == 0:  # it got over it
        for difference in undisturbed.differences():
            if way != "read-only" or not difference.endswith("is left over"):  # nothing can be taken away there
                yield f"ended well, but {difference}"
    else:
        if ended.code != 1 or "Traceback" in ended.said:
            yield f"ended with {ended.code}: {ended.said[-1500:]}"
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commands", nargs="*", help="all by default")
    parser.add_argument("--points", type=int, default=10, help="of each command and way, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--way", choices=WAYS, action="append", help="several times; all by default")
    parser.add_argument("--keep", type=Path, help="work here, and leave it there")
    chosen = parser.parse_args()
    if LIBRARY not in os.environ:
        return with_shim(sys.argv[1:])
    sys.path[:0] = [str(HERE.parent), str(HERE)]
    from crash_cases import cases, warm

    warm()
    with tempfile.TemporaryDirectory() as temporary:
        base = chosen.keep or Path(temporary)
        known = cases(base / "inputs")
        if unknown := [name for name in chosen.commands if name not in known]:
            raise SystemExit(f"{unknown}: no such commands; choose of {list(known)}")
        failed, total = 0, 0
        chosen.way = chosen.way or list(WAYS)
        print(f"{'command':<16} {'calls':>6}  {'  '.join(f'{way:>13}' for way in chosen.way)}  faults  seconds")
        for name in chosen.commands or known:
            begun_at = time.monotonic()
            tally = tally_of(known[name], base / name.replace(" ", "-") / "out", chosen)
            points = "  ".join(f"{tally.tried.get(way, 0):>13}" for way in chosen.way)
            seconds = time.monotonic() - begun_at
            print(f"{name:<16} {tally.calls:>6}  {points}  {len(tally.faults):>6}  {seconds:7.0f}", flush=True)
            for fault in tally.faults:
                print(f"    {fault}", flush=True)
            failed += len(tally.faults)
            total += sum(tally.tried.values())
        print(f"{total} points, {failed} faults")
    return int(failed > 0)


def tally_of(case: Case, folder: Path, chosen: argparse.Namespace) -> Tally:
    folder.parent.mkdir(parents=True, exist_ok=True)
    undisturbed = Undisturbed(case, folder)
    tally = Tally(undisturbed.calls)
    tally.faults += [f"two undisturbed runs differ in {name}" for name in undisturbed.varying()]
    for way in chosen.way:
        draw = random.Random(f"{chosen.seed} {way} {folder.parent.name}")
        calls = sorted(draw.sample(range(1, tally.calls + 1), min(chosen.points, tally.calls)))
        for call in calls:
            tally.tried[way] = tally.tried.get(way, 0) + 1
            tally.faults += [f"{way} call {call}: {fault}" for fault in tried(case, undisturbed, way, call)]
    return tally


if __name__ == "__main__":
    sys.exit(main())
