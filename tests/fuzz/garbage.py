"""Files that were right and are spoilt by chance, read by everything that reads files of others.

    python tests/fuzz/garbage.py --seconds 60 --seed 0 [READER ...]    tables what was tried; ends with 1 if one failed

Each is read, or refused in a sentence of unitdisc's that names the file: an error raised in unitdisc, of the kinds that
commands make a sentence of. No other error, no more than 1 GB beyond what was used before, no more than 10 seconds.
Inputs are the same from the same seed; --only N tries one of them again, and --keep FOLDER leaves it there.
"""

import argparse
import contextlib
import io
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from mutations import mutated  # noqa: E402
from readers import Reader, readers  # noqa: E402

MOST = 1 << 30  # bytes that an input may take
LONGEST = 10  # seconds that it may
ONES = (ValueError, OSError, FloatingPointError)  # what commands say in a sentence
AT_ONCE = 200  # inputs to one process, which what it reads may bring down
LIBRARY = f"{os.sep}unitdisc{os.sep}"


class TooLongError(BaseException):
    """Raised in what reads for too long."""


def too_long(*_: object) -> None:
    raise TooLongError


def peak() -> int:
    """Bytes of memory that were used at most, since `begin_peak`."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return 1024 * int(found[1]) if found else 0


def begin_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def fault(reader: Reader, at: Path) -> str:
    """What is wrong with how a folder is read; "" if nothing is."""
    begin_peak()
    before = peak()
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    raised: BaseException | None = None
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            reader.read(at)
    except BaseException as error:
        raised = error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if isinstance(raised, TooLongError):
        found = f"takes more than {LONGEST} s: {where(raised.__traceback__)}"
    elif isinstance(raised, ONES):
        found = unlike_ours(raised, at)
    elif raised is not None:
        found = f"{type(raised).__name__}: {str(raised)[:200]} ({where(raised.__traceback__)})"
    else:
        found = ""
    if not found and peak() - before > MOST:
        found = f"takes {(peak() - before) >> 20} MB"
    return found


def unlike_ours(error: BaseException, at: Path) -> str:
    """Why an error is none of unitdisc's that names a file."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    said = str(error)
    if LIBRARY not in last.filename:
        return (
            f"{type(error).__name__} raised by {Path(last.filename).name}: {said[:200]} ({where(error.__traceback__)})"
        )
    if (
        not hasattr(error, "file")
        and str(at.parents[1]) not in said
        and not any(path.name in said for path in at.iterdir())
    ):
        return f"names no file: {said[:200]} ({where(error.__traceback__)})"
    if "\n" in said:
        return f"is no sentence: {said[:200]!r} ({where(error.__traceback__)})"
    return ""


def where(trace: object) -> str:
    """The last place in unitdisc, which tells faults apart."""
    ours = [frame for frame in traceback.extract_tb(trace) if LIBRARY in frame.filename]
    return f"{ours[-1].filename.rpartition(LIBRARY)[2]}:{ours[-1].lineno}" if ours else "nowhere in unitdisc"


def tried(reader: Reader, name: str, numbers: range, at: Path, seed: int) -> Iterator[tuple[int, str]]:
    """Number of the input -> what is wrong with it."""
    signal.signal(signal.SIGALRM, too_long)
    for number in numbers:
        draw = random.Random(f"{seed} {name} {number}")
        shutil.rmtree(at, ignore_errors=True)
        shutil.copytree(reader.folder, at)
        file = draw.choice(reader.files)
        content, how = mutated((reader.folder / file).read_bytes(), draw)
        (at / file).write_bytes(content)
        if wrong := fault(reader, at):
            yield number, f"{file} ({how}): {wrong}"
        else:
            yield number, ""


def in_a_process(reader: Reader, name: str, numbers: range, at: Path, seed: int) -> tuple[int, list[tuple[int, str]]]:
    """How many were tried, and faults; a process that dies of an input is one."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "w") as pipe:
            try:
                for number, wrong in tried(reader, name, numbers, at, seed):
                    pipe.write(f"{number}\t{wrong!r}\n")
                    pipe.flush()
            except BaseException:
                traceback.print_exc()
            pipe.flush()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = [line.rstrip("\n").split("\t", 1) for line in pipe]
    _, status = os.waitpid(child, 0)
    faults = [(int(number), wrong.strip("'\"")) for number, wrong in said if len(wrong) > 2]
    if len(said) < len(numbers):
        faults.append((numbers[len(said)], f"ends the process: {os.waitstatus_to_exitcode(status)}"))
    return max(1, len(said)), faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readers", nargs="*", help="all by default")
    parser.add_argument("--seconds", type=float, default=60, help="shared by all")
    parser.add_argument("--inputs", type=int, default=10**9, help="of each, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of one input")
    parser.add_argument("--keep", type=Path, help="work here, and leave it there")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = chosen.keep or Path(temporary)
        shutil.rmtree(home, ignore_errors=True)
        with contextlib.redirect_stderr(io.StringIO()):
            known = readers(home / "right")
        if unknown := [name for name in chosen.readers if name not in known]:
            raise SystemExit(f"{unknown}: no such readers; choose of {list(known)}")
        names, total, failed, begun = chosen.readers or list(known), 0, 0, time.monotonic()
        print(f"{'reader':<20} {'inputs':>8} {'faults':>7}")
        for name in names:
            count, faults = fuzzed(known[name], name, home / "spoilt" / name, chosen, chosen.seconds / len(names))
            total, failed = total + count, failed + len(faults)
            print(f"{name:<20} {count:>8} {len(faults):>7}", flush=True)
            different = {
                re.sub(r"\d+|'[^']*'", "", wrong.rpartition("(")[2] + wrong[-60:]): each
                for each in faults
                for wrong in each[1:]
            }
            for number, wrong in list(different.values())[:12]:
                print(f"    {number}: {wrong}", flush=True)
        print(f"{total} inputs, {failed} faults, {time.monotonic() - begun:.0f} s")
    return int(failed > 0)


def fuzzed(
    reader: Reader, name: str, at: Path, chosen: argparse.Namespace, seconds: float
) -> tuple[int, list[tuple[int, str]]]:
    at.parent.mkdir(parents=True, exist_ok=True)
    if chosen.only is not None:
        return in_a_process(reader, name, range(chosen.only, chosen.only + 1), at, chosen.seed)
    number, faults, end = 0, [], time.monotonic() + seconds
    while number < chosen.inputs and time.monotonic() < end:
        some = range(number, min(number + AT_ONCE, chosen.inputs))
        count, found = in_a_process(reader, name, some, at, chosen.seed)
        number, faults = number + count, faults + found
    return number, faults


if __name__ == "__main__":
    sys.exit(main())
